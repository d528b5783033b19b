"""Indices into what has cells: registers and meters."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import Call
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.lowering import expressions, refusal
from p4kube_core.compiler.lowering.frame import Frame


def index(f: Frame, node: ast.Expression) -> ex.Expression:
    """Unsigned and of at most 64 bits; a negative one lies beyond any size."""
    found = expressions.value(f, node)
    of = found.type
    assert isinstance(of, types.Bits)
    if isinstance(found, ex.Const):
        return folding.number(types.Bits(64), found.value)
    if of.width > 64:
        raise refusal.not_yet(f"an index of {of.width} bits", node.span)
    return folding.cast(types.Bits(of.width), found)


def argument(made: Call, name: str) -> ast.Expression:
    found = made.argument(name)
    assert found is not None
    return found
