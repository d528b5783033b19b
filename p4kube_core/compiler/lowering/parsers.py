"""Parsers: sub-parsers are inlined, so that one flat list of states is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend import types as p4
from p4kube_core.compiler.frontend.checked import Binding, CallKind
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import (
    binding,
    blocks,
    expressions,
    instances,
    keysets,
    order,
    refusal,
    statements,
)
from p4kube_core.compiler.lowering.frame import Frame
from p4kube_core.compiler.lowering.scope import BlockInstance

MAX_STATES = 4096


@final
@dataclass(slots=True)
class States:
    """The states made so far."""

    made: list[ir.State] = field(default_factory=list)

    def add(self, state: ir.State) -> None:
        self.made.append(state)
        if len(self.made) > MAX_STATES:
            message = f"the parser has more than {MAX_STATES} states once all is inlined"
            raise refusal.Refused(refusal.TOO_LARGE, message, state.span)


def states(f: Frame, of: BlockInstance) -> tuple[ir.State, ...]:
    """States of a top-level parser, the start first; the frame is in the instance's scope."""
    found = States()
    _inline(f, of, found, "", ir.ACCEPT)
    return tuple(found.made)


def _inline(f: Frame, of: BlockInstance, to: States, prefix: str, accept: str) -> str:
    """Add all states of a parser; the name of the first.

    Args:
        prefix: goes before the names of its states.
        accept: the state that follows where the parser accepts.
    """
    declaration = of.declaration
    assert isinstance(declaration, ast.ParserDeclaration)
    names = {"accept": accept, "reject": ir.REJECT}
    for state in declaration.states:
        names[state.name] = f.build.unique("state", prefix + state.name)
    first = _initial(f, declaration, to, prefix, names["start"])
    start_first = sorted(declaration.states, key=lambda s: s.name != "start")
    for state in start_first:
        with f.reporting():
            _state(f, state, to, names)
    return first


def _initial(
    f: Frame, declaration: ast.ParserDeclaration, to: States, prefix: str, start: str
) -> str:
    """A state before the start for the initial values of the parser's variables, if it has any."""
    inner = f.within()
    blocks.initialise(inner, declaration.locals)
    if not inner.out:
        return start
    name = f.build.unique("state", f"{prefix}before_start")
    to.add(ir.State(name, tuple(inner.out), ir.Goto(start), declaration.span))
    return name


def _state(f: Frame, state: ast.State, to: States, names: dict[str, str]) -> None:
    """One state; it is cut in two where it applies a sub-parser."""
    inner = f.within()
    name = names[state.name]
    for statement in state.statements:
        applied = _sub_parser(inner, statement)
        if applied is None:
            statements.lower(inner, statement)
            continue
        instance, bindings = applied
        rest = f.build.unique("state", f"{name}_rest")
        outs = blocks.bind_parameters(inner, instance, bindings, statement.span)
        sub = f.within(instance.scope)
        blocks.elaborate(sub, instance)
        position = len(to.made)
        prefix = f"{instance.scope.prefix.rpartition('.')[2]}."
        first = _inline(sub, instance, to, prefix, rest)
        before = ir.State(name, tuple(inner.out), ir.Goto(first), state.span)
        to.made.insert(position, before)
        name, inner = rest, f.within(inner.scope)
        binding.copy_out(inner, outs)
    transition = _transition(inner, state, names)
    to.add(ir.State(name, tuple(inner.out), transition, state.span))


def _sub_parser(
    f: Frame, statement: ast.Statement
) -> tuple[BlockInstance, Sequence[Binding]] | None:
    match statement:
        case ast.CallStatement():
            made = f.build.checked.call(statement.call)
            if made.kind is not CallKind.PARSER_APPLY or made.receiver is None:
                return None
            found = instances.instance_of(f, made.receiver)
            if not isinstance(found, BlockInstance):
                raise refusal.not_yet("applying this parser", statement.span)
            # States are made anew at each application, and so are the variables.
            return fresh(found), made.bindings
        case ast.DirectApplication():
            made = f.build.checked.call(statement)
            if made.kind is not CallKind.PARSER_APPLY:
                return None
            return fresh(statements.direct_instance(f, statement)), made.bindings
        case _:
            return None


