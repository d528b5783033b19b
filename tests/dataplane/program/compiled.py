"""From P4 source to a program in the harness."""

from __future__ import annotations

import functools
from pathlib import Path

from p4kube_core.compiler.backends import layout
from p4kube_core.compiler.backends.dpdk import limits, unit
from p4kube_core.compiler.backends.dpdk import program as programs
from p4kube_core.compiler.frontend import checker, diagnostics
from p4kube_core.compiler.frontend.parser import program as parser
from p4kube_core.compiler.frontend.source import Source
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.lowering import lower as lowering
from tests.dataplane.program import harness


def to_ir(program: Path | Source) -> ir.Program:
    found = diagnostics.Diagnostics()
    tree = parser.parse_program(program, (), None, found)
    found.raise_if_any()
    checked = checker.check(tree, found)
    found.raise_if_any()
    lowered = lowering.lower(checked, found)
    found.raise_if_any()
    assert lowered is not None
    limits.check(lowered)
    return lowered


def to_c(program: ir.Program) -> str:
    return programs.write(unit.make(program))


@functools.cache
def of_file(path: Path) -> str:
    return to_c(to_ir(path))


class Compiled:
    """A program with its tables by name."""

    def __init__(self, text: str) -> None:
        self.ir = to_ir(Source("test.p4", text))
        self.layout = layout.lay_out(self.ir)
        self.program = harness.Program(to_c(self.ir))
        self.send = self.program.send
        self.drops = self.program.drops

    def record(
        self,
        table: str,
        keysets: tuple[ir.Keyset | int, ...],
        action: str,
        *arguments: int,
        priority: int = 0,
    ) -> tuple[int, bytes]:
        of = self.layout.table(table)
        found = next(
            self.layout.action(a.action)
            for a in of.table.actions
            if self.layout.action(a.action).action.control_name == action
        )
        sets = tuple(ir.Exactly(k) if isinstance(k, int) else k for k in keysets)
        call = ir.ActionCall(found.action.name, arguments)
        entry = ir.Entry(sets, call, priority, self.ir.span)
        return of.index, layout.record(of, found, entry)

    def add(
        self,
        table: str,
        keysets: tuple[ir.Keyset | int, ...],
        action: str,
        *arguments: int,
        priority: int = 0,
    ) -> tuple[int, bytes]:
        """Insert an entry; what names it is for `slot`."""
        index, record = self.record(table, keysets, action, *arguments, priority=priority)
        assert self.program.insert(index, record) == 0
        return index, record

    def counter(self, name: str, index: int) -> tuple[int, int]:
        """Packets and bytes of a cell."""
        return self.program.counter(self.layout.counter_index(name), index)
