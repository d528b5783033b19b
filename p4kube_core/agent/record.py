"""What the agent knows of one device, and its form in the journal: state from frames and back."""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, final

from p4kube_core.agent import metering, overlay, pipeline
from p4kube_core.agent.digests import Config
from p4kube_core.agent.store import (
    DEFAULT_ENTRY,
    Extras,
    MeterStore,
    State,
    Store,
    TableStore,
)

_ITEM: Final = struct.Struct(">BI")  # kind, bytes of the body
_TABLE: Final = struct.Struct(">BHI")  # slot, table index, number of states
_STATE: Final = struct.Struct(">HBIQI")  # identity, has a tail, tail, controller metadata, metadata
_CELL: Final = struct.Struct(">HB")  # key, has a configuration
_STATES_A_FRAME: Final = 20_000


class Slot(IntEnum):
    COMMITTED = 0  # what packets meet
    SAVED = 1  # VERIFY_AND_SAVE, not committed yet


class _Kind(IntEnum):
    DEVICE = 1  # JSON: id, name, target, ports
    PIPELINE = 2  # u8 slot, serialised ForwardingPipelineConfig; the slot starts anew
    COMMIT = 3  # the saved slot becomes the committed one
    STATES = 4  # entries and defaults as they are now
    ELECTION = 5  # JSON: role, id
    METERS = 6  # configurations as they are now
    DIGESTS = 7  # u8 slot, JSON: by id, how each is sent; all of them


@final
@dataclass(frozen=True, slots=True)
class PortWish:
    """A port that a device is to have; `options` by kind as on the control socket."""

    port: int
    kind: str
    options: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"port": self.port, "kind": self.kind, **self.options}


@final
@dataclass(slots=True)
class DeviceRecord:
    """The truth about one device. Changed only by who holds the device's lock."""

    device_id: int
    name: str
    target: str
    ports: tuple[PortWish, ...] = ()
    committed: Store | None = None
    saved: Store | None = None
    elections: dict[str, int] = field(default_factory=dict)  # highest election id by role
    base: Store | None = None
    """What the network function says that the device is an instance of. The journal has only what
    is not so. None: a device of its own."""

    @property
    def current(self) -> Store | None:
        """What Write and Read refer to: a saved pipeline comes before the committed one."""
        return self.saved or self.committed

    @property
    def slot(self) -> Slot:
        return Slot.SAVED if self.saved else Slot.COMMITTED


# --- to frames


def device_item(record: DeviceRecord) -> bytes:
    """The device itself: id, name, target and ports."""
    wish = {
        "device_id": record.device_id,
        "name": record.name,
        "target": record.target,
        "ports": [port.to_json() for port in record.ports],
    }
    return _item(_Kind.DEVICE, json.dumps(wish).encode())


def pipeline_item(slot: Slot, config: bytes) -> bytes:
    """A pipeline set; entries of the slot start with what the program brings."""
    return _item(_Kind.PIPELINE, bytes([slot]) + config)


def commit_item() -> bytes:
    """The saved pipeline committed, with its entries."""
    return _item(_Kind.COMMIT, b"")


def election_item(role: str, election_id: int) -> bytes:
    """The highest election id seen for a role."""
    return _item(_Kind.ELECTION, json.dumps([role, election_id]).encode())