def fresh(of: BlockInstance) -> BlockInstance:
    scope = of.scope.inner()
    return BlockInstance(of.declaration, scope, has_own_storage=False)


def _transition(f: Frame, state: ast.State, names: dict[str, str]) -> ir.Goto | ir.Select:
    if state.transition is None:
        return ir.Goto(ir.REJECT)
    target = state.transition.target
    if isinstance(target, ast.Goto):
        return ir.Goto(names[target.state])
    return _select(f, target, names)


def _select(f: Frame, node: ast.Select, names: dict[str, str]) -> ir.Goto | ir.Select:
    parts = [lambda n=n: expressions.value(f, n) for n in node.selectors]
    subjects: list[ex.Expression] = []
    for value in order.in_order(f, parts, node.span):
        subjects.extend(_scalars(value, node.span))
    cases: list[ir.SelectCase] = []
    for case in node.cases:
        if isinstance(f.build.checked.expression_types.get(case.keyset), p4.Set) and isinstance(
            case.keyset, ast.NameExpression
        ):
            raise refusal.not_yet("value sets", case.keyset.span)
        sets = _sets(case.keyset, len(subjects))
        found = [
            keysets.constant(f, n, _scalar(s, node.span))
            for n, s in zip(sets, subjects, strict=True)
        ]
        known = tuple(k for k in found if k is not None)
        if len(known) < len(found):
            return _computed(f, node, subjects, names)
        cases.append(ir.SelectCase(known, names[case.state]))
    return ir.Select(tuple(subjects), tuple(cases))


def _scalar(of: ex.Expression, span: Span) -> types.Scalar:
    if isinstance(of.type, types.Bits | types.Bool):
        return of.type
    raise refusal.not_yet(f"a select on {of.type}", span)


def _scalars(of: ex.Expression, span: Span) -> list[ex.Expression]:
    """A tuple or struct stands for its members."""
    if not isinstance(of.type, types.Struct):
        _scalar(of, span)
        return [of]
    place = folding.place(of)
    members = (ex.Member(m.type, place, m.name) for m in of.type.members)
    return [s for m in members for s in _scalars(m, span)]


def _sets(node: ast.Expression, count: int) -> list[ast.Expression]:
    """One key set for each subject."""
    if isinstance(node, ast.TupleKeyset | ast.ListExpression):
        sets = [s for e in node.elements for s in _nested(e)]
        if len(sets) == count:
            return sets
        raise refusal.not_yet("a key set of this form", node.span)
    if isinstance(node, ast.DontCare | ast.DefaultKey):
        return [node] * count
    if count == 1:
        return [node]
    raise refusal.not_yet("a key set of this form", node.span)


def _nested(node: ast.Expression) -> list[ast.Expression]:
    if isinstance(node, ast.ListExpression | ast.TupleKeyset):
        return [s for e in node.elements for s in _nested(e)]
    return [node]


def _computed(
    f: Frame, node: ast.Select, subjects: list[ex.Expression], names: dict[str, str]
) -> ir.Select:
    """A select with key sets known at run time only: the number of the case is computed first."""
    position = types.Bits(32)
    chosen: ex.Expression = ex.Const(position, len(node.cases))
    for number, case in reversed(list(enumerate(node.cases))):
        matches: ex.Expression = ex.TRUE
        for n, s in zip(_sets(case.keyset, len(subjects)), subjects, strict=True):
            inside = keysets.condition(f, n, s)
            matches = folding.binary(ex.BinaryOp.LOGICAL_AND, matches, inside)
        chosen = folding.mux(matches, ex.Const(position, number), chosen)
    variable = f.temporary(position, node.span, "case")
    f.emit(st.Assign(node.span, variable, chosen))
    cases = (
        ir.SelectCase((ir.Exactly(i),), names[case.state]) for i, case in enumerate(node.cases)
    )
    return ir.Select((variable,), tuple(cases))
