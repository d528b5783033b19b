"""Actions that tables run: one of the IR for each action and what a table binds to it."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.ast import Direction
from p4kube_core.compiler.frontend.checked import ActionUse, Binding
from p4kube_core.compiler.frontend.source import BUILT_IN, Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.lowering import binding, expressions, refusal, statements
from p4kube_core.compiler.lowering.frame import Flow, Frame
from p4kube_core.compiler.lowering.scope import ActionInstance, Scope, control_plane_name

_NO_ACTION = "NoAction"


def of_use(f: Frame, use: ActionUse) -> ir.Action:
    """The action that a table's list names, with its data-plane arguments bound; made once."""
    found = _instance(f, use.action)
    bound = tuple(b for b in use.bindings if not b.by_control_plane and b.argument is not None)
    bound = tuple(b for b in bound if b.parameter.direction is not Direction.NONE)
    # Tables that bind no argument share one action; bound ones are the table's own.
    key: object = (use.action, id(found.scope), *(b.argument for b in bound))
    known = f.build.actions.get(key)
    if known is None:
        known = _lower(f, found, bound, use.node.span)
        f.build.actions[key] = known
    return known


def _instance(f: Frame, declaration: ast.ActionDeclaration) -> ActionInstance:
    found = f.scope.find(declaration)
    if isinstance(found, ActionInstance):
        return found
    name = control_plane_name(declaration.name, declaration.annotations).removeprefix(".")
    return ActionInstance(declaration, f.build.top, name)


def _lower(f: Frame, of: ActionInstance, bound: tuple[Binding, ...], span: Span) -> ir.Action:
    declaration = of.declaration
    scope = of.scope.inner()
    name = f.build.unique("action", of.control_name)
    parameters = _parameters(f, declaration, scope)
    inner = Frame(f.build, f.scope, Flow())
    outs = binding.bind(inner, bound, scope, False, span)
    inner.scope = scope
    inner.flow = Flow(pending=outs)
    if outs:  # a return must still copy out
        label = f.build.unique("label", f"end_{declaration.name}")
        body = inner.within(scope, Flow(label, pending=outs))
        statements.block(body, declaration.body)
        inner.emit(binding.labelled(declaration.body.span, label, body))
        binding.copy_out(inner, outs)
    else:
        statements.block(inner, declaration.body)
    return ir.Action(
        name=name,
        control_name=of.control_name,
        parameters=parameters,
        variables=(),
        body=tuple(inner.out),
        span=declaration.name_span,
    )


def _parameters(
    f: Frame, declaration: ast.ActionDeclaration, scope: Scope
) -> tuple[ir.Parameter, ...]:
    """Of the control plane: those without direction."""
    made = []
    for p in declaration.parameters:
        if p.direction is not Direction.NONE:
            continue
        of = f.build.kinds.scalar(scope.type(f.build.checked.declared_type(p)), p.span)
        variable = f.build.unique("variable", p.name)
        scope.bind(p, ex.Var(of, variable))
        local = control_plane_name(p.name, p.annotations)
        made.append(ir.Parameter(variable, local, of))
    return tuple(made)


def control_arguments(f: Frame, use: ActionUse) -> tuple[int, ...]:
    """Values of the parameters without direction, in their order."""
    found = []
    for b in use.bindings:
        if b.parameter.direction is not Direction.NONE:
            continue
        argument = b.argument
        if argument is None:
            message = f"the argument for {b.parameter.name!r} is missing"
            raise refusal.Refused(refusal.NOT_KNOWN, message, use.node.span)
        wanted = f.kind(b.parameter.type, argument.span)
        value = expressions.converted(
            expressions.value(f.within(), argument), wanted, argument.span
        )
        if not isinstance(value, ex.Const):
            message = "wanted a value known when the program is compiled"
            raise refusal.Refused(refusal.NOT_KNOWN, message, argument.span)
        found.append(value.value)
    return tuple(found)


def no_action_declaration(f: Frame, span: Span) -> ast.ActionDeclaration:
    for declaration in f.build.checked.program.declarations:
        if isinstance(declaration, ast.ActionDeclaration) and declaration.name == _NO_ACTION:
            return declaration
    message = "a table without default action wants NoAction of core.p4, which is not included"
    raise refusal.Refused(refusal.NOT_KNOWN, message, span, "#include <core.p4>")


def no_action(f: Frame, span: Span) -> ir.Action:
    declaration = no_action_declaration(f, span)
    node = ast.NameExpression(BUILT_IN, _NO_ACTION)
    return of_use(f, ActionUse(node, declaration, ()))
