"""The name of what the compiler makes: a digest of its content. The form is model/artifact.py's."""

from __future__ import annotations

import dataclasses
import hashlib
import json

from p4kube_core.model import artifact


def digest_of(manifest: artifact.Manifest, p4info: bytes, c: str) -> str:
    """Name the content: `sha256:` and 64 hexadecimal digits.

    The manifest's own `digest` does not count; the C is meant as it is before the digest is filled
    in. The object does not count, since it varies with the C compiler.
    """
    bare = dataclasses.asdict(dataclasses.replace(manifest, digest=""))
    text = json.dumps(bare, sort_keys=True, default=bytes.hex)
    # Each part is hashed first, since joined bytes could collide.
    parts = (hashlib.sha256(part).digest() for part in (text.encode(), p4info, c.encode()))
    return f"sha256:{hashlib.sha256(b''.join(parts)).hexdigest()}"
