"""Headers between the packet and C structs: one function for each header type and way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from p4kube_core.compiler.backends import expressions, joined, values, varbits
from p4kube_core.compiler.backends.unit import Unit
from p4kube_core.compiler.ir import types


@final
@dataclass(frozen=True, slots=True)
class Group:
    """Members that share bytes: the fewest that begin and end at a byte."""

    leaves: tuple[joined.Leaf, ...]
    paths: tuple[str, ...]  # of the leaves, below the header, joined by dots

    @property
    def offset_bytes(self) -> int:
        return self.leaves[0].offset_bits // 8

    @property
    def size_bytes(self) -> int:
        return (self.leaves[-1].end_bits - self.leaves[0].offset_bits + 7) // 8


def size_bytes(of: types.Type) -> int:
    """The most bytes on the wire."""
    return (types.width_bits(of) + 7) // 8


def size(unit: Unit, of: types.Header, text: str) -> str:
    """Bytes on the wire of the header at `text`, as C."""
    found = varbits.varying(of)
    if found is None:
        return str(size_bytes(of))
    varbit = f"{text}.{unit.c_types.member(of, found.member.name)}"
    return f"{varbits.fixed_bits(of) // 8} + {varbit}.bits / 8"


def groups(unit: Unit, of: types.Header | types.Struct, base: str) -> tuple[Group, ...]:
    """Of a header or struct; `base` is what stands before a member in C."""
    parts = list(_members(unit, of, base, ""))
    leaves = joined.joined([(text, scalar) for text, scalar, _ in parts])
    found: list[Group] = []
    start = 0
    for position, leaf in enumerate(leaves):
        if leaf.end_bits % 8 == 0 or position == len(leaves) - 1:
            stop = position + 1
            found.append(Group(leaves[start:stop], tuple(path for *_, path in parts[start:stop])))
            start = stop
    return tuple(found)


def _members(
    unit: Unit, of: types.Header | types.Struct, base: str, path: str
) -> Iterator[tuple[expressions.Text, types.Scalar, str]]:
    for m in of.members:
        text = f"{base}{unit.c_types.member(of, m.name)}"
        yield from _numbers(unit, m.type, text, f"{path}{m.name}")


def _numbers(
    unit: Unit, of: types.Type, text: str, path: str
) -> Iterator[tuple[expressions.Text, types.Scalar, str]]:
    """The numbers in a member, in the order of the wire."""
    match of:
        case types.Struct():
            yield from _members(unit, of, f"{text}.", f"{path}.")
        case types.Varbit():
            pass  # see varbits.py
        case types.Stack():
            for i in range(of.size):
                yield from _numbers(unit, of.element, f"{text}.at[{i}]", path)
        case _:
            yield expressions.Text(text), expressions.scalar(of), path


def load_function(unit: Unit, of: types.Header) -> None:
    """`load_H(header, at)`: all members of the header, which is valid then.

    With a varbit: `load_H(header, at, bytes)`, its size last.
    """
    code = unit.code
    name = unit.function("load", of.name)
    found = varbits.varying(of)
    more = ", uint32_t bytes" if found else ""
    code.function(f"P4K_INLINE void {name}({unit.c_types.of(of)} *header, const uint8_t *at{more})")
    code.line("header->valid = true;")
    before, after = _around(groups(unit, of, "header->"), found)
    for group in before:
        load_group(unit, group, "at")
    if found is not None:
        text = f"header->{unit.c_types.member(of, found.member.name)}"
        code.line(f"{text} = ({unit.c_types.of(found.member.type)}){{.bits = bytes * 8}};")
        code.line(f"memcpy({text}.bytes, at + {found.offset_bits // 8}, bytes);")
        if after:
            code.line("at += bytes;")
    for group in after:
        load_group(unit, group, "at")
    code.close()


def _around(
    found: tuple[Group, ...], varbit: varbits.Varying | None
) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    """The groups before the varbit and those behind it."""
    if varbit is None:
        return found, ()
    before = tuple(g for g in found if g.offset_bytes * 8 < varbit.offset_bits)
    return before, found[len(before) :]


def load_group(unit: Unit, group: Group, at: str) -> None:
    """Assign the group's members from the bytes at `at` + the group's offset."""
    code = unit.code
    address = f"{at} + {group.offset_bytes}" if group.offset_bytes else at
    if group.size_bytes > 16:
        for leaf in group.leaves:
            code.line(f"{leaf.text.c} = {_load_across(leaf, at)};")
        return
    total = group.size_bytes * 8
    wide = "_wide" if total > 64 else ""
    call = f"p4k_load{wide}({address}, {group.size_bytes})"
    if len(group.leaves) == 1 and group.leaves[0].width_bits == total:
        leaf = group.leaves[0]
        code.line(f"{leaf.text.c} = {_value(leaf.type, expressions.Text(call), total)};")
        return
    code.open()
    code.line(f"const {'p4k_u128' if wide else 'uint64_t'} bits = {call};")
    code.line()
    start = group.leaves[0].offset_bits
    for leaf in group.leaves:
        shift = total - (leaf.end_bits - start)
        text = expressions.Text(f"bits >> {shift}", ">>") if shift else expressions.Text("bits")
        code.line(f"{leaf.text.c} = {_value(leaf.type, text)};")
    code.close()


def _value(of: types.Scalar, text: expressions.Text, size_bits: int = 0) -> str:
    """The lowest bits of something wide, which has no more than size_bits, as such a value."""
    if isinstance(of, types.Bool):
        return f"{text.operand} & 1"
    if of.signed:
        suffix, wide = ("_wide", "p4k_u128") if of.width > 64 else ("", "uint64_t")
        bits = expressions.cast(wide, text)
        return f"({values.c_type(of)})p4k_signed{suffix}({bits.c}, {of.width})"
    if of.width == size_bits:
        return expressions.cast(values.c_type(of), text).c
    return expressions.narrow(of, text).c


def load_leaf(of: types.Scalar, offset_bits: int, at: str) -> str:
    """One number that lies anywhere behind `at`; not a byte beyond its own is read."""
    return _load_across(joined.Leaf(expressions.Text(""), of, offset_bits), at)


def load_parameter(of: types.Scalar, offset_bytes: int, size_bytes: int) -> str:
    """A parameter of an action, right-aligned in so many bytes of the entry's data."""
    at = f"entry->data + {offset_bytes}" if offset_bytes else "entry->data"
    function = "p4k_load_data" if size_bytes <= 8 else "p4k_load_wide"
    call = expressions.Text(f"{function}({at}, {size_bytes})")
    return _value(of, call, size_bytes * 8)


