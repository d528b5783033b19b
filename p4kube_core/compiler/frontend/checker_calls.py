"""Calls: which declaration is meant, whether it may be called from here, and its checked record.

Source: P4_16 specification v1.2.5, "Method invocations and function calls", "Restrictions on
compile time and run time calls".
"""

from __future__ import annotations

from collections.abc import Callable

from p4kube_core.compiler.frontend import (
    ast,
    checker_arguments,
    checker_callees,
    checker_codes,
    checker_lvalues,
    checker_members,
    checker_packets,
    checker_types,
    types,
)
from p4kube_core.compiler.frontend.checked import Call, CallKind
from p4kube_core.compiler.frontend.checker_arguments import Signature
from p4kube_core.compiler.frontend.checker_context import Context, Place, has_annotation
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.frontend.types import Type

_EXTERNS_TOO = frozenset((Place.APPLY, Place.ACTION, Place.STATE))
_ANYWHERE = frozenset(Place) - {Place.TOP}
_ALLOWED: dict[CallKind, frozenset[Place]] = {
    CallKind.ACTION: frozenset((Place.APPLY, Place.ACTION)),
    CallKind.FUNCTION: _ANYWHERE,
    CallKind.EXTERN_FUNCTION: _ANYWHERE,
    CallKind.EXTERN_METHOD: _ANYWHERE,
    CallKind.ABSTRACT_METHOD: _ANYWHERE,
    CallKind.TABLE_APPLY: frozenset((Place.APPLY,)),
    CallKind.CONTROL_APPLY: frozenset((Place.APPLY,)),
    CallKind.PARSER_APPLY: frozenset((Place.STATE,)),
    CallKind.BUILT_IN: frozenset(Place),
    CallKind.CONSTRUCTOR: frozenset((Place.TOP, Place.PARSER, Place.CONTROL, Place.TABLE)),
}


def call(ctx: Context, node: ast.Call) -> Type:
    """Type of a call; records what it means."""
    if constructed := constructed_type(ctx, node):
        return _constructor_call(ctx, node, constructed)
    signatures = _signatures(ctx, node)
    if not signatures:
        checker_arguments.check_all(ctx, node.arguments)
        return types.UNKNOWN
    made = choose(ctx, signatures, node.arguments, node.type_arguments, node.span)
    if made is None:
        return _agreed_result(signatures)
    _check_place(ctx, made, node.span)
    ctx.checked.calls[node] = made
    if made.callee is not None:
        ctx.checked.uses[node.function] = made.callee
    _note_callee(ctx, node, made)
    warn_if_deprecated(ctx, made, node.span)
    _special(ctx, node, made)
    annotations = made.callee.annotations if isinstance(made.callee, ast.ExternFunction) else ()
    if isinstance(made.result, types.Extern) or has_annotation(annotations, "pure"):
        _keep_known(ctx, node)
    return made.result


def _note_callee(ctx: Context, node: ast.Call, made: Call) -> None:
    """What is called has a type too: the declared one, or for a method that of this call."""
    declared = None if made.callee is None else ctx.checked.declaration_types.get(made.callee)
    if isinstance(node.function, ast.NameExpression) and declared is not None:
        ctx.note(node.function, declared)
    else:
        parameters = tuple(b.parameter for b in made.bindings)
        of = types.Function(made.method, (), parameters, made.result, made.callee)
        ctx.note(node.function, of)


def _keep_known(ctx: Context, node: ast.Call) -> None:
    """A pure function of known values, or one that gives an extern, is called at compile time."""
    if all(a.value is None or ctx.is_known(a.value) for a in node.arguments):
        ctx.checked.known.add(node)


def _agreed_result(signatures: list[Signature]) -> Type:
    """What the call gives for all that it may mean; a boolean or nothing is worth keeping."""
    results = {s.result for s in signatures if s.result in (types.VOID, types.BOOL)}
    return results.pop() if len(results) == 1 == len(signatures) else types.UNKNOWN


def _signatures(ctx: Context, node: ast.Call) -> list[Signature]:
    """What may be called; empty after a report."""
    match node.function:
        case ast.NameExpression():
            return _named(ctx, node.function)
        case ast.Member():
            return _method(ctx, node.function)
        case _:
            found = ctx.type_of(node.function)
            if found is not types.UNKNOWN:
                message = f"wanted something to call, found {found}"
                ctx.error(checker_codes.WRONG_SORT, message, node.function.span)
            return []


