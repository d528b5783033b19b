"""Expressions: dispatch by construct, names, casts and brace expressions."""

from __future__ import annotations

from p4kube_core.compiler.frontend import (
    ast,
    checker_calls,
    checker_codes,
    checker_conversions,
    checker_members,
    checker_operators,
    checker_types,
    checker_values,
    type_algebra,
    types,
)
from p4kube_core.compiler.frontend.checked import AnyDeclaration, MatchKindValue
from p4kube_core.compiler.frontend.checker_context import MAX_DEPTH, Context
from p4kube_core.compiler.frontend.types import Type


def check(ctx: Context, node: ast.Expression) -> Type:
    """Type of an expression before implicit casts; notes it, and reports what is wrong."""
    if ctx.depth > MAX_DEPTH:
        message = f"expressions nest at most {MAX_DEPTH} deep here"
        return ctx.note(node, ctx.fault(checker_codes.TOO_DEEP, message, node.span))
    ctx.depth += 1
    found = _check(ctx, node)
    ctx.depth -= 1
    return ctx.note(node, found)


def _check(ctx: Context, node: ast.Expression) -> Type:
    match node:
        case ast.NameExpression():
            return name(ctx, node)
        case ast.Member():
            return checker_members.member(ctx, node)
        case ast.IntegerLiteral():
            return checker_members.literal(ctx, node)
        case ast.Call():
            return checker_calls.call(ctx, node)
        case ast.Binary():
            return checker_operators.binary(ctx, node)
        case ast.Unary():
            return checker_operators.unary(ctx, node)
        case ast.Index():
            return checker_members.index(ctx, node)
        case ast.Slice():
            return checker_operators.bit_slice(ctx, node)
        case ast.PlusSlice():
            return checker_operators.plus_slice(ctx, node)
        case ast.Cast():
            return cast(ctx, node)
        case ast.Conditional():
            return checker_operators.conditional(ctx, node)
        case ast.ListExpression():
            return _list(ctx, node)
        case ast.StructExpression():
            return _struct(ctx, node)
        case _:
            return _leaf(ctx, node)


def _leaf(ctx: Context, node: ast.Expression) -> Type:
    match node:
        case ast.BooleanLiteral():
            ctx.checked.constants[node] = node.value
            return types.BOOL
        case ast.StringLiteral():
            ctx.checked.constants[node] = node.value
            return types.STRING
        case ast.TypeExpression():
            return types.TypeName(checker_types.resolve(ctx, node.type, generic=True))
        case ast.This():
            if ctx.this is not None:
                return ctx.this
            message = "`this` may stand in the initialiser of an instance only"
            return ctx.fault(checker_codes.MISPLACED, message, node.span)
        case ast.InvalidHeader():
            ctx.checked.known.add(node)
            return types.INVALID
        case ast.DefaultInitializer():
            ctx.checked.known.add(node)
            return types.DEFAULT
        case ast.DontCare() | ast.DefaultKey():
            return types.DONT_CARE
        case _:
            message = "a set of keys may stand in select expressions and table entries only"
            return ctx.fault(checker_codes.MISPLACED, message, node.span)


def name(ctx: Context, node: ast.NameExpression) -> Type:
    scope = ctx.top if node.absolute else ctx.scope
    found = scope.find_finished(node.name, ctx.unfinished)
    if found is None:
        hint = ctx.suggestion(node.name, ctx.scope.visible())
        message = f"no {node.name!r} here"
        return ctx.fault(checker_codes.UNKNOWN_NAME, message, node.span, hint)
    declaration = found[0]
    ctx.checked.uses[node] = declaration
    if declaration in ctx.unfinished:
        message = f"{node.name!r} refers to itself"
        return ctx.fault(checker_codes.RECURSION, message, node.span)
    of = ctx.checked.declaration_types.get(declaration, types.UNKNOWN)
    return _named(ctx, node, declaration, of)


def _named(ctx: Context, node: ast.NameExpression, declaration: AnyDeclaration, of: Type) -> Type:
    match declaration:
        case ast.ConstantDeclaration():
            value = ctx.values.get(declaration)
            if value is not None:
                ctx.checked.constants[node] = value
            else:
                ctx.checked.known.add(node)
        case ast.Parameter() if declaration in ctx.known:
            ctx.checked.known.add(node)
        case ast.Instantiation():
            ctx.checked.known.add(node)
        case ast.EnumMember():
            member = ctx.values.get(declaration, MatchKindValue(declaration.name))
            ctx.checked.constants[node] = member
        case _ if isinstance(declaration, checker_types.TYPE_DECLARATIONS):
            return types.TypeName(of) if of is not types.UNKNOWN else of
    return of


def _list(ctx: Context, node: ast.ListExpression) -> Type:
    elements = tuple(_value_type(ctx, e) for e in node.elements)
    found = types.Sequence(elements, node.has_default)
    _keep_braces(ctx, node, [*node.elements], types.Tuple(elements))
    return found


