"""Tables: keys, actions, default action and the other properties.

Source: P4_16 specification v1.2.5, "Tables".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import (
    ast,
    checker_actions,
    checker_annotations,
    checker_codes,
    checker_conversions,
    checker_entries,
    checker_names,
    checker_operators,
    types,
)
from p4kube_core.compiler.frontend.checked import ActionUse, Key, Table
from p4kube_core.compiler.frontend.checker_context import Context, Place, has_annotation
from p4kube_core.compiler.frontend.types import Type


def table(ctx: Context, node: ast.TableDeclaration) -> None:
    """Check a table and make it visible."""
    checker_annotations.check(ctx, node.annotations)
    of = types.Table(node.name, node)
    ctx.checked.declaration_types[node] = of
    _check_repeated(ctx, node)
    with ctx.at(Place.TABLE):
        keys = _keys(ctx, node)
        uses = _actions(ctx, node)
        default = _default(ctx, node, uses)
        size = _size(ctx, node)
        _other(ctx, node)
        entries = checker_entries.entries(ctx, node, keys, uses)
    property_ = node.property_named("default_action")
    given = node.entries
    ctx.checked.tables[node] = Table(
        node,
        of,
        tuple(keys),
        tuple(uses),
        default,
        property_ is not None and property_.is_const,
        entries,
        given is not None and given.is_const,
        size,
        {
            p.name: p
            for p in node.properties
            if isinstance(p, ast.ValueProperty) and p.name not in ("default_action", "size")
        },
    )
    ctx.declare(node.name, node, node.name_span)


def _check_repeated(ctx: Context, node: ast.TableDeclaration) -> None:
    seen: dict[str, ast.TableProperty] = {}
    for p in node.properties:
        name = p.name if isinstance(p, ast.ValueProperty) else type(p).__name__
        if name in seen:
            what = name.removesuffix("Property").lower()
            message = f"property {what!r} is given twice"
            ctx.error(checker_codes.TABLE, message, p.span)
        seen.setdefault(name, p)
    if not any(isinstance(p, ast.ActionsProperty) for p in node.properties):
        message = f"table {node.name!r} wants a list of actions, found none"
        ctx.error(checker_codes.TABLE, message, node.name_span)
    _check_order(ctx, node)


def _check_order(ctx: Context, node: ast.TableDeclaration) -> None:
    """Entries stand after key and actions; so does the default action after the actions."""
    before: set[type] = set()
    for p in node.properties:
        is_entries = isinstance(p, ast.EntriesProperty)
        is_default = isinstance(p, ast.ValueProperty) and p.name == "default_action"
        what = "entries want" if is_entries else "the default action wants"
        if is_entries and node.keys and ast.KeyProperty not in before:
            message = f"{what} to stand after the key of the table"
            ctx.error(checker_codes.TABLE, message, p.span)
        if (is_entries or is_default) and node.actions and ast.ActionsProperty not in before:
            message = f"{what} to stand after the actions of the table"
            ctx.error(checker_codes.TABLE, message, p.span)
        before.add(type(p))


def _keys(ctx: Context, node: ast.TableDeclaration) -> list[Key]:
    return [_key(ctx, k) for k in node.keys]


def _key(ctx: Context, node: ast.TableKey) -> Key:
    with ctx.at(Place.APPLY):  # a key may apply another table
        found = ctx.type_of(node.expression)
    if found is types.INTEGER or not (found is types.UNKNOWN or _matchable(found)):
        message = f"a key wants a number, boolean, enum, error or varbit, found {found}"
        hint = "give the number a width" if found is types.INTEGER else None
        ctx.error(checker_codes.KEY, message, node.expression.span, hint)
        found = types.UNKNOWN
    if node.match_kind not in ctx.checked.match_kinds:
        hint = ctx.suggestion(node.match_kind, ctx.checked.match_kinds)
        message = f"no match kind {node.match_kind!r}"
        ctx.error(checker_codes.KEY, message, node.match_kind_span, hint)
    name = key_name(node)
    if not name:
        message = "a key that is a complex expression wants a @name annotation"
        ctx.error(checker_codes.KEY, message, node.expression.span)
    return Key(node, node.expression, found, node.match_kind, name)


def _matchable(of: Type) -> bool:
    match of:
        case types.Bit() | types.Int() | types.Varbit() | types.Enum() | types.SerialEnum():
            return True
        case types.NewType():
            return _matchable(of.underlying)
        case types.TypeVar():
            return True
        case _:
            return of in (types.BOOL, types.ERROR)


def key_name(node: ast.TableKey) -> str:
    """The control-plane name of a key: its @name, or what its expression gives; else empty.

    Source: P4_16 specification v1.2.5, "Control plane names", section "Keys".
    """
    return checker_names.given_name(node.annotations) or expression_name(node.expression)


def expression_name(node: ast.Expression) -> str:
    match node:
        case ast.NameExpression():
            return f".{node.name}" if node.absolute else node.name
        case ast.Member():
            base = expression_name(node.base)
            return f"{base}.{node.member}" if base else ""
        case ast.Index():
            return _indexed_name(node.base, node.index)
        case ast.Slice():
            base = expression_name(node.base)
            high, low = node.high.span.text, node.low.span.text
            return f"{base}[{high}:{low}]" if base else ""
        case ast.Call(function=ast.Member() as method) if method.member == "isValid":
            base = expression_name(method.base)
            return f"{base}.$valid$" if base else ""
        case ast.IntegerLiteral():
            return node.span.text
        case ast.Binary(operator=ast.BinaryOperator.BIT_AND):
            return expression_name(node.left)  # a key under a mask keeps its name
        case _:
            return ""


def _indexed_name(base_node: ast.Expression, index: ast.Expression) -> str:
    base = expression_name(base_node)
    at = expression_name(index)
    return f"{base}[{at}]" if base and at else ""


def _actions(ctx: Context, node: ast.TableDeclaration) -> list[ActionUse]:
    uses: list[ActionUse] = []
    names: set[str] = set()
    for reference in node.actions:
        use = checker_actions.listed(ctx, reference)
        if use is None:
            continue
        if use.action.name in names:
            message = f"action {use.action.name!r} stands twice in the list"
            ctx.error(checker_codes.ACTION_LIST, message, reference.span)
            continue
        names.add(use.action.name)
        uses.append(use)
    return uses


def _default(ctx: Context, node: ast.TableDeclaration, uses: list[ActionUse]) -> ActionUse | None:
    given = node.property_named("default_action")
    if given is None:
        _check_no_action(ctx, node)
        return None
    default = checker_actions.complete(ctx, given.value, uses, "the default action")
    if default is not None and has_annotation(default.annotations, "tableonly"):
        message = f"action {default.action.name!r} is @tableonly and may not be the default"
        ctx.error(checker_codes.ACTION_LIST, message, given.value.span)
    return default


def _check_no_action(ctx: Context, node: ast.TableDeclaration) -> None:
    """A table without default action runs core.p4's NoAction on a miss."""
    found = ctx.top.find("NoAction")
    action = found[0] if found else None
    if not isinstance(action, ast.ActionDeclaration) or action.parameters:
        message = f"table {node.name!r} wants a default action, or core.p4's NoAction"
        ctx.error(checker_codes.TABLE, message, node.name_span, "#include <core.p4>")


