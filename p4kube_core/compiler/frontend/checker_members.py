"""Members: fields, enum members, errors, and what stacks, tables and their results offer.

Methods are resolved where they are called (checker_callees).
"""

from __future__ import annotations

from collections.abc import Iterable

from p4kube_core.compiler.frontend import (
    ast,
    checker_codes,
    checker_conversions,
    checker_inference,
    checker_values,
    type_algebra,
    types,
)
from p4kube_core.compiler.frontend.checked import (
    EnumValue,
    ErrorValue,
    RecordValue,
    Value,
)
from p4kube_core.compiler.frontend.checker_context import Context, Place
from p4kube_core.compiler.frontend.types import Type

SIZES = ("minSizeInBits", "minSizeInBytes", "maxSizeInBits", "maxSizeInBytes")
_METHODS = frozenset(
    ("isValid", "setValid", "setInvalid", "push_front", "pop_front", "apply", *SIZES)
)


def member(ctx: Context, node: ast.Member) -> Type:
    """Type of base.member that is not called."""
    base = ctx.type_of(node.base)
    match base:
        case types.UNKNOWN:
            return base
        case types.TypeName():
            return _of_type(ctx, node, base.type)
        case types.Header() | types.Union() | types.Struct() | types.Record():
            return _field(ctx, node, base)
        case types.Stack():
            return _of_stack(ctx, node, base)
        case types.ApplyResult():
            return _of_result(ctx, node, base)
        case _:
            return unknown(ctx, node, base, ())


def unknown(ctx: Context, node: ast.Member, base: Type, known: Iterable[str]) -> Type:
    if node.member in _METHODS:
        hint: str | None = f"{node.member} is a method: call it with ()"
    else:
        hint = ctx.suggestion(node.member, known)
    message = f"{base} has no member {node.member!r}"
    return ctx.fault(checker_codes.UNKNOWN_MEMBER, message, node.member_span, hint)


def _field(
    ctx: Context,
    node: ast.Member,
    base: types.Header | types.Union | types.Struct | types.Record,
) -> Type:
    found = type_algebra.field_of(base, node.member)
    if found is None:
        return unknown(ctx, node, base, (f.name for f in base.fields))
    if found.declaration is not None:
        ctx.checked.uses[node] = found.declaration
    value = ctx.constant(node.base)
    if isinstance(value, RecordValue):
        part = dict(value.fields).get(node.member)
        if part is not None:
            ctx.checked.constants[node] = part
    elif ctx.is_known(node.base):
        ctx.checked.known.add(node)
    return found.type


def _of_type(ctx: Context, node: ast.Member, base: Type) -> Type:
    match base:
        case types.Enum() | types.SerialEnum():
            return enum_member(ctx, node, base)
        case types.ERROR:
            return _error(ctx, node)
        case types.UNKNOWN:
            return base
        case _:
            return unknown(ctx, node, types.TypeName(base), ())


def enum_member(ctx: Context, node: ast.Member, base: types.Enum | types.SerialEnum) -> Type:
    if node.member not in base.members:
        return unknown(ctx, node, types.TypeName(base), base.members)
    ctx.checked.constants[node] = EnumValue(base, node.member)
    if base.declaration is not None:
        for m in base.declaration.members:
            if m.name == node.member:
                ctx.checked.uses[node] = m
    return base


def _error(ctx: Context, node: ast.Member) -> Type:
    declaration = ctx.error_members.get(node.member)
    if declaration is None:
        return unknown(ctx, node, types.TypeName(types.ERROR), ctx.error_members)
    ctx.checked.uses[node] = declaration
    ctx.checked.constants[node] = ErrorValue(node.member)
    return types.ERROR


def _of_stack(ctx: Context, node: ast.Member, base: types.Stack) -> Type:
    offered = ("next", "last", "lastIndex", "size", "push_front", "pop_front")
    headers = isinstance(base.element, types.Header | types.Union)
    match node.member:
        case "size" if headers:
            ctx.checked.constants[node] = base.size
            return types.Bit(32)
        case "next" | "last" | "lastIndex" if headers:
            if ctx.place not in (Place.STATE, Place.PARSER):
                message = f"{node.member!r} of a stack may be used in parser states only"
                return ctx.fault(checker_codes.MISPLACED, message, node.member_span)
            return types.Bit(32) if node.member == "lastIndex" else base.element
        case _:
            return unknown(ctx, node, base, offered if headers else ())


