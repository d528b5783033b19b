"""The checker's types as types of the IR, each declared type once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, final

from p4kube_core.compiler.frontend import types as p4
from p4kube_core.compiler.frontend.source import BUILT_IN, Span
from p4kube_core.compiler.ir import types
from p4kube_core.compiler.lowering import refusal

INTEGER: Final = types.Bits(1024, signed=True)
"""Stands for `int` while a constant is computed; wider than what a program may use."""

ERROR: Final = types.Bits(8)
_MAX_STACK: Final = 1024  # elements: what works on whole stacks is written out for each


@final
@dataclass(slots=True)
class Kinds:
    """All types that a program uses; a type stands behind those that it contains."""

    declared: dict[str, types.Header | types.Struct] = field(default_factory=dict)
    unions: set[str] = field(default_factory=set)  # names of structs that were header unions
    _known: dict[p4.Type, types.Type] = field(default_factory=dict)
    _names: dict[str, int] = field(default_factory=dict)

    def of(self, given: p4.Type, span: Span = BUILT_IN) -> types.Type:
        """The type as the IR has it.

        Raises:
            refusal.Refused: values of the type cannot exist at run time, or not yet.
        """
        found = self._known.get(given)
        if found is None:
            found = self._known[given] = self._make(given, span)
        return found

    def scalar(self, given: p4.Type, span: Span = BUILT_IN) -> types.Scalar:
        found = self.of(given, span)
        if not isinstance(found, types.Bits | types.Bool):
            raise refusal.not_yet(f"a value of type {given} here", span)
        return found

    def is_union(self, of: types.Type) -> bool:
        return isinstance(of, types.Struct) and of.name in self.unions

    def _make(self, given: p4.Type, span: Span) -> types.Type:
        match given:
            case p4.Bit() | p4.Int():
                if given.width == 0:
                    raise refusal.not_yet("bit<0>", span)
                return types.Bits(given.width, isinstance(given, p4.Int))
            case p4.BOOL:
                return types.BOOL
            case p4.ERROR:
                return ERROR
            case p4.INTEGER:
                return INTEGER
            case p4.Varbit():
                return types.Varbit(given.width)
            case p4.Enum():
                return types.Bits(8 if len(given.members) <= 256 else 32)
            case p4.SerialEnum() | p4.NewType():
                return self.of(given.underlying, span)
            case p4.Stack():
                return self._stack(given, span)
            case p4.Header() | p4.Struct() | p4.Union():
                return self._declared(given, span)
            case p4.Tuple() | p4.Sequence():
                members = [(f"f{i}", e) for i, e in enumerate(given.elements)]
                return self._structure("tuple", members, span)
            case p4.Record():
                return self._structure("record", [(f.name, f.type) for f in given.fields], span)
            case _:
                raise refusal.not_yet(f"a value of type {given} at run time", span)

    def _stack(self, given: p4.Stack, span: Span) -> types.Stack:
        if not 0 < given.size <= _MAX_STACK:
            raise refusal.not_yet(f"a stack of {given.size} elements", span)
        return types.Stack(self.of(given.element, span), given.size)

    def _declared(
        self, given: p4.Header | p4.Struct | p4.Union, span: Span
    ) -> types.Header | types.Struct:
        members = [(f.name, f.type) for f in given.fields]
        if isinstance(given, p4.Header):
            name, lowered = self._parts(str(given), members, span)
            for m in lowered:
                if _holds_array(m.type):
                    raise refusal.not_yet(f"an array in a header ({m.name!r} of {given})", span)
            header = types.Header(name, lowered)
            self.declared[name] = header
            return header
        struct = self._structure(str(given), members, span)
        if isinstance(given, p4.Union):
            self.unions.add(struct.name)
        return struct

    def _structure(self, name: str, members: list[tuple[str, p4.Type]], span: Span) -> types.Struct:
        unique, lowered = self._parts(name, members, span)
        struct = types.Struct(unique, lowered)
        self.declared[unique] = struct
        return struct

    def _parts(
        self, name: str, members: list[tuple[str, p4.Type]], span: Span
    ) -> tuple[str, tuple[types.Member, ...]]:
        lowered = tuple(types.Member(n, self.of(t, span)) for n, t in members)
        word = re.sub(r"\W+", "_", name).strip("_")
        count = self._names[word] = self._names.get(word, 0) + 1
        return (word if count == 1 else f"{word}_{count}"), lowered


def _holds_array(of: types.Type) -> bool:
    match of:
        case types.Stack():
            return True
        case types.Struct():
            return any(_holds_array(m.type) for m in of.members)
        case _:
            return False
