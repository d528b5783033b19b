"""Headers with @controller_header: what packets to and from a controller have in front."""

from __future__ import annotations

from collections.abc import Iterator

from p4kube_core.compiler.frontend import ast, type_algebra
from p4kube_core.compiler.frontend import types as p4
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.lowering import refusal
from p4kube_core.compiler.lowering.frame import Frame
from p4kube_core.compiler.p4info import notes, typespecs


def declared(f: Frame) -> Iterator[ir.ControllerHeader]:
    for node in f.build.checked.program.declarations:
        if not isinstance(node, ast.HeaderDeclaration):
            continue
        name = notes.text_of(node.annotations, "controller_header")
        of = f.build.checked.declared_type(node)
        if name is None or not isinstance(of, p4.Header):
            continue
        with f.reporting():
            fields = (_field(n, field, node) for n, field in typespecs.flattened(of))
            yield ir.ControllerHeader(name, tuple(fields), node.name_span)


def _field(name: str, field: p4.Field, node: ast.HeaderDeclaration) -> ir.HeaderField:
    width = type_algebra.width_bits(field.type)
    if width is None or isinstance(field.type, p4.Varbit):
        raise refusal.not_yet(f"a {field.type} in a header for controllers", node.name_span)
    return ir.HeaderField(name, width)
