"""P4Info by name and by id: tables, actions, counters, meters, ...; any unique suffix of a name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar, final

from p4kube_core import errors, protos

_MATCH_TYPES: Final = {
    protos.p4info.MatchField.EXACT: "exact",
    protos.p4info.MatchField.LPM: "lpm",
    protos.p4info.MatchField.TERNARY: "ternary",
    protos.p4info.MatchField.RANGE: "range",
    protos.p4info.MatchField.OPTIONAL: "optional",
}


@final
class UnknownName(errors.UserError):
    """A name that P4Info lacks, or that fits several; the message lists what it could be."""

    reason = "UnknownName"


class _Named(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


@final
class Names(Generic[N]):
    """Entities of one sort; found by id, full name, alias or any unique suffix of dotted parts."""

    def __init__(
        self, noun: str, entities: Iterable[N], aliases: Iterable[tuple[str, int]] = ()
    ) -> None:
        self._noun = noun
        self._by_id: dict[int, N] = {entity.id: entity for entity in entities}
        self._by_suffix: dict[str, list[N]] = {}
        for entity in self._by_id.values():
            parts = entity.name.split(".")
            for first in range(len(parts)):
                self._by_suffix.setdefault(".".join(parts[first:]), []).append(entity)
        self._by_name = {entity.name: entity for entity in self._by_id.values()}
        for alias, number in aliases:
            self._by_name.setdefault(alias, self._by_id[number])

    def __iter__(self) -> Any:
        return iter(self._by_id.values())

    def by_id(self, number: int) -> N:
        """The entity of this id.

        Raises:
            KeyError: there is none.
        """
        return self._by_id[number]

    def find(self, name: str) -> N:
        """The entity of this name.

        Raises:
            UnknownName: none, or more than one, is called so.
        """
        if (exact := self._by_name.get(name)) is not None:
            return exact
        found = self._by_suffix.get(name, [])
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(sorted(entity.name for entity in found))
            raise UnknownName(f"{self._noun} {name!r} could be any of: {names}")
        names = ", ".join(sorted(entity.name for entity in self._by_id.values())) or "none"
        near = difflib.get_close_matches(name, self._by_suffix, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownName(f"no {self._noun} {name!r}; there are: {names}{hint}")


@final
@dataclass(frozen=True, slots=True)
class FieldSchema:
    id: int
    name: str
    width: int  # bits
    match: str  # exact, lpm, ternary, range, optional


@final
@dataclass(frozen=True, slots=True)
class ParamSchema:
    id: int
    name: str
    width: int  # bits


@final
@dataclass(frozen=True, slots=True)
class ActionSchema:
    id: int
    name: str
    params: Names[ParamSchema]


@final
@dataclass(frozen=True, slots=True)
class TableSchema:
    id: int
    name: str
    fields: Names[FieldSchema]
    actions: Names[ActionSchema]
    has_priority: bool
    meter_unit: str | None  # packets or bytes, of its direct meter; None: it has none


@final
@dataclass(frozen=True, slots=True)
class CounterSchema:
    id: int
    name: str
    size: int


@final
@dataclass(frozen=True, slots=True)
class MeterSchema:
    id: int
    name: str
    size: int
    unit: str  # packets, bytes


@final
@dataclass(frozen=True, slots=True)
class DataType:
    """Of P4Data, as p4data.py takes it."""

    spec: Any  # p4.config.v1.P4DataTypeSpec
    types: Any  # p4.config.v1.P4TypeInfo


@final
@dataclass(frozen=True, slots=True)
class RegisterSchema:
    id: int
    name: str
    size: int
    type: DataType


@final
@dataclass(frozen=True, slots=True)
class DigestSchema:
    id: int
    name: str
    type: DataType


@final
@dataclass(frozen=True, slots=True)
class HeaderSchema:
    """What stands in front of a packet to (`packet_out`) or from (`packet_in`) a device."""

    id: int
    name: str
    metadata: Names[ParamSchema]


@final
@dataclass(frozen=True, slots=True)
class Schema:
    """Everything that the codec needs of a P4Info message."""

    tables: Names[TableSchema]
    counters: Names[CounterSchema]
    meters: Names[MeterSchema]
    registers: Names[RegisterSchema]
    digests: Names[DigestSchema]
    headers: Names[HeaderSchema]


def from_p4info(info: Any) -> Schema:
    """Index a p4.config.v1.P4Info message."""
    actions = {a.preamble.id: _action(a) for a in info.actions}
    units = {m.direct_table_id: _unit(m) for m in info.direct_meters}
    tables = [_table(t, actions, units.get(t.preamble.id)) for t in info.tables]
    return Schema(
        tables=Names("table", tables, _aliases(info.tables)),
        counters=Names(
            "counter",
            [CounterSchema(c.preamble.id, c.preamble.name, c.size) for c in info.counters],
            _aliases(info.counters),
        ),
        meters=Names(
            "meter",
            [MeterSchema(m.preamble.id, m.preamble.name, m.size, _unit(m)) for m in info.meters],
            _aliases(info.meters),
        ),
        registers=Names(
            "register",
            [
                RegisterSchema(
                    r.preamble.id, r.preamble.name, r.size, DataType(r.type_spec, info.type_info)
                )
                for r in info.registers
            ],
            _aliases(info.registers),
        ),
        digests=Names(
            "digest",
            [
                DigestSchema(d.preamble.id, d.preamble.name, DataType(d.type_spec, info.type_info))
                for d in info.digests
            ],
            _aliases(info.digests),
        ),
        headers=Names("controller header", map(_header, info.controller_packet_metadata)),
    )


def _aliases(objects: Any) -> list[tuple[str, int]]:
    return [(o.preamble.alias, o.preamble.id) for o in objects if o.preamble.alias]


def _action(action: Any) -> ActionSchema:
    name = action.preamble.name
    params = [ParamSchema(p.id, p.name, p.bitwidth) for p in action.params]
    return ActionSchema(action.preamble.id, name, Names(f"parameter of {name}", params))


def _header(header: Any) -> HeaderSchema:
    held = header.preamble
    metadata = [ParamSchema(m.id, m.name, m.bitwidth) for m in header.metadata]
    return HeaderSchema(held.id, held.name, Names(f"metadata of {held.name}", metadata))


def _unit(meter: Any) -> str:
    return "packets" if meter.spec.unit == protos.p4info.MeterSpec.PACKETS else "bytes"


def _table(table: Any, actions: dict[int, ActionSchema], meter_unit: str | None) -> TableSchema:
    name = table.preamble.name
    fields = [
        FieldSchema(f.id, f.name, f.bitwidth, _MATCH_TYPES.get(f.match_type, "unspecified"))
        for f in table.match_fields
    ]
    return TableSchema(
        id=table.preamble.id,
        name=name,
        fields=Names(f"field of {name}", fields),
        actions=Names(f"action of {name}", [actions[ref.id] for ref in table.action_refs]),
        has_priority=any(f.match in ("ternary", "range", "optional") for f in fields),
        meter_unit=meter_unit,
    )
