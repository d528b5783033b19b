"""What a target makes of a program that is the same on every machine."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Final, final

from p4kube_core.compiler import artifact as digests
from p4kube_core.compiler.frontend.diagnostics import Diagnostic
from p4kube_core.model import artifact

DIGEST_PLACE: Final = "@digest@"
"""Stands in the C where the digest will, since the digest is over the C too."""


@final
@dataclass(frozen=True, slots=True)
class Generated:
    manifest: artifact.Manifest
    p4info: bytes
    c: str
    warnings: tuple[Diagnostic, ...]


def finished(
    manifest: artifact.Manifest, p4info: Any, c: str, warnings: tuple[Diagnostic, ...]
) -> Generated:
    """With the digest in the manifest and in the C, where DIGEST_PLACE stands."""
    info: bytes = p4info.SerializeToString(deterministic=True)
    digest = digests.digest_of(manifest, info, c)
    return Generated(
        manifest=dataclasses.replace(manifest, digest=digest),
        p4info=info,
        c=c.replace(DIGEST_PLACE, digest),
        warnings=warnings,
    )
