"""What a ReadRequest selects: taken under the device's lock, turned into messages as it is sent."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, final

from p4kube_core import protos
from p4kube_core.agent import metering, plan
from p4kube_core.agent.control import CELL, Control, DataplaneLost, DataplaneRefused
from p4kube_core.agent.digests import Config
from p4kube_core.agent.p4data import Shape
from p4kube_core.agent.refusal import (
    INTERNAL,
    INVALID_ARGUMENT,
    NOT_FOUND,
    UNAVAILABLE,
    Refusal,
)
from p4kube_core.agent.store import (
    DEFAULT_ENTRY,
    NO_EXTRAS,
    Extras,
    Store,
    TableStore,
    cell_key,
)
from p4kube_core.model import artifact

_CHUNK_ENTITIES: Final = 1000
_CHUNK_BYTES: Final = 2 << 20  # before the last entity; with it well under 4 MiB
_CELLS_A_REQUEST: Final = 1 << 16

_VALUE: Final = struct.Struct(">Q")  # of a register's cell

Counts = tuple[int, int]  # packets, bytes
Sync = Callable[[], Awaitable[Control]]


@final
@dataclass(frozen=True, slots=True)
class Row:
    """One entry as it was when the lock was held; `tail` None: the program's own default."""

    table: TableStore
    identity: bytes
    tail: bytes | None
    extras: Extras
    counts: Counts | None
    metered: bool = False  # asked with the configuration of its direct meter
    config: bytes | None = None  # as metering.py packs it


