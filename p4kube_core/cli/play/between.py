"""Functions between ports of their own: each is a device, programmed over P4Runtime."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, assert_never

from p4kube_core import errors
from p4kube_core.agent import client
from p4kube_core.cli.play import words
from p4kube_core.cli.play.compiled import Compiled
from p4kube_core.model import artifact as artifacts
from p4kube_core.model import function as model
from p4kube_core.reconciler import plan
from p4kube_core.switch import blocking, failures, values


def play(
    agent: client.AgentClient, wanted: Sequence[Compiled], devices: Sequence[Mapping[str, Any]]
) -> None:
    """Have these functions as they are wanted, and say so.

    Args:
        devices: what runs already, from the agent's status.
    """
    ids = _ids(wanted, devices)
    for one in wanted:
        known = any(device["name"] == one.function.name for device in devices)
        _play(agent, one, ids[one.function.name], known)


def _ids(wanted: Sequence[Compiled], devices: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """A device id for each function: the one that it has, or the lowest that is free."""
    ids = {device["name"]: int(device["device_id"]) for device in devices}
    for one in wanted:
        if one.function.name not in ids:
            ids[one.function.name] = next(i for i in range(1, 1 << 31) if i not in ids.values())
    return ids


def _play(agent: client.AgentClient, one: Compiled, device_id: int, known: bool) -> None:
    """Have one function as it is wanted; a new one is on the wire only when it is programmed."""
    name = one.function.name
    ports = [_port(port) for port in one.function.ports]
    try:
        if not known:
            agent.put_device(device_id, name, target=one.target)
        with blocking.connect(agent.address, device_id) as session:
            loaded = _load(session, one)
            updates = _program(session, one)
        agent.put_device(device_id, name, ports, one.target)
    except BaseException:
        if not known:
            with suppress(errors.P4KubeError):
                agent.remove_device(device_id)
        raise
    if known:
        print(f"{name}: {'program replaced, ' if loaded else ''}{_said(updates)}")
    else:
        count = words.count(one.entries, "entry")
        print(f"{name}: playing as device {device_id} on target {one.target}, {count}")
    sys.stdout.flush()


def _load(session: blocking.BlockingSession, one: Compiled) -> bool:
    """Give the device its program, unless it has it."""
    held = session.get_pipeline(cookie_only=True)
    if held is not None and held.cookie.cookie == one.cookie:
        return False
    packed = artifacts.pack(one.artifact)
    if held is not None:
        # Entries stay in force, and counts go on, if the new program has those tables.
        with suppress(failures.Refused):
            session.set_pipeline(
                packed, one.artifact.p4info, values.PipelineAction.RECONCILE_AND_COMMIT, one.cookie
            )
            return True
    session.set_pipeline(packed, one.artifact.p4info, cookie=one.cookie)
    return True


def _program(session: blocking.BlockingSession, one: Compiled) -> list[values.Update]:
    observed = [*session.read_state(), *_changed_defaults(session, one)]
    made: list[values.Update] = []
    for write in plan.writes(one.state, observed, one.sizes):
        session.write(write)
        made += write
    return made


def _changed_defaults(
    session: blocking.BlockingSession, one: Compiled
) -> Iterable[values.TableEntry]:
    """The default entries that are not the program's own, or are to be set."""
    manifest = one.artifact.manifest
    wanted = {e.table for e in one.state if isinstance(e, values.TableEntry) and e.default}
    for table in manifest.tables:
        if table.const_default:
            continue
        for entry in session.read(values.TableEntry(table.name, default=True)):
            assert isinstance(entry, values.TableEntry)
            index = int.from_bytes(table.default[:2], "big")
            data = table.default[2:]
            own = manifest.actions[index]
            params = {
                p.name: int.from_bytes(data[p.offset : p.offset + p.bytes], "big")
                for p in own.params
            }
            if table.name in wanted or (entry.action, entry.params) != (own.name, params):
                yield entry


def _said(updates: Sequence[values.Update]) -> str:
    done = {
        values.Kind.INSERT: "added",
        values.Kind.MODIFY: "changed",
        values.Kind.DELETE: "removed",
    }
    return words.changes(
        {word: sum(u.kind is kind for u in updates) for kind, word in done.items()}
    )


def _port(port: model.Port) -> client.Port:
    match port.wire:
        case model.InterfacePort(name):
            return client.Port(port.number, "packet", {"interface": name})
        case model.TapPort(name):
            return client.Port(port.number, "tap", {"interface": name})
        case model.VhostUserPort(socket, server):
            return client.Port(port.number, "vhost", {"socket": str(socket), "server": server})
        case model.CpuPort():
            return client.Port(port.number, "cpu")
        case _:
            assert_never(port.wire)
