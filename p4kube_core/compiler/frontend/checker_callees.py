"""What stands before the parentheses of a call: its signatures, overloads among them."""

from __future__ import annotations

from p4kube_core.compiler.frontend import (
    ast,
    checker_members,
    checker_types,
    type_algebra,
    types,
)
from p4kube_core.compiler.frontend.checked import AnyDeclaration, CallKind
from p4kube_core.compiler.frontend.checker_arguments import Signature
from p4kube_core.compiler.frontend.checker_context import Context
from p4kube_core.compiler.frontend.types import Direction, Parameter, Type

_COUNT = (Parameter("count", Direction.NONE, types.INTEGER),)
_Applicable = types.Parser | types.Control


def of_name(ctx: Context, name: str, found: list[AnyDeclaration]) -> list[Signature]:
    """Functions, extern functions or an action; empty if the name is none of these."""
    signatures = []
    for declaration in found:
        of = ctx.checked.declaration_types.get(declaration)
        match of:
            case types.Action():
                kind = CallKind.ACTION
                signatures.append(Signature(kind, name, declaration, (), of.parameters, types.VOID))
            case types.Function():
                extern = isinstance(declaration, ast.ExternFunction)
                kind = CallKind.EXTERN_FUNCTION if extern else CallKind.FUNCTION
                signatures.append(
                    Signature(kind, name, declaration, of.type_parameters, of.parameters, of.result)
                )
    return signatures


def of_method(ctx: Context, node: ast.Member, base: Type) -> list[Signature]:
    """Methods of an object or value; empty if it has none of that name."""
    match base:
        case types.Extern():
            return of_extern(ctx, node, base)
        case types.Table() if node.member == "apply":
            result = types.ApplyResult(base)
            return [_built_in(node, base, (), result, CallKind.TABLE_APPLY, base.declaration)]
        case types.Parser() | types.Control() if node.member == "apply":
            return [applying(node, base)]
    if node.member in checker_members.SIZES:
        return [_built_in(node, base, (), types.INTEGER)]
    return _of_value(node, base)


def _of_value(node: ast.Member, base: Type) -> list[Signature]:
    match node.member, base:
        case "isValid", types.Header() | types.Union():
            return [_built_in(node, base, (), types.BOOL)]
        case (("setValid" | "setInvalid"), types.Header()):
            return [_built_in(node, base, (), types.VOID)]
        case (("push_front" | "pop_front"), types.Stack()) if isinstance(
            base.element, types.Header | types.Union
        ):
            return [_built_in(node, base, _COUNT, types.VOID)]
        case _:
            return []


def _built_in(
    node: ast.Member,
    base: Type,
    parameters: tuple[Parameter, ...],
    result: Type,
    kind: CallKind = CallKind.BUILT_IN,
    declaration: AnyDeclaration | None = None,
) -> Signature:
    return Signature(kind, node.member, declaration, (), parameters, result, node.base, base)


def applying(node: ast.Member | None, base: _Applicable) -> Signature:
    """The apply of a parser or control, on an instance or directly (without `node`)."""
    kind = CallKind.PARSER_APPLY if isinstance(base, types.Parser) else CallKind.CONTROL_APPLY
    return Signature(
        kind,
        "apply",
        base.declaration,
        (),
        base.parameters,
        types.VOID,
        node.base if node is not None else None,
        base,
    )


def of_extern(ctx: Context, node: ast.Member, base: types.Extern) -> list[Signature]:
    declaration = base.declaration
    if declaration is None:
        return []
    own = ctx.checked.declaration_types.get(declaration)
    variables = checker_types.type_parameters_of(own) if own is not None else ()
    by = dict(zip(variables, base.arguments, strict=False))
    signatures = []
    for method in declaration.methods:
        if method.name != node.member or method.is_constructor:
            continue
        of = ctx.checked.declaration_types.get(method)
        if not isinstance(of, types.Function):
            continue
        of_this = type_algebra.substitute(of, by)
        assert isinstance(of_this, types.Function)
        kind = CallKind.ABSTRACT_METHOD if method.is_abstract else CallKind.EXTERN_METHOD
        signatures.append(
            Signature(
                kind,
                node.member,
                method,
                of.type_parameters,
                of_this.parameters,
                of_this.result,
                node.base,
                base,
            )
        )
    return signatures


def constructors(ctx: Context, of: Type) -> list[Signature]:
    """Ways to construct an object of a type; with its type parameters if it is not specialised."""
    variables = checker_types.type_parameters_of(of) if checker_types.type_arity(of) else ()
    match of:
        case types.Parser() | types.Control() if not of.is_object:
            return []
        case types.Parser() | types.Control() | types.Package():
            own = _constructor(of, of.declaration, of.constructor, variables)
            return [own, *_siblings(ctx, of)]
        case types.Extern():
            return _extern_constructors(ctx, of, variables)
        case _:
            return []


def _siblings(ctx: Context, of: types.Parser | types.Control | types.Package) -> list[Signature]:
    """Constructors of the other declarations of the same name."""
    found = ctx.top.find(of.name) or []
    signatures = []
    for declaration in found if len(found) > 1 else []:
        other = ctx.checked.declaration_types.get(declaration)
        if declaration is of.declaration or type(other) is not type(of):
            continue
        assert isinstance(other, types.Parser | types.Control | types.Package)
        variables = checker_types.type_parameters_of(other)
        if len(variables) == len(of.arguments):
            by = dict(zip(variables, of.arguments, strict=True))
            other = type_algebra.substitute(other, by)
            assert isinstance(other, types.Parser | types.Control | types.Package)
        free = variables if checker_types.type_arity(other) else ()
        signatures.append(_constructor(other, declaration, other.constructor, free))
    return signatures


def _constructor(
    of: types.Parser | types.Control | types.Package | types.Extern,
    declaration: AnyDeclaration,
    parameters: tuple[Parameter, ...],
    variables: tuple[types.TypeVar, ...],
) -> Signature:
    return Signature(
        CallKind.CONSTRUCTOR,
        of.name,
        declaration,
        variables,
        parameters,
        of,
        receiver_type=of,
        needs_known=True,
    )


def _extern_constructors(
    ctx: Context, of: types.Extern, variables: tuple[types.TypeVar, ...]
) -> list[Signature]:
    own = ctx.checked.declaration_types.get(of.declaration)
    all_variables = checker_types.type_parameters_of(own) if own is not None else ()
    by = dict(zip(all_variables, of.arguments, strict=False))
    signatures = []
    for method in of.declaration.methods:
        if method.is_constructor:
            parameters = ctx.checked.parameters.get(method, ())
            parameters = type_algebra.substitute_parameters(parameters, by)
            signatures.append(_constructor(of, method, parameters, variables))
    return signatures
