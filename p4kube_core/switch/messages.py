"""Between our values and P4Runtime's messages, by means of a schema; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never, final

from p4kube_core import errors, protos
from p4kube_core.model.meter import Rates
from p4kube_core.switch import codec, p4data
from p4kube_core.switch.schema import (
    ActionSchema,
    FieldSchema,
    RegisterSchema,
    Schema,
    TableSchema,
)
from p4kube_core.switch.values import (
    CounterData,
    CounterEntry,
    DigestEntry,
    Digests,
    DirectCounterEntry,
    DirectMeterEntry,
    Entity,
    Exact,
    Heard,
    Lpm,
    Match,
    MeterEntry,
    OptionalMatch,
    Packet,
    Range,
    Refused,
    RegisterEntry,
    TableEntry,
    Ternary,
    Update,
)


@final
class InvalidEntry(errors.UserError):
    """An entry that no device with this P4Info would take; says field, value and what is wanted."""

    reason = "InvalidEntry"


def update_message(schema: Schema, update: Update) -> Any:
    """Make a p4.v1.Update.

    Raises:
        UnknownName: of table, field, action, parameter or counter.
        InvalidEntry: a value does not fit, a field or parameter is missing.
    """
    message = protos.p4runtime.Update()
    message.type = protos.p4runtime.Update.Type.Value(update.kind)
    message.entity.CopyFrom(entity_message(schema, update.entity, to_write=True))
    return message


def entity_message(schema: Schema, entity: Entity, to_write: bool = False) -> Any:
    """Make a p4.v1.Entity; raises as update_message. To read, parts may be left out."""
    message = protos.p4runtime.Entity()
    match entity:
        case TableEntry():
            _fill_table_entry(schema, entity, message.table_entry, to_write)
        case CounterEntry(counter, index, data):
            message.counter_entry.SetInParent()
            if counter:
                message.counter_entry.counter_id = schema.counters.find(counter).id
            if index is not None:
                message.counter_entry.index.index = index
            _fill_counter(message.counter_entry.data, data)
        case DirectCounterEntry(entry, data):
            inner = message.direct_counter_entry.table_entry
            _fill_table_entry(schema, entry, inner, to_write)
            _fill_counter(message.direct_counter_entry.data, data)
        case MeterEntry(meter, index, rates):
            message.meter_entry.SetInParent()
            if meter:
                message.meter_entry.meter_id = schema.meters.find(meter).id
            if index is not None:
                message.meter_entry.index.index = index
            _fill_rates(message.meter_entry.config, rates)
        case DirectMeterEntry(entry, rates):
            inner = message.direct_meter_entry.table_entry
            _fill_table_entry(schema, entry, inner, to_write)
            inner.ClearField("action")
            _fill_rates(message.direct_meter_entry.config, rates)
        case RegisterEntry():
            _fill_register(schema, entity, message.register_entry, to_write)
        case DigestEntry():
            _fill_digest(schema, entity, message.digest_entry)
        case _:
            assert_never(entity)
    return message


def entity_value(schema: Schema, message: Any) -> Entity:
    """Read a p4.v1.Entity that a device sent.

    Raises:
        InvalidEntry: of a sort that we have no value for, or naming what the schema lacks.
    """
    try:
        match message.WhichOneof("entity"):
            case "table_entry":
                return _table_entry_value(schema, message.table_entry)
            case "counter_entry":
                entry = message.counter_entry
                return CounterEntry(
                    schema.counters.by_id(entry.counter_id).name,
                    entry.index.index if entry.HasField("index") else None,
                    _counter_value(entry),
                )
            case "direct_counter_entry":
                direct = message.direct_counter_entry
                return DirectCounterEntry(
                    _table_entry_value(schema, direct.table_entry), _counter_value(direct)
                )
            case "meter_entry":
                metered = message.meter_entry
                return MeterEntry(
                    schema.meters.by_id(metered.meter_id).name,
                    metered.index.index if metered.HasField("index") else None,
                    _rates_value(metered, "config"),
                )
            case "direct_meter_entry":
                metered = message.direct_meter_entry
                return DirectMeterEntry(
                    _table_entry_value(schema, metered.table_entry), _rates_value(metered, "config")
                )
            case "register_entry":
                held = message.register_entry
                return RegisterEntry(
                    schema.registers.by_id(held.register_id).name,
                    held.index.index if held.HasField("index") else None,
                    _register_value(schema, held) if held.HasField("data") else None,
                )
            case "digest_entry":
                digest = message.digest_entry
                return DigestEntry(
                    schema.digests.by_id(digest.digest_id).name,
                    digest.config.max_timeout_ns,
                    digest.config.max_list_size,
                    digest.config.ack_timeout_ns,
                )
            case other:
                raise InvalidEntry(f"want an entity that we have a value for, got {other}")
    except KeyError as e:
        raise InvalidEntry(f"the device names id {e.args[0]}, which its P4Info lacks") from e
    except ValueError as e:
        raise InvalidEntry(f"the device sent other data than its P4Info says: {e}") from e


def packet_out_message(schema: Schema, packet: Packet) -> Any:
    """Make a p4.v1.StreamMessageRequest with a packet for the device.

    Raises:
        UnknownName: of metadata.
        InvalidEntry: a value does not fit.
    """
    message = protos.p4runtime.StreamMessageRequest()
    message.packet.payload = packet.payload
    if packet.metadata:
        header = schema.headers.find("packet_out")
        for name, value in packet.metadata.items():
            known = header.metadata.find(name)
            try:
                data = codec.to_bytes(value, known.width)
            except ValueError as e:
                raise InvalidEntry(f"metadata {known.name}: {e}") from e
            message.packet.metadata.add(metadata_id=known.id, value=data)
    return message


def ack_message(schema: Schema, digests: Digests) -> Any:
    """Make a p4.v1.StreamMessageRequest that acknowledges digests."""
    message = protos.p4runtime.StreamMessageRequest()
    message.digest_ack.digest_id = schema.digests.find(digests.digest).id
    message.digest_ack.list_id = digests.list_id
    return message


def heard_value(schema: Schema, message: Any) -> Heard:
    """Read what a device said on the stream besides arbitration.

    Raises:
        InvalidEntry: naming what the schema lacks, or of a sort that we have no value for.
    """
    try:
        match message.WhichOneof("update"):
            case "packet":
                return _packet_value(schema, message.packet)
            case "digest":
                held = message.digest
                known = schema.digests.by_id(held.digest_id)
                spec, types = known.type.spec, known.type.types
                data = tuple(tuple(p4data.scalars(one, spec, types)) for one in held.data)
                return Digests(known.name, held.list_id, data)
            case "error":
                return Refused(message.error.message)
            case other:
                raise InvalidEntry(f"want a packet, a digest or an error, got {other}")
    except KeyError as e:
        raise InvalidEntry(f"the device names id {e.args[0]}, which its P4Info lacks") from e
    except ValueError as e:
        raise InvalidEntry(f"the device sent other data than its P4Info says: {e}") from e


def _packet_value(schema: Schema, packet: Any) -> Packet:
    metadata = {}
    if packet.metadata:
        known = schema.headers.find("packet_in").metadata
        metadata = {
            known.by_id(m.metadata_id).name: int.from_bytes(m.value, "big") for m in packet.metadata
        }
    return Packet(packet.payload, metadata)


def _fill_counter(message: Any, data: CounterData | None) -> None:
    if data is not None:
        message.SetInParent()
        message.packet_count = data.packets
        message.byte_count = data.bytes


def _counter_value(message: Any) -> CounterData | None:
    if not message.HasField("data"):
        return None
    return CounterData(message.data.packet_count, message.data.byte_count)


def _fill_rates(message: Any, rates: Rates | None) -> None:
    if rates is not None:
        message.cir, message.cburst = rates.cir, rates.cburst
        message.pir, message.pburst = rates.pir, rates.pburst
        message.SetInParent()


def _rates_value(message: Any, field: str) -> Rates | None:
    if not message.HasField(field):
        return None
    held = getattr(message, field)
    return Rates(held.cir, held.cburst, held.pir, held.pburst)


def _fill_register(schema: Schema, entry: RegisterEntry, message: Any, to_write: bool) -> None:
    message.SetInParent()
    if not entry.register:
        if to_write:
            raise InvalidEntry("want a register's name, got none")
        return
    register = schema.registers.find(entry.register)
    message.register_id = register.id
    if entry.index is not None:
        message.index.index = entry.index
    if entry.value is not None:
        _fill_register_data(register, entry.value, message.data)
    elif to_write:
        raise InvalidEntry(f"register {register.name}: want a value, got none")


def _fill_register_data(register: RegisterSchema, value: int, data: Any) -> None:
    try:
        p4data.fill(data, register.type.spec, register.type.types, iter((value,)))
    except ValueError as e:
        raise InvalidEntry(f"register {register.name}: {e}") from e


def _register_value(schema: Schema, held: Any) -> int:
    known = schema.registers.by_id(held.register_id).type
    return next(p4data.scalars(held.data, known.spec, known.types))


def _fill_digest(schema: Schema, entry: DigestEntry, message: Any) -> None:
    message.SetInParent()
    if not entry.digest:
        return
    message.digest_id = schema.digests.find(entry.digest).id
    message.config.max_timeout_ns = entry.max_timeout_ns
    message.config.max_list_size = entry.max_list_size
    message.config.ack_timeout_ns = entry.ack_timeout_ns


def _fill_table_entry(schema: Schema, entry: TableEntry, message: Any, to_write: bool) -> None:
    message.SetInParent()
    if not entry.table:
        if to_write or entry.matches or entry.action:
            raise InvalidEntry("want a table's name, got none")
        _fill_counter(message.counter_data, entry.counter)
        _fill_rates(message.meter_config, entry.rates)
        message.is_default_action = entry.default
        return
    table = schema.tables.find(entry.table)
    message.table_id = table.id
    for name, match in entry.matches.items():
        _fill_match(table, table.fields.find(name), match, message)
    message.priority = entry.priority
    message.is_default_action = entry.default
    message.metadata = entry.metadata
    _fill_counter(message.counter_data, entry.counter)
    _fill_rates(message.meter_config, entry.rates)
    if entry.action is not None:
        action = table.actions.find(entry.action)
        message.action.action.action_id = action.id
        if to_write or entry.params:
            _fill_params(action, entry.params, message.action.action)


def _fill_match(table: TableSchema, field: FieldSchema, match: Match, message: Any) -> None:
    def encode(value: int) -> bytes:
        try:
            # P4Info gives no width for a type that it does not know as bits, such as `error`.
            return codec.to_bytes(value, field.width or max(1, value.bit_length()))
        except ValueError as e:
            raise InvalidEntry(f"{table.name}, field {field.name}: {e}") from e

    def add() -> Any:
        added = message.match.add()
        added.field_id = field.id
        return added

    match (field.match, match):
        case ("exact", Exact(value)):
            add().exact.value = encode(value)
        case ("optional", OptionalMatch(value) | Exact(value)):
            add().optional.value = encode(value)
        case ("lpm", Lpm(value, prefix)) if 0 <= prefix <= field.width:
            encode(value)
            if prefix:
                lpm = add().lpm
                lpm.value = encode(value & codec.prefix_mask(prefix, field.width))
                lpm.prefix_len = prefix
        case ("lpm", Exact(value)):
            lpm = add().lpm
            lpm.value, lpm.prefix_len = encode(value), field.width
        case ("ternary", Ternary(value, mask)):
            encode(value)
            if mask:
                ternary = add().ternary
                ternary.value, ternary.mask = encode(value & mask), encode(mask)
        case ("ternary", Exact(value)):
            ternary = add().ternary
            ternary.value, ternary.mask = encode(value), encode((1 << field.width) - 1)
        case ("ternary", Lpm(value, prefix)) if 0 <= prefix <= field.width:
            _fill_match(
                table, field, Ternary(value, codec.prefix_mask(prefix, field.width)), message
            )
        case ("range", Range(low, high)) if low <= high:
            if low or high != (1 << field.width) - 1:
                span = add().range
                span.low, span.high = encode(low), encode(high)
        case _:
            raise InvalidEntry(
                f"{table.name}, field {field.name}: want {field.match} of {field.width} bits, "
                f"got {match}"
            )


def _fill_params(action: ActionSchema, params: Mapping[str, int], message: Any) -> None:
    given = {action.params.find(name).id: value for name, value in params.items()}
    missing = [param.name for param in action.params if param.id not in given]
    if missing:
        raise InvalidEntry(f"action {action.name}: want a value of {', '.join(missing)}, got none")
    for param in action.params:
        added = message.params.add()
        added.param_id = param.id
        try:
            added.value = codec.to_bytes(given[param.id], param.width)
        except ValueError as e:
            raise InvalidEntry(f"action {action.name}, parameter {param.name}: {e}") from e


def _table_entry_value(schema: Schema, message: Any) -> TableEntry:
    table = schema.tables.by_id(message.table_id)
    action, params = None, {}
    if message.HasField("action"):
        held = table.actions.by_id(message.action.action.action_id)
        action = held.name
        params = {
            held.params.by_id(p.param_id).name: int.from_bytes(p.value, "big")
            for p in message.action.action.params
        }
    counter = None
    if message.HasField("counter_data"):
        counter = CounterData(message.counter_data.packet_count, message.counter_data.byte_count)
    return TableEntry(
        table=table.name,
        matches={table.fields.by_id(m.field_id).name: _match_value(m) for m in message.match},
        priority=message.priority,
        action=action,
        params=params,
        counter=counter,
        default=message.is_default_action,
        metadata=message.metadata,
        const=message.is_const,
        rates=_rates_value(message, "meter_config"),
    )


def _match_value(message: Any) -> Match:
    def number(data: bytes) -> int:
        return int.from_bytes(data, "big")

    match message.WhichOneof("field_match_type"):
        case "exact":
            return Exact(number(message.exact.value))
        case "lpm":
            return Lpm(number(message.lpm.value), message.lpm.prefix_len)
        case "ternary":
            return Ternary(number(message.ternary.value), number(message.ternary.mask))
        case "range":
            return Range(number(message.range.low), number(message.range.high))
        case "optional":
            return OptionalMatch(number(message.optional.value))
        case other:
            raise InvalidEntry(f"want a match of a known kind, got {other}")
