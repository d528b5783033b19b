"""verify_checksum and update_checksum of v1model."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import Call
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import cells, expressions, hashes, order, places, refusal
from p4kube_core.compiler.lowering.frame import Frame

_METADATA = "standard_metadata"


def update(f: Frame, node: ast.Call, made: Call) -> None:
    condition = expressions.value(f, cells.argument(made, "condition"))
    inner = f.within()
    target = places.settled_target(inner, cells.argument(made, "checksum"))
    result = _hash(inner, node, made)
    assert isinstance(target.type, types.Bits)
    places.store(inner, target, folding.cast(target.type, result), node.span)
    f.emit(st.If(node.span, condition, tuple(inner.out)))


def verify(f: Frame, node: ast.Call, made: Call) -> None:
    """Sets standard_metadata.checksum_error where the checksum is wrong."""
    condition = expressions.value(f, cells.argument(made, "condition"))
    inner = f.within()
    given = expressions.value(inner, cells.argument(made, "checksum"))
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


def _hash(f: Frame, node: ast.Call, made: Call) -> ex.Var:
    wanted = cells.argument(made, "algo")
    algorithm = hashes.algorithm_of(f, wanted)
    if algorithm is None:
        message = "a checksum that is random"
        raise refusal.not_yet(message, wanted.span, refusal.ALGORITHM_NOT_YET)
    given = cells.argument(made, "data")
    values = order.in_order(f, hashes.parts(f, given), node.span)
    payload = made.method.endswith("_with_payload")
    return hashes.computed(f, algorithm, hashes.leaves(values, given.span), payload, node.span)
