"""Visits all nodes under a node, in the order of the source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def children(node: Any) -> Iterator[Any]:
    """The nodes right under a node, annotations among them."""
    for name in node.__slots__:
        value = getattr(node, name)
        if isinstance(value, tuple):
            yield from (v for v in value if hasattr(v, "span"))
        elif hasattr(value, "span") and name != "span":
            yield value


def walk(node: Any) -> Iterator[Any]:
    """The node, then everything under it, each before what is under it."""
    pending = [node]
    while pending:
        found = pending.pop()
        yield found
        pending.extend(reversed(list(children(found))))
