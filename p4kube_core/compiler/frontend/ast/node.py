"""What all syntax nodes have in common: frozen, slotted, compared by identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, eq_default=False)
def node(cls: type[_T]) -> type[_T]:
    """Make a class a syntax node; nodes hash by identity, so later stages key facts by node."""
    return dataclass(frozen=True, slots=True, eq=False)(cls)
