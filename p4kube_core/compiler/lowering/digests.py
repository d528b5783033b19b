"""digest of v1model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend import types as p4
from p4kube_core.compiler.frontend.checked import Call
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import aggregates, cells, expressions, order, refusal
from p4kube_core.compiler.lowering.frame import Frame
from p4kube_core.compiler.p4info import externs, finder

_VALID = "$valid$"
_SCALAR = "value"  # the name of the only field of a digest that is no structure

_Leaf = tuple[ir.DigestField, ex.Expression]


def send(f: Frame, node: ast.Call, made: Call) -> None:
    """digest(receiver, data): there is one receiver, the controller."""
    receiver, data = cells.argument(made, "receiver"), cells.argument(made, "data")
    of = f.scope.type(made.type_arguments[0])
    parts = (lambda: expressions.value(f, receiver), lambda: _value(f, data, of))
    _, value = order.in_order(f, parts, node.span)
    leaves = list(_leaves(f, "", value, data.span))
    digest = _declared(f, node, of, tuple(field for field, _ in leaves))
    f.emit(st.SendDigest(node.span, digest.name, tuple(v for _, v in leaves)))


def _value(f: Frame, node: ast.Expression, of: p4.Type) -> ex.Expression:
    wanted = f.kind(of, node.span)
    if order.is_scalar(wanted):
        return expressions.converted(expressions.value(f, node), wanted, node.span)
    if aggregates.is_written_out(node) or f.kind(f.type_of(node), node.span) != wanted:
        return aggregates.temporary(f, node, wanted)
    return expressions.value(f, node)


def _leaves(f: Frame, path: str, of: ex.Expression, span: Span) -> Iterator[_Leaf]:
    match of.type:
        case types.Bits() | types.Bool():
            yield ir.DigestField(path or _SCALAR, of.type), of
        case types.Header() | types.Struct() if not f.build.kinds.is_union(of.type):
            place = folding.place(of)
            if isinstance(of.type, types.Header):
                valid = ir.DigestField(_joined(path, _VALID), types.BOOL)
                yield valid, ex.IsValid(types.BOOL, place)
            for m in of.type.members:
                inner = ex.Member(m.type, place, m.name)
                yield from _leaves(f, _joined(path, m.name), inner, span)
        case _:
            raise refusal.not_yet(f"a digest with a {of.type}", span)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _declared(
    f: Frame, node: ast.Call, of: p4.Type, fields: tuple[ir.DigestField, ...]
) -> ir.Digest:
    """What the call sends; calls with one named type send one digest."""
    made = ir.Digest(_name(f, node, of), fields, node.span)
    known = f.build.digests.setdefault(made.name, made)
    if known.fields == fields:
        return known
    # The same call in another instance of its block, which has other types.
    other = dataclasses.replace(made, name=f.build.unique("digest", made.name))
    return f.build.digests.setdefault(other.name, other)


def _name(f: Frame, node: ast.Call, of: p4.Type) -> str:
    """As P4Info has it, which counts the calls that it finds."""
    calls = f.build.digest_calls
    if calls is None:
        found = finder.find(f.build.checked).digests
        calls = f.build.digest_calls = tuple(call.node for call in found)
    position = next((i for i, call in enumerate(calls) if call is node), len(calls))
    return externs.digest_name(of, position)
