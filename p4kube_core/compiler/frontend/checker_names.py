"""Names that a control plane sees: two actions or two tables may not share one.

Source: P4_16 specification v1.2.5, "Control plane names".
"""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast, checker_codes
from p4kube_core.compiler.frontend.checker_context import Context

Named = ast.ActionDeclaration | ast.TableDeclaration
Names = dict[tuple[str, str], Named]


def check(ctx: Context, program: ast.Program) -> None:
    """Report actions and tables of equal name; those of a control count once for it."""
    seen: Names = {}
    for node in program.declarations:
        if isinstance(node, ast.ActionDeclaration):
            _add(ctx, seen, node, "")
        elif isinstance(node, ast.ControlDeclaration):
            for local in node.locals:
                if isinstance(local, ast.ActionDeclaration | ast.TableDeclaration):
                    _add(ctx, seen, local, f"{node.name}.")


def _add(ctx: Context, seen: Names, node: Named, path: str) -> None:
    name = given_name(node.annotations) or node.name
    full = name[1:] if name.startswith(".") else path + name
    sort = "table" if isinstance(node, ast.TableDeclaration) else "action"
    earlier = seen.setdefault((sort, full), node)
    if earlier is not node and not earlier.name_span.source.is_system:
        message = f"two {sort}s have the name {full!r} for the control plane"
        hint = f"the first is at {earlier.name_span}"
        ctx.error(checker_codes.CONTROL_PLANE_NAME, message, node.name_span, hint)


def given_name(annotations: tuple[ast.Annotation, ...]) -> str | None:
    """The text of @name, None without it."""
    for a in annotations:
        if a.name == "name" and a.tokens:
            return "".join(t.text.strip('"') for t in a.tokens if t.text.startswith('"'))
    return None
