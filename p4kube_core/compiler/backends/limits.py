"""What targets cannot do (yet), said with the place in the program; codes P4K05xx.

Here is what all of them look at; each has numbers of its own, and more that it refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from p4kube_core.compiler.backends import hashes, layout, values, varbits, walk
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types


@final
@dataclass(frozen=True, slots=True)
class Limits:
    """The most of each that a target takes."""

    target: str
    key_bytes: int
    prefix_bytes: int  # of the key of an lpm table
    data_bytes: int
    entries: int
    counter_cells: int
    meter_cells: int
    register_cells: int
    digest_bytes: int


@final
@dataclass(frozen=True, slots=True)
class Check:
    """Finds what is beyond a target's limits."""

    limits: Limits
    found: Diagnostics

    def program(self, of: ir.Program) -> None:
        if of.architecture != "v1model":
            message = f"target {self.limits.target} takes architecture v1model"
            self.found.error("P4K0501", f"{message}, found {of.architecture}", of.span)
        for variable in walk.variables(of):
            self.type(variable.type, variable.name, variable.span)
        for table in of.tables:
            self._table(table)
        for action in of.actions:
            size = _data_bytes([p.type for p in action.parameters])
            self.bound("bytes of data", action.name, size, self.limits.data_bytes, action.span)
        self._state(of)
        for body in walk.bodies(of):
            for statement in st.walk(body):
                self._statement(statement)
        for statement in st.walk(of.control(ir.Role.DEPARSER).body):
            if isinstance(statement, st.Loop | st.ApplyTable):
                self.found.error("P4K0506", "a loop or table in a deparser", statement.span)

    def _state(self, of: ir.Program) -> None:
        most = self.limits
        for counter in of.counters:
            self.bound("cells", counter.name, counter.size, most.counter_cells, counter.span)
        for meter in of.meters:
            self.bound("cells", meter.name, meter.size, most.meter_cells, meter.span)
        for register in of.registers:
            self.type(register.type, register.name, register.span)
            self.bound("cells", register.name, register.size, most.register_cells, register.span)
        for digest in of.digests:
            size = _data_bytes([f.type for f in digest.fields])
            self.bound("bytes", digest.name, size, most.digest_bytes, digest.span)

    def bound(self, what: str, name: str, size: int, most: int, span: Span) -> None:
        if size > most:
            message = f"target {self.limits.target} takes at most {most} {what} in {name}"
            self.found.error("P4K0507", f"{message}, found {size}", span)

    def type(self, of: types.Type, name: str, span: Span) -> None:
        match of:
            case types.Bits() if of.width > values.WIDEST_BITS:
                self._too_wide(f"{name} is a {of}", span)
            case types.Header() | types.Struct():
                for member in of.members:
                    self.type(member.type, f"{name}.{member.name}", span)
            case types.Stack():
                self.type(of.element, f"{name}[]", span)
            case _:
                pass

    def _too_wide(self, what: str, span: Span) -> None:
        most = f"target {self.limits.target} takes values of at most {values.WIDEST_BITS} bits"
        self.found.error("P4K0502", f"{most}, {what}", span)

    def _table(self, of: ir.Table) -> None:
        for key in of.keys:
            kind = key.expression.type
            if key.kind is ir.MatchKind.RANGE and isinstance(kind, types.Bits) and kind.signed:
                message = f"target {self.limits.target} takes no range of {kind}"
                self.found.error("P4K0504", f"{message} ({key.control_name})", key.span)
        kind_of_table = layout.kind_of(of)
        lpm = [key for key in of.keys if key.kind is ir.MatchKind.LPM]
        if len(lpm) > 1 and kind_of_table is layout.TableKind.LPM:
            message = f"want at most one lpm key, found more in {of.name}"
            self.found.error("P4K0505", message, lpm[1].span)
        size = _data_bytes([key.expression.type for key in of.keys])
        is_lpm = kind_of_table is layout.TableKind.LPM
        most = self.limits.prefix_bytes if is_lpm else self.limits.key_bytes
        self.bound("bytes of key", of.name, size, most, of.span)
        self.bound("entries", of.name, of.size, self.limits.entries, of.span)

    def _statement(self, of: st.Statement) -> None:
        for e in _values(of):
            if isinstance(e.type, types.Bits) and e.type.width > values.WIDEST_BITS:
                self._too_wide(f"found a {e.type}", of.span)
        match of:
            case st.Hash():
                self._hash(of)
            case st.Extract() | st.Emit():
                width = varbits.fixed_bits(of.header.type)
                varying = varbits.varying(of.header.type)
                if width % 8 or (varying is not None and varying.offset_bits % 8):
                    message = f"want a header of whole bytes, {of.header.type} has {width} bits"
                    self.found.error("P4K0510", message, of.span)
            case _:
                pass

    def _hash(self, of: st.Hash) -> None:
        target, algorithm = f"target {self.limits.target}", of.algorithm
        varying = any(isinstance(e.type, types.Varbit) for e in of.data)
        if algorithm not in hashes.SUPPORTED:
            message = f"{target} does not compute {algorithm} yet"
            self.found.error("P4K0508", message, of.span)
        elif varying and algorithm is not st.HashAlgorithm.CSUM16:
            message = f"{target} takes no varbit into {algorithm} yet"
            self.found.error("P4K0508", message, of.span)
        *before, last = _bits_between_varbits(of)
        for bits in before:
            if bits % 16:
                message = f"want whole words of 16 bits before a varbit, found {bits}"
                self.found.error("P4K0509", message, of.span)
        if of.payload and last % 8:
            message = f"want whole bytes of data before the payload, found {last} bits"
            self.found.error("P4K0509", message, of.span)


def _values(of: st.Statement) -> Iterator[ex.Expression]:
    for top in (*st.reads(of), *st.writes(of)):
        yield from walk.ex_walk(top)


def _data_bytes(of: list[types.Type]) -> int:
    """Of values one behind the other, each in whole bytes."""
    return sum((layout.width_bits(t) + 7) // 8 for t in of)


def _bits_between_varbits(of: st.Hash) -> list[int]:
    """Bits of data before each varbit, and behind the last."""
    found = [0]
    for e in of.data:
        if isinstance(e.type, types.Varbit):
            found.append(0)
        else:
            found[-1] += types.width_bits(e.type)
    return found
