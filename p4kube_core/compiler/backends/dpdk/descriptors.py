"""The program's descriptors as C: what its tables, actions and counters are."""

from __future__ import annotations

from collections.abc import Sequence

from p4kube_core.compiler.backends import layout
from p4kube_core.compiler.backends.generated import DIGEST_PLACE
from p4kube_core.compiler.backends.unit import DROPS, Unit
from p4kube_core.compiler.ir import program as ir


def write(unit: Unit) -> None:
    code = unit.code
    code.line()
    code.own()
    _actions(unit)
    _tables(unit)
    _counters(unit)
    _registers(unit)
    _meters(unit)
    _digests(unit)
    _array(unit, "const char *const", "drops", [f"{_text(reason)}," for reason in DROPS])
    program = unit.program
    code.line()
    code.line("P4K_EXPORT const struct p4k_program p4k_program = {")
    code.lines(
        "\t.abi = P4K_ABI,",
        f"\t.name = {_text(program.name)},",
        f"\t.digest = {_text(DIGEST_PLACE)},",
        f"\t.n_actions = {len(unit.layout.actions)},",
        f"\t.n_tables = {len(unit.layout.tables)},",
        f"\t.n_counters = {len(unit.layout.counters)},",
        f"\t.n_drops = {len(DROPS)},",
        f"\t.actions = {'actions' if unit.layout.actions else 'NULL'},",
        f"\t.tables = {'tables' if unit.layout.tables else 'NULL'},",
        f"\t.counters = {'counters' if unit.layout.counters else 'NULL'},",
        "\t.drops = drops,",
        "\t.process = process,",
        f"\t.n_registers = {len(program.registers)},",
        f"\t.registers = {'registers' if program.registers else 'NULL'},",
        f"\t.n_meters = {len(program.meters)},",
        f"\t.n_digests = {len(program.digests)},",
        f"\t.meters = {'meters' if program.meters else 'NULL'},",
        f"\t.digests = {'digests' if program.digests else 'NULL'},",
        "};",
    )


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _array(unit: Unit, c_type: str, name: str, lines: Sequence[str]) -> None:
    """Nothing at all if it would be empty."""
    if not lines:
        return
    unit.code.line()
    unit.code.line(f"static {c_type} {name}[] = {{")
    for line in lines:
        unit.code.line(f"\t{line}")
    unit.code.line("};")


def _actions(unit: Unit) -> None:
    lines = [
        f"{{ .name = {_text(a.action.control_name)}, .data_bytes = {a.data_bytes} }},"
        for a in unit.layout.actions
    ]
    _array(unit, "const struct p4k_action_spec", "actions", lines)


def _bytes(data: bytes) -> list[str]:
    rows = (data[i : i + 16] for i in range(0, len(data), 16))
    return [" ".join(f"0x{byte:02x}," for byte in row) for row in rows]


def records(unit: Unit, of: layout.TableLayout) -> list[bytes]:
    """The entries that the program brings."""
    return [
        layout.record(of, unit.layout.action(entry.call.action), entry)
        for entry in of.table.entries
    ]


def _tables(unit: Unit) -> None:
    lines: list[str] = []
    for of in unit.layout.tables:
        entries = records(unit, of)
        _array(unit, "const uint8_t", f"default_{of.index}", _bytes(of.default_data))
        _array(unit, "const uint8_t", f"entries_{of.index}", _bytes(b"".join(entries)))
        ranges = [f"{{ {f.offset_bytes}, {f.size_bytes} }}," for f in of.ranges]
        _array(unit, "const struct p4k_range_spec", f"ranges_{of.index}", ranges)
        lines += [
            "{",
            f"\t.name = {_text(of.table.name)},",
            f"\t.kind = P4K_{of.kind.name},",
            f"\t.size = {of.table.size},",
            f"\t.key_bytes = {of.key_bytes},",
            f"\t.data_bytes = {of.data_bytes},",
            f"\t.default_action = {of.default_action},",
            f"\t.default_data = {f'default_{of.index}' if of.default_data else 'NULL'},",
            f"\t.n_const_entries = {len(entries)},",
            f"\t.const_entries = {f'entries_{of.index}' if entries else 'NULL'},",
            *_ranges(of),
            "},",
        ]
    _array(unit, "const struct p4k_table_spec", "tables", lines)


def _ranges(of: layout.TableLayout) -> list[str]:
    if not of.ranges:
        return []
    return [f"\t.n_ranges = {len(of.ranges)},", f"\t.ranges = ranges_{of.index},"]


def _counters(unit: Unit) -> None:
    owners = {of.counter: of.index for of in unit.layout.tables if of.counter is not None}
    lines = [
        f"{{ .name = {_text(c.name)}, .size = {c.size}, .table = {owners.get(index, -1)} }},"
        for index, c in enumerate(unit.layout.counters)
    ]
    _array(unit, "const struct p4k_counter_spec", "counters", lines)


def _registers(unit: Unit) -> None:
    lines = []
    for of in unit.program.registers:
        width = layout.width_bits(of.type)
        lines.append(f"{{ .name = {_text(of.name)}, .width_bits = {width}, .size = {of.size} }},")
    _array(unit, "const struct p4k_register_spec", "registers", lines)


def _meters(unit: Unit) -> None:
    owners = {of.meter: of.index for of in unit.layout.tables if of.meter is not None}
    lines = []
    for index, of in enumerate(unit.layout.meters):
        counts_bytes = "true" if of.unit is ir.MeterUnit.BYTES else "false"
        lines.append(
            f"{{ .name = {_text(of.name)}, .counts_bytes = {counts_bytes}, .size = {of.size}, "
            f".table = {owners.get(index, -1)} }},"
        )
    _array(unit, "const struct p4k_meter_spec", "meters", lines)


def _digests(unit: Unit) -> None:
    lines = [
        f"{{ .name = {_text(of.digest.name)}, .data_bytes = {of.data_bytes} }},"
        for of in unit.layout.digests
    ]
    _array(unit, "const struct p4k_digest_spec", "digests", lines)