@final
@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of an indirect counter as they were when the lock was held."""

    counter: artifact.Counter
    first: int
    data: bytes


@final
@dataclass(frozen=True, slots=True)
class MeterCells:
    """Cells of an indirect meter: index and configuration."""

    meter: artifact.Meter
    configs: list[tuple[int, bytes | None]]


@final
@dataclass(frozen=True, slots=True)
class RegisterCells:
    """Cells of a register as they were when the lock was held."""

    register: artifact.Register
    shape: Shape
    first: int
    data: bytes


@final
@dataclass(frozen=True, slots=True)
class DigestRow:
    digest_id: int
    config: Config


Found = Row | Cells | MeterCells | RegisterCells | DigestRow
Selection = list[tuple[str, Found]]  # what kind of entity it was asked for as


async def select(
    store: Store, device_id: int, sync: Sync | None, entities: Iterable[Any]
) -> tuple[Selection, dict[int, Refusal]]:
    """Take what the request selects.

    Args:
        sync: gives the connection for counters; None where the pipeline is not committed, so that
            counters are zero.

    Returns:
        What was found, and the entities that were refused, by position.
    """
    found: Selection = []
    refusals: dict[int, Refusal] = {}
    reader = _Reader(store, device_id, sync)
    for position, entity in enumerate(entities):
        try:
            found += await reader.select(entity)
        except Refusal as refusal:
            refusals[position] = refusal
        except DataplaneLost as e:
            refusals[position] = Refusal(UNAVAILABLE, f"the data plane ended: {e}")
        except DataplaneRefused as e:
            refusals[position] = Refusal(INTERNAL, f"the data plane refused: {e.message}")
    return found, refusals


def responses(selection: Selection) -> Iterator[Any]:
    """ReadResponse messages of bearable size; none where nothing was found."""
    response = protos.p4runtime.ReadResponse()
    size = 0
    for sort, found in selection:
        for entity in _entities(sort, found, response):
            size += entity.ByteSize() + 8
            if size > _CHUNK_BYTES or len(response.entities) >= _CHUNK_ENTITIES:
                yield response
                response.Clear()
                size = 0
    if response.entities:
        yield response


@final
class _Reader:
    def __init__(self, store: Store, device_id: int, sync: Sync | None) -> None:
        self._store = store
        self._device_id = device_id
        self._sync = sync

    async def select(self, entity: Any) -> Selection:
        sort = entity.WhichOneof("entity")
        match sort:
            case "table_entry":
                rows = await self._rows(
                    entity.table_entry, entity.table_entry.HasField("counter_data")
                )
                return [(sort, row) for row in rows]
            case "direct_counter_entry":
                return [(sort, row) for row in await self._direct(entity.direct_counter_entry)]
            case "counter_entry":
                return [(sort, cells) for cells in await self._cells(entity.counter_entry)]
            case "direct_meter_entry":
                return [(sort, row) for row in await self._metered(entity.direct_meter_entry)]
            case "meter_entry":
                return [(sort, cells) for cells in self._meters(entity.meter_entry)]
            case "register_entry":
                return [(sort, cells) for cells in await self._registers(entity.register_entry)]
            case "digest_entry":
                return [(sort, row) for row in self._digests(entity.digest_entry)]
            case None:
                raise Refusal(INVALID_ARGUMENT, "want an entity, found none")
            case _:
                raise plan.unsupported(sort)

    async def _rows(self, wanted: Any, with_counts: bool) -> list[Row]:
        if not wanted.table_id:
            if wanted.match or wanted.priority or wanted.HasField("action") or _metadata(wanted):
                raise Refusal(
                    INVALID_ARGUMENT,
                    "want no other filter with table_id 0, which selects all tables",
                )
            tables = list(self._store.tables.values())
        else:
            packer = self._store.pipeline.table(wanted.table_id)
            tables = [self._store.tables[packer.index]]
        rows: list[Row] = []
        for table in tables:
            counted = with_counts and table.packer.direct_counter is not None
            meter = self._store.direct_meter(table)
            metered = meter is not None and wanted.HasField("meter_config")
            if wanted.is_default_action:
                rows.append(await self._default(table, counted))
                continue
            identities = self._matching(table, wanted)
            counts = await self._counts(table, identities) if counted and identities else None
            rows += [
                Row(
                    table,
                    identity,
                    table.entries[identity],
                    table.extras_of(identity) if table.extras else NO_EXTRAS,
                    None if counts is None else counts.get(identity, (0, 0)),
                    metered,
                    meter.cells.get(identity) if metered and meter is not None else None,
                )
                for identity in identities
            ]
        return rows

    def _matching(self, table: TableStore, wanted: Any) -> list[bytes]:
        identities: Iterable[bytes] = table.entries
        if wanted.match:
            identities = _by_match(table, wanted)
        elif wanted.priority:
            suffix = wanted.priority.to_bytes(4, "big") if wanted.priority > 0 else b""
            ternary = table.packer.kind == "ternary" and suffix
            identities = [i for i in identities if ternary and i.endswith(suffix)]
        if wanted.HasField("action"):
            heads = self._head_of(table, wanted.action)
            identities = [i for i in identities if table.entries[i][:2] == heads]
        if _metadata(wanted):
            identities = [i for i in identities if _metadata_fits(table.extras_of(i), wanted)]
        return list(identities)

    def _head_of(self, table: TableStore, action: Any) -> bytes:
        if action.WhichOneof("type") not in (None, "action"):
            raise Refusal(
                INVALID_ARGUMENT,
                f"table {table.packer.name}: want an action as filter; no action profile",
            )
        return table.packer.action_head(action.action.action_id)

    async def _direct(self, wanted: Any) -> list[Row]:
        entry = wanted.table_entry
        if not entry.table_id:
            rows = await self._rows(entry, with_counts=True)
            return [row for row in rows if row.counts is not None]
        table = self._store.tables[self._store.pipeline.table(entry.table_id).index]
        if table.packer.direct_counter is None:
            raise Refusal(INVALID_ARGUMENT, f"table {table.packer.name}: it has no direct counter")
        rows = await self._rows(entry, with_counts=True)
        if not rows and entry.match:
            identity = table.packer.identity(entry)
            raise Refusal(
                NOT_FOUND,
                f"table {table.packer.name} holds no entry {table.packer.describe_entry(identity)}",
            )
        return rows

    async def _metered(self, wanted: Any) -> list[Row]:
        """The entries that have a direct meter, with its configuration."""
        entry = protos.p4runtime.TableEntry.FromString(wanted.table_entry.SerializeToString())
        entry.meter_config.SetInParent()
        if not entry.table_id:
            return [row for row in await self._rows(entry, with_counts=False) if row.metered]
        table = self._store.tables[self._store.pipeline.table(entry.table_id).index]
        plan.want_direct_meter(self._store, table)
        rows = await self._rows(entry, with_counts=False)
        if not rows and entry.match:
            identity = table.packer.identity(entry)
            raise Refusal(
                NOT_FOUND,
                f"table {table.packer.name} holds no entry {table.packer.describe_entry(identity)}",
            )
        return rows

    def _meters(self, wanted: Any) -> list[MeterCells]:
        pipeline = self._store.pipeline
        if not wanted.meter_id:
            meters = list(pipeline.meters.values())
        else:
            meters = [pipeline.meter(wanted.meter_id)]
        found = []
        for meter in meters:
            indices: Iterable[int] = range(meter.size)
            if wanted.HasField("index") and wanted.meter_id:
                indices = [plan.check_index("meter", meter.name, wanted.index.index, meter.size)]
            cells = self._store.meters[meter.index].cells
            found.append(MeterCells(meter, [(i, cells.get(cell_key(i))) for i in indices]))
        return found

    def _digests(self, wanted: Any) -> list[DigestRow]:
        held = self._store.digests
        if not wanted.digest_id:
            return [DigestRow(number, config) for number, config in held.items()]
        digest = self._store.pipeline.digest(wanted.digest_id)
        return [DigestRow(digest.id, held[digest.id])] if digest.id in held else []

    async def _registers(self, wanted: Any) -> list[RegisterCells]:
        pipeline = self._store.pipeline
        if not wanted.register_id:
            registers = pipeline.told_registers()
        else:
            registers = [pipeline.register(wanted.register_id)]
        found = []
        for register in registers:
            spans = [
                (first, min(_CELLS_A_REQUEST, register.size - first))
                for first in range(0, register.size, _CELLS_A_REQUEST)
            ]
            if wanted.HasField("index") and wanted.register_id:
                index = wanted.index.index
                index = plan.check_index("register", register.name, index, register.size)
                spans = [(index, 1)]
            for first, count in spans:
                found.append(await self._registers_of(register, first, count))
        return found

    async def _registers_of(
        self, register: artifact.Register, first: int, count: int
    ) -> RegisterCells:
        shape = self._store.pipeline.shapes[register.id]
        if self._sync is None:
            return RegisterCells(register, shape, first, bytes(_VALUE.size * count))
        control = await self._sync()
        _, blob = await control.call(
            "register_read",
            device=self._device_id,
            register=register.index,
            first=first,
            count=count,
        )
        return RegisterCells(register, shape, first, blob)

    async def _default(self, table: TableStore, counted: bool) -> Row:
        counts: Counts | None = (0, 0) if counted else None
        if counted and self._sync is not None:
            control = await self._sync()
            index = table.packer.index
            _, blob = await control.call("default_read", device=self._device_id, table=index)
            counts = CELL.unpack(blob[-CELL.size :])
        return Row(table, DEFAULT_ENTRY, table.default, table.extras_of(DEFAULT_ENTRY), counts)

    async def _counts(self, table: TableStore, identities: list[bytes]) -> dict[bytes, Counts]:
        if self._sync is None:
            return {}
        control = await self._sync()
        packer = table.packer
        size = packer.identity_bytes + packer.tail_bytes
        wanted = set(identities)
        counts: dict[bytes, Counts] = {}
        async for record, packets, count in control.entries_read(
            self._device_id, packer.index, size
        ):
            identity = record[: packer.identity_bytes]
            if identity in wanted:
                counts[identity] = packets, count
        return counts

    async def _cells(self, wanted: Any) -> list[Cells]:
        pipeline = self._store.pipeline
        if not wanted.counter_id:
            counters = list(pipeline.counters.values())
        else:
            counters = [pipeline.counter(wanted.counter_id)]
        if wanted.HasField("index") and wanted.counter_id:
            counter = counters[0]
            index = plan.check_index("counter", counter.name, wanted.index.index, counter.size)
            return [await self._cells_of(counter, index, 1)]
        found = []
        for counter in counters:
            for first in range(0, counter.size, _CELLS_A_REQUEST):
                count = min(_CELLS_A_REQUEST, counter.size - first)
                found.append(await self._cells_of(counter, first, count))
        return found

    async def _cells_of(self, counter: artifact.Counter, first: int, count: int) -> Cells:
        if self._sync is None:
            return Cells(counter, first, bytes(CELL.size * count))
        control = await self._sync()
        _, blob = await control.call(
            "counter_read", device=self._device_id, counter=counter.index, first=first, count=count
        )
        return Cells(counter, first, blob)


def _by_match(table: TableStore, wanted: Any) -> list[bytes]:
    packer = table.packer
    if packer.kind != "ternary" or wanted.priority:
        identity = packer.identity(wanted)
        return [identity] if identity in table.entries else []
    # Priority 0 selects every priority.
    key = protos.p4runtime.TableEntry(match=wanted.match, priority=1)
    prefix = packer.identity(key)[:-4]
    return [identity for identity in table.entries if identity.startswith(prefix)]


def _metadata(wanted: Any) -> bool:
    return bool(wanted.metadata or wanted.controller_metadata)


def _metadata_fits(extras: Extras, wanted: Any) -> bool:
    return (not wanted.metadata or wanted.metadata == extras.metadata) and (
        not wanted.controller_metadata or wanted.controller_metadata == extras.controller_metadata
    )


def _entities(sort: str, found: Found, response: Any) -> Iterator[Any]:
    match found:
        case Cells():
            for offset, (packets, count) in enumerate(CELL.iter_unpack(found.data)):
                entity = response.entities.add()
                entity.counter_entry.counter_id = found.counter.id
                entity.counter_entry.index.index = found.first + offset
                _fill_counts(entity.counter_entry.data, (packets, count))
                yield entity
        case MeterCells():
            for index, config in found.configs:
                entity = response.entities.add()
                entity.meter_entry.meter_id = found.meter.id
                entity.meter_entry.index.index = index
                if config is not None:
                    metering.fill(entity.meter_entry.config, config)
                yield entity
        case RegisterCells():
            for offset, (value,) in enumerate(_VALUE.iter_unpack(found.data)):
                entity = response.entities.add()
                entity.register_entry.register_id = found.register.id
                entity.register_entry.index.index = found.first + offset
                leaf = found.register.width, value
                found.shape.fill(entity.register_entry.data, [leaf])
                yield entity
        case DigestRow():
            entity = response.entities.add()
            entity.digest_entry.digest_id = found.digest_id
            config = entity.digest_entry.config
            config.max_timeout_ns = found.config.max_timeout_ns
            config.max_list_size = found.config.max_list_size
            config.ack_timeout_ns = found.config.ack_timeout_ns
            yield entity
        case Row():
            yield _row_entity(sort, found, response.entities.add())


def _row_entity(sort: str, found: Row, entity: Any) -> Any:
    if sort == "direct_counter_entry":
        _fill_row(entity.direct_counter_entry.table_entry, found, key_only=True)
        _fill_counts(entity.direct_counter_entry.data, found.counts or (0, 0))
    elif sort == "direct_meter_entry":
        _fill_row(entity.direct_meter_entry.table_entry, found, key_only=True)
        if found.config is not None:
            metering.fill(entity.direct_meter_entry.config, found.config)
    else:
        _fill_row(entity.table_entry, found, key_only=False)
        if found.counts is not None:
            _fill_counts(entity.table_entry.counter_data, found.counts)
        if found.config is not None:
            metering.fill(entity.table_entry.meter_config, found.config)
    return entity


def _fill_row(entry: Any, row: Row, key_only: bool) -> None:
    packer = row.table.packer
    entry.table_id = packer.id
    if row.identity == DEFAULT_ENTRY:
        entry.is_default_action = True
        tail = row.tail or packer.default
        if tail and not key_only:
            packer.fill_action(entry.action.action, tail)
        entry.is_const = packer.const_default and not key_only
    else:
        packer.fill_match(entry, row.identity)
        if not key_only and row.tail is not None:
            packer.fill_action(entry.action.action, row.tail)
            entry.is_const = packer.const
    if not key_only and row.extras is not NO_EXTRAS:
        entry.metadata = row.extras.metadata
        entry.controller_metadata = row.extras.controller_metadata


def _fill_counts(data: Any, counts: Counts) -> None:
    data.SetInParent()
    # Counts are unsigned in the data plane, int64 here.
    data.packet_count = min(counts[0], (1 << 63) - 1)
    data.byte_count = min(counts[1], (1 << 63) - 1)
