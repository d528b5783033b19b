"""Ids and aliases of the objects in a P4Info, the same as p4c gives them.

Controllers and P4Info files in use hold such ids, so the hash, its order and what happens when two
names collide are fixed. Source: P4Runtime specification 1.5.0, "ID Allocation for P4Info Objects".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, final

_NAME_BITS: Final = 24  # of an id; the 8 bits above are its kind
_NAME_MASK: Final = (1 << _NAME_BITS) - 1
_WORD: Final = 0xFFFFFFFF


class IdError(Exception):
    """An @id that cannot be given; says why."""


def name_hash(name: str) -> int:
    """Jenkins's one-at-a-time hash, 32 bits."""
    value = 0
    for byte in name.encode():
        value = (value + byte) & _WORD
        value = (value + (value << 10)) & _WORD
        value ^= value >> 6
    value = (value + (value << 3)) & _WORD
    value ^= value >> 11
    return (value + (value << 15)) & _WORD


@final
class Ids:
    """Collects names first, since collisions are resolved in the order of all names of a kind."""

    def __init__(self) -> None:
        self._wanted: dict[int, dict[str, int | None]] = {}  # kind -> name -> @id
        self._given: dict[int, dict[str, int]] = {}
        self._aliases: dict[str, str] = {}
        self._taken: set[int] = set()

    def add(self, kind: int, name: str, wanted: int | None = None) -> None:
        """Announce an object; a name that the kind has already changes nothing.

        Args:
            kind: the id's prefix, of p4.config.v1.P4Ids.
            wanted: what @id says, with or without the prefix.
        Raises:
            IdError: another object has this @id, or it has another kind's prefix.
        """
        names = self._wanted.setdefault(kind, {})
        if name in names:
            return
        if wanted is not None:
            prefix = wanted >> _NAME_BITS
            if prefix not in (0, kind):
                raise IdError(f"@id {wanted:#x} begins with {prefix:#x}, wanted {kind:#x} or 0")
            wanted |= kind << _NAME_BITS
            if wanted in self._taken:
                raise IdError(f"@id {wanted:#x} is given to two objects")
            self._taken.add(wanted)
        names[name] = wanted

    def settle(self) -> None:
        """Give an id and an alias to all that were announced."""
        for kind in sorted(self._wanted):
            given = self._given[kind] = {}
            for name, wanted in sorted(self._wanted[kind].items()):
                given[name] = self._free_id(kind, name) if wanted is None else wanted
        self._aliases = aliases(name for names in self._wanted.values() for name in names)

    def _free_id(self, kind: int, name: str) -> int:
        value = name_hash(name)
        while True:
            found = kind << _NAME_BITS | value & _NAME_MASK
            if found not in self._taken:
                self._taken.add(found)
                return found
            value += 1

    def of(self, kind: int, name: str) -> int:
        return self._given[kind][name]

    def alias(self, name: str) -> str:
        return self._aliases[name]


def aliases(names: Iterable[str]) -> dict[str, str]:
    """For each dotted name the shortest end of it, in whole parts, that no other name ends in."""
    distinct = set(names)
    ends = Counter(end for name in distinct for end in _ends(name))
    return {name: next((end for end in _ends(name) if ends[end] == 1), name) for name in distinct}


def _ends(name: str) -> list[str]:
    """The name's ends in whole parts, shortest first."""
    parts = name.split(".")
    return [".".join(parts[i:]) for i in range(len(parts) - 1, -1, -1)]


def member_ids(wanted: list[int | None]) -> list[int]:
    """Ids of match fields, parameters or metadata fields, in order.

    Args:
        wanted: what @id says of each, None where it says nothing.
    Raises:
        IdError: an @id is 0 or given twice.
    """
    taken: set[int] = set()
    for value in wanted:
        if value == 0:
            raise IdError("@id 0 is not valid")
        if value in taken:
            raise IdError(f"@id {value} is given twice")
        if value is not None:
            taken.add(value)
    found: list[int] = []
    index = 1
    for value in wanted:
        if value is not None:
            found.append(value)
            index += 1
            continue
        while index in taken:
            index += 1
        taken.add(index)
        found.append(index)
    return found
