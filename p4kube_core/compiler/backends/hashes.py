"""Hash statements as C."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from p4kube_core import errors
from p4kube_core.compiler.backends import expressions, joined
from p4kube_core.compiler.backends.unit import Unit
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

_Store = Callable[[ex.Place, str], None]

_BYTEWISE: Final = {
    st.HashAlgorithm.CRC16: ("p4k_crc16", 16),
    st.HashAlgorithm.CRC32: ("p4k_crc32", 32),
    st.HashAlgorithm.XOR16: ("p4k_xor16", 16),
}
SUPPORTED: Final = frozenset({st.HashAlgorithm.CSUM16, st.HashAlgorithm.IDENTITY, *_BYTEWISE})


def write(unit: Unit, of: st.Hash, store: _Store) -> None:
    """Compute the hash and give its result to `store`."""
    leaves = _leaves(unit, [e for e in of.data if not isinstance(e.type, types.Varbit)])
    result = of.result.type
    assert isinstance(result, types.Bits)
    unit.code.open()
    match of.algorithm:
        case st.HashAlgorithm.CSUM16:
            text, width = _checksum(unit, of), 16
        case st.HashAlgorithm.IDENTITY:
            text, width = _identity(leaves), 64
        case algorithm if algorithm in _BYTEWISE:
            name, width = _BYTEWISE[algorithm]
            text = _over_bytes(unit, leaves, name, of.payload)
        case _:
            raise errors.InvariantViolated(f"hash {of.algorithm} reached the printing of C")
    value = expressions.Text(text, "-")
    if result.width < width or result.signed:
        value = expressions.cut(result, value)
    store(of.result, value.c)
    unit.code.close()


def _total_bits(leaves: tuple[joined.Leaf, ...]) -> int:
    return leaves[-1].end_bits if leaves else 0


def _leaves(unit: Unit, data: Sequence[ex.Expression]) -> tuple[joined.Leaf, ...]:
    leaves: tuple[joined.Leaf, ...] = ()
    for e in data:
        leaves = (*leaves, joined.leaf(unit.printer, e, _total_bits(leaves)))
    return joined.merged(leaves, 32)


def _checksum(unit: Unit, of: st.Hash) -> str:
    code = unit.code
    code.line("uint64_t sum = 0;")
    code.line()
    gathered: list[ex.Expression] = []
    for e in of.data:
        if isinstance(e, ex.Var | ex.Member | ex.Index) and isinstance(e.type, types.Varbit):
            _add_words(unit, _leaves(unit, gathered))
            gathered = []
            _add_varbit(unit, e)
        else:
            gathered.append(e)
    leaves = _leaves(unit, gathered)
    _add_words(unit, leaves)
    if of.payload:
        total = f"{unit.dialect.payload_sum}({unit.dialect.payload})"
        if _total_bits(leaves) // 8 % 2:
            # It begins in the middle of a word.
            total = f"p4k_swap(p4k_fold({total}))"
        code.line(f"sum += {total};")
    return "(uint16_t)~p4k_fold(sum)"


def _add_words(unit: Unit, leaves: tuple[joined.Leaf, ...]) -> None:
    # Words of 32 bits have the same sum as those of 16, once folded.
    for start, size in _summands(leaves):
        unit.code.line(f"sum += {joined.word(leaves, start, size).c};")


def _add_varbit(unit: Unit, place: ex.Place) -> None:
    """An odd last byte counts as the first of a word; what follows begins with a new one."""
    spot = unit.printer.spot(place)
    guard = f"if ({' && '.join(spot.guards)}) " if spot.guards else ""
    unit.code.line(f"{guard}sum += p4k_sum({spot.text}.bytes, {spot.text}.bits / 8);")


def _summands(leaves: tuple[joined.Leaf, ...]) -> Iterator[tuple[int, int]]:
    """Stretches of 16 or 32 bits, in a way that cuts few values; the last may reach beyond all."""
    total = _total_bits(leaves)
    ends = {leaf.end_bits for leaf in leaves}
    start = 0
    while start < total:
        size = 16 if start + 16 in ends and start + 32 not in ends else 32
        yield start, size
        start += size


def _identity(leaves: tuple[joined.Leaf, ...]) -> str:
    size = min((_total_bits(leaves) + 7) // 8, 8)
    return joined.word(leaves, 0, size * 8).c if size else "0"


def _over_bytes(unit: Unit, leaves: tuple[joined.Leaf, ...], name: str, payload: bool) -> str:
    code = unit.code
    size = (_total_bits(leaves) + 7) // 8
    code.line(f"_Alignas(8) uint8_t bytes[{max(size, 1)}];")
    code.line(f"{'uint16_t' if name != 'p4k_crc32' else 'uint32_t'} hash;")
    code.line()
    code.lines(*joined.stores(leaves, "bytes", size))
    code.line(f"hash = {name}({name}_start, bytes, {size});")
    if payload:
        code.line(f"hash = {name}(hash, {unit.dialect.payload});")
    return f"{name}_end(hash)"
