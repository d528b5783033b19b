"""The maps of a program: docs/seams.md, "The eBPF object".

All devices of a program share what is loaded of it, so what is a device's is an inner map, which an
outer one has by the device's slot.
"""

from __future__ import annotations

from typing import Final

from p4kube_core.compiler.backends import layout, values
from p4kube_core.compiler.backends.unit import Unit

_SLOTS: Final = "P4K_BPF_SLOTS"
_LEVELS: Final = "P4K_BPF_SLOTS * P4K_BPF_LEVELS"
_CELL: Final = "sizeof(struct p4k_bpf_cell)"
_METER: Final = "sizeof(struct p4k_meter_cell)"
_MAPPED: Final = "BPF_F_MMAPABLE"  # control writes it as it would its own memory
_GROWING: Final = "BPF_F_NO_PREALLOC"
_OF_ANY_SIZE: Final = "BPF_F_INNER_MAP"
_MOST_IN_CODE: Final = 16
_MOST_REMEMBERED: Final = 256  # bytes of action data; clang copies no more than some 500 at once


def are_in_code(of: layout.TableLayout) -> bool:
    """Whether a table's entries need no map: few, never another, and with nothing of their own."""
    entries = len(of.table.entries)
    fixed = of.kind is layout.TableKind.EXACT and of.table.const_entries
    return fixed and 0 < entries <= _MOST_IN_CODE and of.counter is None and of.meter is None


def remembers(of: layout.TableLayout) -> bool:
    """Whether a table has a cache of what keys have found."""
    return of.kind is layout.TableKind.TERNARY and of.data_bytes <= _MOST_REMEMBERED


def write(unit: Unit) -> None:
    """Every map but those that all programs have, which the runtime defines."""
    for table in unit.layout.tables:
        _table(unit, table)
    owned = {table.counter for table in unit.layout.tables}
    for index, counter in enumerate(unit.layout.counters):
        if index in owned:
            own_cells(unit, f"counter_{index}", _CELL)
        elif counter.size:
            _outer(unit, f"counter_{index}", _fields("ARRAY", counter.size, 4, _CELL))
    direct = {table.meter for table in unit.layout.tables}
    for index, meter in enumerate(unit.layout.meters):
        if index in direct:
            own_cells(unit, f"meter_{index}", _METER, _MAPPED)
        elif meter.size:
            _outer(unit, f"meter_{index}", _fields("ARRAY", meter.size, 4, _METER, _MAPPED))
    for index, register in enumerate(unit.layout.registers):
        if register.size:
            size = str(values.held_bits(layout.width_bits(register.type)) // 8)
            _outer(unit, f"register_{index}", _fields("ARRAY", register.size, 4, size, _MAPPED))
    _map(unit, "scratch", _fields("PERCPU_ARRAY", 1, 4, "sizeof(struct state)"))


def own_cells(unit: Unit, name: str, cell: str, *flags: str) -> None:
    """A map of what each entry has of its own, in levels: p4k_own_cell()."""
    inner = _fields("ARRAY", "P4K_BPF_LEVEL_SIZE(0)", 4, cell, " | ".join((_OF_ANY_SIZE, *flags)))
    _outer(unit, name, inner, _LEVELS)


def _table(unit: Unit, of: layout.TableLayout) -> None:
    # With ranges an entry has its key and mask behind it as they were written.
    written = 2 * of.key_bytes if of.ranges else 0
    entry = f"P4K_BPF_ENTRY_BYTES + {of.data_bytes + written}"
    if of.fields and not are_in_code(of):
        entries = max(of.table.size, 1)
        name = f"table_{of.index}"
        match of.kind:
            case layout.TableKind.EXACT:
                _outer(unit, name, _fields("HASH", entries, of.key_bytes, entry, _GROWING))
            case layout.TableKind.LPM:
                key = 4 + of.key_bytes
                _outer(unit, name, _fields("LPM_TRIE", entries, key, entry, _GROWING))
            case layout.TableKind.TERNARY:
                _outer(unit, name, _fields("HASH", entries, 4 + of.key_bytes, entry, _GROWING))
                mask = f"P4K_BPF_MASK_BYTES + {of.key_bytes}"
                _outer(unit, f"masks_{of.index}", _fields("ARRAY", "P4K_BPF_MASKS", 4, mask))
    if remembers(of):
        _cache(unit, of)
    both = f"P4K_BPF_DEFAULT_BYTES({of.data_bytes})"
    _map(unit, f"default_{of.index}", _fields("ARRAY", _SLOTS, 4, both))


def _cache(unit: Unit, of: layout.TableLayout) -> None:
    cached = f"struct cached_{of.index}"
    unit.code.line()
    unit.code.lines(
        f"{cached} {{",
        "\tuint64_t owner;",
        f"\tuint64_t key[{of.key_words}];",
        "\tuint32_t found; /* 0: there is no entry for the key */",
        f"\tuint8_t entry[P4K_BPF_ENTRY_BYTES + {of.data_bytes}];",
        "};",
    )
    fields = _fields("PERCPU_ARRAY", "P4K_BPF_CACHED", 4, f"sizeof({cached})")
    _map(unit, f"cache_{of.index}", fields)


def _fields(kind: str, entries: int | str, key: int, value: str, flags: str = "") -> list[str]:
    return [
        f"__uint(type, BPF_MAP_TYPE_{kind});",
        f"__uint(max_entries, {entries});",
        f"__uint(key_size, {key});",
        f"__uint(value_size, {value});",
        *([f"__uint(map_flags, {flags});"] if flags else []),
    ]


def _map(unit: Unit, name: str, fields: list[str]) -> None:
    unit.code.line()
    unit.code.lines("struct {", *(f"\t{field}" for field in fields), f'}} {name} SEC(".maps");')


def _outer(unit: Unit, name: str, inner: list[str], entries: str = _SLOTS) -> None:
    fields = [
        "__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);",
        f"__uint(max_entries, {entries});",
        "__uint(key_size, 4);",
        "__array(values, struct {",
        *(f"\t{field}" for field in inner),
        "});",
    ]
    _map(unit, name, fields)
