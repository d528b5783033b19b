"""What runs here, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from p4kube_core.catalog import quantity

MOST_RULES: Final = 20  # shown a table; --json has all
KINDS: Final = ("devices", "functions", "attachments", "endpoints", "instances")


def lines(status: Mapping[str, Any], full: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    agent = status["agent"]
    yield f"agent  {agent['version']}, process {agent['pid']}, {_megabytes(agent)} of memory"
    for target, dataplane in status["dataplanes"].items():
        if dataplane["needed"]:
            yield f"{target}   {_dataplane(dataplane)}"
    for function in status["functions"]:
        yield ""
        yield from _function(function)
    for attachment in status["attachments"]:
        yield ""
        yield from _attachment(attachment)
    for device in full:
        yield ""
        yield from _device(device)
    if not any(status[kind] for kind in KINDS if kind != "endpoints"):
        yield "no functions"


def _function(function: Mapping[str, Any]) -> Iterator[str]:
    if function["problem"] is not None:
        yield f"function {function['name']}: {function['problem']['message']}"
        return
    targets = " and ".join(function["targets"])
    yield f"function {function['name']}: program {function['program']}, target {targets}"
    for target, excuse in function["unfit"].items():
        yield f"  not on target {target}: {excuse['message']}"
    users = ", ".join(function["attachments"]) or "nothing"
    yield f"  entries: {function['entries']}; attached by: {users}"


def _attachment(attachment: Mapping[str, Any]) -> Iterator[str]:
    target = attachment["target"]
    pod = f"pod {target.get('namespace')}/{target['name']}, {target.get('interface')}"
    where = pod if target["kind"] == "Pod" else f"interface {target['name']}"
    yield f"attachment {attachment['name']}: {', '.join(attachment['functions'])} at {where}"
    for condition in attachment["conditions"]:
        holds = "yes" if condition["status"] == "True" else "no"
        said = condition["reason"] if condition["message"] == "" else condition["message"]
        yield f"  {condition['type'].lower()}: {holds} ({said})"
    rows = [["AT", "HOST INTERFACE", "TARGET", "DEVICES", "TOOK"]]
    for endpoint in attachment["endpoints"]:
        devices = ", ".join(str(device["device_id"]) for device in endpoint["devices"])
        spliced = " (spliced)" if endpoint["spliced"] else ""
        rows.append(
            [
                endpoint["name"], endpoint["host_interface"] + spliced,
                endpoint["target"] or "-", devices or "-", _took(endpoint["took_ms"]),
            ]
        )  # fmt: skip
    yield from _table(rows, right=5)


def _took(took_ms: Mapping[str, float]) -> str:
    parts = ", ".join(
        f"{phase} {value:.1f}" for phase, value in took_ms.items() if phase != "total"
    )
    return f"{took_ms['total']:.1f} ms ({parts})" if "total" in took_ms else "-"


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