def states_item(slot: Slot, table: TableStore, identities: Iterable[bytes]) -> bytes:
    """The present state of some entries of a table, absent ones included."""
    parts = [b""]
    entries, extras, pack = table.entries, table.extras, _STATE.pack
    for identity in identities:
        if identity != DEFAULT_ENTRY and identity not in extras:
            tail = entries.get(identity)
            held = tail or b""
            parts += (pack(len(identity), tail is not None, len(held), 0, 0), identity, held, b"")
            continue
        state = table.state_of(identity)
        held, kept = state.held or b"", state.extras
        present = state.held is not None
        head = pack(len(identity), present, len(held), kept.controller_metadata, len(kept.metadata))
        parts += (head, identity, held, kept.metadata)
    parts[0] = _TABLE.pack(slot, table.packer.index, len(parts) // 4)
    return _item(_Kind.STATES, b"".join(parts))


def cells_item(slot: Slot, meter: MeterStore, keys: Iterable[bytes]) -> bytes:
    """The present configurations of some cells of a meter, absent ones included."""
    parts = [b""]
    for key in keys:
        held = meter.cells.get(key)
        parts.append(_CELL.pack(len(key), held is not None) + key + (held or b""))
    parts[0] = _TABLE.pack(slot, meter.meter.index, len(parts) - 1)
    return _item(_Kind.METERS, b"".join(parts))


def meter_frames(slot: Slot, store: Store) -> Iterator[bytes]:
    """The configurations of all meters, in frames of bearable size."""
    for meter in store.meters.values():
        keys = list(meter.cells)
        for first in range(0, len(keys), _STATES_A_FRAME):
            yield cells_item(slot, meter, keys[first : first + _STATES_A_FRAME])


def digests_item(slot: Slot, store: Store) -> bytes:
    """How digests are sent now, all of them."""
    configs = {number: dataclasses.astuple(config) for number, config in store.digests.items()}
    return _item(_Kind.DIGESTS, bytes([slot]) + json.dumps(configs).encode())


def snapshot(record: DeviceRecord) -> Iterator[bytes]:
    """Frames that make the same record again."""
    if record.base is not None:
        yield from _beside(record, record.base)
        return
    yield device_item(record)
    for slot, store in ((Slot.COMMITTED, record.committed), (Slot.SAVED, record.saved)):
        if store is None:
            continue
        yield pipeline_item(slot, store.pipeline.config)
        for table in store.tables.values():
            yield from table_frames(slot, table, store.brought(table.packer.index))
        yield from meter_frames(slot, store)
        if store.digests:
            yield digests_item(slot, store)
    yield from _elections(record)


def _beside(record: DeviceRecord, base: Store) -> Iterator[bytes]:
    """Frames that make the same record again of one that holds the base."""
    assert record.committed is not None
    for index, identities in overlay.states(record.committed, base).items():
        table = record.committed.tables[index]
        for first in range(0, len(identities), _STATES_A_FRAME):
            part = identities[first : first + _STATES_A_FRAME]
            yield states_item(Slot.COMMITTED, table, part)
    for index, keys in overlay.cells(record.committed, base).items():
        yield cells_item(Slot.COMMITTED, record.committed.meters[index], keys)
    if record.committed.digests != base.digests:
        yield digests_item(Slot.COMMITTED, record.committed)
    yield from _elections(record)


def _elections(record: DeviceRecord) -> Iterator[bytes]:
    for role, election_id in record.elections.items():
        yield election_item(role, election_id)


def table_frames(slot: Slot, table: TableStore, brought: Iterable[bytes] = ()) -> Iterator[bytes]:
    """A table's entries and default, in frames of bearable size.

    Args:
        brought: identities of the entries that the program brings; those no longer there are
            written as absent.
    """
    gone = [identity for identity in brought if identity not in table.entries]
    identities = [DEFAULT_ENTRY, *gone, *table.entries]
    for first in range(0, len(identities), _STATES_A_FRAME):
        yield states_item(slot, table, identities[first : first + _STATES_A_FRAME])


# --- from frames


def replay(bodies: Iterable[bytes], record: DeviceRecord | None = None) -> DeviceRecord | None:
    """Make the record that the frames of a journal tell of; None where they tell of none.

    Args:
        record: what a device with a base is without its journal.

    Raises:
        ValueError: the frames are whole, but not of this version.
    """
    for body in bodies:
        for kind, content in _items(body):
            if kind == _Kind.DEVICE:
                wish = json.loads(content)
                record = record or DeviceRecord(wish["device_id"], wish["name"], wish["target"])
                record.name = wish["name"]
                record.ports = tuple(port_wish(port) for port in wish["ports"])
            elif record is None:
                raise ValueError("the journal does not start with a device")
            else:
                _apply(record, kind, content)
    return record


def port_wish(port: Mapping[str, Any]) -> PortWish:
    """Read one port of a PutDevice request."""
    options = {key: value for key, value in port.items() if key not in ("port", "kind")}
    return PortWish(port["port"], port["kind"], options)


def _apply(record: DeviceRecord, kind: int, content: bytes) -> None:
    match kind:
        case _Kind.PIPELINE:
            store = Store(pipeline.parse(content[1:]))
            if content[0] == Slot.SAVED:
                record.saved = store
            else:
                record.committed, record.saved = store, None
        case _Kind.COMMIT:
            record.committed, record.saved = record.saved, None
        case _Kind.STATES:
            _apply_states(record, content)
        case _Kind.METERS:
            _apply_cells(record, content)
        case _Kind.DIGESTS:
            store = _store_of(record, content[0])
            configs = json.loads(content[1:])
            store.digests = {int(number): Config(*config) for number, config in configs.items()}
        case _Kind.ELECTION:
            role, election_id = json.loads(content)
            record.elections[role] = election_id
        case _:
            raise ValueError(f"the journal holds an item of unknown kind {kind}")


def _store_of(record: DeviceRecord, slot: int) -> Store:
    store = record.saved if slot == Slot.SAVED else record.committed
    if store is None:
        raise ValueError("the journal holds state before a pipeline")
    return store


def _apply_states(record: DeviceRecord, content: bytes) -> None:
    slot, index, count = _TABLE.unpack_from(content)
    table = _store_of(record, slot).tables[index]
    offset = _TABLE.size
    for _ in range(count):
        identity_bytes, present, tail_bytes, cookie, metadata_bytes = _STATE.unpack_from(
            content, offset
        )
        offset += _STATE.size
        identity = content[offset : offset + identity_bytes]
        offset += identity_bytes
        tail = content[offset : offset + tail_bytes]
        offset += tail_bytes
        metadata = content[offset : offset + metadata_bytes]
        offset += metadata_bytes
        table.restore(identity, State(tail if present else None, Extras(metadata, cookie)))


def _apply_cells(record: DeviceRecord, content: bytes) -> None:
    slot, index, count = _TABLE.unpack_from(content)
    meter = _store_of(record, slot).meters[index]
    offset = _TABLE.size
    for _ in range(count):
        key_bytes, present = _CELL.unpack_from(content, offset)
        offset += _CELL.size
        key = content[offset : offset + key_bytes]
        offset += key_bytes
        held = content[offset : offset + metering.CONFIG_BYTES] if present else None
        offset += metering.CONFIG_BYTES if present else 0
        meter.put(key, held)


def _item(kind: _Kind, content: bytes) -> bytes:
    return _ITEM.pack(kind, len(content)) + content


def _items(body: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset < len(body):
        kind, length = _ITEM.unpack_from(body, offset)
        offset += _ITEM.size
        yield kind, body[offset : offset + length]
        offset += length
