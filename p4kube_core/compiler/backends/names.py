"""C identifiers from P4 names: readable, unique, never a word of C's or of the runtime headers."""

from __future__ import annotations

import re
from typing import Final, final

_KEYWORDS: Final = frozenset(
    re.findall(
        r"\w+",
        """
        auto break case char const continue default do double else enum extern float for goto if
        inline int long register restrict return short signed sizeof static struct switch typedef
        union unsigned void volatile while asm typeof linux unix i386 bool true false errno stdin
        stdout stderr alignas alignof complex imaginary noreturn offsetof
        """,
    )
)
# Macros and types of the headers that generated code includes, and names that it makes itself.
_RESERVED: Final = re.compile(
    r"p4k_|P4K_|U?INT|u?int\d+_t$|s?size_t$|NULL$|PTR|SIZE_|SIG_|WCHAR|WINT|EXIT_|RAND_|EOF$|MB_"
    r"|SEC\(|memcpy$|(action|at|block|find|load|position|run|store|turn)_|subject\d*$"
    r"|(counter|default|masks|meter|register|table)_\d+$"
)
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_]+")


def identifier(name: str) -> str:
    """The name with underscores for dots and the like; a reserved word gets one more."""
    word = _word(name)
    return f"{word}_" if word in _KEYWORDS or _RESERVED.match(word) else word


def _word(name: str) -> str:
    word = _FOREIGN.sub("_", name).strip("_") or "unnamed"
    return f"n{word}" if word[0].isdigit() else word


@final
class Names:
    """One C name space: gives each P4 name an identifier of its own, the same each time."""

    __slots__ = ("_given", "_made", "_taken")

    def __init__(self, taken: frozenset[str] = frozenset(), made: bool = False) -> None:
        self._made = made  # names begin with a word of ours, which reserves them
        self._taken = set(taken)
        self._given: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        given = self._given.get(name)
        if given is None:
            wanted = given = _word(name) if self._made else identifier(name)
            number = 2
            while given in self._taken:
                given = f"{wanted}_{number}"
                number += 1
            self._taken.add(given)
            self._given[name] = given
        return given
