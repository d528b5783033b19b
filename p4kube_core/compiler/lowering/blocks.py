"""Controls: what they declare, and their bodies inlined where they are applied."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend import types as p4
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
    label = f.build.unique("label", f"end_{declaration.name}")
    inner = f.within(of.scope, Flow(label, pending=(*outs, *f.flow.pending)))
    body(inner, of)
    f.emit(st.Block(span, label, tuple(inner.out)))
    binding.copy_out(f, outs)


def bind_parameters(
    f: Frame, of: BlockInstance, bindings: Sequence[Binding], span: Span
) -> tuple[CopyOut, ...]:
    # The checker may have resolved the call by the block's type, which has parameters of its own.
    own = f.build.checked.parameters_of(of.declaration)
    bound = [
        dataclasses.replace(b, parameter=_typed(of, p)) for b, p in zip(bindings, own, strict=True)
    ]
    if of.has_own_storage:
        return binding.into_storage(f, bound, of.scope, span)
    return binding.bind(f, bound, of.scope, True, span)


def _typed(of: BlockInstance, p: p4.Parameter) -> p4.Parameter:
    return dataclasses.replace(p, type=of.scope.type(p.type))


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
