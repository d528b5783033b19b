"""Target dpdk: from a program's IR to its artifact."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Final, final

from p4kube_core.compiler import artifact as digests
from p4kube_core.compiler.backends import manifest as manifests
from p4kube_core.compiler.backends.dpdk import descriptors, limits, program, unit
from p4kube_core.compiler.backends.dpdk import object as objects
from p4kube_core.compiler.frontend.diagnostics import Diagnostic
from p4kube_core.compiler.ir import program as ir
from p4kube_core.model import artifact

NAME: Final = "dpdk"


@final
@dataclass(frozen=True, slots=True)
class Generated:
    """What is the same on every machine."""

    manifest: artifact.Manifest
    p4info: bytes
    c: str
    warnings: tuple[Diagnostic, ...]


def generate(of: ir.Program, p4info: Any, compiler: str) -> Generated:
    """Make C and manifest.

    Args:
        p4info: p4.config.v1.P4Info of the program.
        compiler: name and version, for the manifest.
    Raises:
        errors.UnsupportedByTarget: with every reason why not.
    """
    limits.check(of)
    parts = unit.make(of)
    c = program.write(parts)
    manifest = manifests.make(of, parts.layout, p4info, NAME, compiler, unit.DROPS)
    info: bytes = p4info.SerializeToString(deterministic=True)
    digest = digests.digest_of(manifest, info, c)
    return Generated(
        manifest=dataclasses.replace(manifest, digest=digest),
        p4info=info,
        c=c.replace(descriptors.DIGEST_PLACE, digest),
        warnings=limits.warnings(of),
    )


def build(generated: Generated, toolchain: objects.Toolchain) -> artifact.Artifact:
    """Add the shared object.

    Raises:
        errors.MachineError: no C compiler.
    """
    made = objects.build(generated.c, toolchain)
    return artifact.Artifact(generated.manifest, generated.p4info, generated.c, made)
