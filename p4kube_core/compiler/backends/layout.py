"""How keys, action data and entries lie in bytes: docs/seams.md, "Packed entries"."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from p4kube_core import errors
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import types


class TableKind(enum.StrEnum):
    EXACT = "exact"
    LPM = "lpm"
    TERNARY = "ternary"


@final
@dataclass(frozen=True, slots=True)
class Field:
    """One key or parameter, right-aligned in `size_bytes` at `offset_bytes`."""

    name: str  # as P4Info says
    width_bits: int
    offset_bytes: int
    index: int  # of the key or parameter in the program

    @property
    def size_bytes(self) -> int:
        return (self.width_bits + 7) // 8

    @property
    def pad_bits(self) -> int:
        return self.size_bytes * 8 - self.width_bits


@final
@dataclass(frozen=True, slots=True)
class ActionLayout:
    action: ir.Action
    index: int
    fields: tuple[Field, ...]  # by parameter

    @property
    def data_bytes(self) -> int:
        return sum(f.size_bytes for f in self.fields)


@final
@dataclass(frozen=True, slots=True)
class TableLayout:
    table: ir.Table
    index: int
    kind: TableKind
    fields: tuple[Field, ...]  # by offset: as declared, but the lpm field of an lpm table last
    data_bytes: int  # the most that any of its actions needs
    counter: int | None  # index of the direct counter
    meter: int | None  # index of the direct meter
    default_action: int  # index
    default_data: bytes  # data_bytes long

    @property
    def key_bytes(self) -> int:
        return sum(f.size_bytes for f in self.fields)

    @property
    def key_words(self) -> int:
        return (self.key_bytes + 7) // 8

    @property
    def ranges(self) -> tuple[Field, ...]:
        """The fields that are matched by range: low end in the key, high end in the mask."""
        keys = self.table.keys
        return tuple(f for f in self.fields if keys[f.index].kind is ir.MatchKind.RANGE)


@final
@dataclass(frozen=True, slots=True)
class DigestLayout:
    digest: ir.Digest
    index: int
    fields: tuple[Field, ...]

    @property
    def data_bytes(self) -> int:
        return sum(f.size_bytes for f in self.fields)


@final
@dataclass(frozen=True, slots=True)
class Layout:
    """Of a whole program; positions in the tuples are the indices of the program's descriptors."""

    actions: tuple[ActionLayout, ...]
    tables: tuple[TableLayout, ...]
    counters: tuple[ir.Counter, ...]
    meters: tuple[ir.Meter, ...]
    registers: tuple[ir.Register, ...]
    digests: tuple[DigestLayout, ...]

    def action(self, name: str) -> ActionLayout:
        return next(a for a in self.actions if a.action.name == name)

    def table(self, name: str) -> TableLayout:
        return next(t for t in self.tables if t.table.name == name)

    def counter_index(self, name: str) -> int:
        return next(i for i, c in enumerate(self.counters) if c.name == name)

    def meter_index(self, name: str) -> int:
        return next(i for i, m in enumerate(self.meters) if m.name == name)

    def register_index(self, name: str) -> int:
        return next(i for i, r in enumerate(self.registers) if r.name == name)

    def digest(self, name: str) -> DigestLayout:
        return next(d for d in self.digests if d.digest.name == name)


def lay_out(program: ir.Program) -> Layout:
    """Place every key and parameter of a program."""
    actions = tuple(
        ActionLayout(action, index, _fields([(p.control_name, p.type) for p in action.parameters]))
        for index, action in enumerate(program.actions)
    )
    by_name = {a.action.name: a for a in actions}
    counters = {counter.name: index for index, counter in enumerate(program.counters)}
    meters = {meter.name: index for index, meter in enumerate(program.meters)}
    tables = tuple(
        _table(table, index, by_name, counters, meters)
        for index, table in enumerate(program.tables)
    )
    digests = tuple(
        DigestLayout(digest, index, _fields([(f.name, f.type) for f in digest.fields]))
        for index, digest in enumerate(program.digests)
    )
    return Layout(actions, tables, program.counters, program.meters, program.registers, digests)


_WITH_PRIORITY: Final = frozenset({ir.MatchKind.TERNARY, ir.MatchKind.RANGE, ir.MatchKind.OPTIONAL})


def kind_of(table: ir.Table) -> TableKind:
    """Lpm: one key is lpm, the rest exact; ternary: any key is ternary, range or optional; exact
    also without keys.
    """
    kinds = [key.kind for key in table.keys]
    if not _WITH_PRIORITY.isdisjoint(kinds):
        return TableKind.TERNARY
    return TableKind.LPM if ir.MatchKind.LPM in kinds else TableKind.EXACT