def _struct(ctx: Context, node: ast.StructExpression) -> Type:
    names: set[str] = set()
    fields = []
    for f in node.fields:
        if f.name in names:
            message = f"field {f.name!r} is given twice"
            ctx.error(checker_codes.DUPLICATE, message, f.name_span)
        names.add(f.name)
        found = _value_type(ctx, f.value)
        fields.append(types.Field(f.name, found))
    if all(ctx.is_known(f.value) for f in node.fields):
        ctx.checked.known.add(node)
    return types.Record(tuple(fields), node.has_default)


def _value_type(ctx: Context, node: ast.Expression) -> Type:
    """Type of a part of a brace expression, which has to be a value."""
    found = ctx.type_of(node)
    if found is types.VOID or isinstance(found, types.TypeName):
        message = f"wanted a value, found {found}"
        return ctx.note(node, ctx.fault(checker_codes.WRONG_SORT, message, node.span))
    return found


def _keep_braces(
    ctx: Context, node: ast.ListExpression, parts: list[ast.Expression], of: Type
) -> None:
    if not all(map(ctx.is_known, parts)):
        return
    ctx.checked.known.add(node)
    if not node.has_default:
        value = checker_values.brace_value(ctx.checked, node, of)
        if value is not None:
            ctx.checked.constants[node] = value


def cast(ctx: Context, node: ast.Cast) -> Type:
    target = checker_types.resolve(ctx, node.type, generic=True)
    source = ctx.type_of(node.operand)
    if types.UNKNOWN in (target, source):
        return target
    if checker_types.type_arity(target):
        return _inferred_cast(ctx, node, target, source)
    if castable(source, target):
        _settle_cast(ctx, node, source, target)
    elif isinstance(source, types.Sequence | types.Record) and _holds_fields(target):
        checker_conversions.coerce(ctx, node.operand, source, target, f"a cast to {target}")
    else:
        message = f"no cast from {source} to {target}"
        hint = "change the width and the sign in two casts" if _two_steps(source, target) else None
        ctx.error(checker_codes.CAST, message, node.span, hint)
    return target


def _holds_fields(of: Type) -> bool:
    return isinstance(of, types.Struct | types.Header | types.Tuple | types.Stack | types.List)


def _inferred_cast(ctx: Context, node: ast.Cast, target: Type, source: Type) -> Type:
    message = f"a cast to {target} wants its type arguments, found {source}"
    return ctx.fault(checker_codes.TYPE_ARGUMENTS, message, node.type.span)


def _two_steps(source: Type, target: Type) -> bool:
    fixed = types.Bit | types.Int
    return isinstance(source, fixed) and isinstance(target, fixed)


def _settle_cast(ctx: Context, node: ast.Cast, source: Type, target: Type) -> None:
    if isinstance(node.operand, ast.ListExpression | ast.StructExpression | ast.Conditional):
        if checker_conversions.convertible(source, target):
            checker_conversions.settle(ctx, node.operand, source, target)
    elif source in (types.DEFAULT, types.INVALID):
        checker_conversions.settle(ctx, node.operand, source, target)
    value = checker_values.converted(ctx.checked, node.operand)
    if target is types.BOOL and source is types.INTEGER and value not in (0, 1):
        message = "a cast to bool wants 0 or 1"
        ctx.error(checker_codes.CAST, message, node.span)
    if value is not None:
        result = checker_values.cast(ctx.checked, value, target)
        if result is not None:
            ctx.checked.constants[node] = result
    checker_operators.keep_known(ctx, node, node.operand)


def castable(source: Type, target: Type) -> bool:
    """The table of the specification's "Explicit casts"."""
    if checker_conversions.convertible(source, target):
        return _cast_target(target)
    if isinstance(target, types.NewType):
        return source == target.underlying or source is types.INTEGER
    if isinstance(source, types.NewType):
        return source.underlying == target
    if isinstance(target, types.SerialEnum):
        return castable(source, target.underlying)
    if isinstance(source, types.SerialEnum):
        return castable(source.underlying, target)
    match source, target:
        case types.Bit(), types.Bit():
            return True
        case types.Int(), types.Int():
            return True
        case ((types.Bit() | types.Int()), (types.Bit() | types.Int())):
            return type_algebra.width_bits(source) == type_algebra.width_bits(target)
        case ((types.Bit() | types.Int()), types.INTEGER):
            return True
        case types.Bit(), types.BOOL:
            return source.width == 1
        case types.BOOL, types.Bit():
            return target.width == 1
        case types.INTEGER, types.BOOL:
            return True
        case _:
            return False


def _cast_target(target: Type) -> bool:
    """Types that a cast may name; a cast to the same type is legal only for these."""
    match target:
        case types.Basic():
            return target in (types.BOOL, types.INTEGER, types.ERROR)
        case types.Extern() | types.Parser() | types.Control() | types.Package():
            return False
        case types.Varbit() | types.Set():
            return False
        case _:
            return True
