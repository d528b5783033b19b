"""Statements of controls, actions, functions and parser states."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.ast import AssignmentOperator, BinaryOperator
from p4kube_core.compiler.frontend.checked import CallKind
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import (
    aggregates,
    binding,
    blocks,
    calls,
    expressions,
    instances,
    loops,
    order,
    places,
    refusal,
    switches,
)
from p4kube_core.compiler.lowering.frame import Frame
from p4kube_core.compiler.lowering.scope import BlockInstance, Deferred

_COMPOUND = {
    AssignmentOperator.ADD: BinaryOperator.ADD,
    AssignmentOperator.SUBTRACT: BinaryOperator.SUBTRACT,
    AssignmentOperator.MULTIPLY: BinaryOperator.MULTIPLY,
    AssignmentOperator.DIVIDE: BinaryOperator.DIVIDE,
    AssignmentOperator.MODULO: BinaryOperator.MODULO,
    AssignmentOperator.SHIFT_LEFT: BinaryOperator.SHIFT_LEFT,
    AssignmentOperator.SHIFT_RIGHT: BinaryOperator.SHIFT_RIGHT,
    AssignmentOperator.BIT_AND: BinaryOperator.BIT_AND,
    AssignmentOperator.BIT_XOR: BinaryOperator.BIT_XOR,
    AssignmentOperator.BIT_OR: BinaryOperator.BIT_OR,
    AssignmentOperator.ADD_SATURATING: BinaryOperator.ADD_SATURATING,
    AssignmentOperator.SUBTRACT_SATURATING: BinaryOperator.SUBTRACT_SATURATING,
}


def block(f: Frame, node: ast.Block) -> None:
    for statement in node.statements:
        lower(f, statement)


def lower(f: Frame, node: ast.Statement) -> None:
    """Lower one statement; what is refused in it becomes a diagnostic, and the rest goes on."""
    with f.reporting():
        _lower(f, node)


def _lower(f: Frame, node: ast.Statement) -> None:
    match node:
        case ast.Assignment():
            _assignment(f, node)
        case ast.CallStatement():
            calls.call(f, node.call)
        case ast.DirectApplication():
            _direct(f, node)
        case ast.Block():
            block(f, node)
        case ast.If():
            _if(f, node)
        case ast.Switch():
            switches.switch(f, node)
        case ast.Return():
            _return(f, node)
        case ast.Exit():
            binding.copy_out(f, f.flow.pending)
            f.emit(st.Exit(node.span))
        case ast.Empty():
            pass
        case ast.Break():
            assert f.flow.break_label is not None
            f.emit(st.Leave(node.span, f.flow.break_label))
        case ast.Continue():
            assert f.flow.continue_label is not None
            f.emit(st.Leave(node.span, f.flow.continue_label))
        case ast.For():
            loops.count(f, node)
        case ast.ForIn():
            loops.each(f, node)
        case ast.VariableDeclaration():
            declare_variable(f, node)
            initial_value(f, node)
        case ast.ConstantDeclaration():
            f.scope.bind(node, Deferred(node.value, f.scope))
        case ast.Instantiation():
            instances.declare(f, node)


def declare_variable(f: Frame, node: ast.VariableDeclaration) -> None:
    of = f.kind(f.build.checked.declared_type(node), node.span)
    f.scope.bind(node, f.build.variable(node.name, of, node.name_span))


def initial_value(f: Frame, node: ast.VariableDeclaration) -> None:
    """The value of a declared variable; zero if the program gives none."""
    target = f.scope.find(node)
    if not isinstance(target, ex.Var):
        return  # its type was refused
    if node.value is None:
        f.emit(st.Clear(node.span, target))
    elif order.is_scalar(target.type):
        value = expressions.converted(expressions.value(f, node.value), target.type, node.span)
        f.emit(st.Assign(node.span, target, value))
    else:
        aggregates.assign(f, target, node.value, node.span)


def _assignment(f: Frame, node: ast.Assignment) -> None:
    target = expressions.plain(f, node.target)
    if not order.is_scalar(target.type):
        if node.operator is not AssignmentOperator.ASSIGN:
            raise refusal.not_yet(f"{node.operator} on {target.type}", node.span)
        aggregates.assign(f, folding.place(target), node.value, node.span)
        return
    goal = places.as_target(target)
    before = len(f.out)
    value = expressions.value(f, node.value)
    if len(f.out) > before:
        goal = _settled_before(f, goal, before, node)
    if node.operator is not AssignmentOperator.ASSIGN:
        operator = _COMPOUND[node.operator]
        value = expressions.arithmetic(operator, goal, value, node.span)
    assert isinstance(goal.type, types.Bits | types.Bool)
    places.store(f, goal, expressions.converted(value, goal.type, node.span), node.span)


def _settled_before(
    f: Frame, goal: places.Target, position: int, node: ast.Assignment
) -> places.Target:
    """The left side is evaluated first; statements of the right one might change its indices."""
    inner = f.within()
    if isinstance(goal, ex.Slice):
        base = order.settled(inner, folding.place(goal.operand), node.span)
        goal = ex.Slice(goal.type, base, goal.high, goal.low)
    else:
        goal = order.settled(inner, goal, node.span)
    f.out[position:position] = inner.out
    return goal


def _if(f: Frame, node: ast.If) -> None:
    condition = expressions.value(f, node.condition)
    if isinstance(condition, ex.Const):
        chosen = node.then if condition.value else node.otherwise
        if chosen is not None:
            lower(f, chosen)
        return
    then, otherwise = f.within(), f.within()
    lower(then, node.then)
    if node.otherwise is not None:
        lower(otherwise, node.otherwise)
    f.emit(st.If(node.span, condition, tuple(then.out), tuple(otherwise.out)))


def _return(f: Frame, node: ast.Return) -> None:
    if node.value is not None and f.flow.result is not None:
        aggregates.assign(f, f.flow.result, node.value, node.span)
    if f.flow.return_label is None:
        f.emit(st.Return(node.span))
    else:
        f.emit(st.Leave(node.span, f.flow.return_label))


def _direct(f: Frame, node: ast.DirectApplication) -> None:
    made = f.build.checked.call(node)
    if made.kind is not CallKind.CONTROL_APPLY:
        raise refusal.not_yet("applying a parser here", node.span)
    blocks.apply_control(f, direct_instance(f, node), made.bindings, node.span)


def direct_instance(f: Frame, node: ast.DirectApplication) -> BlockInstance:
    """The instance that Type.apply() makes on the spot; it is named after the type."""
    known = f.scope.instances.get(node)
    if known is None:
        known = f.scope.instances[node] = instances.direct(f, node)
    return known
