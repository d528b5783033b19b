"""The maps of a program: docs/seams.md, "The eBPF object"."""

from __future__ import annotations

from p4kube_core.compiler.backends import layout
from p4kube_core.compiler.backends.dpdk.unit import Unit


def write(unit: Unit) -> None:
    """Every map but those that all programs have, which the runtime defines."""
    for table in unit.layout.tables:
        _table(unit, table)
    owned = {table.counter for table in unit.layout.tables}
    for index, counter in enumerate(unit.layout.counters):
        # A direct counter has a cell for the default action too.
        cells = counter.size + (1 if index in owned else 0)
        _map(unit, f"counter_{index}", "PERCPU_ARRAY", cells, 4, "sizeof(struct p4k_bpf_cell)")
    _map(unit, "scratch", "PERCPU_ARRAY", 1, 4, "sizeof(struct state)")


def _table(unit: Unit, of: layout.TableLayout) -> None:
    entry = f"P4K_BPF_ENTRY_BYTES + {of.data_bytes}"
    if of.fields:
        entries = max(of.table.size, 1)
        name = f"table_{of.index}"
        match of.kind:
            case layout.TableKind.EXACT:
                _map(unit, name, "HASH", entries, of.key_bytes, entry)
            case layout.TableKind.LPM:
                flags = "__uint(map_flags, BPF_F_NO_PREALLOC);"
                _map(unit, name, "LPM_TRIE", entries, 4 + of.key_bytes, entry, flags)
            case layout.TableKind.TERNARY:
                _map(unit, name, "HASH", entries, 4 + of.key_bytes, entry)
                _masks(unit, of)
    _map(unit, f"default_{of.index}", "ARRAY", 1, 4, entry)


def _masks(unit: Unit, of: layout.TableLayout) -> None:
    unit.code.line()
    unit.code.lines(
        "struct {",
        "\t__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);",
        "\t__uint(max_entries, 1);",
        "\t__uint(key_size, 4);",
        "\t__array(values, struct {",
        "\t\t__uint(type, BPF_MAP_TYPE_ARRAY);",
        "\t\t__uint(max_entries, P4K_BPF_MASKS);",
        "\t\t__uint(key_size, 4);",
        f"\t\t__uint(value_size, P4K_BPF_MASK_BYTES + {of.key_bytes});",
        "\t});",
        f'}} masks_{of.index} SEC(".maps");',
    )


def _map(
    unit: Unit, name: str, kind: str, entries: int, key: int, value: str, more: str = ""
) -> None:
    unit.code.line()
    unit.code.lines(
        "struct {",
        f"\t__uint(type, BPF_MAP_TYPE_{kind});",
        f"\t__uint(max_entries, {entries});",
        f"\t__uint(key_size, {key});",
        f"\t__uint(value_size, {value});",
    )
    if more:
        unit.code.line(f"\t{more}")
    unit.code.line(f'}} {name} SEC(".maps");')
