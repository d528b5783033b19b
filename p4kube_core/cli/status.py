"""`p4kube status`: what runs here, what it holds and what it has counted."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, final

from p4kube_core import errors
from p4kube_core.agent import client
from p4kube_core.catalog import quantity
from p4kube_core.cli import private_agent
from p4kube_core.model.meter import Rates
from p4kube_core.switch import blocking, schema, values

MOST_RULES: Final = 20  # shown a table; --json has all


def run(options: argparse.Namespace) -> int:
    state: Path = options.state
    if not client.running(state):
        if options.json:
            print(json.dumps({"agent": None, "dataplanes": {}, "devices": []}))
        elif private_agent.left_behind(state):
            print(f"the agent of {state} has ended; `p4kube play` starts it again for what plays")
        else:
            print(f"nothing runs here (no agent in {state})")
        return 0
    with client.AgentClient(state) as agent:
        status = agent.status()
        for device in status["devices"]:
            device.update(_counted(agent.address, int(device["device_id"])))
    if options.json:
        print(json.dumps(status, indent=1))
    else:
        print("\n".join(_text(status)))
    return 0


@final
@dataclasses.dataclass(slots=True)
class _Rule:
    """All entries of a table that come from one rule, summed."""

    table: str
    rule: str
    action: str
    packets: int | None
    bytes: int | None
    entries: int
    rates: dict[str, Any] | None  # of the direct meter: in `unit`, per second


def _counted(address: str, device: int) -> dict[str, Any]:
    """The rules of a device, its indirect counters and meters, its digests; over P4Runtime."""
    nothing: dict[str, Any] = {"rules": [], "counts": [], "meters": [], "digests": []}
    try:
        with blocking.connect(address, device, read_only=True) as session:
            if session.get_pipeline(cookie_only=True) is None:
                return nothing
            state = session.read_state(counters=True)
            entries = [e for e in state if isinstance(e, values.TableEntry)]
            for table in session.schema.tables:
                wanted = values.TableEntry(table.name, default=True, counter=values.CounterData())
                entries += [e for e in session.read(wanted) if isinstance(e, values.TableEntry)]
            counts = [
                {
                    "counter": entry.counter,
                    "index": entry.index,
                    "packets": entry.data.packets,
                    "bytes": entry.data.bytes,
                }
                for entry in session.read_counter("")
                if entry.data is not None and (entry.data.packets or entry.data.bytes)
            ]
            known = session.schema
    except (errors.UserError, errors.TransientError):
        return nothing
    return {
        "rules": [dataclasses.asdict(rule) for rule in _rules(known, entries)],
        "counts": counts,
        "meters": [
            {"meter": m.meter, "index": m.index, **_rates(m.rates, known.meters.find(m.meter).unit)}
            for m in state
            if isinstance(m, values.MeterEntry) and m.rates is not None
        ],
        "digests": [dataclasses.asdict(d) for d in state if isinstance(d, values.DigestEntry)],
    }


def _rates(rates: Rates, unit: str) -> dict[str, Any]:
    return {**dataclasses.asdict(rates), "unit": unit}


def _rules(known: schema.Schema, entries: Iterable[values.TableEntry]) -> Iterable[_Rule]:
    rules: dict[tuple[str, str, str], _Rule] = {}
    for entry in entries:
        name = entry.metadata.decode(errors="replace") or _key(known, entry)
        action = _action(entry)
        rule = rules.setdefault(
            (entry.table, name, action), _Rule(entry.table, name, action, None, None, 0, None)
        )
        unit = known.tables.find(entry.table).meter_unit
        if entry.rates is not None and unit is not None:
            rule.rates = _rates(entry.rates, unit)
        rule.entries += 1
        if entry.counter is not None:
            rule.packets = (rule.packets or 0) + entry.counter.packets
            rule.bytes = (rule.bytes or 0) + entry.counter.bytes
    return rules.values()


def _key(known: schema.Schema, entry: values.TableEntry) -> str:
    if entry.default:
        return "default"
    fields = known.tables.find(entry.table).fields
    key = ", ".join(
        f"{name} {_match(match, fields.find(name).width)}" for name, match in entry.matches.items()
    )
    priority = f"{entry.priority}: " if entry.priority else ""
    return priority + (key or "anything")


def _match(match: values.Match, width: int) -> str:
    def shown(value: int) -> str:
        return str(value) if width <= 16 else f"{value:#0{2 + (width + 3) // 4}x}"

    match match:
        case values.Exact(value) | values.OptionalMatch(value):
            return shown(value)
        case values.Lpm(value, prefix):
            return f"{shown(value)}/{prefix}"
        case values.Ternary(value, mask):
            return shown(value) if mask == (1 << width) - 1 else f"{value:#x}&&&{mask:#x}"
        case values.Range(low, high):
            return f"{shown(low)}..{shown(high)}"


def _action(entry: values.TableEntry) -> str:
    name = (entry.action or "none").rpartition(".")[2]
    params = ", ".join(f"{key} {value:#x}" if value > 0xFFFF else f"{key} {value}"
                       for key, value in entry.params.items())  # fmt: skip
    return f"{name}({params})" if params else name


# --- For people.


def _text(status: Mapping[str, Any]) -> Iterator[str]:
    agent = status["agent"]
    yield f"agent  {agent['version']}, process {agent['pid']}, {_megabytes(agent)} of memory"
    for target, dataplane in status["dataplanes"].items():
        if dataplane["needed"]:
            yield f"{target}   {_dataplane(dataplane)}"
    for device in status["devices"]:
        yield ""
        yield from _device(device)
    if not status["devices"]:
        yield "no functions"


def _dataplane(dataplane: Mapping[str, Any]) -> str:
    if not dataplane["running"]:
        return f"not running: {dataplane['problem']}"
    said = [
        dataplane["version"],
        f"process {dataplane['pid']}",
        f"{_megabytes(dataplane)} of memory",
    ]
    workers = dataplane.get("workers", 0)
    workers = workers if isinstance(workers, int) else len(workers)
    if workers:  # else the kernel does the work
        said.append(f"{workers} worker{'s' * (workers != 1)}")
        said.append("with hugepages" if dataplane.get("hugepages") else "without hugepages")
    if dataplane["restarts"]:
        said.append(f"restarted {dataplane['restarts']} times")
    return ", ".join(said)


def _device(device: Mapping[str, Any]) -> Iterator[str]:
    program = device.get("program") or "none"
    yield (
        f"device {device['device_id']}: {device['name']} "
        f"(program {program}, target {device['target']})"
    )
    rows = [["PORT", "KIND", "AT", "LINK", "RX PACKETS", "RX BYTES", "TX PACKETS", "TX BYTES"]]
    for port in device.get("ports", []):
        at = port.get("interface") or port.get("socket") or port.get("devargs") or "-"
        rows.append(
            [
                str(port["port"]), port["kind"], at, "up" if port.get("link") else "down",
                *(str(port.get(name, 0)) for name in
                  ("rx_packets", "rx_bytes", "tx_packets", "tx_bytes")),
            ]
        )  # fmt: skip
    yield from _table(rows, right=4)
    sizes = {table["name"]: table for table in device.get("tables", [])}
    rows = [["TABLE", "RULE", "ACTION", "PACKETS", "BYTES"]]
    shown: dict[str, int] = {}
    for rule in device.get("rules", []):
        shown[rule["table"]] = shown.get(rule["table"], 0) + 1
        if shown[rule["table"]] > MOST_RULES:
            continue
        counts = ["-" if rule[name] is None else str(rule[name]) for name in ("packets", "bytes")]
        action = rule["action"] + (f": {_limit(rule['rates'])}" if rule["rates"] else "")
        rows.append([rule["table"], rule["rule"], action, *counts])
    yield from _table(rows, right=3)
    for name, count in shown.items():
        if count > MOST_RULES:
            yield f"  {name}: {count - MOST_RULES} more (p4kube status --json)"
    filled = ", ".join(f"{name} {t['entries']} of {t['size']}" for name, t in sizes.items())
    if filled:
        yield f"  entries: {filled}"
    for count in device.get("counts", []):
        yield (
            f"  counter {count['counter']}[{count['index']}]: "
            f"{count['packets']} packets, {count['bytes']} bytes"
        )
    for meter in device.get("meters", []):
        yield f"  meter {meter['meter']}[{meter['index']}]: {_limit(meter)}"
    for digest in device.get("digests", []):
        wait_ms = digest["max_timeout_ns"] / 1e6
        when = f"within {wait_ms:g} ms" if wait_ms else "at once"
        yield f"  digest {digest['digest']}: sent {when}"
    drops = {**device.get("drops", {})}
    for port in device.get("ports", []):
        for reason, number in (port.get("drops") or {}).items():
            drops[f"port {port['port']} {reason}"] = number
    said = ", ".join(f"{reason} {number}" for reason, number in drops.items() if number)
    yield f"  dropped: {said or 'nothing'}"


def _limit(rates: Mapping[str, Any]) -> str:
    packets = rates["unit"] == "packets"
    said = [
        f"{quantity.shown_rate(rates[rate], packets)}, "
        f"burst {quantity.shown_size(rates[burst], packets)}"
        for rate, burst in (("cir", "cburst"), ("pir", "pburst"))
    ]
    return said[0] if said[0] == said[1] else f"{said[0]}; peak {said[1]}"


def _table(rows: Sequence[Sequence[str]], right: int) -> Iterator[str]:
    """Columns as wide as they need to be; from column `right` on they are numbers."""
    if len(rows) < 2:
        return
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.rjust(width) if i >= right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells).rstrip()


def _megabytes(process: Mapping[str, Any]) -> str:
    return f"{process.get('memory_bytes', 0) / 1e6:.0f} MB"
