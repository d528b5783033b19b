"""Each node's place is the text that it was read from."""

from __future__ import annotations

import pytest

from p4kube_core.compiler.frontend import ast, parser
from p4kube_core.compiler.frontend.ast import walk
from p4kube_core.compiler.frontend.source import Source
from tests.unit.frontend_syntax import programs

# What a macro makes stands at its call, its arguments where they are written.
WITHOUT_CALLS_OF_MACROS = programs.SAMPLE.replace("BYTES(m.a)", "(m.a << 3)")


@pytest.mark.parametrize(
    "text",
    [
        "b.lookahead<bit<8>>()", "f(1, a)", "(a + b) * c", "(a)[3:0]", "(bit<8>) x", "h.s[1].f",
        "x[i+:4]", "a ? b : c", "{ 1, 2, ... }", "{ x = 1 }", "{#}", "-x", "error.NoMatch", ".g",
        "8w255", '"s"', "a |+| b", "f<T<bit<8>>, _>(x, _)",
    ],
)  # fmt: skip
def test_spans_of_expressions(text: str) -> None:
    program = parser.parse_program(Source("x.p4", f"const bit<8> x =\n  {text}  ;\n"))
    constant = program.declarations[0]
    assert isinstance(constant, ast.ConstantDeclaration)
    assert constant.value.span.text == text


def test_what_is_under_a_node_lies_within_it() -> None:
    source = Source("x.p4", WITHOUT_CALLS_OF_MACROS)
    program = parser.parse_program(source)
    for node in walk.walk(program):
        if node.span.source is not source or node is program:
            continue
        for child in walk.children(node):
            assert node.span.start <= child.span.start
            assert child.span.end <= node.span.end, (node, child)


def test_a_call_ends_with_its_parenthesis() -> None:
    program = parser.parse_program(Source("x.p4", WITHOUT_CALLS_OF_MACROS))
    calls = [n for n in walk.walk(program) if isinstance(n, ast.Call)]
    assert len(calls) > 10
    assert all(n.span.text.endswith(")") for n in calls)
