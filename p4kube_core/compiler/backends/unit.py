"""What all parts of a generated file share: program, layout, where things live, the text."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, final

from p4kube_core import errors
from p4kube_core.compiler.backends import (
    code,
    expressions,
    graph,
    inplace,
    layout,
    names,
    places,
    walk,
)
from p4kube_core.compiler.backends.dialect import Dialect
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
    dialect: Dialect
    layout: layout.Layout
    c_types: places.CTypes
    storage: places.Storage
    printer: expressions.Printer
    labels: names.Names
    functions: names.Names  # by kind and name: `action ingress.allow`
    code: code.Code
    in_place: inplace.Plan | None  # None: headers may move
    heads: Mapping[str, str]  # by header that stays: the state's member that says where it is
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


def multicasts(program: ir.Program) -> Iterator[st.Assign]:
    """Statements that may send the packet to a multicast group; group 0 is none."""
    path = f"{program.metadata}.mcast_grp"
    for body in walk.bodies(program):
        for statement in st.walk(body):
            if isinstance(statement, st.Assign) and walk.path_of(statement.target) == path:
                value = statement.value
                if not (isinstance(value, ex.Const) and value.value == 0):
                    yield statement


def _heads(plan: inplace.Plan | None) -> dict[str, str]:
    """By header that stays where it is: the state's member that says where that is."""
    if plan is None:
        return {}
    given = names.Names(made=True)
    paths = [walk.path_of(emit.header) for emit in plan.emits]
    return {path: given[f"at {path}"] for path in paths}


def _steady(
    dialect: Dialect,
    plan: inplace.Plan | None,
    heads: Mapping[str, str],
    functions: names.Names,
) -> dict[str, expressions.Steady]:
    """Numbers of headers that stay where they are, and that no statement writes."""
    if plan is None:
        return {}
    found: dict[str, expressions.Steady] = {}
    for emit in plan.emits:
        header = emit.header.type
        assert isinstance(header, types.Header)
        base = walk.path_of(emit.header)
        for name, scalar, offset in _numbers(header):
            path = f"{base}.{name}"
            if path not in plan.written:
                source = expressions.Source(dialect.head(heads[base]), offset)
                reader = functions[f"read {header.name}.{name}"]
                found[path] = expressions.Steady(source, reader, scalar)
    return found


def _numbers(
    of: types.Header | types.Struct, path: str = "", offset_bits: int = 0
) -> Iterator[tuple[str, types.Scalar, int]]:
    """The numbers of a header, those of structs in it too: path, type, offset in bits."""
    for m in of.members:
        if isinstance(m.type, types.Struct):
            yield from _numbers(m.type, f"{path}{m.name}.", offset_bits)
        elif isinstance(m.type, types.Bits | types.Bool):
            yield f"{path}{m.name}", m.type, offset_bits
        offset_bits += types.width_bits(m.type)


def make(program: ir.Program, dialect: Dialect) -> Unit:
    program = _without_first_clears(program)
    c_types = places.CTypes()
    owned = walk.variables(program) if dialect.keeps_all else program.variables
    shared = frozenset(v.name for v in owned)
    indexed = () if dialect.keeps_all else walk.indexed_at_run_time(walk.bodies(program))
    arrays = frozenset(walk.path_of(p) for p in indexed if ex.root(p).name in shared)
    storage = places.Storage(c_types, shared, arrays, dialect.index)
    in_place = inplace.plan(program)
    functions = names.Names(made=True)
    heads = _heads(in_place)
    steady = _steady(dialect, in_place, heads, functions)
    return Unit(
        program=program,
        dialect=dialect,
        layout=layout.lay_out(program),
        c_types=c_types,
        storage=storage,
        printer=expressions.Printer(storage, dialect.length, steady),
        labels=names.Names(),
        functions=functions,
        in_place=in_place,
        heads=heads,
        code=code.Code(),
        exiting=frozenset(
            action.name
            for action in program.actions
            if any(isinstance(s, st.Exit) for s in st.walk(action.body))
        ),
    )
