"""What all parts of a generated file share: program, layout, where things live, the text."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from p4kube_core import errors
from p4kube_core.compiler.backends import code, expressions, layout, names, places
from p4kube_core.compiler.backends.dpdk import graph
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

DROPS: Final = ("malformed", "ingress", "egress", "no_room")
"""Reasons by drop index; the runtime's enum p4k_drop has the same order."""


@final
@dataclass(frozen=True, slots=True)
class Unit:
    program: ir.Program
    layout: layout.Layout
    c_types: places.CTypes
    storage: places.Storage
    printer: expressions.Printer
    labels: names.Names
    functions: names.Names  # by kind and name: `action ingress.allow`
    code: code.Code
    exiting: frozenset[str]  # actions that can end the control that applies their table

    def function(self, kind: str, name: str) -> str:
        return self.functions[f"{kind} {name}"]

    def error_code(self, name: str) -> int:
        """Number of an error of core.p4."""
        try:
            return self.program.errors.index(name)
        except ValueError:
            raise errors.InvariantViolated(f"the program has no error {name}") from None

    def metadata(self, name: str) -> ex.Member | None:
        """A member of the architecture's struct; None if there is none of that name."""
        variable = next(v for v in self.program.variables if v.name == self.program.metadata)
        member = types.member(variable.type, name)
        if member is None:
            return None
        return ex.Member(member.type, ex.Var(variable.type, variable.name), name)


def _without_first_clears(program: ir.Program) -> ir.Program:
    """Leave out the clearing of `out` parameters where a packet starts: all is zero there."""
    first, *others = program.parser.states
    if first.name in graph.targets(program.parser):
        return program
    shared = {v.name for v in program.variables} - {program.metadata}
    kept = tuple(
        itertools.dropwhile(
            lambda s: isinstance(s, st.Clear) and ex.root(s.target).name in shared, first.body
        )
    )
    states = (dataclasses.replace(first, body=kept), *others)
    return dataclasses.replace(program, parser=dataclasses.replace(program.parser, states=states))


def variables(program: ir.Program) -> list[ir.Variable]:
    """Every variable of the program, wherever it is declared."""
    found = [*program.variables, *program.parser.variables]
    for control in program.controls:
        found += control.variables
    for action in program.actions:
        found += action.variables
    return found


def bodies(program: ir.Program) -> list[st.Body]:
    """Every body of the program: states, controls, actions."""
    return [
        *(state.body for state in program.parser.states),
        *(control.body for control in program.controls),
        *(action.body for action in program.actions),
    ]


def multicasts(program: ir.Program) -> Iterator[st.Assign]:
    """Statements that may send the packet to a multicast group; group 0 is none."""
    path = f"{program.metadata}.mcast_grp"
    for body in bodies(program):
        for statement in places.st_walk(body):
            if isinstance(statement, st.Assign) and places.path_of(statement.target) == path:
                value = statement.value
                if not (isinstance(value, ex.Const) and value.value == 0):
                    yield statement


def make(program: ir.Program) -> Unit:
    program = _without_first_clears(program)
    c_types = places.CTypes()
    shared = frozenset(v.name for v in program.variables)
    indexed = places.indexed_at_run_time(bodies(program))
    arrays = frozenset(places.path_of(p) for p in indexed if ex.root(p).name in shared)
    storage = places.Storage(c_types, shared, arrays)
    return Unit(
        program=program,
        layout=layout.lay_out(program),
        c_types=c_types,
        storage=storage,
        printer=expressions.Printer(storage, length="s->length"),
        labels=names.Names(),
        functions=names.Names(made=True),
        code=code.Code(),
        exiting=frozenset(
            action.name
            for action in program.actions
            if any(isinstance(s, st.Exit) for s in places.st_walk(action.body))
        ),
    )
