"""Statements: assignments, local declarations, branches, returns.

Source: P4_16 specification v1.2.5, "Statements", "Constants and variable declarations".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import (
    ast,
    checker_arguments,
    checker_callees,
    checker_codes,
    checker_conversions,
    checker_loops,
    checker_lvalues,
    checker_operators,
    checker_switches,
    checker_types,
    checker_values,
    types,
)
from p4kube_core.compiler.frontend.checker_context import MAX_DEPTH, Context, Place
from p4kube_core.compiler.frontend.types import Type

_IN_PARSER = (Place.STATE, Place.PARSER)


def block(ctx: Context, node: ast.Block) -> None:
    with ctx.nested():
        for s in node.statements:
            statement(ctx, s)


def statements(ctx: Context, nodes: tuple[ast.Statement, ...]) -> None:
    for s in nodes:
        statement(ctx, s)


def statement(ctx: Context, node: ast.Statement) -> None:
    """Check one statement; what it declares is visible after it in the present scope."""
    if ctx.depth > MAX_DEPTH:
        message = f"statements nest at most {MAX_DEPTH} deep"
        ctx.error(checker_codes.TOO_DEEP, message, node.span)
        return
    ctx.depth += 1
    _statement(ctx, node)
    ctx.depth -= 1


def _statement(ctx: Context, node: ast.Statement) -> None:
    match node:
        case ast.Assignment():
            _assignment(ctx, node)
        case ast.CallStatement():
            _call(ctx, node)
        case ast.VariableDeclaration():
            variable(ctx, node)
        case ast.ConstantDeclaration():
            constant(ctx, node)
        case ast.Block():
            block(ctx, node)
        case ast.If():
            _if(ctx, node)
        case ast.DirectApplication():
            _direct(ctx, node)
        case ast.Instantiation():
            message = f"{node.name!r} may not be instantiated here: this is {ctx.place}"
            ctx.error(checker_codes.MISPLACED, message, node.span)
            ctx.declare(node.name, node, node.name_span)
        case _:
            _control_flow(ctx, node)


def _control_flow(ctx: Context, node: ast.Statement) -> None:
    what = type(node).__name__.lower()
    if ctx.place in _IN_PARSER and not isinstance(node, ast.Empty):
        message = f"a {what} statement may not stand in a parser"
        ctx.error(checker_codes.MISPLACED, message, node.span)
    match node:
        case ast.Return():
            _return(ctx, node)
        case ast.Exit():
            if ctx.place in (Place.FUNCTION, Place.METHOD):
                message = f"exit may not stand in {ctx.place}"
                ctx.error(checker_codes.MISPLACED, message, node.span)
        case ast.Switch():
            checker_switches.check(ctx, node, statement_block=block)
        case ast.For() | ast.ForIn():
            checker_loops.check(ctx, node, statement)
        case ast.Break() | ast.Continue():
            if not ctx.loops:
                message = f"{what} may stand in a for statement only"
                ctx.error(checker_codes.LOOP, message, node.span)


def _assignment(ctx: Context, node: ast.Assignment) -> None:
    target = ctx.type_of(node.target)
    checker_lvalues.require(ctx, node.target, "an assignment")
    if target is not types.UNKNOWN and not checker_lvalues.is_storage(target):
        ctx.error(checker_codes.NOT_ASSIGNABLE, f"{target} cannot be assigned", node.target.span)
        target = types.UNKNOWN
    if node.operator is ast.AssignmentOperator.ASSIGN:
        checker_conversions.require(ctx, node.value, target, "the assigned value")
        return
    operator = ast.BinaryOperator(node.operator.value[:-1])
    if target is types.UNKNOWN:
        ctx.type_of(node.value)
        return
    combined = ast.Binary(node.span, operator, node.target, node.value)
    found = checker_operators.binary(ctx, combined)
    if found not in (target, types.UNKNOWN):
        message = f"{node.operator} on {target} gives {found}"
        ctx.error(checker_codes.WRONG_TYPE, message, node.span)


def _call(ctx: Context, node: ast.CallStatement) -> None:
    found = ctx.type_of(node.call)
    if isinstance(found, types.Extern | types.Parser | types.Control | types.Package):
        message = "an object that is constructed here has no name to use it by"
        ctx.error(checker_codes.MISPLACED, message, node.span)


def variable(ctx: Context, node: ast.VariableDeclaration) -> None:
    """Check a variable declaration and make it visible."""
    found = checker_types.resolve(ctx, node.type)
    if not checker_lvalues.is_storage(found):
        hint = None
        if isinstance(found, types.Extern | types.Parser | types.Control):
            hint = f"an object is made by {found}(...) {node.name};"
        elif found is types.INTEGER:
            hint = "give it a width: bit<W> or int<W>"
        message = f"a variable may not have type {found}"
        ctx.error(checker_codes.ILLEGAL_TYPE, message, node.type.span, hint)
        found = types.UNKNOWN
    if node.value is not None:
        what = f"the initialiser of {node.name!r}"
        checker_conversions.require(ctx, node.value, found, what)
    ctx.checked.declaration_types[node] = found
    _check_shadow(ctx, node)
    ctx.declare(node.name, node, node.name_span)


def _check_shadow(ctx: Context, node: ast.VariableDeclaration) -> None:
    """A variable in the body of a control or parser may not hide one of its parameters."""
    if ctx.place not in (Place.APPLY, Place.STATE):
        return
    found = ctx.scope.find(node.name)
    if found is not None and isinstance(found[0], ast.Parameter):
        message = f"{node.name!r} hides a parameter of the same name"
        ctx.error(checker_codes.DUPLICATE, message, node.name_span)


def constant(ctx: Context, node: ast.ConstantDeclaration) -> None:
    """Check a constant declaration and make it visible."""
    found = checker_types.resolve(ctx, node.type)
    basic = (types.INTEGER, types.STRING, types.MATCH_KIND)
    legal = checker_lvalues.is_storage(found) or found in basic or isinstance(found, types.List)
    if not legal:
        message = f"a constant may not have type {found}"
        ctx.error(checker_codes.ILLEGAL_TYPE, message, node.type.span)
        found = types.UNKNOWN
    what = f"the value of constant {node.name!r}"
    if checker_conversions.require(ctx, node.value, found, what):
        checker_arguments.require_known(ctx, node.value, what)
    value = checker_values.converted(ctx.checked, node.value)
    if value is not None:
        ctx.values[node] = value
    ctx.checked.declaration_types[node] = found
    ctx.declare(node.name, node, node.name_span)


def _if(ctx: Context, node: ast.If) -> None:
    """A chain of else-ifs is followed without nesting."""
    following: ast.Statement | None = node
    while isinstance(following, ast.If):
        condition = following.condition
        checker_conversions.require(ctx, condition, types.BOOL, "the condition of if")
        with ctx.nested():
            statement(ctx, following.then)
        following = following.otherwise
    if following is not None:
        with ctx.nested():
            statement(ctx, following)


def _return(ctx: Context, node: ast.Return) -> None:
    wanted = ctx.result
    if node.value is None:
        if wanted not in (None, types.VOID, types.UNKNOWN):
            message = f"return wants a value of type {wanted}, found none"
            ctx.error(checker_codes.FLOW, message, node.span)
        return
    found = ctx.type_of(node.value)
    if wanted in (None, types.VOID):
        message = f"return wants no value here, found {found}"
        ctx.error(checker_codes.FLOW, message, node.value.span)
    elif wanted is not None:
        checker_conversions.coerce(ctx, node.value, found, wanted, "return")


def returns(node: ast.Statement) -> bool:
    """Whether every way through a statement ends in a return or exit."""
    match node:
        case ast.Return() | ast.Exit():
            return True
        case ast.Block():
            return any(map(returns, node.statements))
        case ast.If():
            return node.otherwise is not None and returns(node.then) and returns(node.otherwise)
        case ast.Switch():
            return _switch_returns(node)
        case _:
            return False


def _switch_returns(node: ast.Switch) -> bool:
    if not any(isinstance(c.label, ast.DefaultKey) for c in node.cases):
        return False
    last = node.cases[-1]
    return last.body is not None and all(returns(c.body) for c in node.cases if c.body is not None)


def _direct(ctx: Context, node: ast.DirectApplication) -> None:
    found = checker_types.resolve(ctx, node.type)
    checker_arguments.check_all(ctx, node.arguments)
    if found is types.UNKNOWN:
        return
    if not isinstance(found, types.Parser | types.Control) or not found.is_object:
        message = f"only a parser or control can be applied, found {found}"
        ctx.error(checker_codes.MISPLACED, message, node.span)
        return
    place = Place.STATE if isinstance(found, types.Parser) else Place.APPLY
    if ctx.place is not place:
        message = f"{found} may be applied in {place} only, found it in {ctx.place}"
        ctx.error(checker_codes.MISPLACED, message, node.span)
    _check_constructible(ctx, node, found)
    signature = checker_callees.applying(None, found)
    made = checker_arguments.invoke(ctx, signature, node.arguments, (), node.span)
    if made is not None:
        ctx.checked.calls[node] = made


def _check_constructible(ctx: Context, node: ast.DirectApplication, found: Type) -> None:
    assert isinstance(found, types.Parser | types.Control)
    if any(p.default is None and not p.optional for p in found.constructor):
        message = f"{found} has constructor parameters and wants an instance to be applied"
        ctx.error(checker_codes.ARGUMENTS, message, node.span)
