"""What the compiler makes of a program for one target, and the zip it travels in.

The form is docs/seams.md, "The artifact". The compiler writes it, the agent reads it.
"""

from __future__ import annotations

import io
import json
import types
import typing
import zipfile
import zlib
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Final, final

FORMAT: Final = 1
ABI: Final = 4  # P4K_ABI of dataplane/dpdk/runtime/p4k.h
MAX_BYTES: Final = 64 << 20
"""Most bytes of an artifact, and of all its members together, that are read."""

_MANIFEST: Final = "manifest.json"
_P4INFO: Final = "p4info.binpb"
_SOURCE: Final = "program.c"
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
    KeyError,
)


@final
class InvalidArtifact(ValueError):
    """Bytes that are no artifact, or one that this version cannot take."""


@final
@dataclass(frozen=True, slots=True)
class MatchField:
    id: int
    name: str
    match: str  # exact, lpm, ternary, range, optional
    width: int  # bits
    offset: int  # bytes from the start of the packed key
    bytes: int


@final
@dataclass(frozen=True, slots=True)
class Param:
    id: int
    name: str
    width: int  # bits
    offset: int  # bytes from the start of the action's data
    bytes: int


@final
@dataclass(frozen=True, slots=True)
class Action:
    index: int
    id: int
    name: str
    params: tuple[Param, ...]
    data_bytes: int


@final
@dataclass(frozen=True, slots=True)
class Table:
    index: int
    id: int
    name: str
    kind: str  # exact, lpm, ternary
    size: int
    key_bytes: int
    data_bytes: int
    const: bool
    direct_counter: int | None  # index of a counter
    fields: tuple[MatchField, ...]
    actions: tuple[int, ...]
    default_only: tuple[int, ...]
    const_default: bool
    table_only: tuple[int, ...] = ()
    direct_meter: int | None = None  # index of a meter
    default: bytes = b""  # hexadecimal in JSON: u16 action index and its data
    entries: tuple[bytes, ...] = ()  # hexadecimal in JSON: the records the program starts with


@final
@dataclass(frozen=True, slots=True)
class Counter:
    index: int
    id: int
    name: str
    unit: str  # packets, bytes, both
    size: int
    table: int | None  # index of the table that a direct counter belongs to


@final
@dataclass(frozen=True, slots=True)
class Meter:
    """Two rates, three colours (RFC 2698), without looking at a colour that a packet brings."""

    index: int
    id: int
    name: str
    unit: str  # packets, bytes
    size: int  # cells; of a direct meter the table's size
    table: int | None  # index of the table that a direct meter belongs to


@final
@dataclass(frozen=True, slots=True)
class Register:
    index: int
    id: int
    name: str
    width: int  # bits of a cell, at most 128; control reads and writes those of at most 64
    size: int  # cells


@final
@dataclass(frozen=True, slots=True)
class DigestField:
    """A scalar of what a digest sends, in the order of P4Info's type; right-aligned.

    The fields of a header stand behind one of its own, `$valid$` (1 bit). Members of a tuple are
    named f0, f1 and so on, the only field of a digest that is no structure `value`.
    """

    name: str
    width: int  # bits
    offset: int  # bytes from the start of the digest's data
    bytes: int


@final
@dataclass(frozen=True, slots=True)
class Digest:
    index: int
    id: int
    name: str
    data_bytes: int
    fields: tuple[DigestField, ...]


@final
@dataclass(frozen=True, slots=True)
class HeaderField:
    """A metadata field of a controller header; `id` is 0 for padding."""

    id: int
    name: str
    width: int  # bits
    offset: int  # bits from the header's start


@final
@dataclass(frozen=True, slots=True)
class ControllerHeader:
    """What stands in front of a packet on its way to or from a controller."""

    name: str  # packet_in, packet_out
    bytes: int
    fields: tuple[HeaderField, ...]


