"""Where fields and parameters lie in packed keys and action data, taken as one big number each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from p4kube_core.model import artifact


@final
@dataclass(frozen=True, slots=True)
class Field:
    """Where one match field lies in the key, taken as one big number."""

    id: int
    name: str
    match: str
    width: int  # bits
    shift: int  # bits from the key's least significant end
    most: int  # the greatest value
    bit: int  # of the set of fields that were seen


@final
@dataclass(frozen=True, slots=True)
class Param:
    id: int
    name: str
    width: int  # bits
    shift: int  # bits from the data's least significant end
    most: int
    bit: int


@final
@dataclass(frozen=True, slots=True)
class Action:
    """One action as one table may use it."""

    id: int
    name: str
    head: bytes  # u16 index
    params: dict[int, Param]
    every: int  # all bits of the parameters
    data_bytes: int
    in_entries: bool
    as_default: bool


def describe(field: Field) -> str:
    """A field as messages name it."""
    return f"{field.id} {field.name} ({field.match}, bit<{field.width}>)"


def field_of(field: artifact.MatchField, position: int, key_bytes: int) -> Field:
    """Lay a manifest's field out; `position` makes its bit."""
    return Field(
        id=field.id,
        name=field.name,
        match=field.match,
        width=field.width,
        shift=(key_bytes - field.offset - field.bytes) * 8,
        most=(1 << field.width) - 1,
        bit=1 << position,
    )


def action_of(action: artifact.Action, table: artifact.Table) -> Action:
    """Lay a manifest's action out as this table may use it."""
    params = {
        p.id: Param(
            id=p.id,
            name=p.name,
            width=p.width,
            shift=(action.data_bytes - p.offset - p.bytes) * 8,
            most=(1 << p.width) - 1,
            bit=1 << position,
        )
        for position, p in enumerate(action.params)
    }
    return Action(
        id=action.id,
        name=action.name,
        head=action.index.to_bytes(2, "big"),
        params=params,
        every=(1 << len(params)) - 1,
        data_bytes=action.data_bytes,
        in_entries=action.index not in table.default_only,
        as_default=action.index not in table.table_only,
    )
