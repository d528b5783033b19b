"""A state by names becomes entities of one program, checked against its P4Info; pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Final, assert_never

from p4kube_core import errors
from p4kube_core.model import match as model
from p4kube_core.model.entry import NamedEntry
from p4kube_core.model.meter import Rates
from p4kube_core.model.state import NamedDigest, NamedMeter, State
from p4kube_core.switch import schema as p4
from p4kube_core.switch import values

MAX_PRIORITY: Final = 0x7FFFFFFF  # P4Runtime's is an int32


def entities(schema: p4.Schema, state: State) -> tuple[values.Entity, ...]:
    """Resolve all of a state.

    Raises:
        errors.ManifestError: with everything that is wrong, each with its place.
    """
    resolved: list[values.Entity] = []
    problems: list[str] = []
    try:
        resolved += table_entries(schema, state.entries)
    except errors.ManifestError as e:
        problems += e.problems
    configurations: list[NamedMeter | NamedDigest] = [*state.meters, *state.digests]
    for named in configurations:
        try:
            resolved.append(_configuration(schema, named))
        except errors.UserError as e:
            problems.append(f"{named.place}: {e}" if named.place else str(e))
    if problems:
        raise errors.ManifestError(problems)
    return tuple(resolved)


def _configuration(
    schema: p4.Schema, named: NamedMeter | NamedDigest
) -> values.MeterEntry | values.DigestEntry:
    if isinstance(named, NamedDigest):
        return values.DigestEntry(
            schema.digests.find(named.digest).name,
            named.max_timeout_ns,
            named.max_list_size,
            named.ack_timeout_ns,
        )
    meter = schema.meters.find(named.meter)
    if not 0 <= named.index < meter.size:
        raise errors.UserError(
            f"meter {meter.name}: want an index from 0 to {meter.size - 1}, got {named.index}"
        )
    return values.MeterEntry(meter.name, named.index, _rates(f"meter {meter.name}", named.rates))


def _rates(where: str, given: Rates) -> Rates:
    if min(given.cir, given.cburst, given.pir, given.pburst) < 0 or given.cir > given.pir:
        raise errors.UserError(
            f"{where}: want rates and bursts of at least 0 and a committed rate of at most the "
            f"peak rate, got {given.cir}, {given.cburst}, {given.pir}, {given.pburst}"
        )
    return given


def table_entries(
    schema: p4.Schema, entries: Iterable[NamedEntry]
) -> tuple[values.TableEntry, ...]:
    """Resolve them all.

    Raises:
        errors.ManifestError: with everything that is wrong, each with its place.
    """
    resolved: list[values.TableEntry] = []
    problems: list[str] = []
    taken: dict[object, str] = {}
    for entry in entries:
        try:
            found = table_entry(schema, entry)
        except errors.UserError as e:
            problems.append(f"{entry.place}: {e}" if entry.place else str(e))
            continue
        first = taken.setdefault(identity(found), entry.place)
        if first is not entry.place:
            what = "default action" if found.default else "key and priority"
            problems.append(f"{entry.place}: the same {what} of {found.table} as {first}")
            continue
        resolved.append(found)
    if problems:
        raise errors.ManifestError(problems)
    return tuple(resolved)


def table_entry(schema: p4.Schema, entry: NamedEntry) -> values.TableEntry:
    """Resolve one.

    Raises:
        errors.UserError: an unknown name, a value that does not fit, something missing.
    """
    table = schema.tables.find(entry.table)
    matches = {} if entry.is_default else _matches(table, entry)
    action = table.actions.find(entry.action)
    if entry.rates is not None and (entry.is_default or table.meter_unit is None):
        what = "its default entry" if entry.is_default else table.name
        raise errors.UserError(f"{table.name}: rates are given, but {what} has no direct meter")
    return values.TableEntry(
        table=table.name,
        matches=matches,
        priority=0 if entry.is_default else _priority(table, entry.priority),
        action=action.name,
        params=_params(action, entry),
        default=entry.is_default,
        metadata=(entry.label or "").encode(),
        rates=None if entry.rates is None else _rates(table.name, entry.rates),
    )


def key_only(schema: p4.Schema, entry: NamedEntry) -> values.TableEntry:
    """Resolve what identifies an entry, without its action; raises as table_entry."""
    table = schema.tables.find(entry.table)
    return values.TableEntry(table.name, _matches(table, entry), _priority(table, entry.priority))


def identity(entity: values.Entity) -> object:
    """What tells an entity from all others of its device."""
    match entity:
        case values.TableEntry():
            matches = frozenset(entity.matches.items())
            return (entity.table, matches, entity.priority, entity.default)
        case values.MeterEntry():
            return ("meter", entity.meter, entity.index)
        case values.DigestEntry():
            return ("digest", entity.digest)
        case values.RegisterEntry():
            return ("register", entity.register, entity.index)
        case values.CounterEntry():
            return ("counter", entity.counter, entity.index)
        case values.DirectCounterEntry():
            return ("direct counter", identity(entity.entry))
        case values.DirectMeterEntry():
            return ("direct meter", identity(entity.entry))
        case _:
            assert_never(entity)


def without_counts(entry: values.TableEntry) -> values.TableEntry:
    return dataclasses.replace(entry, counter=None, const=False)


def _priority(table: p4.TableSchema, given: int | None) -> int:
    if not table.has_priority:
        if given:
            raise errors.UserError(f"{table.name} takes no priority: its keys are exact or lpm")
        return 0
    if given is None:
        raise errors.UserError(f"want a priority for an entry of {table.name} (the higher wins)")
    if not 1 <= given <= MAX_PRIORITY:
        raise errors.UserError(f"want a priority from 1 to {MAX_PRIORITY}, got {given}")
    return given


def _matches(table: p4.TableSchema, entry: NamedEntry) -> dict[str, values.Match]:
    matches: dict[str, values.Match] = {}
    for name, wanted in entry.match:
        field = table.fields.find(name)
        if field.name in matches:
            raise errors.UserError(f"{table.name}: field {field.name} is given twice")
        found = _match(table, field, wanted)
        if found is not None:
            matches[field.name] = found
    for field in table.fields:
        if field.match == "exact" and field.name not in matches:
            raise errors.UserError(f"{table.name}: want a value of {field.name} (exact)")
    return matches


def _match(
    table: p4.TableSchema, field: p4.FieldSchema, wanted: model.Match
) -> values.Match | None:
    """What matches so in this field; None where it would match anything."""
    where = f"{table.name}: field {field.name}"
    full = (1 << field.width) - 1
    match (field.match, wanted):
        case ("exact", model.Exactly(value)):
            return values.Exact(_fitting(where, value, field.width))
        case ("optional", model.Exactly(value)):
            return values.OptionalMatch(_fitting(where, value, field.width))
        case ("lpm" | "ternary" | "optional" | "range", model.Anything()):
            return None
        case ("lpm", model.Exactly(value)):
            return values.Lpm(_fitting(where, value, field.width), field.width)
        case ("ternary", model.Exactly(value)):
            return values.Ternary(_fitting(where, value, field.width), full)
        case ("lpm" | "ternary", model.Prefixed(value, length)):
            return _prefix(where, field, _fitting(where, value, field.width), length)
        case ("ternary", model.Masked()):
            mask = _mask(where, wanted, field.width)
            return (
                values.Ternary(_fitting(where, wanted.value, field.width), mask) if mask else None
            )
        case ("lpm", model.Masked()):
            mask = _mask(where, wanted, field.width)
            length = mask.bit_count()
            if mask != (full >> (field.width - length)) << (field.width - length):
                raise errors.UserError(f"{where}: want a prefix, got the mask {mask:#x}")
            return _prefix(where, field, _fitting(where, wanted.value, field.width), length)
        case ("exact", model.Masked()) if _mask(where, wanted, field.width) == full:
            return values.Exact(wanted.value)
        case ("range", model.Between(low, high)):
            if low > high:
                raise errors.UserError(
                    f"{where}: want a range from low to high, got {low} to {high}"
                )
            return values.Range(low, _fitting(where, high, field.width))
        case ("range", model.Exactly(value)):
            return values.Range(value, _fitting(where, value, field.width))
        case _:
            raise errors.UserError(f"{where}: want {_FORMS[field.match]}, got {_shown(wanted)}")


_FORMS: Final = {
    "exact": "one value",
    "lpm": "a value or value/length",
    "ternary": "a value, value/length, value&&&mask or *",
    "range": "low..high",
    "optional": "one value or *",
    "unspecified": "a kind of match that is known",
}


def _shown(wanted: model.Match) -> str:
    match wanted:
        case model.Exactly(value):
            return str(value)
        case model.Masked(value, mask):
            return f"{value:#x}&&&{mask:#x}"
        case model.Prefixed(value, length):
            return f"{value:#x}/{length}"
        case model.Between(low, high):
            return f"{low}..{high}"
        case model.Anything():
            return "*"


def _prefix(where: str, field: p4.FieldSchema, value: int, length: int) -> values.Match | None:
    if length > field.width:
        raise errors.UserError(f"{where}: want a length of at most {field.width}, got {length}")
    if length == 0:
        return None
    mask = ((1 << length) - 1) << (field.width - length)
    if field.match == "lpm":
        return values.Lpm(value & mask, length)
    return values.Ternary(value & mask, mask)


def _mask(where: str, wanted: model.Masked, width: int) -> int:
    mask = _fitting(where, wanted.mask, width)
    if wanted.written is not None and wanted.written < width:
        mask |= ((1 << width) - 1) ^ ((1 << wanted.written) - 1)
    return mask


def _fitting(where: str, value: int, width: int) -> int:
    if value >> width:
        raise errors.UserError(
            f"{where}: {value:#x} is too wide for {width} bits, at most {(1 << width) - 1:#x}"
        )
    return value


def _params(action: p4.ActionSchema, entry: NamedEntry) -> dict[str, int]:
    params: dict[str, int] = {}
    for name, value in entry.params:
        param = action.params.find(name)
        params[param.name] = _fitting(f"{action.name}: parameter {param.name}", value, param.width)
    missing = [param.name for param in action.params if param.name not in params]
    if missing:
        raise errors.UserError(f"{action.name}: want a value of {', '.join(missing)}")
    return params
