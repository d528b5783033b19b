"""The tables and actions of a P4Info."""

from __future__ import annotations

from typing import Any, Final

from p4kube_core import protos
from p4kube_core.compiler.frontend import ast, types
from p4kube_core.compiler.frontend.checked import ActionUse, EnumValue, ErrorValue, Key
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.p4info import externs, keynames, notes, objects, values
from p4kube_core.compiler.p4info.context import CODE, Context
from p4kube_core.compiler.p4info.objects import ActionObject, TableObject
from p4kube_core.compiler.p4info.typespecs import external_name, new_type_name, padded, width_of

DEFAULT_SIZE: Final = 1024  # of a table that names none, or 0
_MATCH_KINDS: Final = ("exact", "lpm", "ternary", "range", "optional")


def add_action(context: Context, found: ActionObject) -> None:
    node = found.declaration
    if notes.is_hidden(node.annotations):
        return
    added = context.message.actions.add()
    context.set_preamble(added, context.kinds.ACTION, found.name, node.annotations)
    # Parameters with a direction are bound by the program; so are all of one that is only called.
    parameters = [
        p
        for p in context.checked.parameters_of(node)
        if p.direction is types.Direction.NONE and found.in_table
    ]
    declared = [p.declaration.annotations if p.declaration else () for p in parameters]
    ids = context.member_ids(declared, node.name_span)
    for parameter, given, id_ in zip(parameters, declared, ids, strict=True):
        name = notes.external_name(parameter.name, given).removeprefix(".")
        of = found.scope.type(parameter.type)
        if not _is_writable(of):
            message = f"a controller cannot write a {of}: the parameter wants a number or bool"
            context.diagnostics.error(CODE, message, _place(parameter, node))
            continue
        param = added.params.add(id=id_, name=name, bitwidth=width_of(of))
        context.add_annotations(param, given)
        notes.add_documentation(param, given)
        context.types.add(of)
        type_name = new_type_name(of)
        if type_name is None and isinstance(of, types.Enum):
            type_name = external_name(of)
        if type_name is not None:
            param.type_name.name = type_name


def _is_writable(of: types.Type) -> bool:
    """Can a P4Runtime message hold a value of the type?"""
    match of:
        case types.Bit() | types.Int() | types.NewType() | types.SerialEnum() | types.Enum():
            return True
        case _:
            return of is types.BOOL


def _place(parameter: types.Parameter, node: ast.ActionDeclaration) -> Span:
    declared = parameter.declaration
    if isinstance(declared, ast.Parameter):
        return declared.name_span
    return node.name_span


def add_table(context: Context, found: TableObject) -> None:
    node = found.table.declaration
    if notes.is_hidden(node.annotations):
        return
    added = context.message.tables.add()
    context.set_preamble(added, context.kinds.TABLE, found.name, node.annotations)
    added.size = size_of(context, found)
    _set_default(context, found, added)
    for use in found.table.actions:
        _add_reference(context, found, added, use)
    if found.table.default_action is None:
        _add_no_action(context, found, added)
    _add_keys(context, found, added)
    if node.entries is not None:
        added.is_const_table = node.entries.is_const
        added.has_initial_entries = bool(node.entries.entries)
    externs.add_table_properties(context, found, added)


def size_of(context: Context, found: TableObject) -> int:
    node = found.table.declaration.property_named("size")
    value = None
    if node is not None:
        value = values.value_of(context.checked, node.value, found.scope)
    return value if isinstance(value, int) and value > 0 else DEFAULT_SIZE


def _action_id(context: Context, found: TableObject, use: ActionUse) -> int | None:
    """Its id; None for an action that is hidden from the control plane."""
    declaration = use.action
    if notes.is_hidden(declaration.annotations):
        return None
    top = declaration in context.checked.program.declarations
    block = "" if top else found.block
    name = objects.full_name(block, notes.external_name(declaration.name, declaration.annotations))
    return context.ids.of(context.kinds.ACTION, name)


def _set_default(context: Context, found: TableObject, added: Any) -> None:
    use = found.table.default_action or objects.no_action_use(context.checked)
    id_ = _action_id(context, found, use) if use is not None else None
    if use is None or id_ is None:
        return
    if found.table.default_is_const:
        added.const_default_action_id = id_
    added.initial_default_action.action_id = id_
    bindings = [
        b
        for b in use.bindings
        if b.parameter.direction is types.Direction.NONE and b.argument is not None
    ]
    declared = [b.parameter.declaration.annotations for b in bindings]
    ids = context.member_ids(declared, found.table.declaration.name_span)
    for binding, id_ in zip(bindings, ids, strict=True):
        assert binding.argument is not None
        value = values.value_of(context.checked, binding.argument, found.scope)
        if isinstance(value, EnumValue | ErrorValue):
            value = context.checked.enum_number(value)
        if not isinstance(value, int):
            message = "argument of a default action wants a value known at compile time"
            context.diagnostics.error(CODE, message, binding.argument.span)
            continue
        width = width_of(found.scope.type(binding.parameter.type))
        argument = added.initial_default_action.arguments.add(param_id=id_)
        argument.value = padded(value % (1 << width), width) if width else b""


def _add_reference(context: Context, found: TableObject, added: Any, use: ActionUse) -> None:
    id_ = _action_id(context, found, use)
    if id_ is None:
        return
    reference = added.action_refs.add(id=id_)
    context.add_annotations(reference, use.annotations)
    table_only = notes.annotation(use.annotations, "tableonly")
    default_only = notes.annotation(use.annotations, "defaultonly")
    if table_only is not None and default_only is not None:
        message = f"action {use.action.name!r} is both @tableonly and @defaultonly"
        context.diagnostics.error(CODE, message, use.node.span)
    elif table_only is not None:
        reference.scope = protos.p4info.ActionRef.TABLE_ONLY
    elif default_only is not None:
        reference.scope = protos.p4info.ActionRef.DEFAULT_ONLY


def _add_no_action(context: Context, found: TableObject, added: Any) -> None:
    """A table that names no default action has NoAction, which entries may then not use."""
    no_action = objects.no_action_use(context.checked)
    if no_action is None or any(u.action is no_action.action for u in found.table.actions):
        return
    id_ = _action_id(context, found, no_action)
    if id_ is not None:
        scope = protos.p4info.ActionRef.DEFAULT_ONLY
        added.action_refs.add(id=id_, scope=scope, annotations=["@defaultonly"])


def _add_keys(context: Context, found: TableObject, added: Any) -> None:
    keys = found.table.keys
    declared = [k.node.annotations for k in keys]
    ids = context.member_ids(declared, found.table.declaration.name_span)
    for key, id_ in zip(keys, ids, strict=True):
        if key.match_kind != "selector":
            _add_key(context, found, added, key, id_)


def _add_key(context: Context, found: TableObject, added: Any, key: Key, id_: int) -> None:
    of = found.scope.type(key.type)
    field = added.match_fields.add(
        id=id_, name=keynames.key_name(context.checked, key), bitwidth=width_of(of)
    )
    context.add_annotations(field, key.node.annotations)
    notes.add_documentation(field, key.node.annotations)
    set_match_type(field, key.match_kind)
    context.types.add(of)
    type_name = new_type_name(of)
    if type_name is not None:
        field.type_name.name = type_name


def set_match_type(field: Any, kind: str) -> None:
    """The match type of a field, or its name where P4Runtime knows none such."""
    if kind in _MATCH_KINDS:
        field.match_type = protos.p4info.MatchField.MatchType.Value(kind.upper())
    else:
        field.other_match_type = kind
