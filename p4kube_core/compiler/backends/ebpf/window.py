"""How much of a packet the parser may look at, where that is known when it is compiled."""

from __future__ import annotations

from typing import Final

from p4kube_core.compiler.backends import graph, wire
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st

MOST_BYTES: Final = 1024


def size_bytes(parser: ir.Parser) -> int | None:
    """Bytes from the packet's start that no path goes beyond.

    None where a path's length is only known at run time, or the longest is beyond MOST_BYTES.
    """
    if graph.is_cyclic(parser):
        return None
    states = {state.name: state for state in parser.states}
    reached = {parser.states[0].name: 0}  # by state: the most bytes taken before it
    work = [parser.states[0].name]
    most = 0
    while work:
        state = states[work.pop()]
        found = _through(state.body, reached[state.name])
        if found is None or found[1] > MOST_BYTES:
            return None
        taken, peeked = found
        most = max(most, peeked)
        for successor in graph.successors(state):
            if successor in states and taken > reached.get(successor, -1):
                reached[successor] = taken
                work.append(successor)
    return most


def _through(body: st.Body, taken: int) -> tuple[int, int] | None:
    """Bytes taken and looked at behind a body; branches count as if all were run."""
    looked = taken
    for statement in st.walk(body):
        match statement:
            case st.Loop():
                return None
            case st.Extract():
                if statement.varbit_bits is not None:
                    return None
                taken += wire.size_bytes(statement.header.type)
            case st.Lookahead():
                looked = max(looked, taken + wire.size_bytes(statement.target.type))
            case st.Advance():
                if not isinstance(statement.bits, ex.Const):
                    return None
                taken += statement.bits.value // 8
            case _:
                pass
    return taken, max(looked, taken)


def power_of_two(size: int) -> int:
    """The least that is at least `size`, which is at least 1."""
    return 1 << (size - 1).bit_length()
