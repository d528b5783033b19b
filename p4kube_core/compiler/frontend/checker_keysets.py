"""Key sets: what select cases and table entries match values against.

Source: P4_16 specification v1.2.5, "Operations on sets", "Select expressions", "Entries".
"""

from __future__ import annotations

from collections.abc import Iterator

from p4kube_core.compiler.frontend import (
    ast,
    checker_arguments,
    checker_codes,
    checker_conversions,
    types,
)
from p4kube_core.compiler.frontend.checker_context import Context, count
from p4kube_core.compiler.frontend.types import Type


def check(ctx: Context, node: ast.Expression, wanted: Type, what: str) -> None:
    """Check one key set against the type that it is matched with."""
    match node:
        case ast.DontCare() | ast.DefaultKey():
            ctx.note(node, types.Set(wanted))
        case ast.Mask():
            _pair(ctx, node, node.value, node.mask, wanted, what)
        case ast.Range():
            if _pair(ctx, node, node.low, node.high, wanted, what):
                _check_order(ctx, node)
        case ast.ListExpression() if isinstance(wanted, types.Tuple | types.Sequence):
            ctx.note(node, types.Set(wanted))
            for element, of in zip(node.elements, wanted.elements, strict=False):
                check(ctx, element, of, what)
            if len(node.elements) != len(wanted.elements):
                keys = count(len(wanted.elements), "key set")
                message = f"{what} wants {keys}, found {len(node.elements)}"
                ctx.error(checker_codes.SELECT, message, node.span)
        case ast.TupleKeyset():
            message = f"{what} wants one key set, found {len(node.elements)}"
            ctx.error(checker_codes.SELECT, message, node.span)
        case _:
            found = ctx.type_of(node)
            if isinstance(found, types.Set):
                leaves = tuple(_leaves(found.element))
                found = leaves[0] if len(leaves) == 1 else found.element
            checker_conversions.coerce(ctx, node, found, wanted, what)


def _pair(
    ctx: Context,
    node: ast.Mask | ast.Range,
    one: ast.Expression,
    other: ast.Expression,
    wanted: Type,
    what: str,
) -> bool:
    ctx.note(node, types.Set(wanted))
    ctx.type_of(one)
    ctx.type_of(other)
    bits = wanted
    while isinstance(bits, types.NewType):
        bits = bits.underlying
    if isinstance(bits, types.SerialEnum):
        bits = bits.underlying
    if bits is types.UNKNOWN:
        return False
    if not isinstance(bits, types.Bit | types.Int):
        sort = "a mask" if isinstance(node, ast.Mask) else "a range"
        message = f"{what}: {sort} is not defined on {wanted}"
        ctx.error(checker_codes.OPERANDS, message, node.span)
        return False
    fits = True
    for part in (one, other):
        found = ctx.type_of(part)
        if found == wanted:
            continue
        fits = checker_conversions.coerce(ctx, part, found, bits, what) and fits
    return fits


def _check_order(ctx: Context, node: ast.Range) -> None:
    low = checker_conversions.converted_constant(ctx, node.low)
    high = checker_conversions.converted_constant(ctx, node.high)
    if low is not None and high is not None and low > high:
        message = f"a range wants its lower end first, found {low} .. {high}"
        ctx.warn(checker_codes.UNREACHABLE_CASE, message, node.span)


def parts(keyset: ast.Expression) -> tuple[ast.Expression, ...]:
    """The values that a key set is made of."""
    match keyset:
        case ast.DontCare() | ast.DefaultKey():
            return ()
        case ast.Mask():
            return (keyset.value, keyset.mask)
        case ast.Range():
            return (keyset.low, keyset.high)
        case _:
            return (keyset,)


def require_plain(ctx: Context, keyset: ast.Expression, what: str) -> None:
    """Report calls in a key set, and bounds and masks that are not known at compile time."""
    if isinstance(keyset, ast.Mask | ast.Range):
        require_known(ctx, keyset, what)
    elif isinstance(keyset, ast.Call) and not ctx.is_known(keyset):
        ctx.error(checker_codes.MISPLACED, f"{what} may not call anything", keyset.span)


def require_known(ctx: Context, keyset: ast.Expression, what: str) -> None:
    """Report values of a key set that are not known at compile time; a value set need not be."""
    for part in parts(keyset):
        if not isinstance(ctx.type_of(part), types.Set):
            checker_arguments.require_known(ctx, part, what)


def spread(
    ctx: Context, node: ast.Expression, wanted: tuple[Type, ...], what: str
) -> tuple[ast.Expression, ...] | None:
    """The key sets of a case or entry, one for each wanted type; None after a report."""
    if isinstance(node, ast.TupleKeyset):
        if len(node.elements) == len(wanted):
            return node.elements
        keys = count(len(wanted), "key set")
        message = f"{what} wants {keys}, found {len(node.elements)}"
        ctx.error(checker_codes.SELECT, message, node.span)
        return None
    if isinstance(node, ast.ListExpression) and len(node.elements) == len(wanted):
        return node.elements
    if len(wanted) == 1:
        return (node,)
    if isinstance(node, ast.DontCare | ast.DefaultKey):
        ctx.note(node, types.Set(types.Tuple(wanted)))
        return (node,) * len(wanted)
    return _whole(ctx, node, wanted, what)


def _leaves(of: Type) -> Iterator[Type]:
    """What a value set of structs or tuples holds, field by field."""
    if isinstance(of, types.Struct):
        for f in of.fields:
            yield from _leaves(f.type)
    elif isinstance(of, types.Tuple):
        for element in of.elements:
            yield from _leaves(element)
    else:
        yield of


def _whole(
    ctx: Context, node: ast.Expression, wanted: tuple[Type, ...], what: str
) -> tuple[ast.Expression, ...] | None:
    """A value set or tuple that stands for all keys at once."""
    found = ctx.type_of(node)
    if found is types.UNKNOWN:
        return None
    element = found.element if isinstance(found, types.Set) else None
    if element is None or tuple(_leaves(element)) != wanted:
        message = f"{what} wants {count(len(wanted), 'key set')}, found {found}"
        ctx.error(checker_codes.SELECT, message, node.span)
        return None
    return (node,) * len(wanted)
