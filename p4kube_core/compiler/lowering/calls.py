"""Calls: functions, actions and controls are inlined, tables applied, methods written out."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend import types as p4
from p4kube_core.compiler.frontend.checked import AnyDeclaration, Call, CallKind
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import (
    aggregates,
    binding,
    blocks,
    expressions,
    instances,
    places,
    refusal,
    statements,
    tables,
)
from p4kube_core.compiler.lowering.frame import CopyOut, Flow, Frame
from p4kube_core.compiler.lowering.scope import ActionInstance, BlockInstance, Scope, TableInstance


def call(f: Frame, node: ast.Call) -> ex.Expression | None:
    """Lower a call; its result, None if it has none."""
    made = f.build.checked.call(node)
    match made.kind:
        case CallKind.FUNCTION:
            return _function(f, node, made)
        case CallKind.ACTION:
            _action(f, node, made)
            return None
        case CallKind.TABLE_APPLY:
            tables.apply(f, table_of(f, made, node), node.span)
            return None
        case CallKind.CONTROL_APPLY:
            _control(f, node, made)
            return None
        case CallKind.PARSER_APPLY:
            raise refusal.not_yet("applying a parser here", node.span)
        case CallKind.BUILT_IN:
            return _built_in(f, node, made)
        case CallKind.EXTERN_FUNCTION | CallKind.EXTERN_METHOD:
            return f.build.extern_call(f, node)
        case CallKind.CONSTRUCTOR | CallKind.ABSTRACT_METHOD:
            raise refusal.not_yet(f"a call of {made.method!r} here", node.span)


def table_of(f: Frame, made: Call, node: ast.Call) -> TableInstance:
    found = None if made.callee is None else f.scope.find(made.callee)
    if not isinstance(found, TableInstance):
        raise refusal.not_yet("applying this table here", node.span)
    return found


def apply_result(f: Frame, node: ast.Member) -> ex.Expression:
    """table.apply().hit or .miss."""
    assert isinstance(node.base, ast.Call)
    made = f.build.checked.call(node.base)
    hit = f.temporary(types.BOOL, node.span, "hit")
    tables.apply(f, table_of(f, made, node.base), node.span, hit=hit)
    return hit if node.member == "hit" else folding.unary(ex.UnaryOp.NOT, hit)


def type_parameters(f: Frame, callee: AnyDeclaration) -> tuple[p4.TypeVar, ...]:
    declared = f.build.checked.declared_type(callee)
    if isinstance(declared, p4.Function | p4.Control | p4.Parser | p4.Package):
        return declared.type_parameters
    return ()


def substitution(f: Frame, made: Call) -> dict[p4.TypeVar, p4.Type]:
    """Type arguments of a call, by the callee's type parameters."""
    if made.callee is None or not made.type_arguments:
        return {}
    arguments = (f.scope.type(t) for t in made.type_arguments)
    return dict(zip(type_parameters(f, made.callee), arguments, strict=False))


def _function(f: Frame, node: ast.Call, made: Call) -> ex.Expression | None:
    declaration = made.callee
    assert isinstance(declaration, ast.FunctionDeclaration)
    scope = Scope(f.build.top, "", substitution(f, made))
    outs = binding.bind(f, made.bindings, scope, True, node.span)
    result: ex.Var | None = None
    returned = f.scope.type(made.result)
    if returned is not p4.VOID:
        result = f.temporary(f.kind(returned, node.span), node.span, declaration.name)
    _inline(f, scope, declaration.body, declaration.name, outs, result)
    return result


def _inline(
    f: Frame,
    scope: Scope,
    body: ast.Block,
    name: str,
    outs: tuple[CopyOut, ...],
    result: ex.Var | None,
) -> None:
    label = f.build.unique("label", f"end_{name}")
    flow = Flow(label, result, pending=(*outs, *f.flow.pending))
    inner = f.within(scope, flow)
    statements.block(inner, body)
    f.emit(st.Block(body.span, label, tuple(inner.out)))
    binding.copy_out(f, outs)


def _action(f: Frame, node: ast.Call, made: Call) -> None:
    """A direct call: the action's body in place, arguments for all of its parameters."""
    declaration = made.callee
    assert isinstance(declaration, ast.ActionDeclaration)
    found = f.scope.find(declaration)
    home = found.scope if isinstance(found, ActionInstance) else f.build.top
    scope = home.inner()
    outs = binding.bind(f, made.bindings, scope, False, node.span)
    _inline(f, scope, declaration.body, declaration.name, outs, None)


def _control(f: Frame, node: ast.Call, made: Call) -> None:
    assert made.receiver is not None
    found = instances.instance_of(f, made.receiver)
    if not isinstance(found, BlockInstance):
        raise refusal.not_yet("applying this", node.span)
    blocks.apply_control(f, found, made.bindings, node.span)


def _built_in(f: Frame, node: ast.Call, made: Call) -> ex.Expression | None:
    assert made.receiver is not None
    receiver = made.receiver
    match made.method:
        case "isValid":
            return aggregates.is_valid(folding.place(expressions.value(f, receiver)))
        case "setValid":
            aggregates.make_valid(f, places.place(f, receiver), node.span)
        case "setInvalid":
            place = places.place(f, receiver)
            if isinstance(place.type, types.Header):
                f.emit(st.SetValid(node.span, place, False))
            else:
                f.emit(st.Clear(node.span, place))
        case "push_front" | "pop_front":
            stack = places.place(f, receiver)
            argument = made.bindings[0].argument
            assert argument is not None
            count = expressions.known_number(f, argument)
            kind = st.Push if made.method == "push_front" else st.Pop
            f.emit(kind(node.span, stack, count))
        case _:
            raise refusal.not_yet(f"{made.method}()", node.span)
    return None
