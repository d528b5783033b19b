"""Implicit casts: which types may stand for which, and the record of it on the expressions.

Source: P4_16 specification v1.2.5, "Implicit casts", "Operations on structure-valued expressions".
"""

from __future__ import annotations

import dataclasses

from p4kube_core.compiler.frontend import (
    ast,
    checker_codes,
    checker_values,
    type_algebra,
    types,
)
from p4kube_core.compiler.frontend.checker_context import Context, count
from p4kube_core.compiler.frontend.types import Type

_FIXED = types.Bit | types.Int
MAX_BRACES = 1 << 12  # elements of an array that a list expression may give


def convertible(source: Type, target: Type) -> bool:
    """Whether a value of `source` may stand where `target` is wanted, perhaps with a cast."""
    if source is types.UNKNOWN or target is types.UNKNOWN or equivalent(source, target):
        return True
    match source:
        case types.INTEGER:
            # The specification names bit<> and int<> only; programs in use rely on `type` as well.
            while isinstance(target, types.NewType):
                target = target.underlying
            return isinstance(target, _FIXED)
        case types.DEFAULT:
            return has_default(target)
        case types.INVALID:
            return isinstance(target, types.Header | types.Union)
        case types.SerialEnum():
            return source.underlying == target
        case types.Sequence():
            return _sequence_fits(source, target)
        case types.Record():
            return _record_fits(source, target)
        case types.Tuple():
            return isinstance(target, types.Tuple) and _all_fit(source.elements, target.elements)
        case types.Parser() | types.Control() if type(source) is type(target):
            return _same_block(source, target)
        case _:
            return False


def equivalent(source: Type, target: Type) -> bool:
    """Whether two types are the same, `_` and what is unknown agreeing with everything."""
    if source == target:
        return True
    wild = (types.UNKNOWN, types.DONT_CARE)
    if source in wild or target in wild:
        return True
    match source, target:
        case (
            types.Header() | types.Union() | types.Struct() | types.Extern() | types.Package(),
            types.Header() | types.Union() | types.Struct() | types.Extern() | types.Package(),
        ):
            return (
                type(source) is type(target)
                and source.name == target.name
                and all(map(equivalent, source.arguments, target.arguments))
            )
        case _:
            return False


def _same_block(source: Type, target: Type) -> bool:
    """Parsers and controls agree if their parameters do, whatever these are called."""
    assert isinstance(source, types.Parser | types.Control)
    assert isinstance(target, types.Parser | types.Control)
    required = [p for p in target.parameters if not p.optional and p.default is None]
    if not len(required) <= len(source.parameters) <= len(target.parameters):
        return False
    return all(
        s.direction == t.direction and equivalent(s.type, t.type)
        for s, t in zip(source.parameters, target.parameters, strict=False)
    )


def _all_fit(sources: tuple[Type, ...], targets: tuple[Type, ...]) -> bool:
    return len(sources) == len(targets) and all(map(convertible, sources, targets))


def _sequence_fits(source: types.Sequence, target: Type) -> bool:
    match target:
        case types.List():
            return not source.rest and all(convertible(e, target.element) for e in source.elements)
        case _:
            places = element_types(target)
            if places is None or (not source.rest and len(places) != len(source.elements)):
                return False
            if len(source.elements) > len(places) or (
                source.rest and len(source.elements) == len(places)
            ):
                return False
            return all(map(convertible, source.elements, places)) and (
                not source.rest or all(map(has_default, places[len(source.elements) :]))
            )


def element_types(target: Type) -> tuple[Type, ...] | None:
    """What a list expression's elements become; None if it cannot become that type."""
    match target:
        case types.Tuple() | types.Sequence():
            return target.elements
        case types.Struct() | types.Header():
            return tuple(f.type for f in target.fields)
        case types.Stack() if target.size <= MAX_BRACES:
            return (target.element,) * target.size
        case _:
            return None


def _record_fits(source: types.Record, target: Type) -> bool:
    if not isinstance(target, types.Struct | types.Header):
        return False
    wanted = {f.name: f.type for f in target.fields}
    given = {f.name for f in source.fields}
    if not all(f.name in wanted and convertible(f.type, wanted[f.name]) for f in source.fields):
        return False
    left = [t for name, t in wanted.items() if name not in given]
    return all(map(has_default, left)) if source.rest else not left


