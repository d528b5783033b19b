"""Values joined bit by bit, and cut into words: headers on the wire, keys, what checksums cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from p4kube_core.compiler.backends import expressions, layout, values
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import types


@final
@dataclass(frozen=True, slots=True)
class Leaf:
    """One number and where it stands; its most significant bit comes first."""

    text: expressions.Text
    type: types.Scalar
    offset_bits: int
    source: expressions.Source | None = None  # where the same bits stand in the packet

    @property
    def width_bits(self) -> int:
        return self.type.width if isinstance(self.type, types.Bits) else 1

    @property
    def end_bits(self) -> int:
        return self.offset_bits + self.width_bits


def leaf(printer: expressions.Printer, e: ex.Expression, offset_bits: int) -> Leaf:
    return Leaf(printer.text(e), expressions.scalar(e.type), offset_bits, printer.source(e))


def fields(
    printer: expressions.Printer, values_: Sequence[ex.Expression], placed: Sequence[layout.Field]
) -> tuple[Leaf, ...]:
    """Values in their fields: right-aligned in whole bytes."""
    leaves = [
        leaf(printer, e, f.offset_bytes * 8 + f.pad_bits)
        for e, f in zip(values_, placed, strict=True)
    ]
    return merged(leaves, 64)


def stores(leaves: Sequence[Leaf], to: str, size: int) -> list[str]:
    """Statements that write so many bytes from the address `to` on."""
    lines = []
    for start in range(0, size, 8):
        taken = min(8, size - start)
        text = word(leaves, start * 8, taken * 8).c
        at = f"{to} + {start}" if start else to
        lines.append(f"p4k_store({at}, {taken}, {text});")
    return lines


def joined(parts: Sequence[tuple[expressions.Text, types.Scalar]]) -> tuple[Leaf, ...]:
    """The values one behind the other, without gaps."""
    leaves: list[Leaf] = []
    offset = 0
    for text, of in parts:
        leaves.append(Leaf(text, of, offset))
        offset = leaves[-1].end_bits
    return tuple(leaves)


def merged(leaves: Sequence[Leaf], most_bits: int) -> tuple[Leaf, ...]:
    """Values that stand in the packet as they are joined become one, where it is of whole bytes."""
    result: list[Leaf] = []
    position = 0
    while position < len(leaves):
        count = _run(leaves[position:], most_bits)
        result.append(_from_packet(leaves[position : position + count]))
        position += count
    return tuple(result)


def _run(leaves: Sequence[Leaf], most_bits: int) -> int:
    """How many of the first values stand together in the packet; one if it stands alone."""
    first, best = leaves[0], 1
    if first.source is None or first.source.offset_bits % 8:
        return best
    end = first.end_bits
    for count, leaf in enumerate(leaves[1:], start=2):
        distance = leaf.offset_bits - first.offset_bits
        wanted = expressions.Source(first.source.at, first.source.offset_bits + distance)
        if leaf.offset_bits != end or leaf.source != wanted or distance >= most_bits:
            break
        end = leaf.end_bits
        size = end - first.offset_bits
        if size % 8 == 0 and size <= most_bits:
            best = count
    return best


def _from_packet(leaves: Sequence[Leaf]) -> Leaf:
    first = leaves[0]
    if len(leaves) == 1 or first.source is None:
        return first
    size = leaves[-1].end_bits - first.offset_bits
    offset = first.source.offset_bits // 8
    at = f"{first.source.at} + {offset}" if offset else first.source.at
    text = expressions.Text(f"p4k_load({at}, {size // 8})")
    return Leaf(text, types.Bits(size), first.offset_bits)


def word(leaves: Sequence[Leaf], start_bits: int, size_bits: int) -> expressions.Text:
    """The bits from start on, at most 64, right-aligned in a uint64_t; zero where no value is."""
    end = start_bits + size_bits
    inside = [x for x in leaves if x.offset_bits < end and x.end_bits > start_bits]
    terms = [_term(x, start_bits, end) for x in inside]
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
