"""Runs a program of the IR on one packet, so that a test can say what happens to it.

Tables answer from the program's own entries. Numbers are computed by ir/folding.py, which has tests
of its own. What is not modelled: clones and other paths of packets than the straight one.
"""

from __future__ import annotations

import contextlib
import copy
from dataclasses import dataclass, field
from typing import Any

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st

DROP_PORT = 511
MAX_STEPS = 300
Value = Any  # int; or a dict of members (headers: with "valid"); or a dict of items and next


class _Left(Exception):
    """Control goes elsewhere: to the end of the block of that label, or of action or control."""

    def __init__(self, to: str) -> None:
        self.to = to


class _Rejected(Exception):
    def __init__(self, error: str | int) -> None:
        self.error = error


RETURN, EXIT = "return", "exit"


def nothing(of: types.Type) -> Value:
    match of:
        case types.Bits() | types.Bool():
            return 0
        case types.Varbit():
            return (0, 0)  # size in bits, value
        case types.Header():
            return {"valid": False, **{m.name: nothing(m.type) for m in of.members}}
        case types.Struct():
            return {m.name: nothing(m.type) for m in of.members}
        case types.Stack():
            return {"items": [nothing(of.element) for _ in range(of.size)], "next": 0}


@dataclass
class Run:
    """One packet's way through a program."""

    program: ir.Program
    packet: bytes
    port: int = 1
    variables: dict[str, Value] = field(default_factory=dict)
    counted: list[tuple[str, int | None]] = field(default_factory=list)
    registers: dict[tuple[str, int], int] = field(default_factory=dict)
    colours: dict[tuple[str, int | None], int] = field(default_factory=dict)  # by meter and cell
    sent: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)  # digests
    at: int = 0  # bits read
    out: list[tuple[int, int]] = field(default_factory=list)  # width and value of what is emitted

    def through(self) -> tuple[int, bytes] | None:
        """Port and packet that come out; None if it is dropped."""
        of = self.program
        self._enter(of.variables)
        metadata = self.variables[of.metadata]
        metadata["ingress_port"] = self.port
        metadata["packet_length"] = len(self.packet)
        if not self._parse() and of.parser.on_reject is ir.OnReject.DROP:
            return None
        for control in of.controls:
            if control.role is ir.Role.EGRESS:
                if metadata["egress_spec"] == DROP_PORT:
                    return None
                metadata["egress_port"] = metadata["egress_spec"]
            self._enter(control.variables)
            with contextlib.suppress(_Left):
                self.run(control.body)
            if control.role is ir.Role.EGRESS and metadata["egress_spec"] == DROP_PORT:
                return None
        return metadata["egress_port"], self._emitted() + self.packet[self.at // 8 :]

    def _emitted(self) -> bytes:
        width = sum(w for w, _ in self.out)
        number = 0
        for w, v in self.out:
            number = number << w | v
        return number.to_bytes(width // 8, "big")

    def _enter(self, declared: tuple[ir.Variable, ...]) -> None:
        self.variables.update((v.name, nothing(v.type)) for v in declared)

    # The parser.

    def _parse(self) -> bool:
        parser = self.program.parser
        self._enter(parser.variables)
        states = {s.name: s for s in parser.states}
        name = parser.states[0].name
        try:
            for _ in range(MAX_STEPS):
                if name == ir.ACCEPT:
                    return True
                if name == ir.REJECT:
                    return False
                self.run(states[name].body)
                name = self._next(states[name].transition)
            raise _Rejected("ParserTimeout")
        except _Rejected as e:
            code = e.error if isinstance(e.error, int) else self.program.errors.index(e.error)
            self.store(parser.error, code)
            return False

    def _next(self, transition: ir.Goto | ir.Select) -> str:
        if isinstance(transition, ir.Goto):
            return transition.state
        values = [(self.value(s), s.type) for s in transition.subjects]
        for case in transition.cases:
            if all(inside(k, v, t) for k, (v, t) in zip(case.keysets, values, strict=True)):
                return case.state
        raise _Rejected("NoMatch")

    def _bits(self, count: int) -> int:
        """The next bits of the packet, without moving on."""
        total = len(self.packet) * 8
        if self.at + count > total:
            raise _Rejected("PacketTooShort")
        whole = int.from_bytes(self.packet, "big")
        return whole >> (total - self.at - count) & ((1 << count) - 1)

    def _extract(self, of: st.Extract) -> None:
        header = of.header.type
        assert isinstance(header, types.Header)
        fixed = sum(types.width_bits(m.type) for m in header.members if not _is_varbit(m.type))
        size = 0 if of.varbit_bits is None else self.value(of.varbit_bits)
        if size > sum(types.width_bits(m.type) for m in header.members if _is_varbit(m.type)):
            raise _Rejected("HeaderTooShort")
        if size % 8:
            raise _Rejected("ParserInvalidArgument")
        number = self._bits(fixed + size)
        made = _unpacked(header, number, fixed + size, size)
        self.at += fixed + size
        self.store(of.header, {**made, "valid": True}, even_if_invalid=True)

    # Places and values.

    def value(self, of: ex.Expression) -> Value:
        match of:
            case ex.Const():
                return of.value
            case ex.Var():
                return self.variables[of.name]
            case ex.Member():
                return self.value(of.base)[of.name]
            case ex.Index():
                items, index = self.value(of.base)["items"], self.value(of.index)
                return items[index] if index < len(items) else nothing(of.type)
            case ex.NextIndex():
                return self.value(of.stack)["next"]
            case ex.IsValid():
                return int(self.value(of.header)["valid"])
            case ex.PacketLength():
                return len(self.packet)
            case ex.Binary() if _is_varbit(of.left.type):
                same = self.value(of.left) == self.value(of.right)
                return int(same == (of.op is ex.BinaryOp.EQ))
            case _:
                known = tuple(self._known(o) for o in ex.operands(of))
                found = folding.rebuilt(of, known)
                assert isinstance(found, ex.Const)
                return found.value

    def _known(self, of: ex.Expression) -> ex.Const:
        assert isinstance(of.type, types.Bits | types.Bool)
        return ex.Const(of.type, self.value(of))

    def store(self, place: ex.Place, value: Value, even_if_invalid: bool = False) -> None:
        """Write a copy; nowhere if there is no such place, or its header is invalid."""
        value = copy.deepcopy(value)
        if isinstance(place, ex.Var):
            self.variables[place.name] = value
            return
        holder = self._holder(place.base)
        if holder is None or (self._is_in_invalid(place.base) and not even_if_invalid):
            return
        if isinstance(place, ex.Member):
            holder[place.name] = value
            return
        index = self.value(place.index)
        if index < len(holder["items"]):
            holder["items"][index] = value

    def _holder(self, place: ex.Place) -> Value | None:
        """What a place holds, to be written into; None if there is no such place."""
        match place:
            case ex.Var():
                return self.variables[place.name]
            case ex.Member():
                base = self._holder(place.base)
                return None if base is None else base[place.name]
            case ex.Index():
                base, index = self._holder(place.base), self.value(place.index)
                return None if base is None or index >= len(base["items"]) else base["items"][index]

    def _is_in_invalid(self, place: ex.Place) -> bool:
        if isinstance(place.type, types.Header):
            return not self.value(place)["valid"]
        return not isinstance(place, ex.Var) and self._is_in_invalid(place.base)

    # Statements.

    def run(self, body: st.Body) -> None:
        for statement in body:
            self._one(statement)

    def _one(self, of: st.Statement) -> None:
        match of:
            case st.Assign():
                self.store(of.target, self.value(of.value))
            case st.Clear():
                self.store(of.target, nothing(of.target.type), even_if_invalid=True)
            case st.SetValid():
                held = self.value(of.header) if of.valid else nothing(of.header.type)
                self.store(of.header, {**held, "valid": of.valid})
            case st.Push() | st.Pop():
                self._move(of)
            case st.SetNextIndex():
                held = self._holder(of.stack)
                if held is not None:
                    held["next"] = self.value(of.value)
            case st.Emit():
                self._emit(of)
            case st.If():
                self.run(of.then if self.value(of.condition) else of.otherwise)
            case st.Switch():
                value = self.value(of.subject)
                self.run(next((c.body for c in of.cases if value in c.values), of.otherwise))
            case st.Block() | st.Loop():
                self._labelled(of)
            case st.Leave():
                raise _Left(of.label)
            case st.Return():
                raise _Left(RETURN)
            case st.Exit():
                raise _Left(EXIT)
            case _:
                self._outward(of)

    def _outward(self, of: st.Statement) -> None:
        """What reads the packet, or tables and counters."""
        match of:
            case st.Extract():
                self._extract(of)
            case st.Advance():
                count = self.value(of.bits)
                self._bits(count)
                self.at += count
            case st.Lookahead():
                width = types.width_bits(of.target.type)
                self.store(of.target, _unpacked(of.target.type, self._bits(width), width, 0))
            case st.Verify():
                if not self.value(of.condition):
                    raise _Rejected(self.value(of.error))
            case st.ApplyTable():
                self._apply(of)
            case st.Count():
                index = None if of.index is None else self.value(of.index)
                self.counted.append((of.counter, index))
            case st.Hash():
                self._hash(of)
            case st.Random():
                self.store(of.result, self.value(of.low))
            case st.ReadRegister():
                cell = (of.register, self.value(of.index))
                self.store(of.result, self.registers.get(cell, 0))
            case st.RunMeter():
                index = None if of.index is None else self.value(of.index)
                self.store(of.result, self.colours.get((of.meter, index), 0))
            case st.SendDigest():
                self.sent.append((of.digest, tuple(map(self.value, of.values))))
            case st.WriteRegister():
                size = next(r.size for r in self.program.registers if r.name == of.register)
                index = self.value(of.index)
                if index < size:
                    self.registers[of.register, index] = self.value(of.value)

    def _labelled(self, of: st.Block | st.Loop) -> None:
        try:
            for _ in range(of.limit if isinstance(of, st.Loop) else 1):
                self.run(of.body)
        except _Left as e:
            if e.to != of.label:
                raise

    def _move(self, of: st.Push | st.Pop) -> None:
        assert isinstance(of.stack.type, types.Stack)
        held = self.value(of.stack)
        size = of.stack.type.size
        fresh = [nothing(of.stack.type.element) for _ in range(min(of.count, size))]
        if isinstance(of, st.Push):
            held["items"] = (fresh + held["items"])[:size]
            held["next"] = min(held["next"] + of.count, size)
        else:
            held["items"] = held["items"][of.count :] + fresh
            held["next"] = max(held["next"] - of.count, 0)

    def _emit(self, of: st.Emit) -> None:
        held = self.value(of.header)
        if held["valid"]:
            self.out.extend(_packed(of.header.type, held))

    def _hash(self, of: st.Hash) -> None:
        parts = [p for e in of.data for p in _packed(e.type, self.value(e))]
        if of.payload:
            rest = self.packet[self.at // 8 :]
            parts.append((len(rest) * 8, int.from_bytes(rest, "big")))
        width = sum(w for w, _ in parts)
        number = 0
        for w, v in parts:
            number = number << w | v
        number <<= -width % 16
        total = 0
        while number:
            total, number = total + (number & 0xFFFF), number >> 16
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        assert isinstance(of.result.type, types.Bits)
        self.store(of.result, types.wrapped(of.result.type, total ^ 0xFFFF))

    def _apply(self, of: st.ApplyTable) -> None:
        table = self.program.table(of.table)
        keys = [(self.value(k.expression), k.expression.type) for k in table.keys]
        found = [
            e
            for e in table.entries
            if all(inside(k, v, t) for k, (v, t) in zip(e.keysets, keys, strict=True))
        ]
        entry = max(found, key=_rank, default=None)
        call = table.default_action if entry is None else entry.call
        if of.hit is not None:
            self.store(of.hit, int(entry is not None))
        if of.action_run is not None:
            names = [a.action for a in table.actions]
            self.store(of.action_run, names.index(call.action))
        action = self.program.action(call.action)
        self._enter(action.variables)
        for p, argument in zip(action.parameters, call.arguments, strict=True):
            self.variables[p.name] = argument
        try:
            self.run(action.body)
        except _Left as e:
            if e.to != RETURN:
                raise


def _rank(entry: ir.Entry) -> tuple[int, int]:
    """Priority; then, for prefixes, the longest."""
    masks = (k.mask.bit_count() for k in entry.keysets if isinstance(k, ir.Masked))
    exact = sum(isinstance(k, ir.Exactly) for k in entry.keysets)
    return entry.priority, 1000 * exact + sum(masks)


def inside(keyset: ir.Keyset, value: int, of: types.Type) -> bool:
    match keyset:
        case ir.AnyValue():
            return True
        case ir.Exactly():
            return value == keyset.value
        case ir.Masked():
            return value & ((1 << types.width_bits(of)) - 1) & keyset.mask == keyset.value
        case ir.Between():
            return keyset.low <= value <= keyset.high


def _is_varbit(of: types.Type) -> bool:
    return isinstance(of, types.Varbit)


def _unpacked(of: types.Type, number: int, width: int, varbit: int) -> Value:
    """The value that bits stand for, the first of them the most significant."""
    match of:
        case types.Bits():
            return types.wrapped(of, number)
        case types.Bool():
            return number
        case types.Varbit():
            return (varbit, number)
        case types.Header() | types.Struct():
            made: dict[str, Value] = {"valid": True} if isinstance(of, types.Header) else {}
            for m in of.members:
                size = varbit if _is_varbit(m.type) else types.width_bits(m.type)
                width -= size
                made[m.name] = _unpacked(m.type, number >> width & ((1 << size) - 1), size, varbit)
            return made
        case types.Stack():
            raise NotImplementedError


def _packed(of: types.Type, value: Value) -> list[tuple[int, int]]:
    match of:
        case types.Bits():
            return [(of.width, value & ((1 << of.width) - 1))]
        case types.Bool():
            return [(1, value)]
        case types.Varbit():
            return [value]
        case types.Header() | types.Struct():
            return [part for m in of.members for part in _packed(m.type, value[m.name])]
        case types.Stack():
            return [part for item in value["items"] for part in _packed(of.element, item)]
