"""Whether headers can only be where the parser found them: then they are changed in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import final

from p4kube_core.compiler.backends import graph, varbits, walk
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """Headers stay; what is not written of them can be read from the packet at any time."""

    emits: tuple[st.Emit, ...]  # in order
    written: frozenset[str]  # paths of the numbers that some statement writes
    copied: frozenset[str]  # paths of the headers that some statement takes the value of, or a part

    def needed(self) -> tuple[st.Emit, ...]:
        """Up to the last header that is changed; those before it say where it is."""
        last = max((i for i, e in enumerate(self.emits) if self.changed(e)), default=-1)
        return self.emits[: last + 1]

    def changed(self, emit: st.Emit) -> frozenset[str]:
        """Paths, below the header, of its members that some statement writes."""
        base = f"{walk.path_of(emit.header)}."
        return frozenset(p.removeprefix(base) for p in self.written if p.startswith(base))


def plan(program: ir.Program) -> Plan | None:
    """The plan, or None if a header can come, go, move or be left out.

    It holds if the deparser emits each header once and unconditionally, the parser takes from the
    packet only what is emitted and in that order on every path, and nothing else makes a header
    valid, invalid or another.
    """
    deparser = program.control(ir.Role.DEPARSER)
    emits = tuple(s for s in deparser.body if isinstance(s, st.Emit))
    if len(emits) != len(deparser.body):
        return None
    if any(varbits.varying(e.header.type) is not None for e in emits):
        return None
    order = {walk.path_of(e.header): number for number, e in enumerate(emits)}
    if len(order) != len(emits) or any(_indexed(e.header) for e in emits):
        return None
    if not _extracted_in_order(program.parser, order):
        return None
    written: set[str] = set()
    copied: set[str] = set()
    for statement in _statements(program):
        if isinstance(statement, st.Extract | st.Emit):
            continue
        for value in st.reads(statement):
            for path in _compounds(value):
                copied |= _touched(path, order)
        for place in st.writes(statement):
            path = walk.path_of(place)
            if isinstance(place.type, types.Bits | types.Bool):
                written.add(path)
            elif _touched(path, order):
                return None
    return Plan(emits, frozenset(written), frozenset(copied))


def _statements(program: ir.Program) -> Iterator[st.Statement]:
    for body in walk.bodies(program):
        yield from st.walk(body)


def _indexed(place: ex.Place) -> bool:
    return any(isinstance(e, ex.Index) for e in walk.ex_walk(place))


def _compounds(of: ex.Expression) -> Iterator[str]:
    """Paths of the headers, structs and stacks whose value this expression takes."""
    match of:
        case ex.IsValid():
            pass
        case ex.Var() | ex.Member() | ex.Index():
            if not isinstance(of.type, types.Bits | types.Bool):
                yield walk.path_of(of)
        case _:
            for operand in ex.operands(of):
                yield from _compounds(operand)


def _touched(path: str, headers: Iterable[str]) -> set[str]:
    """Those of the headers that a header, struct or stack of that path holds or lies in."""
    return {h for h in headers if walk.is_mentioned(h, (path,))}


def _extracted_in_order(of: ir.Parser, order: dict[str, int]) -> bool:
    """Whether on every path extracts come in the order of emits, and nothing else is taken."""
    if graph.is_cyclic(of):
        return False
    states = {state.name: state for state in of.states}
    # The last header that may have been extracted before a state, by its number. A state is looked
    # at again whenever that grows: at most once a header.
    latest = {of.states[0].name: -1}
    work = [of.states[0].name]
    while work:
        name = work.pop()
        state = states[name]
        last = latest[name]
        for statement in st.walk(state.body):
            if isinstance(statement, st.Advance | st.Loop):
                return False
            if not isinstance(statement, st.Extract):
                continue
            number = order.get(walk.path_of(statement.header))
            if number is None or number <= last or _indexed(statement.header):
                return False
            last = number
        for successor in graph.successors(state):
            if successor in states and last > latest.get(successor, -2):
                latest[successor] = last
                work.append(successor)
    return True