def _named(ctx: Context, node: ast.NameExpression) -> list[Signature]:
    scope = ctx.top if node.absolute else ctx.scope
    found = scope.find_finished(node.name, ctx.unfinished)
    if found is None:
        hint = ctx.suggestion(node.name, ctx.scope.visible())
        ctx.error(checker_codes.UNKNOWN_NAME, f"no {node.name!r} here", node.span, hint)
        return []
    if found[0] in ctx.unfinished:
        message = f"{node.name!r} calls itself"
        ctx.error(checker_codes.RECURSION, message, node.span)
        return []
    signatures = checker_callees.of_name(ctx, node.name, found)
    if not signatures and ctx.checked.declaration_types.get(found[0]) is not types.UNKNOWN:
        message = f"wanted something to call, found {node.name!r}, which is none"
        ctx.error(checker_codes.WRONG_SORT, message, node.span)
    return signatures


def _method(ctx: Context, node: ast.Member) -> list[Signature]:
    base = ctx.type_of(node.base)
    if base is types.UNKNOWN:
        return []
    if isinstance(base, types.TypeName):
        return _method_of_type(ctx, node, base.type)
    signatures = checker_callees.of_method(ctx, node, base)
    if not signatures:
        known = _offered(base)
        hint = ctx.suggestion(node.member, known)
        message = f"{base} has no method {node.member!r}"
        ctx.error(checker_codes.UNKNOWN_MEMBER, message, node.member_span, hint)
    return signatures


def _method_of_type(ctx: Context, node: ast.Member, base: Type) -> list[Signature]:
    if base is types.UNKNOWN:
        return []
    if node.member in checker_members.SIZES:
        return checker_callees.of_method(ctx, node, base)
    if isinstance(base, types.Parser | types.Control) and node.member == "apply" and base.is_object:
        return [checker_callees.applying(None, base)]
    message = f"type {base} has no method {node.member!r}"
    ctx.error(checker_codes.UNKNOWN_MEMBER, message, node.member_span)
    return []


def _offered(base: Type) -> list[str]:
    match base:
        case types.Extern():
            return [m.name for m in base.declaration.methods if not m.is_constructor]
        case types.Header():
            return ["isValid", "setValid", "setInvalid"]
        case types.Union():
            return ["isValid"]
        case types.Stack():
            return ["push_front", "pop_front"]
        case types.Table() | types.Parser() | types.Control():
            return ["apply"]
        case _:
            return []


def choose(
    ctx: Context,
    signatures: list[Signature],
    arguments: tuple[ast.Argument, ...],
    type_arguments: tuple[ast.Type, ...],
    span: Span,
) -> Call | None:
    """The one signature that the arguments' number and names fit, checked; None after a report."""
    if len(signatures) == 1:
        return checker_arguments.invoke(ctx, signatures[0], arguments, type_arguments, span)
    fitting = [s for s in signatures if checker_arguments.fitting(s.parameters, arguments) is None]
    if type_arguments:
        number = len(type_arguments)
        fitting = [s for s in fitting if len(s.type_parameters) == number] or fitting
    if len(fitting) == 1:
        return checker_arguments.invoke(ctx, fitting[0], arguments, type_arguments, span)
    checker_arguments.check_all(ctx, arguments)
    name = signatures[0].name
    if not fitting:
        message = f"{name}: none of {len(signatures)} declarations takes these arguments"
    else:
        message = f"{name}: {len(fitting)} declarations take these arguments"
    hint = "; ".join(f"{name}({', '.join(map(str, s.parameters))})" for s in signatures[:4])
    ctx.error(checker_codes.OVERLOAD, message, span, f"declared are {hint}")
    return None


def _check_place(ctx: Context, made: Call, span: Span) -> None:
    place = ctx.place
    if place in _ALLOWED[made.kind] and not (
        ctx.in_action_arguments and made.kind is CallKind.TABLE_APPLY
    ):
        return
    if made.kind is CallKind.EXTERN_FUNCTION and (
        made.method == "static_assert" or isinstance(made.result, types.Extern)
    ):
        return
    where = "the arguments of an action" if ctx.in_action_arguments else str(place)
    message = f"{made.kind} {made.method!r} may not be called from {where}"
    ctx.error(checker_codes.MISPLACED, message, span)


def warn_if_deprecated(ctx: Context, made: Call, span: Span) -> None:
    annotations = getattr(made.callee, "annotations", ())
    for a in annotations:
        if a.name == "deprecated":
            message = f"{made.method!r} is deprecated"
            ctx.warn(checker_codes.DEPRECATED, message, span)


