"""`p4kube status`: what runs here, what it holds and what it has counted."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, final

from p4kube_core import errors
from p4kube_core.agent import client
from p4kube_core.cli import private_agent, status_text
from p4kube_core.model.meter import Rates
from p4kube_core.switch import blocking, schema, values


def run(options: argparse.Namespace) -> int:
    state: Path = options.state
    if not client.running(state):
        if options.json:
            nothing = dict.fromkeys(status_text.KINDS, ())
            print(json.dumps({"agent": None, "dataplanes": {}, **nothing}))
        elif private_agent.left_behind(state):
            print(f"the agent of {state} has ended; `p4kube play` starts it again for what plays")
        else:
            print(f"nothing runs here (no agent in {state})")
        return 0
    with client.AgentClient(state) as agent:
        status = agent.status()
        if options.name is not None:
            _select(status, options.name)
        # Of what is attached there may be many hundreds: their rules are for who asks by name.
        full = status["devices"] + (status["instances"] if options.name is not None else [])
        for device in full:
            device.update(_counted(agent.address, int(device["device_id"])))
    if options.json:
        print(json.dumps(status, indent=1))
    else:
        print("\n".join(status_text.lines(status, full)))
    return 0


def _select(status: dict[str, Any], name: str) -> None:
    """Leave only what is called so: a device, a function, an attachment, or an instance of one.

    Raises:
        errors.UserError: nothing is.
    """
    members = {
        device["device_id"]
        for attachment in status["attachments"]
        if attachment["name"] == name
        for endpoint in attachment["endpoints"]
        for device in endpoint["devices"]
    }
    for kind in ("devices", "functions", "attachments"):
        status[kind] = [one for one in status[kind] if one["name"] == name]
    status["instances"] = [
        one
        for one in status["instances"]
        if one["device_id"] in members or name in (one["name"], one["name"].partition("@")[0])
    ]
    if not any(status[kind] for kind in status_text.KINDS if kind != "endpoints"):
        raise errors.UserError(
            f"nothing here is called {name!r}; `p4kube status` shows what there is"
        )


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
