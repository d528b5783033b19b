"""hash and random of v1model, and what a checksum shares with them.

Source: behavioral-model, "The BMv2 Simple Switch target"; its results are ours.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import Call, EnumValue
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import cells, expressions, order, places, refusal
from p4kube_core.compiler.lowering.frame import Frame

_WORD: Final = types.Bits(64)
_RANDOM: Final = "random"

# What a custom CRC computes until someone gives it parameters, for which P4Runtime has no message.
_STANDS_FOR: Final = {
    st.HashAlgorithm.CRC16_CUSTOM: st.HashAlgorithm.CRC16,
    st.HashAlgorithm.CRC32_CUSTOM: st.HashAlgorithm.CRC32,
}
_WIDTH_BITS: Final = {st.HashAlgorithm.CRC32: 32, st.HashAlgorithm.IDENTITY: 64}  # others: 16


def hash_data(f: Frame, node: ast.Call, made: Call) -> None:
    """hash(): base + hash mod max, in 64 bits; a max of zero is one."""
    target = places.settled_target(f, cells.argument(made, "result"))
    algorithm = algorithm_of(f, cells.argument(made, "algo"))
    base, data, most = (cells.argument(made, name) for name in ("base", "data", "max"))
    lowered = [lambda: _word(f, base), *parts(f, data), lambda: _word(f, most)]
    first, *values, last = order.in_order(f, lowered, node.span)
    if algorithm is None:
        result = f.temporary(_WORD, node.span, "drawn")
        widest = folding.number(_WORD, -1)
        f.emit(st.Random(node.span, folding.number(_WORD, 0), widest, result))
    else:
        result = computed(f, algorithm, leaves(values, data.span), False, node.span)
    # Modulo zero is zero.
    rest = folding.binary(ex.BinaryOp.MOD, folding.cast(_WORD, result), last)
    total = folding.binary(ex.BinaryOp.ADD, rest, first)
    assert isinstance(target.type, types.Bits)
    places.store(f, target, folding.cast(target.type, total), node.span)


def random(f: Frame, node: ast.Call, made: Call) -> None:
    """random(): leaves the result alone if `lo` is above `hi`."""
    target = places.settled_target(f, cells.argument(made, "result"))
    ends = [cells.argument(made, name) for name in ("lo", "hi")]
    low, high = order.in_order(f, [functools.partial(_word, f, e) for e in ends], node.span)
    inner = f.within()
    drawn = f.temporary(_WORD, node.span, "drawn")
    inner.emit(st.Random(node.span, low, high, drawn))
    assert isinstance(target.type, types.Bits)
    places.store(inner, target, folding.cast(target.type, drawn), node.span)
    condition = folding.binary(ex.BinaryOp.LE, low, high)
    if condition == ex.TRUE:
        f.out.extend(inner.out)
    elif condition != ex.FALSE:
        f.emit(st.If(node.span, condition, tuple(inner.out)))


def algorithm_of(f: Frame, node: ast.Expression) -> st.HashAlgorithm | None:
    """Which hash is wanted; None for `random`, which is none."""
    value = f.build.checked.constant_of(node)
    if not isinstance(value, EnumValue):
        raise refusal.not_yet("a hash algorithm that is a parameter", node.span)
    if value.member == _RANDOM:
        return None
    found = st.HashAlgorithm(value.member)
    return _STANDS_FOR.get(found, found)


def computed(
    f: Frame, algorithm: st.HashAlgorithm, data: Sequence[ex.Expression], payload: bool, span: Span
) -> ex.Var:
    """A variable with the hash of the data."""
    result = f.temporary(types.Bits(_WIDTH_BITS.get(algorithm, 16)), span, "computed")
    f.emit(st.Hash(span, algorithm, tuple(data), payload, result))
    return result


def parts(f: Frame, node: ast.Expression) -> list[order.Lowered]:
    """The data of a hash, as it is written."""
    if isinstance(node, ast.ListExpression):
        return [functools.partial(expressions.value, f, e) for e in node.elements]
    if isinstance(node, ast.StructExpression):
        return [functools.partial(expressions.value, f, e.value) for e in node.fields]
    return [functools.partial(expressions.value, f, node)]


def leaves(values: Sequence[ex.Expression], span: Span) -> list[ex.Expression]:
    """Scalars and varbits of the data, in order."""
    return [leaf for value in values for leaf in _leaves(value, span)]


def _leaves(of: ex.Expression, span: Span) -> list[ex.Expression]:
    match of.type:
        case types.Bits() | types.Bool() | types.Varbit():
            return [of]
        case types.Header() | types.Struct():
            place = folding.place(of)
            members = [ex.Member(m.type, place, m.name) for m in of.type.members]
            return [leaf for m in members for leaf in _leaves(m, span)]
        case _:
            raise refusal.not_yet(f"a hash over {of.type}", span)


def _word(f: Frame, node: ast.Expression) -> ex.Expression:
    """The low 64 bits of a value."""
    found = expressions.value(f, node)
    assert isinstance(found.type, types.Bits)
    return folding.cast(_WORD, folding.cast(types.Bits(found.type.width), found))