def constructed_type(ctx: Context, node: ast.Call) -> Type | None:
    """The type that a call constructs an object of; None if it is another call."""
    match node.function:
        case ast.TypeExpression():
            return checker_types.resolve(ctx, node.function.type, generic=True)
        case ast.NameExpression() as name:
            found = (ctx.top if name.absolute else ctx.scope).find(name.name)
            if found is None or not isinstance(found[0], checker_types.TYPE_DECLARATIONS):
                return None
            written = ast.NamedType(name.span, name.name, name.absolute)
            base = checker_types.named(ctx, written, generic=True)
            ctx.checked.uses[name] = found[0]
            return base
        case _:
            return None


def _constructor_call(ctx: Context, node: ast.Call, of: Type) -> Type:
    if of is types.UNKNOWN:
        checker_arguments.check_all(ctx, node.arguments)
        return of
    ctx.note(node.function, types.TypeName(of))
    here = ctx.place in _ALLOWED[CallKind.CONSTRUCTOR] or ctx.in_default
    if not here and not (isinstance(of, types.Extern) and ctx.place in _EXTERNS_TOO):
        message = f"an object of type {of} may not be constructed in {ctx.place}"
        return ctx.fault(checker_codes.MISPLACED, message, node.span)
    made = construct(ctx, of, node.arguments, node.type_arguments, node.span)
    if made is None:
        return types.UNKNOWN
    if isinstance(of, types.Extern) and any(m.is_abstract for m in of.declaration.methods):
        message = f"{of} has abstract methods and wants to be instantiated by name"
        ctx.error(checker_codes.ABSTRACT, message, node.span)
    ctx.checked.calls[node] = made
    ctx.checked.known.add(node)
    return made.result


def construct(
    ctx: Context,
    of: Type,
    arguments: tuple[ast.Argument, ...],
    type_arguments: tuple[ast.Type, ...],
    span: Span,
) -> Call | None:
    """The checked construction of an object; None after a report."""
    signatures = checker_callees.constructors(ctx, of)
    if not signatures:
        checker_arguments.check_all(ctx, arguments)
        if isinstance(of, types.Extern):
            message = f"{of} has no constructor"
        else:
            message = f"no object of type {of} can be constructed"
        ctx.error(checker_codes.MISPLACED, message, span)
        return None
    return choose(ctx, signatures, arguments, type_arguments, span)


def _special(ctx: Context, node: ast.Call, made: Call) -> None:
    """Rules of single built-in and core library calls."""
    special = _SPECIAL.get(made.method)
    if special is not None:
        special(ctx, node, made)


def _size(ctx: Context, node: ast.Call, made: Call) -> None:
    if made.kind is not CallKind.BUILT_IN or made.receiver_type is None:
        return
    size = checker_members.size_of(made.receiver_type, made.method)
    if size is None:
        message = f"{made.receiver_type} has no size that is known at compile time"
        ctx.error(checker_codes.ILLEGAL_TYPE, message, node.span)
    else:
        ctx.checked.constants[node] = size


def _changed(ctx: Context, _node: ast.Call, made: Call) -> None:
    """Methods like setValid write to what they are called on."""
    if made.kind is CallKind.BUILT_IN and made.receiver is not None:
        checker_lvalues.require(ctx, made.receiver, f"{made.method}()")
    for binding in made.bindings:
        if made.kind is CallKind.BUILT_IN and binding.argument is not None:
            what = f"the count of {made.method}"
            count = checker_types.constant_integer(ctx, binding.argument, what)
            if count is not None and count < 0:
                message = f"{what} wants no negative number, found {count}"
                ctx.error(checker_codes.BAD_VALUE, message, binding.argument.span)


def _applied(ctx: Context, _node: ast.Call, made: Call) -> None:
    if made.kind is CallKind.TABLE_APPLY and made.callee is not None:
        ctx.applied.add(made.callee)


_SPECIAL: dict[str, Callable[[Context, ast.Call, Call], None]] = {
    **dict.fromkeys(checker_members.SIZES, _size),
    **dict.fromkeys(("setValid", "setInvalid", "push_front", "pop_front"), _changed),
    "apply": _applied,
    "extract": checker_packets.extract,
    "lookahead": checker_packets.lookahead,
    "emit": checker_packets.emit,
    "verify": checker_packets.verify,
    "static_assert": checker_packets.static_assert,
}