@final
@dataclass(frozen=True, slots=True)
class Manifest:
    """`manifest.json`; indices are the positions in the program's descriptors."""

    format: int
    name: str
    architecture: str
    target: str
    abi: int
    compiler: str
    digest: str
    tables: tuple[Table, ...]
    actions: tuple[Action, ...]
    counters: tuple[Counter, ...]
    drops: tuple[str, ...]
    state_bytes: int
    meters: tuple[Meter, ...] = ()
    registers: tuple[Register, ...] = ()
    digests: tuple[Digest, ...] = ()
    controller_headers: tuple[ControllerHeader, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Artifact:
    """Immutable; named by its digest."""

    manifest: Manifest
    p4info: bytes  # serialised p4.config.v1.P4Info
    source: str  # the generated C, for people
    object: bytes  # shared object (target dpdk) or BPF object (target ebpf)


def unpack(data: bytes) -> Artifact:
    """Read an artifact.

    Raises:
        InvalidArtifact: no zip, too large, a member missing or malformed, or made for another
            version.
    """
    if len(data) > MAX_BYTES:
        raise InvalidArtifact(f"want an artifact of at most {MAX_BYTES} bytes, got {len(data)}")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            manifest = read_manifest(_member(archive, _MANIFEST))
            return Artifact(
                manifest=manifest,
                p4info=_member(archive, _P4INFO),
                source=_member(archive, _SOURCE).decode(),
                object=_member(archive, _OBJECTS[manifest.target]),
            )
    except InvalidArtifact:
        raise
    except _DAMAGE as e:
        raise InvalidArtifact(f"want an artifact of p4kube compile (a zip file): {e}") from e


def pack(artifact: Artifact) -> bytes:
    """Write the zip; members stored, in a fixed order, with a fixed time stamp."""
    members = (
        (_MANIFEST, manifest_json(artifact.manifest)),
        (_P4INFO, artifact.p4info),
        (_SOURCE, artifact.source.encode()),
        (_OBJECTS[artifact.manifest.target], artifact.object),
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members:
            member = zipfile.ZipInfo(name, _TIME)
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
    return buffer.getvalue()


def manifest_json(manifest: Manifest) -> bytes:
    """`manifest.json`: equal content is equal bytes."""
    return (json.dumps(_plain(manifest), sort_keys=True, indent=1) + "\n").encode()


def read_manifest(data: bytes) -> Manifest:
    """Read `manifest.json` and check what every later step relies on.

    Raises:
        InvalidArtifact: not of that form, or for another format, target or ABI; says where.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as e:
        raise InvalidArtifact(f"want JSON in {_MANIFEST}: {e}") from e
    if not isinstance(value, dict):
        raise InvalidArtifact(f"want an object in {_MANIFEST}, found {type(value).__name__}")
    if value.get("format") != FORMAT:
        raise InvalidArtifact(f"want artifact format {FORMAT}, found {value.get('format')!r}")
    if value.get("abi") != ABI:
        raise InvalidArtifact(
            f"want a program of ABI {ABI}, found {value.get('abi')!r}: compile it with this version"
        )
    if value.get("target") not in _OBJECTS:
        known = " or ".join(_OBJECTS)
        raise InvalidArtifact(f"want target {known}, found {value.get('target')!r}")
    manifest = _typed(Manifest, value, "manifest")
    assert isinstance(manifest, Manifest)
    _check_indices(manifest)
    return manifest


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise InvalidArtifact(f"want member {name} in the artifact, found none") from None
    # A member that claims little and inflates to much is cut off by the reader at what it claims.
    if info.file_size > MAX_BYTES:
        raise InvalidArtifact(f"want at most {MAX_BYTES} bytes in {name}, found {info.file_size}")
    return archive.read(info)


def _check_indices(manifest: Manifest) -> None:
    groups = {
        "tables": [table.index for table in manifest.tables],
        "actions": [action.index for action in manifest.actions],
        "counters": [counter.index for counter in manifest.counters],
        "meters": [meter.index for meter in manifest.meters],
        "registers": [register.index for register in manifest.registers],
        "digests": [digest.index for digest in manifest.digests],
    }
    for group, indices in groups.items():
        for position, index in enumerate(indices):
            if index != position:
                raise InvalidArtifact(
                    f"want index {position} in manifest.{group}[{position}], found {index}"
                )
    for table in manifest.tables:
        wrong = [i for i in table.actions if not 0 <= i < len(manifest.actions)]
        counter, meter = table.direct_counter, table.direct_meter
        if (
            wrong
            or (counter is not None and not 0 <= counter < len(manifest.counters))
            or (meter is not None and not 0 <= meter < len(manifest.meters))
        ):
            raise InvalidArtifact(
                f"table {table.name} refers to an action, counter or meter that is not"
            )


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _typed(kind: Any, value: Any, where: str) -> Any:
    """Turn what JSON gave into the wanted type, checked all the way down."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        inner = next(arm for arm in typing.get_args(kind) if arm is not type(None))
        return None if value is None else _typed(inner, value, where)
    if origin is tuple and isinstance(value, list):
        item = typing.get_args(kind)[0]
        return tuple(_typed(item, v, f"{where}[{i}]") for i, v in enumerate(value))
    if kind is bytes and isinstance(value, str):
        try:
            return bytes.fromhex(value)
        except ValueError as e:
            raise InvalidArtifact(f"want hexadecimal digits in {where}: {e}") from e
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, dict):
        return _record(kind, value, where)
    if kind in (int, str, bool) and type(value) is kind:
        return value
    raise InvalidArtifact(f"want {getattr(kind, '__name__', kind)} in {where}, found {value!r:.60}")


def _record(kind: type, value: dict[str, Any], where: str) -> Any:
    hints = _hints(kind)
    arguments = {}
    for field in fields(kind):
        if field.name in value:
            arguments[field.name] = _typed(
                hints[field.name], value[field.name], f"{where}.{field.name}"
            )
        elif field.default is MISSING:
            raise InvalidArtifact(f"want {field.name!r} in {where}, found none")
    return kind(**arguments)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return value
