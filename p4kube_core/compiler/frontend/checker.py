"""Entry of the checker: names, types and everything else that P4_16 says of a program's meaning.

One pass in the order of the program, since P4 names are declared before use. All errors of a run
are reported; an expression that is wrong has type unknown, which causes no further report.
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import (
    ast,
    checker_annotations,
    checker_codes,
    checker_declarations,
    checker_expressions,
    checker_names,
    diagnostics,
)
from p4kube_core.compiler.frontend.checked import Checked
from p4kube_core.compiler.frontend.checker_context import Context
from p4kube_core.compiler.frontend.scopes import Scope


def check(program: ast.Program, sink: diagnostics.Diagnostics) -> Checked:
    """Check a program.

    Returns:
        What is known of the program: complete if `sink` holds no error afterwards.
    """
    top = Scope()
    ctx = Context(Checked(program), sink, checker_expressions.check, top, top)
    for node in program.declarations:
        checker_annotations.check(ctx, getattr(node, "annotations", ()))
        checker_declarations.declaration(ctx, node)
    _check_main(ctx)
    checker_names.check(ctx, program)
    if ctx.checked.main is None and not sink.has_errors:
        message = "the program has no `main`, so nothing of it is used"
        ctx.warn(checker_codes.MAIN, message, None)
    return ctx.checked


def _check_main(ctx: Context) -> None:
    for node in ctx.top.names.get("main", ()):
        if not isinstance(node, ast.Instantiation | ast.FunctionDeclaration):
            message = "`main` wants to be an instance of a package"
            ctx.error(checker_codes.MAIN, message, node.span)
