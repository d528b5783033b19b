"""v1model: its blocks, its metadata, its externs.

Source: behavioral-model, "The BMv2 Simple Switch target".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import Call, CallKind
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import (
    checksums,
    digests,
    expressions,
    hashes,
    instances,
    meters,
    packets,
    places,
    refusal,
    registers,
)
from p4kube_core.compiler.lowering.frame import Frame

PACKAGE: Final = "V1Switch"
METADATA: Final = "standard_metadata"
_DROP_PORT: Final = 511

PARSER: Final = "p"
CONTROLS: Final = (
    ("vr", ir.Role.VERIFY_CHECKSUM),
    ("ig", ir.Role.INGRESS),
    ("eg", ir.Role.EGRESS),
    ("ck", ir.Role.COMPUTE_CHECKSUM),
    ("dep", ir.Role.DEPARSER),
)
"""Parameters of the package, in the order in which the blocks run."""


def extern_call(f: Frame, node: ast.Call) -> ex.Expression | None:
    """Lower a call of an extern function or of a method of an extern object."""
    made = f.build.checked.call(node)
    if made.kind is CallKind.EXTERN_FUNCTION:
        function = _FUNCTIONS.get(made.method)
        if function is not None:
            return function(f, node, made)
        raise refusal.not_yet(f"{made.method}()", node.span, refusal.EXTERN_NOT_YET)
    owner = str(made.receiver_type).partition("<")[0]
    method = _METHODS.get((owner, made.method))
    if method is not None:
        return method(f, node, made)
    message = f"{owner}.{made.method}()"
    raise refusal.not_yet(message, node.span, refusal.EXTERN_NOT_YET)


def _mark_to_drop(f: Frame, node: ast.Call, made: Call) -> None:
    if made.bindings and made.bindings[0].argument is not None:
        metadata = places.place(f, made.bindings[0].argument)
    else:
        metadata = ex.Var(f.build.variables[METADATA].type, METADATA)
    for name, value in (("egress_spec", _DROP_PORT), ("mcast_grp", 0)):
        target = places.member_of(metadata, name, node.span)
        assert isinstance(target.type, types.Bits)
        f.emit(st.Assign(node.span, target, folding.number(target.type, value)))


def _nothing(f: Frame, node: ast.Call, made: Call) -> None:
    """assert, assume, log_msg: nothing happens to the packet."""
    del f, node, made


def _count(f: Frame, node: ast.Call, made: Call) -> None:
    counter = instances.extern_of(f, node, made)
    argument = made.bindings[0].argument
    assert argument is not None
    f.emit(st.Count(node.span, counter.name, expressions.value(f, argument)))


def _count_direct(f: Frame, node: ast.Call, made: Call) -> None:
    """v1model counts by itself whenever the table is applied."""
    instances.extern_of(f, node, made)


def _static_assert(f: Frame, node: ast.Call, made: Call) -> ex.Expression:
    del f, node, made
    return ex.TRUE


_Handler = Callable[[Frame, ast.Call, Call], "ex.Expression | None"]

_FUNCTIONS: dict[str, _Handler] = {
    "digest": digests.send,
    "mark_to_drop": _mark_to_drop,
    "verify": packets.verify,
    "hash": hashes.hash_data,
    "random": hashes.random,
    "verify_checksum": checksums.verify,
    "update_checksum": checksums.update,
    "verify_checksum_with_payload": checksums.verify,
    "update_checksum_with_payload": checksums.update,
    "assert": _nothing,
    "assume": _nothing,
    "log_msg": _nothing,
    "static_assert": _static_assert,
}

_METHODS: dict[tuple[str, str], _Handler] = {
    ("packet_in", "extract"): packets.extract,
    ("packet_in", "lookahead"): packets.lookahead,
    ("packet_in", "advance"): packets.advance,
    ("packet_in", "length"): packets.length,
    ("packet_out", "emit"): packets.emit,
    ("counter", "count"): _count,
    ("direct_counter", "count"): _count_direct,
    ("meter", "execute_meter"): meters.execute,
    ("direct_meter", "read"): meters.read,
    ("register", "read"): registers.read,
    ("register", "write"): registers.write,
}
