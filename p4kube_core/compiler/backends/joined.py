"""Values joined bit by bit, and cut into words: headers on the wire, keys, what checksums cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from p4kube_core.compiler.backends import expressions, values
from p4kube_core.compiler.ir import types


@final
@dataclass(frozen=True, slots=True)
class Leaf:
    """One number and where it stands; its most significant bit comes first."""

    text: expressions.Text
    type: types.Scalar
    offset_bits: int

    @property
    def width_bits(self) -> int:
        return self.type.width if isinstance(self.type, types.Bits) else 1

    @property
    def end_bits(self) -> int:
        return self.offset_bits + self.width_bits


def joined(parts: Sequence[tuple[expressions.Text, types.Scalar]]) -> tuple[Leaf, ...]:
    """The values one behind the other, without gaps."""
    leaves: list[Leaf] = []
    offset = 0
    for text, of in parts:
        leaf = Leaf(text, of, offset)
        leaves.append(leaf)
        offset = leaf.end_bits
    return tuple(leaves)


def word(leaves: Sequence[Leaf], start_bits: int, size_bits: int) -> expressions.Text:
    """The bits from start on, at most 64, right-aligned in a uint64_t; zero where no value is."""
    end = start_bits + size_bits
    inside = [le for le in leaves if le.offset_bits < end and le.end_bits > start_bits]
    terms = [_term(leaf, start_bits, end) for leaf in inside]
    if not terms:
        return expressions.Text("0")
    if len(terms) == 1:
        return terms[0]
    return expressions.Text(" | ".join(t.operand for t in terms), "|")


def _term(leaf: Leaf, start: int, end: int) -> expressions.Text:
    """The leaf's share of the word from start to end."""
    width = max(leaf.width_bits, 64)  # so that it can be shifted in a uint64_t, or is a p4k_u128
    behind = end - leaf.end_bits
    bits = expressions.bits(leaf.text, leaf.type, width)
    if behind < 0:
        bits = expressions.Text(f"{bits.operand} >> {-behind}", ">>")
    if leaf.offset_bits < start and end - start < 64:
        # What stands before the word is cut off.
        kept = values.mask_of_word(end - start - max(behind, 0))
        whole = expressions.cast("uint64_t", bits)
        bits = expressions.Text(f"{whole.c} & {kept}", "&")
    elif leaf.width_bits > 64:
        bits = expressions.cast("uint64_t", bits)
    if behind > 0:
        bits = expressions.Text(f"{bits.operand} << {behind}", "<<")
    return bits
