"""The parser as C for BPF: labels, or one function called in a loop where states form a cycle."""

from __future__ import annotations

from typing import Final

from p4kube_core.compiler.backends import graph, statements, states
from p4kube_core.compiler.backends.unit import Unit
from p4kube_core.compiler.ir import program as ir

_GO_ON: Final = 2  # what a step returns besides false and true


def write(unit: Unit) -> None:
    """`parse(skb)`: 0 if the packet is to be dropped as malformed."""
    if graph.is_cyclic(unit.program.parser):
        _write_steps(unit)
    else:
        _write_labels(unit)


def _open(unit: Unit, name: str) -> None:
    unit.code.function(
        f"P4K_GLOBAL int {name}(struct __sk_buff *skb)", f"parser {unit.program.parser.name}"
    )
    unit.code.lines("struct state *const s = p4k_enter(skb);", "", "if (!s)", "\treturn false;")


def _write_labels(unit: Unit) -> None:
    parser = unit.program.parser
    _open(unit, "parse")
    writer = statements.Writer(unit, "goto accept;", "goto accept;", parser.error)
    labelled = states.jumped_to(parser)
    for state, next_one in zip(parser.states, states.following(parser), strict=True):
        states.write_state(writer, state, next_one, False, state.name in labelled)
    states.end(writer, parser)
    unit.code.close()


def _write_steps(unit: Unit) -> None:
    """A state a call: the verifier looks at every state once, not at every way through them."""
    parser, code = unit.program.parser, unit.code
    numbers = {state.name: number for number, state in enumerate(parser.states)}
    _open(unit, "step")

    def jump(state: str) -> None:
        code.line(f"s->work.state = {numbers[state]};")
        code.line(f"return {_GO_ON};")

    writer = statements.Writer(unit, "goto accept;", "goto accept;", parser.error, jump=jump)
    code.line("switch (s->work.state) {")
    for state in parser.states:
        code.line(
            f"default: /* {numbers[state.name]} */"
            if not numbers[state.name]
            else f"case {numbers[state.name]}:"
        )
        code.open()
        states.write_state(writer, state, None, False, False)
        code.close()
    code.line("}")
    states.end(writer, parser)
    code.close()
    _open(unit, "parse")
    code.open(f"for (uint32_t i = 0; i < {states.STEP_LIMIT}; i++)")
    code.line("const int result = step(skb);")
    code.line()
    code.line(f"if (result != {_GO_ON})")
    code.line("\treturn result;")
    code.close()
    assert writer.error is not None
    writer.store(writer.error, str(unit.error_code("ParserTimeout")))
    code.line(f"return {'false' if parser.on_reject is ir.OnReject.DROP else 'true'};")
    code.close()
