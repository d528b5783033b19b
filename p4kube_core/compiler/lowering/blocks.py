"""Controls: what they declare, and their bodies inlined where they are applied."""

from __future__ import annotations

from collections.abc import Sequence

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import Binding
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import binding, instances, refusal, statements
from p4kube_core.compiler.lowering.frame import CopyOut, Flow, Frame
from p4kube_core.compiler.lowering.scope import (
    ActionInstance,
    BlockInstance,
    Deferred,
    TableInstance,
    control_plane_name,
)


def apply_control(f: Frame, of: BlockInstance, bindings: Sequence[Binding], span: Span) -> None:
    """Inline the body of a control."""
    declaration = of.declaration
    assert isinstance(declaration, ast.ControlDeclaration)
    outs = bind_parameters(f, of, bindings, span)
    elaborate(f, of)
    label = f.build.unique(f"end_{declaration.name}")
    inner = f.within(of.scope, Flow(label, pending=(*outs, *f.flow.pending)))
    body(inner, of)
    f.emit(st.Block(span, label, tuple(inner.out)))
    binding.copy_out(f, outs)


def bind_parameters(
    f: Frame, of: BlockInstance, bindings: Sequence[Binding], span: Span
) -> tuple[CopyOut, ...]:
    if of.has_own_storage:
        return binding.into_storage(f, bindings, of.scope, span)
    return binding.bind(f, bindings, of.scope, True, span)


def body(f: Frame, of: BlockInstance) -> None:
    """The locals' initial values, then the apply block; the frame is in the instance's scope."""
    declaration = of.declaration
    assert isinstance(declaration, ast.ControlDeclaration)
    initialise(f, declaration.locals)
    statements.block(f, declaration.body)


def initialise(f: Frame, declared: Sequence[ast.LocalDeclaration]) -> None:
    for node in declared:
        if isinstance(node, ast.VariableDeclaration):
            with f.reporting():
                statements.initial_value(f, node)


def elaborate(f: Frame, of: BlockInstance) -> None:
    """Give what a block declares its meaning, once."""
    if of.is_elaborated:
        return
    of.is_elaborated = True
    scope = of.scope
    inner = f.within(scope, Flow())
    for node in of.declaration.locals:
        with inner.reporting():
            _declare(inner, node)


def _declare(f: Frame, node: ast.LocalDeclaration) -> None:
    scope = f.scope
    match node:
        case ast.ConstantDeclaration():
            scope.bind(node, Deferred(node.value, scope))
        case ast.VariableDeclaration():
            statements.declare_variable(f, node)
        case ast.Instantiation():
            instances.declare(f, node)
        case ast.ActionDeclaration():
            name = scope.full_name(control_plane_name(node.name, node.annotations))
            scope.bind(node, ActionInstance(node, scope, name))
        case ast.TableDeclaration():
            name = scope.full_name(control_plane_name(node.name, node.annotations))
            scope.bind(node, TableInstance(node, scope, name))
        case ast.ValueSetDeclaration():
            raise refusal.not_yet("value sets", node.span)
