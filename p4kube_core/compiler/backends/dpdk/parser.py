"""The parser as one C function: a label a state."""

from __future__ import annotations

from p4kube_core.compiler.backends import graph, statements, states, walk
from p4kube_core.compiler.backends.unit import Unit
from p4kube_core.compiler.ir import program as ir


def write(unit: Unit) -> None:
    """`parse(s)`: false if the packet is to be dropped as malformed."""
    code, parser = unit.code, unit.program.parser
    code.function("P4K_INLINE bool parse(struct state *s)", f"parser {parser.name}")
    code.line("struct p4k_cursor cursor = {")
    code.line("\ts->packet->data,")
    code.line("\ts->packet->data + s->packet->length,")
    code.line("};")
    cyclic = graph.is_cyclic(parser)
    if cyclic:
        code.line("uint32_t steps = 0;")
    statements.declare(unit, parser.variables, _mentioned(parser))
    writer = statements.Writer(unit, "goto accept;", "goto accept;", parser.error)
    labelled = states.jumped_to(parser)
    for state, next_one in zip(parser.states, states.following(parser), strict=True):
        states.write_state(writer, state, next_one, cyclic, state.name in labelled)
    states.end(writer, parser)
    code.close()


def _mentioned(parser: ir.Parser) -> set[str]:
    found: set[str] = set()
    for state in parser.states:
        found |= walk.mentioned_in(state.body)
        if isinstance(state.transition, ir.Select):
            for subject in state.transition.subjects:
                found.update(walk.mentioned_by(subject))
    return found
