"""How much of what, in words."""

from __future__ import annotations

from collections.abc import Mapping


def count(number: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number} {noun if number == 1 else plural}"


def changes(counts: Mapping[str, int]) -> str:
    """Numbers of things by what was done to them."""
    said = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    return said or "unchanged"
