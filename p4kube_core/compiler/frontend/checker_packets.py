"""Rules of the core library's functions and methods that their declarations cannot say.

Source: P4_16 specification v1.2.5, "Data extraction", "Data insertion into packets", "verify",
"Static assertions".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast, checker_codes, type_algebra, types
from p4kube_core.compiler.frontend.checked import Call, CallKind
from p4kube_core.compiler.frontend.checker_context import Context, Place
from p4kube_core.compiler.frontend.types import Type


def _is_packet_in(made: Call) -> bool:
    return isinstance(made.receiver_type, types.Extern) and made.receiver_type.name == "packet_in"


def extract(ctx: Context, node: ast.Call, made: Call) -> None:
    """The argument is a header; with a varbit field exactly where the size is given."""
    if not _is_packet_in(made) or not made.bindings:
        return
    target = made.bindings[0].parameter.type
    value = made.bindings[0].argument
    span = node.span if value is None else value.span
    if target is types.UNKNOWN or isinstance(target, types.TypeVar):
        return
    if not isinstance(target, types.Header):
        ctx.error(checker_codes.WRONG_TYPE, f"extract wants a header, found {target}", span)
        return
    varbits = sum(isinstance(f.type, types.Varbit) for f in target.fields)
    if len(made.bindings) == 1 and varbits:
        message = f"extract of {target}, which has a varbit field, wants its size as well"
        ctx.error(checker_codes.ARGUMENTS, message, span)
    if varbits > 1:
        message = f"extract wants a header with at most one varbit field, found {varbits}"
        ctx.error(checker_codes.WRONG_TYPE, message, span)
    if len(made.bindings) == 2 and not varbits:
        message = f"extract with a size wants a header with a varbit field, found {target}"
        ctx.error(checker_codes.WRONG_TYPE, message, span)


def lookahead(ctx: Context, node: ast.Call, made: Call) -> None:
    if not _is_packet_in(made) or made.result is types.UNKNOWN:
        return
    if not _fixed_width(made.result):
        message = f"lookahead wants a type of fixed width, found {made.result}"
        ctx.error(checker_codes.ILLEGAL_TYPE, message, node.span)


def _fixed_width(of: Type) -> bool:
    if isinstance(of, types.TypeVar):
        return True
    if isinstance(of, types.Header | types.Struct):
        return all(_fixed_width(f.type) for f in of.fields)
    return not isinstance(of, types.Varbit) and type_algebra.width_bits(of) is not None


def emit(ctx: Context, node: ast.Call, made: Call) -> None:
    of = made.receiver_type
    if not isinstance(of, types.Extern) or of.name != "packet_out" or not made.bindings:
        return
    found = made.bindings[0].parameter.type
    if not _emittable(found):
        message = f"emit wants headers, or structs and stacks of them, found {found}"
        ctx.error(checker_codes.WRONG_TYPE, message, node.span)


def _emittable(of: Type) -> bool:
    match of:
        case types.Header() | types.Union() | types.TypeVar() | types.UNKNOWN:
            return True
        case types.Stack():
            return _emittable(of.element)
        case types.Struct():
            return all(_emittable(f.type) for f in of.fields)
        case types.Tuple():
            return bool(of.elements) and all(map(_emittable, of.elements))
        case _:
            return False


def verify(ctx: Context, node: ast.Call, made: Call) -> None:
    if made.kind is CallKind.EXTERN_FUNCTION and ctx.place is not Place.STATE:
        message = f"verify may be called in parser states only, found it in {ctx.place}"
        ctx.error(checker_codes.MISPLACED, message, node.span)


def static_assert(ctx: Context, node: ast.Call, made: Call) -> None:
    if made.kind is not CallKind.EXTERN_FUNCTION or not made.bindings:
        return
    condition = made.bindings[0].argument
    if condition is None or ctx.type_of(condition) is types.UNKNOWN:
        return
    value = ctx.constant(condition)
    if value is None:
        message = "static_assert wants a condition that is known at compile time"
        ctx.error(checker_codes.NOT_CONSTANT, message, condition.span)
    elif value is False:
        text = made.bindings[1].argument if len(made.bindings) > 1 else None
        told = ctx.constant(text) if text is not None else None
        detail = f": {told}" if isinstance(told, str) else ""
        ctx.error(checker_codes.BAD_VALUE, f"static assertion failed{detail}", node.span)
    else:
        ctx.checked.constants[node] = True
