"""What the verifier knows of the place that it is at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import types


@final
@dataclass(slots=True)
class Scope:
    program: ir.Program
    kind: str = "program"  # of block: parser, action, table or a control's role
    variables: dict[str, types.Type] = field(default_factory=dict)
    actions: dict[str, ir.Action] = field(default_factory=dict)
    tables: dict[str, ir.Table] = field(default_factory=dict)
    counters: dict[str, ir.Counter] = field(default_factory=dict)
    registers: dict[str, ir.Register] = field(default_factory=dict)
    meters: dict[str, ir.Meter] = field(default_factory=dict)
    digests: dict[str, ir.Digest] = field(default_factory=dict)
    types: dict[str, types.Header | types.Struct] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)  # all that were seen, in the whole program
    exiting: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.variables:
            return
        self.variables = {v.name: v.type for v in self.program.variables}
        self.actions = {a.name: a for a in self.program.actions}
        self.tables = {t.name: t for t in self.program.tables}
        self.counters = {c.name: c for c in self.program.counters}
        self.registers = {r.name: r for r in self.program.registers}
        self.meters = {m.name: m for m in self.program.meters}
        self.digests = {d.name: d for d in self.program.digests}
        self.types = {t.name: t for t in self.program.types}

    def of_block(
        self,
        kind: str,
        variables: tuple[ir.Variable, ...],
        parameters: tuple[ir.Parameter, ...],
    ) -> Scope:
        """The scope inside of one action, block or table."""
        known = {**self.variables}
        known.update((v.name, v.type) for v in variables)
        known.update((p.name, p.type) for p in parameters)
        return Scope(
            self.program, kind, known, self.actions, self.tables, self.counters, self.registers,
            self.meters, self.digests, self.types, self.labels,
        )  # fmt: skip
