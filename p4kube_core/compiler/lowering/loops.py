"""For statements: loops of the IR, left through labels."""

from __future__ import annotations

import dataclasses

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import (
    aggregates,
    equality,
    expressions,
    order,
    places,
    refusal,
    statements,
)
from p4kube_core.compiler.lowering.frame import Frame


def count(f: Frame, node: ast.For) -> None:
    """For (init; condition; updates) body."""
    for initializer in node.initializers:
        statements.lower(f, initializer)
    leave, again = f.build.unique("label", "for"), f.build.unique("label", "for_body")
    inner = f.within()
    _leave_unless(inner, expressions.value(inner, node.condition), leave, node)
    body = _body(f, node.body, leave, again)
    inner.emit(st.Block(node.span, again, tuple(body.out)))
    for update in node.updates:
        statements.lower(inner, update)
    f.emit(st.Loop(node.span, leave, tuple(inner.out), st.DEFAULT_LOOP_LIMIT))


def _leave_unless(
    f: Frame, condition: ex.Expression, label: str, node: ast.For | ast.ForIn
) -> None:
    span = node.span
    negated = folding.unary(ex.UnaryOp.NOT, condition)
    f.emit(st.If(span, negated, (st.Leave(span, label),)))


def _body(f: Frame, node: ast.Statement, leave: str, again: str) -> Frame:
    flow = dataclasses.replace(f.flow, break_label=leave, continue_label=again)
    inner = f.within(flow=flow)
    statements.lower(inner, node)
    return inner


def each(f: Frame, node: ast.ForIn) -> None:
    """For (variable in collection) body."""
    if isinstance(node.variable, ast.VariableDeclaration):
        statements.declare_variable(f, node.variable)
        found = f.scope.find(node.variable)
        assert isinstance(found, ex.Var)
        variable: ex.Place = found
    else:
        variable = places.place(f, node.variable)
    if isinstance(node.collection, ast.Range):
        _over_range(f, node, node.collection, variable)
        return
    if isinstance(node.collection, ast.ListExpression):
        _over_list(f, node, node.collection, variable)
        return
    collection = folding.place(expressions.value(f, node.collection))
    if not isinstance(collection.type, types.Stack):
        raise refusal.not_yet(f"a loop over {collection.type}", node.span)
    _over_stack(f, node, collection, variable)


def _over_range(f: Frame, node: ast.ForIn, over: ast.Range, variable: ex.Place) -> None:
    """The range is evaluated once; a counter of its own stops behind the last value."""
    of = variable.type
    if not isinstance(of, types.Bits):
        raise refusal.not_yet(f"a loop variable of type {of}", node.span)
    parts = (lambda: expressions.value(f, over.low), lambda: expressions.value(f, over.high))
    low, high = (
        expressions.converted(e, of, node.span) for e in order.in_order(f, parts, node.span)
    )
    wide = types.Bits(of.width + 1, of.signed)
    counter = f.temporary(wide, node.span, "counter")
    last = f.temporary(wide, node.span, "last")
    f.emit(st.Assign(node.span, counter, folding.cast(wide, low)))
    f.emit(st.Assign(node.span, last, folding.cast(wide, high)))
    leave, again = f.build.unique("label", "for"), f.build.unique("label", "for_body")
    inner = f.within()
    _leave_unless(inner, folding.binary(ex.BinaryOp.LE, counter, last), leave, node)
    inner.emit(st.Assign(node.span, variable, folding.cast(of, counter)))
    body = _body(f, node.body, leave, again)
    inner.emit(st.Block(node.span, again, tuple(body.out)))
    one = folding.number(wide, 1)
    inner.emit(st.Assign(node.span, counter, folding.binary(ex.BinaryOp.ADD, counter, one)))
    f.emit(st.Loop(node.span, leave, tuple(inner.out), st.DEFAULT_LOOP_LIMIT))


def _over_list(f: Frame, node: ast.ForIn, over: ast.ListExpression, variable: ex.Place) -> None:
    """Written out, once an element."""
    leave = f.build.unique("label", "for")
    inner = f.within()
    for element in over.elements:
        aggregates.assign(inner, variable, element, node.span)
        _turn(inner, node, leave)
    f.emit(st.Block(node.span, leave, tuple(inner.out)))


def _over_stack(f: Frame, node: ast.ForIn, over: ex.Place, variable: ex.Place) -> None:
    assert isinstance(over.type, types.Stack)
    leave = f.build.unique("label", "for")
    inner = f.within()
    for i in range(over.type.size):
        places.store(inner, variable, equality.element(over, over.type, i), node.span)
        _turn(inner, node, leave)
    f.emit(st.Block(node.span, leave, tuple(inner.out)))


def _turn(f: Frame, node: ast.ForIn, leave: str) -> None:
    again = f.build.unique("label", "for_body")
    body = _body(f, node.body, leave, again)
    f.emit(st.Block(node.span, again, tuple(body.out)))
