"""A program as a picture for people, in DOT: the parser's states, tables and branches.

What neither looks a table up nor decides about one is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, final

from p4kube_core.compiler.ir import printer
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st

MOST_CHARACTERS: Final = 60  # of a condition

Ends = list[tuple[str, str]]
"""Nodes that the next one follows, each with what stands at the edge."""


def show(program: ir.Program) -> str:
    """Draw a program; `dot -Tsvg` makes a picture of it."""
    drawing = _Drawing()
    drawing.lines += [
        f"digraph {_quoted(program.name)} {{",
        "  node [fontname=Helvetica, fontsize=10]; edge [fontname=Helvetica, fontsize=9];",
    ]
    _parser(drawing, program.parser)
    for control in program.controls:
        if any(_tables(control.body)):
            _control(drawing, control)
    return "\n".join([*drawing.lines, "}"]) + "\n"


@final
@dataclass(slots=True)
class _Drawing:
    lines: list[str] = field(default_factory=list)
    nodes: int = 0

    def node(self, label: str, shape: str) -> str:
        self.nodes += 1
        name = f"n{self.nodes}"
        self.lines.append(f"    {name} [label={_quoted(label)}, shape={shape}];")
        return name

    def edges(self, ends: Ends, to: str) -> None:
        for name, label in ends:
            said = f" [label={_quoted(label)}]" if label else ""
            self.lines.append(f"    {name} -> {to}{said};")


def _parser(drawing: _Drawing, parser: ir.Parser) -> None:
    drawing.lines.append(f"  subgraph cluster_parser {{ label={_quoted('parser ' + parser.name)};")
    names = {state.name: drawing.node(state.name, "ellipse") for state in parser.states}
    names |= {end: drawing.node(end, "doublecircle") for end in (ir.ACCEPT, ir.REJECT)}
    for state in parser.states:
        match state.transition:
            case ir.Goto(to):
                drawing.edges([(names[state.name], "")], names[to])
            case ir.Select(subjects, cases):
                subject = ", ".join(printer.expression(s) for s in subjects)
                for case in cases:
                    label = f"{subject}: " + ", ".join(map(_keyset, case.keysets))
                    drawing.edges([(names[state.name], _short(label))], names[case.state])
    drawing.lines.append("  }")


def _keyset(keyset: ir.Keyset) -> str:
    match keyset:
        case ir.AnyValue():
            return "_"
        case ir.Exactly(value):
            return f"{value:#x}"
        case ir.Masked(value, mask):
            return f"{value:#x} &&& {mask:#x}"
        case ir.Between(low, high):
            return f"{low:#x}..{high:#x}"


def _control(drawing: _Drawing, control: ir.Control) -> None:
    cluster = f"cluster_{control.role}"
    drawing.lines.append(f"  subgraph {cluster} {{ label={_quoted(control.name)};")
    start = drawing.node("start", "circle")
    ends = _body(drawing, control.body, [(start, "")])
    drawing.edges(ends, drawing.node("end", "doublecircle"))
    drawing.lines.append("  }")


def _body(drawing: _Drawing, body: Iterable[st.Statement], ends: Ends) -> Ends:
    for statement in body:
        ends = _statement(drawing, statement, ends)
    return ends


def _statement(drawing: _Drawing, statement: st.Statement, ends: Ends) -> Ends:
    match statement:
        case st.ApplyTable(table=table):
            node = drawing.node(table, "box")
            drawing.edges(ends, node)
            return [(node, "")]
        case st.If(condition=condition, then=then, otherwise=otherwise):
            if not any(_tables([statement])):
                return ends
            node = drawing.node(_short(printer.expression(condition)), "diamond")
            drawing.edges(ends, node)
            yes = _body(drawing, then, [(node, "true")])
            return yes + _body(drawing, otherwise, [(node, "false")])
        case st.Switch(subject=subject, cases=cases, otherwise=otherwise):
            if not any(_tables([statement])):
                return ends
            node = drawing.node(_short(printer.expression(subject)), "diamond")
            drawing.edges(ends, node)
            left: Ends = []
            for case in cases:
                left += _body(drawing, case.body, [(node, ", ".join(map(str, case.values)))])
            return left + _body(drawing, otherwise, [(node, "default")])
        case st.Block(body=body) | st.Loop(body=body):
            return _body(drawing, body, ends)
        case _:
            return ends


def _tables(body: Iterable[st.Statement]) -> Iterator[str]:
    """The tables that are looked up anywhere inside."""
    for statement in body:
        match statement:
            case st.ApplyTable(table=table):
                yield table
            case st.If(then=then, otherwise=otherwise):
                yield from _tables((*then, *otherwise))
            case st.Switch(cases=cases, otherwise=otherwise):
                yield from _tables(inner for case in cases for inner in case.body)
                yield from _tables(otherwise)
            case st.Block(body=inner) | st.Loop(body=inner):
                yield from _tables(inner)


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 3] + "..."


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