def _of_result(ctx: Context, node: ast.Member, base: types.ApplyResult) -> Type:
    match node.member:
        case "hit" | "miss":
            return types.BOOL
        case "action_run":
            if node not in ctx.action_run_of:
                message = "action_run may be used as the expression of a switch statement only"
                return ctx.fault(checker_codes.MISPLACED, message, node.member_span)
            return types.ActionRun(base.table)
        case _:
            return unknown(ctx, node, base, ("hit", "miss", "action_run"))


def index(ctx: Context, node: ast.Index) -> Type:
    """Type of base[index]: an element of a stack, array or tuple."""
    base, at = ctx.type_of(node.base), ctx.type_of(node.index)
    if types.UNKNOWN in (base, at):
        return base.element if isinstance(base, types.Stack) else types.UNKNOWN
    if isinstance(at, types.SerialEnum):
        checker_conversions.settle(ctx, node.index, at, at.underlying)
        at = at.underlying
    if not isinstance(at, types.Bit | types.Int) and at is not types.INTEGER:
        return ctx.fault(
            checker_codes.WRONG_TYPE, f"an index wants a number, found {at}", node.index.span
        )
    value = checker_conversions.converted_constant(ctx, node.index)
    match base:
        case types.Stack():
            if value is not None:
                _check_bounds(ctx, node, value, base.size)
            _keep_element(ctx, node, value)
            return base.element
        case types.Tuple() | types.Sequence():
            checker_conversions.settle(ctx, node.base, base, checker_inference.settled(base))
            if value is None:
                message = "an index into a tuple wants a value known at compile time"
                return ctx.fault(checker_codes.NOT_CONSTANT, message, node.index.span)
            if not _check_bounds(ctx, node, value, len(base.elements)):
                return types.UNKNOWN
            _keep_element(ctx, node, value)
            return base.elements[value]
        case _:
            message = f"wanted an array or a tuple before [], found {base}"
            return ctx.fault(checker_codes.OPERANDS, message, node.base.span)


def _check_bounds(ctx: Context, node: ast.Index, value: int, size: int) -> bool:
    if 0 <= value < size or (size == 0 and isinstance(ctx.type_of(node.base), types.Stack)):
        return True
    message = f"an index into {size} elements wants 0 to {size - 1}, found {value}"
    ctx.error(checker_codes.BAD_VALUE, message, node.index.span)
    return False


def _keep_element(ctx: Context, node: ast.Index, value: int | None) -> None:
    whole: Value | None = ctx.constant(node.base)
    if isinstance(whole, tuple) and value is not None and 0 <= value < len(whole):
        ctx.checked.constants[node] = whole[value]
    elif ctx.is_known(node.base) and ctx.is_known(node.index):
        ctx.checked.known.add(node)


def size_of(of: Type, method: str) -> int | None:
    """Value of minSizeInBits and its kin on an expression of a type; None if it has no size."""
    bits = _bits(of, "min" in method)
    if bits is None:
        return None
    return (bits + 7) >> 3 if method.endswith("Bytes") else bits


def _bits(of: Type, least: bool) -> int | None:
    match of:
        case types.Varbit():
            return 0 if least else of.width
        case types.Header() | types.Struct():
            parts = [_bits(f.type, least) for f in of.fields]
        case types.Tuple():
            parts = [_bits(e, least) for e in of.elements]
        case types.Stack():
            element = _bits(of.element, least)
            return None if element is None else element * of.size
        case types.Union():
            members = [_bits(f.type, least) for f in of.fields]
            return (
                None if None in members else max((m for m in members if m is not None), default=0)
            )
        case _:
            return type_algebra.width_bits(of)
    return None if None in parts else sum(p for p in parts if p is not None)


def literal(ctx: Context, node: ast.IntegerLiteral) -> Type:
    """Type of a number; warns where it does not fit the width written with it."""
    if node.width is None:
        if node.value.bit_length() > checker_values.MAX_BITS:
            return ctx.fault(checker_codes.BAD_VALUE, "the number is too large", node.span)
        ctx.checked.constants[node] = node.value
        return types.INTEGER
    least = 1 if node.signed else 0
    if not least <= node.width <= checker_values.MAX_BITS:
        message = f"a width wants {least} to {checker_values.MAX_BITS} bits, found {node.width}"
        return ctx.fault(checker_codes.BAD_VALUE, message, node.span)
    found = types.Int(node.width) if node.signed else types.Bit(node.width)
    value = checker_values.wrap(node.value, found)
    if value != node.value:
        message = f"{node.value} does not fit {found}; {value} is used"
        ctx.warn(checker_codes.TRUNCATED, message, node.span)
    ctx.checked.constants[node] = value
    return found