def has_default(of: Type) -> bool:
    """Whether the type has a default value (specification, "Default values")."""
    match of:
        case types.Basic():
            return of not in (types.VOID, types.MATCH_KIND, types.STATE, types.DONT_CARE)
        case types.Struct() | types.Header():
            return all(has_default(f.type) for f in of.fields)
        case types.Tuple():
            return all(map(has_default, of.elements))
        case types.Stack():
            return has_default(of.element)
        case types.NewType():
            return has_default(of.underlying)
        case types.Bit() | types.Int() | types.Varbit() | types.Union():
            return True
        case types.Enum() | types.SerialEnum() | types.TypeVar():
            return True
        case _:
            return False


def require(ctx: Context, node: ast.Expression, target: Type, what: str) -> bool:
    """Check an expression and cast it implicitly to `target`; report where it does not fit.

    Args:
        what: what the expression is, for the message: "the initialiser of 'x'".
    """
    return coerce(ctx, node, ctx.type_of(node), target, what)


def coerce(ctx: Context, node: ast.Expression, source: Type, target: Type, what: str) -> bool:
    if isinstance(source, types.Parser | types.Control):
        source = _specialise_block(ctx, node, source, target)
    if convertible(source, target):
        settle(ctx, node, source, target)
        return True
    if target is types.INTEGER and isinstance(type_algebra.underlying(source), _FIXED):
        _cast(ctx, node, target)  # the value is the same; whether it must be known, others ask
        return True
    if not _report_within(ctx, node, target, what):
        hint = _cast_hint(source, target)
        message = f"{what} wants {target}, found {source}"
        ctx.error(checker_codes.WRONG_TYPE, message, node.span, hint)
    return False


def _specialise_block(ctx: Context, node: ast.Expression, source: Type, target: Type) -> Type:
    """Give a generic parser or control the type arguments that its place asks for."""
    by = block_arguments(source, target)
    made = ctx.checked.calls.get(node)
    if not by or made is None:
        return source
    result = type_algebra.substitute(source, by)
    arguments = tuple(type_algebra.substitute(a, by) for a in _arguments(result))
    ctx.checked.calls[node] = dataclasses.replace(
        made, type_arguments=arguments, result=result, receiver_type=result
    )
    return ctx.note(node, result)


def _arguments(of: Type) -> tuple[Type, ...]:
    return of.arguments if isinstance(of, types.Parser | types.Control) else ()


def block_arguments(source: Type, target: Type) -> dict[types.TypeVar, Type]:
    """Type arguments that a generic parser or control needs to be what is wanted.

    Its parameters are bare type variables or structs of them, so matching by place is enough.
    """
    if not isinstance(source, types.Parser | types.Control) or not isinstance(
        target, types.Parser | types.Control
    ):
        return {}
    free = {a for a in source.arguments if isinstance(a, types.TypeVar) and a.owner == source.name}
    return {
        s.type: t.type
        for s, t in zip(source.parameters, target.parameters, strict=False)
        if isinstance(s.type, types.TypeVar) and s.type in free
    }


def _cast_hint(source: Type, target: Type) -> str | None:
    fixed = types.Bit | types.Int
    block = types.Parser | types.Control
    if isinstance(source, block) and isinstance(target, block):
        wanted, found = (", ".join(map(str, t.parameters)) for t in (target, source))
        return f"parameters wanted are ({wanted}), found ({found})"
    if isinstance(source, fixed) and isinstance(target, fixed):
        if type(source) is type(target) or source.width == target.width:
            return f"write ({target}) before it"
        between = (
            types.Bit(target.width) if isinstance(source, types.Bit) else types.Int(target.width)
        )
        return f"write ({target})({between}) before it"
    if type_algebra.underlying(target) == source and source is not types.UNKNOWN:
        return f"write ({target}) before it"
    return None


