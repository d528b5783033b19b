"""Table entries between P4Runtime's messages and packed records; pure, one packer a table.

The packed form is docs/seams.md, "Packed entries". An entry is kept as its identity (key, then
mask and priority or prefix length) and its tail (action index and data); both joined are a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, final

from p4kube_core.agent import layout
from p4kube_core.agent.layout import Action, Field
from p4kube_core.agent.refusal import (
    INVALID_ARGUMENT,
    OUT_OF_RANGE,
    PERMISSION_DENIED,
    Refusal,
    listed,
)
from p4kube_core.model import artifact

_MAX_PRIORITY: Final = (1 << 31) - 1


@final
class Packer:
    """The packed form of one table's entries."""

    __slots__ = (
        "_by_index",
        "_every",
        "_fields",
        "_lpm_base",
        "_pad",
        "_ranges",
        "_required",
        "actions",
        "const",
        "const_default",
        "default",
        "direct_counter",
        "direct_meter",
        "id",
        "identity_bytes",
        "index",
        "key_bytes",
        "kind",
        "name",
        "size",
        "tail_bytes",
    )

    def __init__(self, table: artifact.Table, actions: Sequence[artifact.Action]) -> None:
        self.index = table.index
        self.id = table.id
        self.name = table.name
        self.kind = table.kind
        self.size = table.size
        self.key_bytes = table.key_bytes
        self.const = table.const
        self.const_default = table.const_default
        self.default = table.default
        self.direct_counter = table.direct_counter
        self.direct_meter = table.direct_meter
        extra = {"exact": 0, "lpm": 2, "ternary": table.key_bytes + 4}[table.kind]
        self.identity_bytes = table.key_bytes + extra
        self.tail_bytes = 2 + table.data_bytes
        self._fields = {
            f.id: layout.field_of(f, position, table.key_bytes)
            for position, f in enumerate(table.fields)
        }
        self._every = (1 << len(table.fields)) - 1
        self._required = sum(f.bit for f in self._fields.values() if f.match == "exact")
        # A range that is not given ends at the highest value, in the place of others' masks.
        self._ranges = sum(f.most << f.shift for f in self._fields.values() if f.match == "range")
        lpm = next((f for f in self._fields.values() if f.match == "lpm"), None)
        self._lpm_base = table.key_bytes * 8 - lpm.width if lpm and table.kind == "lpm" else 0
        self._by_index = {i: layout.action_of(actions[i], table) for i in table.actions}
        self.actions = {action.id: action for action in self._by_index.values()}
        self._pad = {
            action.id: bytes(table.data_bytes - action.data_bytes)
            for action in self._by_index.values()
        }

    # --- to records

    def identity(self, entry: Any) -> bytes:
        """Pack match and priority of a p4.v1.TableEntry.

        Raises:
            Refusal: not a valid key of this table.
        """
        priority = entry.priority
        if self.kind == "ternary":
            if not 0 < priority <= _MAX_PRIORITY:
                raise self._refuse(
                    f"want a priority from 1 to {_MAX_PRIORITY}, since a field is ternary, range "
                    f"or optional; got {priority}"
                )
        elif priority:
            raise self._refuse(f"want priority 0, since no field is ternary; got {priority}")
        fields = self._fields
        key = prefix = seen = 0
        mask = self._ranges
        for match in entry.match:
            field = fields.get(match.field_id)
            if field is None:
                raise self._refuse(f"no field {match.field_id}; fields: {self._field_list()}")
            if seen & field.bit:
                raise self._refuse(f"field {field.name} is given twice")
            seen |= field.bit
            if field.match == "exact":
                value = int.from_bytes(data := match.exact.value, "big")
                if not data or value > field.most:
                    raise self._wrong_value(field, match, data)
                key |= value << field.shift
                mask |= field.most << field.shift
            else:
                value, bits, prefix = self._masked(field, match)
                key |= value << field.shift
                mask = mask & ~(field.most << field.shift) | bits << field.shift
        if seen & self._required != self._required:
            missing = [f for f in fields.values() if f.match == "exact" and not seen & f.bit]
            raise self._refuse(f"want field {listed(map(layout.describe, missing))}, found none")
        if self.kind == "exact":
            return key.to_bytes(self.key_bytes, "big")
        if self.kind == "lpm":
            return key.to_bytes(self.key_bytes, "big") + (self._lpm_base + prefix).to_bytes(
                2, "big"
            )
        return b"".join(
            (
                key.to_bytes(self.key_bytes, "big"),
                mask.to_bytes(self.key_bytes, "big"),
                priority.to_bytes(4, "big"),
            )
        )

    def tail(self, action: Any) -> bytes:
        """Pack a p4.v1.Action for an entry: index, then data padded to what the table stores."""
        held = self._allowed(action.action_id)
        if not held.in_entries:
            raise Refusal(
                PERMISSION_DENIED,
                f"table {self.name}: action {held.name} is only for the default entry",
            )
        return self._data(held, action) + self._pad[held.id]

    def default_data(self, action: Any) -> bytes:
        """Pack a p4.v1.Action for the default entry: index and data."""
        held = self._allowed(action.action_id)
        if not held.as_default:
            raise Refusal(
                PERMISSION_DENIED,
                f"table {self.name}: action {held.name} cannot be the default action",
            )
        return self._data(held, action)

    # --- from records

    def split(self, record: bytes) -> tuple[bytes, bytes]:
        """Part a record into identity and tail."""
        return record[: self.identity_bytes], record[self.identity_bytes :]

    def fill_match(self, entry: Any, identity: bytes) -> None:
        """Write an identity into match and priority of a p4.v1.TableEntry."""
        key = int.from_bytes(identity[: self.key_bytes], "big")
        if self.kind == "ternary":
            mask = int.from_bytes(identity[self.key_bytes : 2 * self.key_bytes], "big")
            entry.priority = int.from_bytes(identity[-4:], "big")
        elif self.kind == "lpm":
            prefix = int.from_bytes(identity[-2:], "big") - self._lpm_base
            mask = 0
        else:
            prefix = mask = 0
        for field in self._fields.values():
            value = key >> field.shift & field.most
            if field.match == "exact":
                match = entry.match.add()
                match.field_id = field.id
                match.exact.value = _shortest(value)
                continue
            if self.kind == "ternary":
                bits = mask >> field.shift & field.most
                prefix = bits.bit_count()
            else:
                bits = prefix
            if field.match == "range":
                if (value, bits) != (0, field.most):
                    match = entry.match.add()
                    match.field_id = field.id
                    match.range.low, match.range.high = _shortest(value), _shortest(bits)
            elif bits:
                match = entry.match.add()
                match.field_id = field.id
                if field.match == "lpm":
                    match.lpm.value, match.lpm.prefix_len = _shortest(value), prefix
                elif field.match == "optional":
                    match.optional.value = _shortest(value)
                else:
                    match.ternary.value, match.ternary.mask = _shortest(value), _shortest(bits)

    def fill_action(self, message: Any, tail: bytes) -> None:
        """Write a tail, padded or not, into a p4.v1.Action."""
        action = self._by_index[int.from_bytes(tail[:2], "big")]
        message.action_id = action.id
        data = int.from_bytes(tail[2 : 2 + action.data_bytes], "big")
        for param in action.params.values():
            added = message.params.add()
            added.param_id = param.id
            added.value = _shortest(data >> param.shift & param.most)

    # --- parts

    def action_head(self, action_id: int) -> bytes:
        """The first bytes of every tail with this action; raises Refusal as `tail`."""
        return self._allowed(action_id).head

    def action_at(self, tail: bytes) -> Action:
        """The action that a tail names."""
        return self._by_index[int.from_bytes(tail[:2], "big")]

    def same_key(self, other: Packer) -> bool:
        """Say whether identities of the one are identities of the other."""
        return (self.kind, self._places()) == (other.kind, other._places())

    def _places(self) -> set[tuple[int, str, int, int]]:
        return {(f.id, f.match, f.width, f.shift) for f in self._fields.values()}

    def describe_entry(self, identity: bytes) -> str:
        """The key as people read it, for messages."""
        key = int.from_bytes(identity[: self.key_bytes], "big")
        if self.kind == "ternary":
            mask = int.from_bytes(identity[self.key_bytes : 2 * self.key_bytes], "big")
            parts = [
                text
                for f in self._fields.values()
                if (text := _described(f, key >> f.shift & f.most, mask >> f.shift & f.most))
            ]
            return ", ".join([*parts, f"priority {int.from_bytes(identity[-4:], 'big')}"])
        prefix = int.from_bytes(identity[-2:], "big") - self._lpm_base
        parts = [
            f"{f.name}={key >> f.shift & f.most:#x}" + f"/{prefix}" * (f.match == "lpm")
            for f in self._fields.values()
        ]
        return ", ".join(parts)

    def _masked(self, field: Field, match: Any) -> tuple[int, int, int]:
        """Value, mask and prefix length of a field that is not exact."""
        kind = match.WhichOneof("field_match_type")
        if kind != field.match:
            raise self._wrong_kind(field, kind)
        if kind == "ternary":
            value = self._number(field, match.ternary.value, "value")
            bits = self._number(field, match.ternary.mask, "mask")
            if not bits:
                raise self._refuse(f"field {field.name}: mask 0 matches all; leave the field out")
            if value & ~bits:
                raise self._refuse(
                    f"field {field.name}: value {value:#x} has bits outside of mask {bits:#x}; "
                    f"want {value & bits:#x}"
                )
            return value, bits, 0
        if kind == "lpm":
            value = self._number(field, match.lpm.value, "value")
            prefix = match.lpm.prefix_len
            if not 0 < prefix <= field.width:
                hint = "; leave the field out to match all" if prefix == 0 else ""
                raise self._refuse(
                    f"field {field.name}: want a prefix length from 1 to {field.width}, "
                    f"got {prefix}{hint}"
                )
            bits = ((1 << prefix) - 1) << (field.width - prefix)
            if value & ~bits:
                raise self._refuse(
                    f"field {field.name}: value {value:#x} has bits beyond prefix length {prefix}; "
                    f"want {value & bits:#x}"
                )
            return value, bits, prefix
        if kind == "range":
            return *self._span(field, match.range), 0
        return self._number(field, match.optional.value, "value"), field.most, 0

    def _span(self, field: Field, span: Any) -> tuple[int, int]:
        low = self._number(field, span.low, "low end")
        high = self._number(field, span.high, "high end")
        if low > high:
            raise self._refuse(
                f"field {field.name}: want a range from low to high, got {low:#x} to {high:#x}"
            )
        if (low, high) == (0, field.most):
            raise self._refuse(f"field {field.name}: that range matches all; leave the field out")
        return low, high

    def _number(self, field: Field, data: bytes, what: str) -> int:
        value = int.from_bytes(data, "big")
        if not data or value > field.most:
            raise self._out_of_range(f"field {field.name}", what, data, field.width)
        return value

    def _allowed(self, action_id: int) -> Action:
        held = self.actions.get(action_id)
        if held is None:
            known = listed(f"{a.name} ({a.id})" for a in self.actions.values())
            raise self._refuse(f"no action {action_id}; actions: {known}")
        return held

    def _data(self, held: Action, action: Any) -> bytes:
        data = seen = 0
        params = held.params
        for given in action.params:
            param = params.get(given.param_id)
            if param is None:
                known = listed(f"{p.id} {p.name} (bit<{p.width}>)" for p in params.values())
                raise self._refuse(
                    f"action {held.name} has no parameter {given.param_id}; parameters: {known}"
                )
            value = int.from_bytes(raw := given.value, "big")
            if not raw or value > param.most:
                where = f"action {held.name}, parameter {param.name}"
                raise self._out_of_range(where, "value", raw, param.width)
            if seen & param.bit:
                raise self._refuse(f"action {held.name}: parameter {param.name} is given twice")
            seen |= param.bit
            data |= value << param.shift
        if seen != held.every:
            missing = [f"{p.id} {p.name}" for p in params.values() if not seen & p.bit]
            raise self._refuse(f"action {held.name}: want parameter {listed(missing)}, found none")
        return held.head + data.to_bytes(held.data_bytes, "big")

    def _wrong_value(self, field: Field, match: Any, data: bytes) -> Refusal:
        kind = match.WhichOneof("field_match_type")
        if kind != field.match:
            return self._wrong_kind(field, kind)
        return self._out_of_range(f"field {field.name}", "value", data, field.width)

    def _wrong_kind(self, field: Field, kind: str | None) -> Refusal:
        found = kind or "no match"
        return self._refuse(f"field {field.name}: want {field.match}, got {found}")

    def _out_of_range(self, where: str, what: str, data: bytes, width: int) -> Refusal:
        found = f"0x{data.hex()}" if data else "an empty string"
        message = f"table {self.name}, {where}: want a {what} of bit<{width}>, got {found}"
        return Refusal(OUT_OF_RANGE, message)

    def _refuse(self, message: str) -> Refusal:
        return Refusal(INVALID_ARGUMENT, f"table {self.name}: {message}")

    def _field_list(self) -> str:
        return listed(map(layout.describe, self._fields.values()))


def _described(field: Field, value: int, bits: int) -> str:
    """A field of a ternary table as people read it; empty where it matches all."""
    if field.match == "range":
        return "" if (value, bits) == (0, field.most) else f"{field.name}={value:#x}..{bits:#x}"
    return f"{field.name}={value:#x}&&&{bits:#x}" if bits else ""


def _shortest(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")