def _load_across(leaf: joined.Leaf, at: str) -> str:
    first, last = leaf.offset_bits // 8, (leaf.end_bits + 7) // 8
    size, behind = last - first, last * 8 - leaf.end_bits
    if size > 16:
        # 17 bytes, of which the outer two are shared with other members.
        lead = leaf.offset_bits % 8
        high = f"p4k_load_wide({at} + {first}, 16) << {lead}"
        text = f"({high} | {at}[{first + 16}] >> {8 - lead}) >> {128 - leaf.width_bits}"
        return _value(leaf.type, expressions.Text(text, ">>"))
    wide = "_wide" if size > 8 else ""
    call = f"p4k_load{wide}({at} + {first}, {size})"
    text = f"{call} >> {behind}" if behind else call
    return _value(leaf.type, expressions.Text(text, ">>" if behind else ""), size * 8 - behind)


def store_function(unit: Unit, of: types.Header) -> None:
    """`store_H(at, header)`: all bytes of the header."""
    code = unit.code
    name = unit.function("store", of.name)
    found = varbits.varying(of)
    code.function(f"P4K_INLINE void {name}(uint8_t *at, const {unit.c_types.of(of)} *header)")
    before, after = _around(groups(unit, of, "header->"), found)
    store_groups(unit, before)
    if found is not None:
        text = f"header->{unit.c_types.member(of, found.member.name)}"
        code.line(f"memcpy(at + {found.offset_bits // 8}, {text}.bytes, {text}.bits / 8);")
        if after:
            code.line(f"at += {text}.bits / 8;")
    store_groups(unit, after)
    code.close()


def store_groups(unit: Unit, found: Sequence[Group]) -> None:
    """Write members of a header whose first byte is at `at`."""
    code = unit.code
    for group in found:
        start, size = group.offset_bytes, group.size_bytes
        while size:
            taken = min(size, 8)
            address = f"at + {start}" if start else "at"
            word = joined.word(group.leaves, start * 8, taken * 8)
            code.line(f"p4k_store({address}, {taken}, {word.c});")
            start, size = start + taken, size - taken


def write_readers(of: Unit, mark: int) -> None:
    """The functions that read single numbers from the packet, where something calls them."""
    text = of.code.text()
    written: set[str] = set()
    for steady in of.printer.steady.values():
        name = steady.reader
        if name in written or f"{name}(" not in text:
            continue
        written.add(name)
        value = load_leaf(steady.type, steady.source.offset_bits, "at")
        of.code.insert(
            mark,
            "",
            f"P4K_INLINE {values.c_type(steady.type)} {name}(const uint8_t *at)",
            "{",
            f"\treturn {value};",
            "}",
        )
