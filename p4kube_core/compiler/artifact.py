"""What the compiler makes of a program for one target: manifest, P4Info, C and object in one zip.

The form is docs/seams.md, "The artifact". Equal content gives equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from p4kube_core import errors

FORMAT: Final = 1
ABI: Final = 1  # P4K_ABI of dataplane/dpdk/runtime/p4k.h
MAX_BYTES: Final = 64 << 20
"""Most bytes of an artifact, and of all its members together, that are read."""

_MANIFEST: Final = "manifest.json"
_P4INFO: Final = "p4info.binpb"
_C: Final = "program.c"
_OBJECTS: Final = {"dpdk": "program.so", "ebpf": "program.o"}
_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say

# A damaged zip shows itself in many ways: bad structure, sums, compression, offsets, encryption.
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    EOFError,
    OSError,
)

_WANTED: Final[Mapping[str, type]] = {
    "format": int,
    "name": str,
    "architecture": str,
    "target": str,
    "abi": int,
    "compiler": str,
    "digest": str,
    "tables": list,
    "actions": list,
    "counters": list,
    "drops": list,
    "state_bytes": int,
}


class ArtifactError(errors.UserError):
    """Bytes that are no artifact, or one that this version cannot take."""

    reason = "InvalidArtifact"


@final
@dataclass(frozen=True, slots=True)
class Artifact:
    """Immutable; named by its digest."""

    manifest: Mapping[str, Any]  # as in docs/seams.md; `digest` included
    p4info: bytes  # serialised p4.config.v1.P4Info
    c: str  # the generated C, for people
    object: bytes  # shared object (target dpdk) or BPF object (target ebpf)

    @property
    def name(self) -> str:
        name: str = self.manifest["name"]
        return name

    @property
    def digest(self) -> str:
        digest: str = self.manifest["digest"]
        return digest


def digest_of(manifest: Mapping[str, Any], p4info: bytes, c: str) -> str:
    """Name the content: `sha256:` and 64 hexadecimal digits.

    The manifest's own `digest` does not count; the C is meant as it is before the digest is filled
    in. The object does not count, since it varies with the C compiler.
    """
    bare = {key: value for key, value in manifest.items() if key != "digest"}
    parts = (_json(bare), p4info, c.encode())
    # Each part is hashed first, since joined bytes could collide.
    joined = b"".join(hashlib.sha256(part).digest() for part in parts)
    return f"sha256:{hashlib.sha256(joined).hexdigest()}"


def pack(artifact: Artifact) -> bytes:
    """Write the zip; members stored, in a fixed order, with a fixed time stamp."""
    members = (
        (_MANIFEST, _json(artifact.manifest, indent=1)),
        (_P4INFO, artifact.p4info),
        (_C, artifact.c.encode()),
        (_OBJECTS[artifact.manifest["target"]], artifact.object),
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            member = zipfile.ZipInfo(name, _TIME)
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
    return buffer.getvalue()


def unpack(data: bytes) -> Artifact:
    """Read an artifact back.

    Raises:
        ArtifactError: no zip, too large, a member missing or malformed, made for another version.
    """
    if len(data) > MAX_BYTES:
        raise ArtifactError(f"want an artifact of at most {MAX_BYTES} bytes, got {len(data)}")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            manifest = _manifest(_member(archive, _MANIFEST))
            return Artifact(
                manifest=manifest,
                p4info=_member(archive, _P4INFO),
                c=_text(_C, _member(archive, _C)),
                object=_member(archive, _OBJECTS[manifest["target"]]),
            )
    except _DAMAGE as e:
        raise ArtifactError(f"want an artifact of p4kube compile (a zip file): {e}") from e


def _json(value: object, indent: int | None = None) -> bytes:
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(
        value, sort_keys=True, indent=indent, separators=separators, ensure_ascii=False
    )
    return (text + "\n").encode()


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise ArtifactError(f"want member {name} in the artifact, found none") from None
    # A member that claims little and inflates to much is cut off by the reader at what it claims.
    if info.file_size > MAX_BYTES:
        raise ArtifactError(f"want at most {MAX_BYTES} bytes in {name}, found {info.file_size}")
    return archive.read(info)


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as e:
        raise ArtifactError(f"want UTF-8 in {name}: {e}") from e


def _manifest(data: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(_text(_MANIFEST, data))
    except (json.JSONDecodeError, RecursionError) as e:
        raise ArtifactError(f"want JSON in {_MANIFEST}: {e}") from e
    if not isinstance(manifest, dict):
        raise ArtifactError(f"want an object in {_MANIFEST}, found {type(manifest).__name__}")
    if manifest.get("format") != FORMAT:
        raise ArtifactError(f"want artifact format {FORMAT}, found {manifest.get('format')!r}")
    for key, kind in _WANTED.items():
        if not isinstance(manifest.get(key), kind):
            found = type(manifest[key]).__name__ if key in manifest else "nothing"
            raise ArtifactError(f"want {kind.__name__} {key!r} in {_MANIFEST}, found {found}")
    if manifest["target"] not in _OBJECTS:
        known = " or ".join(_OBJECTS)
        raise ArtifactError(f"want target {known} in {_MANIFEST}, found {manifest['target']!r}")
    if manifest["abi"] != ABI:
        raise ArtifactError(
            f"want a program of ABI {ABI}, found {manifest['abi']}: compile it with this version"
        )
    return manifest
