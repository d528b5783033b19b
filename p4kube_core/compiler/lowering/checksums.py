"""verify_checksum and update_checksum of v1model."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import Call, EnumValue
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import expressions, order, places, refusal
from p4kube_core.compiler.lowering.frame import Frame

_METADATA = "standard_metadata"
_TAKEN = frozenset({st.HashAlgorithm.CSUM16})


def update(f: Frame, node: ast.Call, made: Call) -> None:
    condition = expressions.value(f, _argument(made, "condition"))
    inner = f.within()
    target = places.settled_target(inner, _argument(made, "checksum"))
    result = _hash(inner, node, made)
    assert isinstance(target.type, types.Bits)
    places.store(inner, target, folding.cast(target.type, result), node.span)
    f.emit(st.If(node.span, condition, tuple(inner.out)))


def verify(f: Frame, node: ast.Call, made: Call) -> None:
    """Sets standard_metadata.checksum_error where the checksum is wrong."""
    condition = expressions.value(f, _argument(made, "condition"))
    inner = f.within()
    given = expressions.value(inner, _argument(made, "checksum"))
    result = _hash(inner, node, made)
    assert isinstance(given.type, types.Bits)
    computed = folding.cast(given.type, result)
    metadata = ex.Var(f.build.variables[_METADATA].type, _METADATA)
    fault = places.member_of(metadata, "checksum_error", node.span)
    assert isinstance(fault.type, types.Bits)
    raised = st.Assign(node.span, fault, folding.number(fault.type, 1))
    wrong = folding.binary(ex.BinaryOp.NE, given, computed)
    inner.emit(st.If(node.span, wrong, (raised,)))
    f.emit(st.If(node.span, condition, tuple(inner.out)))


def _argument(made: Call, name: str) -> ast.Expression:
    found = made.argument(name)
    assert found is not None
    return found


def _hash(f: Frame, node: ast.Call, made: Call) -> ex.Var:
    algorithm = algorithm_of(f, _argument(made, "algo"))
    data = fields(f, _argument(made, "data"))
    result = f.temporary(types.Bits(16), node.span, "computed")
    payload = made.method.endswith("_with_payload")
    f.emit(st.Hash(node.span, algorithm, tuple(data), payload, result))
    return result


def algorithm_of(f: Frame, node: ast.Expression) -> st.HashAlgorithm:
    value = f.build.checked.constant_of(node)
    if not isinstance(value, EnumValue):
        raise refusal.not_yet("a hash algorithm that is a parameter", node.span)
    try:
        found = st.HashAlgorithm(value.member)
    except ValueError:
        found = None
    if found not in _TAKEN:
        message = f"the hash algorithm {value.member!r}"
        raise refusal.not_yet(message, node.span, refusal.ALGORITHM_NOT_YET)
    return found


def fields(f: Frame, node: ast.Expression) -> list[ex.Expression]:
    """Scalars and varbits of the data, in order."""
    if isinstance(node, ast.ListExpression):
        parts = [lambda e=e: expressions.value(f, e) for e in node.elements]
        values = order.in_order(f, parts, node.span)
    elif isinstance(node, ast.StructExpression):
        parts = [lambda e=e: expressions.value(f, e.value) for e in node.fields]
        values = order.in_order(f, parts, node.span)
    else:
        values = [expressions.value(f, node)]
    return [leaf for value in values for leaf in _leaves(value, node.span)]


def _leaves(of: ex.Expression, span: Span) -> list[ex.Expression]:
    match of.type:
        case types.Bits() | types.Bool() | types.Varbit():
            return [of]
        case types.Header() | types.Struct():
            place = folding.place(of)
            members = [ex.Member(m.type, place, m.name) for m in of.type.members]
            return [leaf for m in members for leaf in _leaves(m, span)]
        case _:
            raise refusal.not_yet(f"a checksum over {of.type}", span)
