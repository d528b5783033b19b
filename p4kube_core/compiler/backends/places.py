"""Where the variables of a program live in C.

Structs are taken apart into headers, stacks and scalars, so that each is a variable of its own that
the C compiler can keep in registers; only inside headers and stacks do they stay structs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, final

from p4kube_core.compiler.backends import names, values
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import types

Print = Callable[[ex.Expression], str]
Bound = Callable[[str, int], str]


@final
@dataclass(frozen=True, slots=True)
class Cell:
    """One header, stack or scalar of a variable."""

    path: str  # as in the program, joined by dots
    type: types.Type
    text: str  # C's name of it, without what it is reached by


@final
@dataclass(frozen=True, slots=True)
class Spot:
    """A place in C terms."""

    text: str  # of a struct that is taken apart: its path
    apart: bool = False
    shared: bool = False  # of a struct that is taken apart: its parts are in the per-packet state
    guards: tuple[str, ...] = ()  # all must hold, or there is no such place
    header: str | None = None  # the header that it is a part of


RESERVED: Final = frozenset(
    re.findall(
        r"\w+",
        """
        action actions arrays at bits block buffer bytes context counters cursor deparse drop drops
        entry event events exits front hash header i key length n nothing p4k_program packet packets
        parse payload process programs reason run s scratch size skb state steps sum tables value
        work buffers
        """,
    )
)
"""Names that generated code uses itself, as variables and functions."""


@final
@dataclass(slots=True)
class CTypes:
    """The C structs of a program's headers, stacks and the structs inside of them."""

    tags: names.Names = field(default_factory=names.Names)
    _members: dict[str, names.Names] = field(default_factory=dict)

    def member(self, of: types.Header | types.Struct, name: str) -> str:
        taken = frozenset({"valid"}) if isinstance(of, types.Header) else frozenset[str]()
        return self._members.setdefault(of.name, names.Names(taken))[name]

    def of(self, of: types.Type) -> str:
        match of:
            case types.Bits() | types.Bool():
                return values.c_type(of)
            case types.Header() | types.Struct():
                return f"struct {self.tags[of.name]}"
            case types.Stack():
                return f"struct {self.tags[f'{_name(of.element)}[{of.size}]']}"
            case types.Varbit():
                return f"struct {self.tags[f'varbit{of.width}']}"

    def definitions(self, roots: Iterable[types.Type]) -> Iterator[list[str]]:
        """Lines that define each struct needed, in an order that C takes."""
        done: set[str] = set()
        for root in roots:
            yield from self._define(root, done, apart=True)

    def _define(self, of: types.Type, done: set[str], apart: bool) -> Iterator[list[str]]:
        if isinstance(of, types.Bits | types.Bool):
            return
        if isinstance(of, types.Varbit):
            if self.of(of) not in done:
                done.add(self.of(of))
                yield self._varbit(of)
            return
        if isinstance(of, types.Stack):
            yield from self._define(of.element, done, apart=False)
        else:
            inner_apart = apart and isinstance(of, types.Struct)
            for member in of.members:
                yield from self._define(member.type, done, inner_apart)
            if inner_apart:
                return
        c = self.of(of)
        if c in done:
            return
        done.add(c)
        yield self._struct(of, c)

    def _varbit(self, of: types.Varbit) -> list[str]:
        return [
            f"{self.of(of)} {{",
            "\tuint32_t bits; /* a multiple of 8 */",
            f"\tuint8_t bytes[{(of.width + 7) // 8}]; /* zero behind the bits */",
            "};",
        ]

    def _struct(self, of: types.Header | types.Struct | types.Stack, c: str) -> list[str]:
        lines = [f"{c} {{"]
        if isinstance(of, types.Stack):
            lines.append(f"\t{self.of(of.element)} at[{of.size}];")
            lines.append("\tuint32_t next;")
        else:
            if isinstance(of, types.Header):
                lines.append("\tbool valid; /* if not, all else is zero */")
            for m in of.members:
                width = f" /* {m.type} */" if isinstance(m.type, types.Bits) else ""
                lines.append(f"\t{self.of(m.type)} {self.member(of, m.name)};{width}")
        lines.append("};")
        return lines


def _name(of: types.Type) -> str:
    return str(of).replace("<", "").replace(">", "")


@final
@dataclass(slots=True)
class Storage:
    """Finds the C text of places."""

    c_types: CTypes
    shared: frozenset[str]  # variables in the per-packet state; others are local to a function
    arrays: frozenset[
        str
    ]  # paths of stacks that are kept apart, since they are indexed at run time
    bound: Bound  # makes sure of an index below the size
    _names: names.Names = field(default_factory=lambda: names.Names(RESERVED))

    def cells(self, variable: ir.Variable) -> list[Cell]:
        return list(self._cells(variable.name, variable.type))

    def _cells(self, path: str, of: types.Type) -> Iterator[Cell]:
        if isinstance(of, types.Struct):
            for member in of.members:
                yield from self._cells(f"{path}.{member.name}", member.type)
        else:
            yield Cell(path, of, self._names[path])

    def spot(self, place: ex.Place, show: Print) -> Spot:
        """Where a place is; `show` prints the expressions that index stacks."""
        match place:
            case ex.Var():
                return self._leaf(place.name, place.type, place.name in self.shared)
            case ex.Member():
                return self._member(place, show)
            case ex.Index():
                base = self.spot(place.base, show)
                return self._element(base, place, show)

    def _leaf(self, path: str, of: types.Type, shared: bool) -> Spot:
        if isinstance(of, types.Struct):
            return Spot(path, apart=True, shared=shared)
        if not shared:
            return Spot(self._names[path])
        return Spot(f"{'s->arrays->' if path in self.arrays else 's->'}{self._names[path]}")

    def _member(self, place: ex.Member, show: Print) -> Spot:
        base = self.spot(place.base, show)
        if base.apart:
            return self._leaf(f"{base.text}.{place.name}", place.type, base.shared)
        of = place.base.type
        assert isinstance(of, types.Header | types.Struct)
        text = f"{base.text}.{self.c_types.member(of, place.name)}"
        header = base.text if isinstance(of, types.Header) else base.header
        return Spot(text, guards=base.guards, header=header)

    def _element(self, base: Spot, place: ex.Index, show: Print) -> Spot:
        stack = place.base.type
        assert isinstance(stack, types.Stack)
        index = place.index
        if isinstance(index, ex.Const):
            # Beyond the end: no such place, whatever is printed for it must still be C.
            inside = index.value < stack.size
            guards = base.guards if inside else (*base.guards, "false")
            return Spot(f"{base.text}.at[{index.value if inside else 0}]", guards=guards)
        text = show(index)
        at = self.bound(text, stack.size)
        return Spot(f"{base.text}.at[{at}]", guards=(*base.guards, f"{text} < {stack.size}"))
