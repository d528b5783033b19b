"""What the body of a control applies and calls, but for what is known never to be reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, final

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.ast import walk
from p4kube_core.compiler.frontend.checked import CallKind, Checked
from p4kube_core.compiler.p4info import values
from p4kube_core.compiler.p4info.values import Scope


@final
@dataclass(slots=True)
class Uses:
    """Each in the order of first use."""

    tables: dict[ast.TableDeclaration, None] = field(default_factory=dict)
    instances: dict[ast.Instantiation, None] = field(default_factory=dict)
    actions: dict[ast.ActionDeclaration, None] = field(default_factory=dict)
    direct: dict[ast.DirectApplication, None] = field(default_factory=dict)


def uses_of(checked: Checked, node: ast.ControlDeclaration, scope: Scope) -> Uses:
    found = Uses()
    _visit(checked, node.body, scope, found)
    _pass_on(checked, node, found)
    return found


def _visit(checked: Checked, body: Any, scope: Scope, found: Uses) -> None:
    for node in _reachable(checked, body, scope):
        if isinstance(node, ast.DirectApplication):
            found.direct[node] = None
        call = checked.calls.get(node) if isinstance(node, ast.Call) else None
        if call is None:
            continue
        match call.kind:
            case CallKind.TABLE_APPLY if isinstance(call.callee, ast.TableDeclaration):
                if call.callee not in found.tables:
                    found.tables[call.callee] = None
                    for key in call.callee.keys:  # which may apply another table
                        _visit(checked, key.expression, scope, found)
            case CallKind.CONTROL_APPLY if call.receiver is not None:
                instance = checked.use(call.receiver)
                if isinstance(instance, ast.Instantiation):
                    found.instances[instance] = None
            case CallKind.ACTION if isinstance(call.callee, ast.ActionDeclaration):
                found.actions[call.callee] = None
            case _:
                pass


def _pass_on(checked: Checked, node: ast.ControlDeclaration, found: Uses) -> None:
    """An instance that is passed to the constructor of one that is used is used as well."""
    for local in reversed(node.locals):
        if not isinstance(local, ast.Instantiation) or local not in found.instances:
            continue
        for argument in local.arguments:
            if isinstance(argument.value, ast.NameExpression):
                passed = checked.use(argument.value)
                if isinstance(passed, ast.Instantiation):
                    found.instances[passed] = None


def _reachable(checked: Checked, node: Any, scope: Scope) -> Iterator[Any]:
    """All nodes under a node but for branches that are never taken."""
    pending = [node]
    while pending:
        found = pending.pop()
        if isinstance(found, ast.If | ast.Conditional):
            value = values.value_of(checked, found.condition, scope)
            if isinstance(value, bool):
                taken = found.then if value else found.otherwise
                if taken is not None:
                    pending.append(taken)
                continue
        yield found
        pending.extend(reversed(list(walk.children(found))))


def is_dropped(checked: Checked, node: ast.Instantiation) -> bool:
    """Is it an extern that p4c removes? Only one of a typedef that is never written to."""
    type_ = node.type.base if isinstance(node.type, ast.SpecializedType) else node.type
    if not isinstance(type_, ast.NamedType):
        return False
    if not isinstance(checked.use(type_), ast.TypedefDeclaration):
        return False
    reads = {
        call.receiver
        for call in checked.calls.values()
        if isinstance(call.callee, ast.ExternMethod)
        and any(a.name in ("noSideEffects", "pure") for a in call.callee.annotations)
    }
    return all(user in reads for user, used in checked.uses.items() if used is node)
