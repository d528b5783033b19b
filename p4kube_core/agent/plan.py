"""A batch of updates taken into the store, and the steps that bring the data plane after it.

Pure: decides and changes the store, which `undo` takes back; touches neither journal nor socket.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, final

from p4kube_core import protos
from p4kube_core.agent import metering
from p4kube_core.agent.digests import Config, config_of
from p4kube_core.agent.refusal import (
    ALREADY_EXISTS,
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    NOT_FOUND,
    OUT_OF_RANGE,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    UNIMPLEMENTED,
    Refusal,
)
from p4kube_core.agent.steps import (
    LASTING,
    CounterStep,
    DefaultStep,
    DirectCounterStep,
    DirectMeterStep,
    EntriesStep,
    MeterStep,
    RegisterStep,
    Step,
)
from p4kube_core.agent.store import (
    DEFAULT_ENTRY,
    NO_EXTRAS,
    Extras,
    MeterStore,
    State,
    Store,
    TableStore,
    cell_key,
)

INSERT: Final[int] = protos.p4runtime.Update.INSERT
MODIFY: Final[int] = protos.p4runtime.Update.MODIFY
DELETE: Final[int] = protos.p4runtime.Update.DELETE
_MODES: Final = {INSERT: "insert", MODIFY: "modify", DELETE: "delete"}
_SUPPORTED: Final = (
    "TableEntry, CounterEntry, DirectCounterEntry, MeterEntry, DirectMeterEntry, RegisterEntry and "
    "DigestEntry are"
)


@final
class Undo(NamedTuple):
    position: int
    table: TableStore
    identity: bytes
    before: State


@final
class MeterUndo(NamedTuple):
    position: int
    meter: MeterStore
    key: bytes
    before: bytes | None


@final
class DigestUndo(NamedTuple):
    position: int
    digest_id: int
    before: Config | None


@final
class Plan:
    """The outcome of a batch: refusals by position, steps in order, and how to take it back."""

    def __init__(self, store: Store, committed: bool) -> None:
        self.refusals: dict[int, Refusal] = {}
        self.steps: list[Step] = []
        self.undos: list[Undo | MeterUndo | DigestUndo] = []
        self._store = store
        self._committed = committed
        self._last: EntriesStep | None = None

    def take(self, position: int, update: Any) -> None:
        """Take one p4.v1.Update in; a refusal is kept, the updates after it still count."""
        try:
            self._update(position, update)
        except Refusal as refusal:
            self.refusals[position] = refusal

    def undo(self, positions: Iterable[int] | None = None) -> None:
        """Take the given updates, or all, out of the store again."""
        wanted = None if positions is None else set(positions)
        for undo in reversed(self.undos):
            if wanted is not None and undo.position not in wanted:
                continue
            match undo:
                case Undo():
                    undo.table.restore(undo.identity, undo.before)
                case MeterUndo():
                    undo.meter.put(undo.key, undo.before)
                case DigestUndo():
                    self._store.put_digest(undo.digest_id, undo.before)

    def touched(self) -> dict[int, dict[bytes, None]]:
        """Identities that the batch changed, each once and in order, by table index."""
        found: dict[int, dict[bytes, None]] = {}
        for undo in self.undos:
            if isinstance(undo, Undo):
                found.setdefault(undo.table.packer.index, {})[undo.identity] = None
        return found

    def touched_cells(self) -> dict[int, dict[bytes, None]]:
        """The same of cells of meters, by index of the meter."""
        found: dict[int, dict[bytes, None]] = {}
        for undo in self.undos:
            if isinstance(undo, MeterUndo):
                found.setdefault(undo.meter.meter.index, {})[undo.key] = None
        return found

    @property
    def touched_digests(self) -> bool:
        return any(isinstance(undo, DigestUndo) for undo in self.undos)

    def phases(self) -> tuple[list[Step], list[Step]]:
        """The steps that `undo` and converging take back; then those that nothing takes back.

        An entry that the batch deletes after it wrote its counter has none any more.
        """
        first: list[Step] = [step for step in self.steps if not isinstance(step, LASTING)]
        last: list[Step] = [
            step
            for step in self.steps
            if isinstance(step, LASTING)
            and not (isinstance(step, DirectCounterStep) and self._is_gone(step))
        ]
        return first, last

    def _is_gone(self, step: DirectCounterStep) -> bool:
        table = self._store.tables[step.table]
        return step.record[: table.packer.identity_bytes] not in table.entries

    # --- one update

    def _update(self, position: int, update: Any) -> None:
        kind = update.type
        if kind not in _MODES:
            raise Refusal(INVALID_ARGUMENT, "want type INSERT, MODIFY or DELETE, got UNSPECIFIED")
        entity = update.entity
        sort = entity.WhichOneof("entity")
        if sort == "table_entry":
            self._table_entry(position, kind, entity.table_entry)
        elif sort == "counter_entry":
            self._counter_entry(position, kind, entity.counter_entry)
        elif sort == "direct_counter_entry":
            self._direct_counter_entry(position, kind, entity.direct_counter_entry)
        elif sort == "meter_entry":
            self._meter_entry(position, kind, entity.meter_entry)
        elif sort == "direct_meter_entry":
            self._direct_meter_entry(position, kind, entity.direct_meter_entry)
        elif sort == "register_entry":
            self._register_entry(position, kind, entity.register_entry)
        elif sort == "digest_entry":
            self._digest_entry(position, kind, entity.digest_entry)
        elif sort is None:
            raise Refusal(INVALID_ARGUMENT, "want an entity, found none")
        else:
            raise unsupported(sort)

    def _table_entry(self, position: int, kind: int, entry: Any) -> None:
        packer = self._store.pipeline.table(entry.table_id)
        table = self._store.tables[packer.index]
        if entry.is_const:
            raise _refuse(table, "want is_const unset in a write")
        if entry.is_default_action:
            self._default(position, kind, table, entry)
            return
        if packer.const and kind != MODIFY:
            raise Refusal(
                PERMISSION_DENIED,
                f"table {packer.name}: its entries are const; only direct counters and meters and "
                "the default action can be written",
            )
        if kind == INSERT and not packer.key_bytes:
            raise _refuse(table, "it has no key, so no entries; only its default action")
        identity = packer.identity(entry)
        held = table.entries.get(identity)
        if kind == DELETE:
            if held is None:
                raise _not_found(table, identity)
            self._record(position, table, identity, kind, identity + held)
            table.drop(identity)
            meter = self._store.direct_meter(table)
            if meter is not None:  # the data plane lets it go with its entry
                self._configure(position, meter, (identity,), None)
        elif kind == INSERT:
            self._insert(position, table, identity, held, entry)
        else:
            self._modify(position, table, identity, held, entry)

    def _insert(
        self, position: int, table: TableStore, identity: bytes, held: bytes | None, entry: Any
    ) -> None:
        packer = table.packer
        if not entry.HasField("action"):
            raise _refuse(table, "want an action, found none")
        tail = self._tail(table, entry)
        config = self._check_rest(table, entry)
        if held is not None:
            raise Refusal(
                ALREADY_EXISTS,
                f"table {packer.name} holds an entry {packer.describe_entry(identity)}",
            )
        if len(table.entries) >= packer.size:
            raise Refusal(
                RESOURCE_EXHAUSTED, f"table {packer.name} is full: it holds {packer.size} entries"
            )
        self._record(position, table, identity, INSERT, identity + tail)
        table.put(identity, tail, _extras(entry))
        self._counter_data(position, table, identity + tail, entry)
        if config is not None:
            self._meter_config(position, table, identity, tail, config)

    def _modify(
        self, position: int, table: TableStore, identity: bytes, held: bytes | None, entry: Any
    ) -> None:
        packer = table.packer
        if packer.const and entry.HasField("action"):
            raise Refusal(
                PERMISSION_DENIED, f"table {packer.name}: the action of a const entry cannot change"
            )
        tail = self._tail(table, entry) if entry.HasField("action") else held
        config = self._check_rest(table, entry)
        if held is None or tail is None:
            raise _not_found(table, identity)
        if entry.HasField("action"):
            self._record(position, table, identity, MODIFY, identity + tail)
            table.put(identity, tail, _extras(entry))
        self._counter_data(position, table, identity + tail, entry)
        # An entry given anew without a configuration has none.
        if config is not None or entry.HasField("action"):
            self._meter_config(position, table, identity, tail, config)

    def _tail(self, table: TableStore, entry: Any) -> bytes:
        action = entry.action
        sort = action.WhichOneof("type")
        if sort != "action":
            raise _refuse(table, f"want a single action, got {sort or 'none'}: no action profile")
        return table.packer.tail(action.action)

    def _default(self, position: int, kind: int, table: TableStore, entry: Any) -> None:
        packer = table.packer
        if kind != MODIFY:
            raise _refuse(table, "want MODIFY of the default entry, which is always there")
        if entry.match or entry.priority:
            raise _refuse(table, "want no match and priority 0 with is_default_action")
        if packer.const_default:
            raise Refusal(PERMISSION_DENIED, f"table {packer.name}: its default action is const")
        config = self._check_rest(table, entry)
        if entry.HasField("counter_data"):
            raise Refusal(
                UNIMPLEMENTED,
                f"table {packer.name}: the counter of the default entry can be read, not written",
            )
        if config is not None:
            raise _default_meter(table)
        data: bytes | None = None
        if entry.HasField("action"):
            if (sort := entry.action.WhichOneof("type")) != "action":
                raise _refuse(table, f"want a single action, got {sort or 'none'}")
            data = packer.default_data(entry.action.action)
        self.undos.append(Undo(position, table, DEFAULT_ENTRY, table.state_of(DEFAULT_ENTRY)))
        table.put_default(data, NO_EXTRAS if data is None else _extras(entry))
        self._add(DefaultStep(packer.index, data or b"", position))

    def _check_rest(self, table: TableStore, entry: Any) -> bytes | None:
        """Refuse what this table's entries cannot carry; the meter's configuration, if given."""
        if entry.idle_timeout_ns:
            raise _refuse(
                table,
                "want idle_timeout_ns 0, since it has no idle timeout; got "
                f"{entry.idle_timeout_ns}",
            )
        if entry.HasField("time_since_last_hit"):
            raise _refuse(table, "want time_since_last_hit unset, since it has no idle timeout")
        if entry.HasField("counter_data"):
            _want_direct_counter(table)
        if not (entry.HasField("meter_config") or entry.HasField("meter_counter_data")):
            return None
        name = want_direct_meter(self._store, table).meter.name
        if entry.HasField("meter_counter_data"):
            raise Refusal(UNIMPLEMENTED, f"meter {name}: it keeps no counts of colours")
        return _config(name, entry, "meter_config")

    # --- counters

    def _counter_data(self, position: int, table: TableStore, record: bytes, entry: Any) -> None:
        if entry.HasField("counter_data"):
            self._direct(position, table, record, entry.counter_data)

    def _direct(self, position: int, table: TableStore, record: bytes, data: Any) -> None:
        packets, size = self._counts(data)
        self._add(DirectCounterStep(table.packer.index, record, packets, size, position))

    def _direct_counter_entry(self, position: int, kind: int, entity: Any) -> None:
        if kind != MODIFY:
            raise Refusal(
                INVALID_ARGUMENT, "want MODIFY of a direct counter, which is always there"
            )
        entry = entity.table_entry
        table = self._store.tables[self._store.pipeline.table(entry.table_id).index]
        _want_direct_counter(table)
        if entry.is_default_action:
            raise Refusal(
                UNIMPLEMENTED,
                f"table {table.packer.name}: the counter of the default entry can be read, "
                "not written",
            )
        identity = table.packer.identity(entry)
        held = table.entries.get(identity)
        if held is None:
            raise _not_found(table, identity)
        if entity.HasField("data"):
            self._direct(position, table, identity + held, entity.data)

    def _counter_entry(self, position: int, kind: int, entity: Any) -> None:
        if kind != MODIFY:
            raise Refusal(INVALID_ARGUMENT, "want MODIFY of a counter, which is always there")
        counter = self._store.pipeline.counter(entity.counter_id)
        first, count = 0, counter.size
        if entity.HasField("index"):
            first, count = check_index("counter", counter.name, entity.index.index, counter.size), 1
        if entity.HasField("data"):
            packets, size = self._counts(entity.data)
            self._add(CounterStep(counter.index, first, count, packets, size, position))

    def _counts(self, data: Any) -> tuple[int, int]:
        if data.packet_count < 0 or data.byte_count < 0:
            raise Refusal(
                INVALID_ARGUMENT,
                f"want counts from 0, got {data.packet_count} packets, {data.byte_count} bytes",
            )
        return data.packet_count, data.byte_count

    # --- meters and registers

    def _meter_config(
        self, position: int, table: TableStore, identity: bytes, tail: bytes, config: bytes | None
    ) -> None:
        meter = self._store.direct_meter(table)
        if meter is None or meter.cells.get(identity) == config:
            return
        self._configure(position, meter, (identity,), config)
        self._add(DirectMeterStep(table.packer.index, identity + tail, config, position))

    def _direct_meter_entry(self, position: int, kind: int, entity: Any) -> None:
        if kind != MODIFY:
            raise Refusal(INVALID_ARGUMENT, "want MODIFY of a direct meter, which is always there")
        entry = entity.table_entry
        table = self._store.tables[self._store.pipeline.table(entry.table_id).index]
        meter = want_direct_meter(self._store, table)
        if entry.is_default_action:
            raise _default_meter(table)
        metering.check_no_counts(meter.meter.name, entity)
        config = _config(meter.meter.name, entity, "config")
        identity = table.packer.identity(entry)
        held = table.entries.get(identity)
        if held is None:
            raise _not_found(table, identity)
        self._meter_config(position, table, identity, held, config)

    def _meter_entry(self, position: int, kind: int, entity: Any) -> None:
        if kind != MODIFY:
            raise Refusal(INVALID_ARGUMENT, "want MODIFY of a meter, which is always there")
        meter = self._store.pipeline.meter(entity.meter_id)
        metering.check_no_counts(meter.name, entity)
        first, count = 0, meter.size
        if entity.HasField("index"):
            first, count = check_index("meter", meter.name, entity.index.index, meter.size), 1
        config = _config(meter.name, entity, "config")
        keys = [cell_key(index) for index in range(first, first + count)]
        self._configure(position, self._store.meters[meter.index], keys, config)
        self._add(MeterStep(meter.index, first, count, config, position))

    def _configure(
        self, position: int, meter: MeterStore, keys: Sequence[bytes], config: bytes | None
    ) -> None:
        for key in keys:
            before = meter.cells.get(key)
            if before != config:
                self.undos.append(MeterUndo(position, meter, key, before))
                meter.put(key, config)

    def _register_entry(self, position: int, kind: int, entity: Any) -> None:
        if kind != MODIFY:
            raise Refusal(INVALID_ARGUMENT, "want MODIFY of a register, which is always there")
        register = self._store.pipeline.register(entity.register_id)
        first, count = 0, register.size
        if entity.HasField("index"):
            first = check_index("register", register.name, entity.index.index, register.size)
            count = 1
        if not self._committed:
            raise Refusal(
                FAILED_PRECONDITION,
                f"register {register.name}: its pipeline is saved, not committed: no packet has "
                "a register yet",
            )
        try:
            shape = self._store.pipeline.shapes[register.id]
            value = shape.number(entity.data, register.width)
        except Refusal as refusal:
            raise Refusal(refusal.code, f"register {register.name}: {refusal.message}") from None
        self._add(RegisterStep(register.index, first, count, value, position))

    def _digest_entry(self, position: int, kind: int, entry: Any) -> None:
        digest = self._store.pipeline.digest(entry.digest_id)
        before = self._store.digests.get(digest.id)
        if kind == INSERT and before is not None:
            raise Refusal(ALREADY_EXISTS, f"digest {digest.name} is configured already")
        if kind != INSERT and before is None:
            raise Refusal(NOT_FOUND, f"digest {digest.name} is not configured")
        config = None if kind == DELETE else config_of(entry)
        if config is not None:
            self._store.pipeline.check_digest(digest)
        self.undos.append(DigestUndo(position, digest.id, before))
        self._store.put_digest(digest.id, config)

    # --- steps

    def _record(
        self, position: int, table: TableStore, identity: bytes, kind: int, record: bytes
    ) -> None:
        self.undos.append(Undo(position, table, identity, table.state_of(identity)))
        if not self._committed:
            return
        mode = _MODES[kind]
        last = self._last
        if last is None or last.table != table.packer.index or last.mode != mode:
            last = self._last = EntriesStep(table.packer.index, mode)
            self.steps.append(last)
        last.records.append(record)
        last.positions.append(position)

    def _add(self, step: Step) -> None:
        """A saved pipeline has no data plane behind it yet: its counters stay at zero."""
        if self._committed:
            self.steps.append(step)
            self._last = None


def check_index(noun: str, name: str, index: int, size: int) -> int:
    """Give an index of a counter, meter or register back if there is such a one.

    Raises:
        Refusal: INVALID_ARGUMENT below zero, OUT_OF_RANGE past the end.
    """
    if index < 0:
        raise Refusal(INVALID_ARGUMENT, f"{noun} {name}: want an index from 0, got {index}")
    if index >= size:
        raise Refusal(
            OUT_OF_RANGE, f"{noun} {name}: want an index from 0 to {size - 1}, got {index}"
        )
    return index


def unsupported(sort: str) -> Refusal:
    """Refuse a sort of entity that this target does not have."""
    word = "".join(part.capitalize() for part in sort.split("_"))
    return Refusal(UNIMPLEMENTED, f"{word} is not supported; {_SUPPORTED}")


def _extras(entry: Any) -> Extras:
    if not entry.metadata and not entry.controller_metadata:
        return NO_EXTRAS
    return Extras(entry.metadata, entry.controller_metadata)


def _config(name: str, message: Any, field: str) -> bytes | None:
    return metering.packed(name, getattr(message, field)) if message.HasField(field) else None


def want_direct_meter(store: Store, table: TableStore) -> MeterStore:
    """The direct meter of a table.

    Raises:
        Refusal: it has none.
    """
    meter = store.direct_meter(table)
    if meter is None:
        raise _refuse(table, "it has no direct meter")
    return meter


def _default_meter(table: TableStore) -> Refusal:
    return Refusal(
        UNIMPLEMENTED,
        f"table {table.packer.name}: the meter of the default entry cannot be configured",
    )


def _want_direct_counter(table: TableStore) -> None:
    if table.packer.direct_counter is None:
        raise _refuse(table, "it has no direct counter")


def _not_found(table: TableStore, identity: bytes) -> Refusal:
    packer = table.packer
    return Refusal(
        NOT_FOUND, f"table {packer.name} holds no entry {packer.describe_entry(identity)}"
    )


def _refuse(table: TableStore, message: str) -> Refusal:
    return Refusal(INVALID_ARGUMENT, f"table {table.packer.name}: {message}")