def _size(ctx: Context, node: ast.TableDeclaration) -> int | None:
    given = node.property_named("size")
    if given is None:
        return None
    found = ctx.type_of(given.value)
    if found is types.UNKNOWN:
        return None
    if not checker_operators.is_number(found) and not isinstance(found, types.SerialEnum):
        message = f"the size of a table wants a number, found {found}"
        ctx.error(checker_codes.TABLE, message, given.value.span)
        return None
    value = checker_conversions.converted_constant(ctx, given.value)
    if value is None and not ctx.is_known(given.value):
        message = "the size of a table wants a value that is known at compile time"
        ctx.error(checker_codes.NOT_CONSTANT, message, given.value.span)
    if value is not None and value < 0:
        message = f"the size of a table wants no negative number, found {value}"
        ctx.error(checker_codes.TABLE, message, given.value.span)
    return value


def _other(ctx: Context, node: ast.TableDeclaration) -> None:
    """Properties that are plain expressions; architectures give them their meaning."""
    for p in node.properties:
        if not isinstance(p, ast.ValueProperty) or p.name in ("default_action", "size"):
            continue
        found = ctx.type_of(p.value)
        if p.name == "largest_priority_wins" and found not in (types.BOOL, types.UNKNOWN):
            message = f"largest_priority_wins wants true or false, found {found}"
            ctx.error(checker_codes.TABLE, message, p.value.span)
        if p.name == "priority_delta" and found is not types.UNKNOWN:
            value = checker_conversions.converted_constant(ctx, p.value)
            if value is None or value <= 0:
                message = "priority_delta wants a positive number that is known at compile time"
                ctx.error(checker_codes.TABLE, message, p.value.span)
