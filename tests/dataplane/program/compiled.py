"""From P4 source to a program in the harness."""

from __future__ import annotations

import tempfile
from pathlib import Path

from p4kube_core.compiler import driver
from p4kube_core.compiler.backends import layout
from p4kube_core.compiler.backends.dpdk import program as programs
from p4kube_core.compiler.ir import program as ir
from tests.dataplane.program import targets


def to_ir(path: Path) -> ir.Program:
    program = driver.compile(path).program
    targets.check(program)
    return program


def to_c(program: ir.Program) -> str:
    return programs.write(programs.make(program))


class Compiled:
    """A program with its tables by name."""

    def __init__(self, source: str | ir.Program) -> None:
        if isinstance(source, ir.Program):
            self.ir = source
        else:
            with tempfile.NamedTemporaryFile("w", suffix=".p4") as file:
                file.write(source)
                file.flush()
                self.ir = to_ir(Path(file.name))
        self.layout = layout.lay_out(self.ir)
        self.program = targets.load(self.ir)
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

    def meter(self, name: str, index: int, *rates: int) -> None:
        """Configure a cell: cir, cburst, pir, pburst."""
        cir, cburst, pir, pburst = rates
        self.program.meter(self.layout.meter_index(name), index, cir, cburst, pir, pburst)

    def direct_meter(self, name: str, entry: tuple[int, bytes], *rates: int) -> None:
        """The same of the entry's cell; `entry` as `add` gave it."""
        self.meter(name, self.program.slot(*entry), *rates)

    def digests(self) -> list[tuple[str, dict[str, int]]]:
        """Those that were sent and not seen yet, with the numbers of their fields by name."""
        found = []
        while (sent := self.program.digest()) is not None:
            of = self.layout.digests[sent[0]]
            parts = {f.name: sent[1][f.offset_bytes :][: f.size_bytes] for f in of.fields}
            values = {name: int.from_bytes(part, "big") for name, part in parts.items()}
            found.append((of.digest.name, values))
        return found

    def counter(self, name: str, index: int) -> tuple[int, int]:
        """Packets and bytes of a cell."""
        return self.program.counter(self.layout.counter_index(name), index)