def _report_within(ctx: Context, node: ast.Expression, target: Type, what: str) -> bool:
    """Report the elements of a brace expression that do not fit, if they are what is wrong."""
    before = ctx.diagnostics.error_count
    if isinstance(node, ast.ListExpression):
        places = element_types(target)
        if isinstance(target, types.List):
            places = (target.element,) * len(node.elements)
        if places is None:
            return False
        fits = (
            len(node.elements) < len(places)
            if node.has_default
            else (len(node.elements) == len(places))
        )
        if not fits:
            message = (
                f"{what} wants {target} with {count(len(places), 'element')},"
                f" found {len(node.elements)}"
            )
            ctx.error(checker_codes.WRONG_TYPE, message, node.span)
        for element, place in zip(node.elements, places, strict=False):
            coerce(ctx, element, ctx.type_of(element), place, f"an element of {target}")
    elif isinstance(node, ast.StructExpression) and isinstance(target, types.Struct | types.Header):
        _report_fields(ctx, node, target, what)
    return ctx.diagnostics.error_count > before


def _report_fields(
    ctx: Context, node: ast.StructExpression, target: types.Struct | types.Header, what: str
) -> None:
    left = {f.name: f.type for f in target.fields}
    for f in node.fields:
        wanted = left.pop(f.name, None)
        if wanted is None:
            message = f"{what}: {target} has no field {f.name!r}"
            ctx.error(checker_codes.UNKNOWN_MEMBER, message, f.name_span)
        else:
            what_field = f"field {f.name!r} of {target}"
            coerce(ctx, f.value, ctx.type_of(f.value), wanted, what_field)
    if left and not node.has_default:
        names = ", ".join(map(repr, left))
        message = f"{what} wants all fields of {target}, found none for {names}"
        ctx.error(checker_codes.WRONG_TYPE, message, node.span, "end it in `...` for defaults")


def settle(ctx: Context, node: ast.Expression, source: Type, target: Type) -> None:
    """Record that an expression which fits becomes `target`, on it or on its parts."""
    if source == target or types.UNKNOWN in (source, target):
        return
    match node:
        case ast.ListExpression() if isinstance(source, types.Sequence):
            _settle_list(ctx, node, target)
        case ast.StructExpression() if isinstance(target, types.Struct | types.Header):
            wanted = {f.name: f.type for f in target.fields}
            for f in node.fields:
                settle(ctx, f.value, ctx.type_of(f.value), wanted[f.name])
        case ast.InvalidHeader() | ast.DefaultInitializer():
            pass
        case ast.Conditional() if not isinstance(source, types.Parser | types.Control):
            for branch in (node.then, node.otherwise):
                settle(ctx, branch, ctx.checked.converted_type(branch), target)
        case _:
            if not isinstance(source, types.Parser | types.Control):
                _cast(ctx, node, target)
            return
    ctx.note(node, target)
    _settle_value(ctx, node, target)


def _settle_list(ctx: Context, node: ast.ListExpression, target: Type) -> None:
    places = element_types(target) or ()
    if isinstance(target, types.List):
        places = (target.element,) * len(node.elements)
    for element, place in zip(node.elements, places, strict=False):
        settle(ctx, element, ctx.type_of(element), place)


def _cast(ctx: Context, node: ast.Expression, target: Type) -> None:
    ctx.checked.casts[node] = target
    value = ctx.constant(node)
    if isinstance(value, int) and not isinstance(value, bool):
        _warn_truncation(ctx, node, value, target)


def _warn_truncation(ctx: Context, node: ast.Expression, value: int, target: Type) -> None:
    if isinstance(target, types.Bit | types.Int) and not checker_values.fits(value, target):
        wrapped = checker_values.wrap(value, target)
        message = f"{value} does not fit {target}; {wrapped} is used"
        ctx.warn(checker_codes.TRUNCATED, message, node.span)


def _settle_value(ctx: Context, node: ast.Expression, target: Type) -> None:
    """A brace expression's value by its final type."""
    value = checker_values.brace_value(ctx.checked, node, target)
    if value is not None:
        ctx.checked.constants[node] = value


def converted_constant(ctx: Context, node: ast.Expression) -> int | None:
    """The integer value of an expression after its implicit cast; None if it has none."""
    value = checker_values.converted(ctx.checked, node)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
