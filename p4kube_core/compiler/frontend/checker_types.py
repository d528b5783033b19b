"""From written types to semantic ones, and which types may be nested in which.

Source: P4_16 specification v1.2.5, "Derived types", "Type nesting rules", "Type specialization".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import (
    ast,
    checker_codes,
    checker_conversions,
    type_algebra,
    types,
)
from p4kube_core.compiler.frontend.checked import AnyDeclaration
from p4kube_core.compiler.frontend.checker_context import Context, count
from p4kube_core.compiler.frontend.types import Type

MAX_WIDTH = 1 << 16  # bits
MAX_STACK = 1 << 16  # elements
MAX_PARTS = 1 << 14  # fields and elements of a type, those of its parts among them
MAX_NESTING = 64

TYPE_DECLARATIONS = (
    ast.StructDeclaration,
    ast.HeaderDeclaration,
    ast.HeaderUnionDeclaration,
    ast.EnumDeclaration,
    ast.TypedefDeclaration,
    ast.NewTypeDeclaration,
    ast.TypeParameter,
    ast.ExternObject,
    ast.ParserType,
    ast.ParserDeclaration,
    ast.ControlType,
    ast.ControlDeclaration,
    ast.PackageType,
)


def resolve(
    ctx: Context,
    node: ast.Type,
    *,
    void: bool = False,
    dont_care: bool = False,
    generic: bool = False,
) -> Type:
    """The semantic type of a written one; reports what is wrong with it.

    Args:
        void: `void` may stand here.
        dont_care: `_` may stand here.
        generic: the name of a generic type may stand here without type arguments.
    """
    found = _resolve(ctx, node, generic)
    if found is types.VOID and not void:
        found = ctx.fault(checker_codes.ILLEGAL_TYPE, "void is no type of a value", node.span)
    if found is types.DONT_CARE and not dont_care:
        found = ctx.fault(
            checker_codes.ILLEGAL_TYPE, "`_` may stand for a type argument only", node.span
        )
    ctx.checked.type_nodes[node] = found
    return found


def _resolve(ctx: Context, node: ast.Type, generic: bool) -> Type:
    match node:
        case ast.NamedType():
            return named(ctx, node, generic)
        case ast.BitType():
            width = 1 if node.width is None else _width(ctx, node.width, 0)
            return types.UNKNOWN if width is None else types.Bit(width)
        case ast.IntType():
            if node.width is None:
                return types.INTEGER
            width = _width(ctx, node.width, 1)
            return types.UNKNOWN if width is None else types.Int(width)
        case ast.VarbitType():
            width = _width(ctx, node.width, 0)
            return types.UNKNOWN if width is None else types.Varbit(width)
        case ast.SpecializedType():
            return _specialized(ctx, node)
        case ast.StackType():
            return _stack(ctx, node)
        case ast.TupleType():
            elements = tuple(resolve(ctx, e, void=True, dont_care=True) for e in node.elements)
            return _checked(ctx, types.Tuple(elements), node)
        case ast.ListType():
            return _checked(ctx, types.List(resolve(ctx, node.element, dont_care=True)), node)
        case _:
            return _SIMPLE[type(node)]


_SIMPLE: dict[type, Type] = {
    ast.BoolType: types.BOOL,
    ast.StringType: types.STRING,
    ast.ErrorType: types.ERROR,
    ast.VoidType: types.VOID,
    ast.MatchKindType: types.MATCH_KIND,
    ast.DontCareType: types.DONT_CARE,
}


def _width(ctx: Context, node: ast.Expression, least: int) -> int | None:
    """A width in bits; None, with a report, if it is not a known number in range."""
    width = constant_integer(ctx, node, "a width")
    if width is None:
        return None
    if not least <= width <= MAX_WIDTH:
        message = f"a width wants {least} to {MAX_WIDTH} bits, found {width}"
        ctx.error(checker_codes.BAD_VALUE, message, node.span)
        return None
    return width


def constant_integer(ctx: Context, node: ast.Expression, what: str) -> int | None:
    """The value of an expression that must be a number known here; None after a report."""
    found = ctx.type_of(node)
    if found is types.UNKNOWN:
        return None
    if not isinstance(type_algebra.underlying(found), types.Bit | types.Int) and (
        found is not types.INTEGER
    ):
        ctx.error(checker_codes.WRONG_TYPE, f"{what} wants a number, found {found}", node.span)
        return None
    if isinstance(found, types.SerialEnum):
        checker_conversions.settle(ctx, node, found, found.underlying)
    value = checker_conversions.converted_constant(ctx, node)
    if value is None:
        message = f"{what} wants a value that is known at compile time"
        ctx.error(checker_codes.NOT_CONSTANT, message, node.span)
    return value


def find_type(ctx: Context, node: ast.NamedType) -> AnyDeclaration | None:
    """The declaration of a named type; None after a report."""
    found = (ctx.top if node.absolute else ctx.scope).find(node.name)
    if found is None:
        known = (n for n in ctx.scope.visible() if is_type_name(ctx, n))
        hint = ctx.suggestion(node.name, known)
        ctx.error(checker_codes.UNKNOWN_NAME, f"no type {node.name!r} here", node.span, hint)
        return None
    if not isinstance(found[0], TYPE_DECLARATIONS):
        message = f"wanted a type, found {node.name!r}, which is none"
        ctx.error(checker_codes.WRONG_SORT, message, node.span)
        return None
    return found[0]


def is_type_name(ctx: Context, name: str) -> bool:
    found = ctx.scope.find(name)
    return found is not None and isinstance(found[0], TYPE_DECLARATIONS)


def named(ctx: Context, node: ast.NamedType, generic: bool) -> Type:
    declaration = find_type(ctx, node)
    if declaration is None:
        return types.UNKNOWN
    ctx.checked.uses[node] = declaration
    found = type_declared(ctx, node, declaration)
    if not generic and type_arity(found):
        message = f"{node.name} wants {count(type_arity(found), 'type argument')}, found none"
        return ctx.fault(checker_codes.TYPE_ARGUMENTS, message, node.span)
    return found


def type_declared(ctx: Context, node: ast.NamedType, declaration: AnyDeclaration) -> Type:
    if declaration in ctx.unfinished:
        message = f"{node.name!r} refers to itself"
        return ctx.fault(checker_codes.RECURSION, message, node.span)
    return ctx.checked.declaration_types.get(declaration, types.UNKNOWN)


def type_arity(of: Type) -> int:
    """How many type arguments a declared type still wants."""
    match of:
        case types.Header() | types.Union() | types.Struct() | types.Extern():
            return _unbound(of.arguments, of.name)
        case types.Parser() | types.Control() | types.Package():
            return len(of.type_parameters) if _unbound(of.arguments, of.name) else 0
        case _:
            return 0


def _unbound(arguments: tuple[Type, ...], owner: str) -> int:
    return sum(isinstance(a, types.TypeVar) and a.owner == owner for a in arguments)


def type_parameters_of(of: Type) -> tuple[types.TypeVar, ...]:
    """The type variables of a declared generic type that is not specialised yet."""
    match of:
        case types.Header() | types.Union() | types.Struct() | types.Extern():
            return tuple(a for a in of.arguments if isinstance(a, types.TypeVar))
        case types.Parser() | types.Control() | types.Package():
            return of.type_parameters
        case _:
            return ()


def _specialized(ctx: Context, node: ast.SpecializedType) -> Type:
    arguments = tuple(resolve(ctx, a, void=True, dont_care=True) for a in node.arguments)
    base = named(ctx, node.base, generic=True)
    ctx.checked.type_nodes[node.base] = base
    if base is types.UNKNOWN or types.UNKNOWN in arguments:
        return types.UNKNOWN
    return specialize(ctx, base, arguments, node)


def specialize(
    ctx: Context, base: Type, arguments: tuple[Type, ...], node: ast.SpecializedType
) -> Type:
    wanted = type_parameters_of(base) if type_arity(base) else ()
    if len(wanted) != len(arguments):
        message = f"{base} wants {count(len(wanted), 'type argument')}, found {len(arguments)}"
        return ctx.fault(checker_codes.TYPE_ARGUMENTS, message, node.span)
    for argument, written in zip(arguments, node.arguments, strict=True):
        if not legal_argument(base, argument):
            message = f"{argument} may not be a type argument"
            return ctx.fault(checker_codes.ILLEGAL_TYPE, message, written.span)
    if any(_contains(a, base) for a in arguments):
        message = f"{base} may not be an argument of itself"
        return ctx.fault(checker_codes.RECURSION, message, node.span)
    by = dict(zip(wanted, arguments, strict=True))
    return _checked(ctx, type_algebra.substitute(base, by), node)


def _contains(of: Type, base: Type) -> bool:
    """Whether a type argument is made from the generic type that it is given to."""
    arguments = getattr(of, "arguments", ())
    same_kind = type(of) is type(base) and str(getattr(of, "name", "")) == getattr(base, "name", "")
    return same_kind or any(_contains(a, base) for a in arguments)


def legal_argument(base: Type, of: Type) -> bool:
    if isinstance(base, types.Extern) and isinstance(of, types.Parser | types.Control):
        return False
    return not isinstance(of, types.Package | types.Table | types.Action | types.Function)


def _stack(ctx: Context, node: ast.StackType) -> Type:
    element = resolve(ctx, node.element)
    size = constant_integer(ctx, node.size, "the size of an array")
    if size is None or element is types.UNKNOWN:
        return types.UNKNOWN
    if not 0 <= size <= MAX_STACK:
        message = f"an array wants 0 to {MAX_STACK} elements, found {size}"
        return ctx.fault(checker_codes.BAD_VALUE, message, node.size.span)
    return _checked(ctx, types.Stack(element, size), node)


def _checked(ctx: Context, found: Type, node: ast.Type) -> Type:
    """The type, or unknown after a report if what it nests is illegal."""
    problem = problem_of(found)
    if problem is None:
        return found
    return ctx.fault(checker_codes.ILLEGAL_TYPE, problem, node.span)


def problem_of(of: Type) -> str | None:
    """What is wrong with a type as it is made up, None if nothing is."""
    return size_problem(of) or nesting_problem(of)


def size_problem(of: Type) -> str | None:
    """Why a type is refused for its size, None if it is not; looks at no more than the limit."""
    waiting = [(of, 1)]
    parts = 0
    while waiting:
        inner, depth = waiting.pop()
        parts += 1
        if parts > MAX_PARTS:
            return f"a type may have at most {MAX_PARTS} parts"
        if depth > MAX_NESTING:
            return f"a type may nest at most {MAX_NESTING} deep"
        match inner:
            case types.Header() | types.Union() | types.Struct():
                waiting += [(f.type, depth + 1) for f in inner.fields]
            case types.Tuple():
                waiting += [(e, depth + 1) for e in inner.elements]
            case types.List() | types.Stack():
                waiting.append((inner.element, depth + 1))
    return None


def nesting_problem(of: Type) -> str | None:
    """What is wrong with the nesting inside a type, looked at in full; None if nothing is."""
    match of:
        case types.Header() | types.Union() | types.Struct():
            for f in of.fields:
                problem = field_problem(of, f) or nesting_problem(f.type)
                if problem is not None:
                    return problem
        case types.Tuple() | types.List() | types.Stack():
            elements = of.elements if isinstance(of, types.Tuple) else (of.element,)
            for element in elements:
                if not may_nest(of, element):
                    return f"{of} may not have elements of type {element}"
                problem = nesting_problem(element)
                if problem is not None:
                    return problem
    return None


def field_problem(of: types.Aggregate, field: types.Field) -> str | None:
    if may_nest(of, field.type):
        return None
    what = {types.Header: "header", types.Union: "header union"}.get(type(of), "struct")
    return f"field {field.name!r} of {what} {of} may not have type {field.type}"


def may_nest(outer: Type, inner: Type) -> bool:
    """The table of the specification's "Type nesting rules"."""
    if inner is types.UNKNOWN or isinstance(inner, types.TypeVar):
        return True
    while isinstance(inner, types.NewType):
        inner = inner.underlying
    match outer:
        case types.Header():
            return _in_header(inner)
        case types.Union():
            return isinstance(inner, types.Header)
        case types.Struct():
            return _in_struct(inner)
        case types.Tuple():
            return _in_struct(inner) or inner in (types.INTEGER, types.MATCH_KIND)
        case types.List():
            return inner is not types.VOID and not isinstance(
                inner, types.Extern | types.Parser | types.Control | types.Package | types.Set
            )
        case _:
            return _in_array(inner)


def _in_header(inner: Type) -> bool:
    match inner:
        case types.Bit() | types.Int() | types.Varbit() | types.SerialEnum() | types.BOOL:
            return True
        case types.Struct():
            return all(
                _in_header(type_algebra.underlying(f.type))
                for f in inner.fields
                if not isinstance(f.type, types.TypeVar)
            )
        case types.Stack():
            return _in_header(inner.element)
        case _:
            return False


def _in_struct(inner: Type) -> bool:
    match inner:
        case types.Basic():
            return inner in (types.BOOL, types.ERROR)
        case types.Extern() | types.Parser() | types.Control() | types.Package():
            return False
        case types.Set() | types.List() | types.Table() | types.Action() | types.Function():
            return False
        case _:
            return True


def _in_array(inner: Type) -> bool:
    match inner:
        case types.Header() | types.Union() | types.Bit() | types.Int() | types.Varbit():
            return True
        case types.Struct() | types.Enum() | types.SerialEnum() | types.Extern() | types.BOOL:
            return True
        case types.Stack():
            return not isinstance(inner.element, types.Header | types.Union)
        case _:
            return False
