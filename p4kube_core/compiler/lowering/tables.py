"""Tables: lowered when first applied, once for each instance of the control around them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import final

from p4kube_core.compiler.frontend import ast, checked
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types
from p4kube_core.compiler.lowering import (
    actions,
    entries,
    expressions,
    instances,
    labels,
    refusal,
)
from p4kube_core.compiler.lowering.frame import Flow, Frame
from p4kube_core.compiler.lowering.scope import (
    ExternInstance,
    TableInstance,
    control_plane_name,
)
from p4kube_core.compiler.p4info import keynames

DEFAULT_SIZE = 1024  # entries, where the program says none
_NOT_YET = {
    "implementation": "action profiles and selectors",
    "action_selector": "action selectors",
    "psa_implementation": "action profiles and selectors",
    "support_timeout": "entries that time out",
}


@final
@dataclass(frozen=True, slots=True)
class LoweredTable:
    name: str
    declarations: tuple[ast.ActionDeclaration, ...]  # of the IR table's actions, in its order
    prelude: tuple[st.Statement, ...]  # computes what the keys read; runs before each application
    may_exit: bool  # one of its actions may end the control


def apply(
    f: Frame,
    table: TableInstance,
    span: Span,
    hit: ex.Place | None = None,
    action_run: ex.Place | None = None,
) -> LoweredTable:
    """Apply a table, lowering it if that was not done yet."""
    if table.lowered is None:
        table.lowered = _lower(f, table)
        prelude = table.lowered.prelude
    else:
        prelude = labels.renewed(f, table.lowered.prelude)
    for statement in prelude:
        f.emit(statement)
    if f.flow.pending and table.lowered.may_exit:
        what = "exit in an action of a table whose control has arguments to copy back"
        raise refusal.not_yet(what, span)
    f.emit(st.ApplyTable(span, table.lowered.name, hit, action_run))
    return table.lowered


def _lower(f: Frame, table: TableInstance) -> LoweredTable:
    facts = f.build.checked.tables[table.declaration]
    inner = Frame(f.build, table.scope, Flow())
    keys = tuple(_key(inner, key) for key in facts.keys)
    listed, declarations = _actions(inner, facts)
    default = _default(inner, facts, listed, declarations)
    _refuse_properties(facts)
    size = DEFAULT_SIZE if facts.size is None else facts.size
    name = f.build.unique("table", table.control_name)
    span = table.declaration.name_span
    f.build.tables.append(
        ir.Table(
            name=name,
            keys=keys,
            actions=tuple(listed),
            default_action=default,
            const_default=facts.default_is_const,
            size=size,
            entries=entries.lower(inner, facts, keys),
            const_entries=facts.entries_are_const,
            direct_counter=_direct_counter(inner, facts, name, size, span),
            annotations=_annotations(table.declaration.annotations),
            span=span,
            direct_meter=_direct_meter(inner, facts, name, size, span),
        )
    )
    names = {a.action for a in listed}
    may_exit = any(_exits(a.body) for a in f.build.actions.values() if a.name in names)
    return LoweredTable(name, tuple(declarations), tuple(inner.out), may_exit)


def _exits(body: st.Body) -> bool:
    return any(isinstance(s, st.Exit) or any(map(_exits, st.bodies(s))) for s in body)


def _key(f: Frame, key: checked.Key) -> ir.Key:
    expression = expressions.value(f, key.expression)
    if not isinstance(expression.type, types.Bits | types.Bool):
        raise refusal.not_yet(f"a key of type {expression.type}", key.node.span)
    try:
        kind = ir.MatchKind(key.match_kind)
    except ValueError:
        message = f"the match kind {key.match_kind!r}"
        raise refusal.not_yet(message, key.node.match_kind_span) from None
    if kind is ir.MatchKind.SELECTOR:
        raise refusal.not_yet("selector keys", key.node.match_kind_span)
    name = keynames.key_name(f.build.checked, key)
    return ir.Key(expression, kind, name, key.node.span)


def _actions(
    f: Frame, facts: checked.Table
) -> tuple[list[ir.TableAction], list[ast.ActionDeclaration]]:
    listed, declarations = [], []
    for use in facts.actions:
        words = {a.name for a in use.annotations}
        name = actions.of_use(f, use).name
        listed.append(ir.TableAction(name, "defaultonly" in words, "tableonly" in words))
        declarations.append(use.action)
    return listed, declarations


def _default(
    f: Frame,
    facts: checked.Table,
    listed: list[ir.TableAction],
    declarations: list[ast.ActionDeclaration],
) -> ir.ActionCall:
    """The default action, which joins the list if it is not there."""
    use = facts.default_action
    if use is None:
        nothing = actions.no_action(f, facts.declaration.span)
        if all(a.action != nothing.name for a in listed):
            listed.append(ir.TableAction(nothing.name, default_only=True))
            declarations.append(actions.no_action_declaration(f, facts.declaration.span))
        return ir.ActionCall(nothing.name, ())
    in_list = facts.action(use.action.name)
    lowered = actions.of_use(f, in_list if in_list is not None else use)
    if all(a.action != lowered.name for a in listed):
        listed.append(ir.TableAction(lowered.name, default_only=True))
        declarations.append(use.action)
    return ir.ActionCall(lowered.name, actions.control_arguments(f, use))


def _refuse_properties(facts: checked.Table) -> None:
    for name, node in facts.properties.items():
        if name in _NOT_YET:
            raise refusal.not_yet(f"{_NOT_YET[name]} ({name!r} of a table)", node.span)


def _direct(f: Frame, facts: checked.Table, name: str, wanted: str) -> ExternInstance | None:
    """The direct counter or meter that a property of the table names or constructs."""
    node = facts.properties.get(name)
    if node is None:
        return None
    if isinstance(node.value, ast.Call):
        # One of the property's own: P4Info calls it by the property's name alone.
        local = control_plane_name(name, node.annotations).removeprefix(".")
        made = f.build.checked.call(node.value)
        unique = f.build.unique("property", local)  # P4Info refuses two of one name
        found = instances.make(f, node.value, made, f".{unique}", name)
    else:
        found = instances.instance_of(f, node.value)
    if not isinstance(found, ExternInstance) or found.type_name != wanted:
        kind = found.type_name if isinstance(found, ExternInstance) else "something else"
        message = f"the property {name!r} wants a {wanted}, found {kind}"
        raise refusal.Refused(refusal.MISPLACED, message, node.span)
    return found


def _direct_counter(
    f: Frame, facts: checked.Table, table: str, size: int, span: Span
) -> str | None:
    """Name of the table's direct counter, which learns whose it is."""
    given = _direct(f, facts, "counters", "direct_counter")
    if given is None:
        return None
    found = f.build.counters[given.name]
    if found.table is not None:
        message = f"the direct counter {found.name} is that of table {found.table} already"
        raise refusal.Refused(refusal.SHARED, message, span)
    f.build.counters[given.name] = dataclasses.replace(found, size=size, table=table)
    return found.name


def _direct_meter(f: Frame, facts: checked.Table, table: str, size: int, span: Span) -> str | None:
    """The same of its direct meter."""
    given = _direct(f, facts, "meters", "direct_meter")
    if given is None:
        return None
    found = f.build.meters[given.name]
    if found.table is not None:
        message = f"the direct meter {found.name} is that of table {found.table} already"
        raise refusal.Refused(refusal.SHARED, message, span)
    f.build.meters[given.name] = dataclasses.replace(found, size=size, table=table)
    return found.name


def _annotations(given: tuple[ast.Annotation, ...]) -> tuple[ir.Annotation, ...]:
    return tuple(
        ir.Annotation(a.name, " ".join(t.text for t in a.tokens or ()).strip('"')) for a in given
    )
