"""The manifest of a program: its layout joined by name with the ids of its P4Info."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from p4kube_core import errors
from p4kube_core.compiler.backends import layout, values
from p4kube_core.compiler.ir import program as ir
from p4kube_core.model import artifact

_PADDING: Final = "@padding"
_ENTRY_BYTES: Final = 64  # of the data plane's own, for each entry: header, pointers, slot
_CELL_BYTES: Final = 16  # sizeof(struct p4k_cell)
_METER_BYTES: Final = 104  # sizeof(struct p4k_meter_cell)


def make(
    program: ir.Program,
    laid_out: layout.Layout,
    p4info: Any,
    target: str,
    compiler: str,
    drops: Sequence[str],
) -> artifact.Manifest:
    """Everything but the digest, which is left empty.

    Args:
        p4info: a p4.config.v1.P4Info message of the same program.
        compiler: name and version, such as `p4kube 0.1.0`.
        drops: reasons by drop index.
    """
    tables = _by_name(p4info.tables)
    actions = _by_name(p4info.actions)
    counters = {**_by_name(p4info.counters), **_by_name(p4info.direct_counters)}
    owners = {of.counter: of.index for of in laid_out.tables if of.counter is not None}
    registers = _by_name(p4info.registers)
    digests = _by_name(p4info.digests)
    return artifact.Manifest(
        format=artifact.FORMAT,
        name=program.name,
        architecture=program.architecture,
        target=target,
        abi=artifact.ABI,
        compiler=compiler,
        digest="",
        tables=tuple(_table(of, laid_out, tables) for of in laid_out.tables),
        actions=tuple(_action(of, actions) for of in laid_out.actions),
        counters=tuple(
            artifact.Counter(
                index=index,
                id=_id(counters, counter.name),
                name=counter.name,
                unit=counter.unit.value,
                size=counter.size,
                table=owners.get(index),
            )
            for index, counter in enumerate(laid_out.counters)
        ),
        drops=tuple(drops),
        state_bytes=_state_bytes(laid_out),
        meters=_meters(laid_out, p4info),
        registers=tuple(
            artifact.Register(
                index=index,
                id=_id(registers, of.name),
                name=of.name,
                width=layout.width_bits(of.type),
                size=of.size,
            )
            for index, of in enumerate(laid_out.registers)
        ),
        digests=tuple(_digest(of, digests) for of in laid_out.digests),
        controller_headers=tuple(
            _controller_header(of, p4info) for of in program.controller_headers
        ),
    )


def _by_name(messages: Any) -> Mapping[str, Any]:
    return {message.preamble.name: message for message in messages}


def _id(messages: Mapping[str, Any], name: str) -> int:
    """Zero for what P4Info leaves out: it cannot be named by a controller then."""
    return messages[name].preamble.id if name in messages else 0


def _table(
    of: layout.TableLayout, laid_out: layout.Layout, messages: Mapping[str, Any]
) -> artifact.Table:
    table = of.table
    if of.fields and table.name not in messages:
        raise errors.InvariantViolated(f"table {table.name} is not in the P4Info")
    ids = {f.name: f.id for f in messages[table.name].match_fields} if of.fields else {}
    indices = {a.action.name: a.index for a in laid_out.actions}
    entries = tuple(
        layout.record(of, laid_out.action(entry.call.action), entry) for entry in table.entries
    )
    return artifact.Table(
        index=of.index,
        id=_id(messages, table.name),
        name=table.name,
        kind=of.kind.value,
        size=table.size,
        key_bytes=of.key_bytes,
        data_bytes=of.data_bytes,
        const=table.const_entries,
        direct_counter=of.counter,
        fields=tuple(
            artifact.MatchField(
                id=ids[field.name],
                name=field.name,
                match=table.keys[field.index].kind.value,
                width=field.width_bits,
                offset=field.offset_bytes,
                bytes=field.size_bytes,
            )
            for field in of.fields
        ),
        actions=tuple(indices[a.action] for a in table.actions),
        default_only=tuple(indices[a.action] for a in table.actions if a.default_only),
        const_default=table.const_default,
        table_only=tuple(indices[a.action] for a in table.actions if a.table_only),
        direct_meter=of.meter,
        default=of.default_action.to_bytes(2, "big") + _default_data(of, laid_out),
        entries=entries,
    )


def _default_data(of: layout.TableLayout, laid_out: layout.Layout) -> bytes:
    """Of the default action alone, without the padding to the table's data."""
    return of.default_data[: laid_out.actions[of.default_action].data_bytes]


def _action(of: layout.ActionLayout, messages: Mapping[str, Any]) -> artifact.Action:
    name = of.action.control_name
    ids = {p.name: p.id for p in messages[name].params} if name in messages else {}
    return artifact.Action(
        index=of.index,
        id=_id(messages, name),
        name=name,
        params=tuple(
            artifact.Param(
                id=ids.get(field.name, position + 1),
                name=field.name,
                width=field.width_bits,
                offset=field.offset_bytes,
                bytes=field.size_bytes,
            )
            for position, field in enumerate(of.fields)
        ),
        data_bytes=of.data_bytes,
    )


def _state_bytes(laid_out: layout.Layout) -> int:
    """What tables, counters, meters and registers take when they are full, one worker counted."""
    entries = sum(
        of.table.size * (_ENTRY_BYTES + 8 * of.key_words + of.data_bytes) for of in laid_out.tables
    )
    cells = sum((counter.size + 1) * _CELL_BYTES for counter in laid_out.counters)
    metered = sum((meter.size + 1) * _METER_BYTES for meter in laid_out.meters)
    registered = sum(
        r.size * values.held_bits(layout.width_bits(r.type)) // 8 for r in laid_out.registers
    )
    return entries + cells + metered + registered


def _meters(laid_out: layout.Layout, p4info: Any) -> tuple[artifact.Meter, ...]:
    messages = {**_by_name(p4info.meters), **_by_name(p4info.direct_meters)}
    owners = {of.meter: of.index for of in laid_out.tables if of.meter is not None}
    return tuple(
        artifact.Meter(
            index=index,
            id=_id(messages, of.name),
            name=of.name,
            unit=of.unit.value,
            size=of.size,
            table=owners.get(index),
        )
        for index, of in enumerate(laid_out.meters)
    )


def _digest(of: layout.DigestLayout, messages: Mapping[str, Any]) -> artifact.Digest:
    return artifact.Digest(
        index=of.index,
        id=_id(messages, of.digest.name),
        name=of.digest.name,
        data_bytes=of.data_bytes,
        fields=tuple(
            artifact.DigestField(
                name=field.name,
                width=field.width_bits,
                offset=field.offset_bytes,
                bytes=field.size_bytes,
            )
            for field in of.fields
        ),
    )


def _controller_header(of: ir.ControllerHeader, p4info: Any) -> artifact.ControllerHeader:
    message = _by_name(p4info.controller_packet_metadata)[of.name]
    ids = {m.name: m.id for m in message.metadata if _PADDING not in m.annotations}
    fields = []
    offset = 0
    for field in of.fields:
        id_ = ids.get(field.name, 0)
        fields.append(artifact.HeaderField(id_, field.name, field.width_bits, offset))
        offset += field.width_bits
    return artifact.ControllerHeader(of.name, (offset + 7) // 8, tuple(fields))
