"""Which expressions can be written to.

Source: P4_16 specification v1.2.5, "L-values".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast, checker_codes, types
from p4kube_core.compiler.frontend.checker_context import Context
from p4kube_core.compiler.frontend.types import Direction


def require(ctx: Context, node: ast.Expression, what: str) -> bool:
    """Report an expression that cannot be written to."""
    if ctx.type_of(node) is types.UNKNOWN:
        return True
    problem = problem_of(ctx, node)
    if problem is None:
        return True
    ctx.error(checker_codes.NOT_ASSIGNABLE, f"{what} {problem}", node.span)
    return False


def problem_of(ctx: Context, node: ast.Expression) -> str | None:
    """Why an expression cannot be written to, None if it can."""
    match node:
        case ast.NameExpression():
            return _name_problem(ctx, node)
        case ast.Member():
            return _member_problem(ctx, node)
        case ast.Index():
            return problem_of(ctx, node.base)
        case ast.Slice() | ast.PlusSlice():
            if node.base in ctx.checked.casts:
                return "wants a place to write to, found a slice of a cast value"
            return problem_of(ctx, node.base)
        case _:
            return "wants a place to write to, found a value"


def _name_problem(ctx: Context, node: ast.NameExpression) -> str | None:
    declaration = ctx.checked.uses.get(node)
    match declaration:
        case ast.VariableDeclaration():
            if declaration in ctx.read_only:
                return f"cannot write to {node.name!r}, which a for statement sets"
            return None
        case ast.Parameter():
            if declaration.direction in (Direction.OUT, Direction.INOUT):
                return None
            how = declaration.direction or "directionless"
            return f"cannot write to {node.name!r}, an {how} parameter".replace("an d", "a d")
        case ast.ConstantDeclaration():
            return f"cannot write to {node.name!r}, a constant"
        case _:
            return f"cannot write to {node.name!r}, which is no variable"


def _member_problem(ctx: Context, node: ast.Member) -> str | None:
    base = ctx.type_of(node.base)
    match base:
        case types.Stack():
            if node.member in ("next", "last"):
                return problem_of(ctx, node.base)
            return f"cannot write to {node.member!r} of a stack"
        case types.Header() | types.Union() | types.Struct():
            return problem_of(ctx, node.base)
        case _:
            return f"cannot write to {node.member!r}"


def is_storage(of: types.Type) -> bool:
    """Whether variables of the type can be declared and assigned."""
    match of:
        case types.Basic():
            return of in (types.UNKNOWN, types.BOOL, types.ERROR, types.STRING)
        case types.Bit() | types.Int() | types.Varbit() | types.Enum() | types.SerialEnum():
            return True
        case types.NewType() | types.TypeVar() | types.Tuple() | types.Stack():
            return True
        case types.Header() | types.Union() | types.Struct():
            return True
        case _:
            return False