def width_bits(of: types.Type) -> int:
    return 1 if isinstance(of, types.Bool) else types.width_bits(of)


def _fields(named: Sequence[tuple[str, types.Type]]) -> tuple[Field, ...]:
    placed: list[Field] = []
    offset = 0
    for index, (name, of) in enumerate(named):
        field = Field(name, width_bits(of), offset, index)
        placed.append(field)
        offset += field.size_bytes
    return tuple(placed)


def _key_fields(table: ir.Table, kind: TableKind) -> tuple[Field, ...]:
    order = list(range(len(table.keys)))
    if kind is TableKind.LPM:
        order.sort(key=lambda i: table.keys[i].kind is ir.MatchKind.LPM)  # stable: others stay
    placed: list[Field] = []
    offset = 0
    for index in order:
        key = table.keys[index]
        field = Field(key.control_name, width_bits(key.expression.type), offset, index)
        placed.append(field)
        offset += field.size_bytes
    return tuple(placed)


def _table(
    table: ir.Table,
    index: int,
    actions: dict[str, ActionLayout],
    counters: dict[str, int],
    meters: dict[str, int],
) -> TableLayout:
    kind = kind_of(table)
    default = actions[table.default_action.action]
    names = {default.action.name, *(a.action for a in table.actions)}
    data_bytes = max(actions[name].data_bytes for name in names)
    data = action_data(default, table.default_action)
    return TableLayout(
        table=table,
        index=index,
        kind=kind,
        fields=_key_fields(table, kind),
        data_bytes=data_bytes,
        counter=None if table.direct_counter is None else counters[table.direct_counter],
        meter=None if table.direct_meter is None else meters[table.direct_meter],
        default_action=default.index,
        default_data=data + bytes(data_bytes - len(data)),
    )


def _packed(value: int, width: int) -> bytes:
    """Right-aligned; of a negative value the two's complement in its width."""
    return (value & ((1 << width) - 1)).to_bytes((width + 7) // 8, "big")


def action_data(action: ActionLayout, call: ir.ActionCall) -> bytes:
    """The arguments of a call, `action.data_bytes` long."""
    return b"".join(
        _packed(argument, field.width_bits)
        for field, argument in zip(action.fields, call.arguments, strict=True)
    )


def record(layout: TableLayout, action: ActionLayout, entry: ir.Entry) -> bytes:
    """One entry as the data plane takes it."""
    kinds = [layout.table.keys[f.index].kind for f in layout.fields]
    matches = [
        _range(entry.keysets[f.index], f.width_bits)
        if kind is ir.MatchKind.RANGE
        else _match(entry.keysets[f.index], f.width_bits)
        for f, kind in zip(layout.fields, kinds, strict=True)
    ]
    key = b"".join(
        _packed(v, f.width_bits) for (v, _), f in zip(matches, layout.fields, strict=True)
    )
    parts = [key]
    match layout.kind:
        case TableKind.TERNARY:
            masks = zip(matches, layout.fields, strict=True)
            parts.append(b"".join(_packed(mask, f.width_bits) for (_, mask), f in masks))
            parts.append(entry.priority.to_bytes(4, "big"))
        case TableKind.LPM:
            last = layout.fields[-1]
            before = last.offset_bytes * 8 + last.pad_bits
            parts.append((before + matches[-1][1].bit_count()).to_bytes(2, "big"))
        case TableKind.EXACT:
            pass
    data = action_data(action, entry.call)
    parts.append(action.index.to_bytes(2, "big"))
    parts.append(data + bytes(layout.data_bytes - len(data)))
    return b"".join(parts)


def _match(keyset: ir.Keyset, width: int) -> tuple[int, int]:
    """Value and mask of a keyset, as bits."""
    every = (1 << width) - 1
    match keyset:
        case ir.AnyValue():
            return 0, 0
        case ir.Exactly():
            return keyset.value & every, every
        case ir.Masked():
            return keyset.value & every, keyset.mask & every
        case ir.Between():
            raise errors.InvariantViolated("a range for a key that is not one")


def _range(keyset: ir.Keyset, width: int) -> tuple[int, int]:
    """Low and high end of a keyset, both included."""
    match keyset:
        case ir.AnyValue():
            return 0, (1 << width) - 1
        case ir.Exactly():
            return keyset.value, keyset.value
        case ir.Between():
            return keyset.low, keyset.high
        case ir.Masked():
            raise errors.InvariantViolated("a mask for a key that is a range")
