"""Playing and taking down: everything is checked first, then the difference is made."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, assert_never, final

from p4kube_core import errors, protos
from p4kube_core.agent import client, settings
from p4kube_core.cli import compilation, machine, private_agent, progress
from p4kube_core.cli.play import manifest, preflight, target
from p4kube_core.model import artifact as artifacts
from p4kube_core.model import function as model
from p4kube_core.reconciler import desire, plan
from p4kube_core.switch import blocking, failures, schema, values

OURS: Final = "played"  # this file says that play started the agent, so play may stop it


def run(options: argparse.Namespace) -> int:
    if options.down:
        return _down(options)
    if not options.files:
        raise errors.ManifestError("want at least one FILE.yaml to play")
    functions = manifest.read(options.files).functions
    wanted = [_Wanted.of(f, target.choose(f, options.target)) for f in functions]
    state: Path = options.state
    for name in {one.target for one in wanted}:
        machine.require_dataplane(name)
    machine.require_same_network(state)
    if options.dry_run:
        _refuse(wanted, _devices(state))
        for one in wanted:
            count = _count(one.entries, "entry")
            print(f"{one.function.name}: can be played on target {one.target}, {count}")
        return 0
    with private_agent.alone(state):
        _play_all(wanted, state)
    return 0


def _play_all(wanted: Sequence[_Wanted], state: Path) -> None:
    functions = [one.function for one in wanted]
    ours = not _revived(state)
    devices = _devices(state)
    _refuse(wanted, devices)
    try:
        with progress.step("starting the agent"):
            client.spawn(settings.Settings(state=state))
        if ours:
            (state / OURS).touch()
        with client.AgentClient(state) as agent:
            ids = _ids(functions, devices)
            for one in wanted:
                _play(agent, one, ids[one.function.name], devices)
    except BaseException:
        if ours:
            with private_agent.undisturbed():
                _undo(state, {one.name for one in functions})
        raise


def _refuse(wanted: Sequence[_Wanted], devices: Sequence[Mapping[str, Any]]) -> None:
    problems = preflight.problems([(one.function, one.target) for one in wanted], devices)
    if problems:
        raise errors.ManifestError(problems)


@final
@dataclass(frozen=True, slots=True)
class _Wanted:
    """A function with its compiled program, everything resolved."""

    function: model.NetworkFunction
    artifact: artifacts.Artifact
    schema: schema.Schema
    state: tuple[values.Entity, ...]
    sizes: Mapping[str, int]

    @classmethod
    def of(cls, function: model.NetworkFunction, target: str) -> _Wanted:
        made = compilation.artifact_of(function.program, target)
        known = schema.from_p4info(protos.p4info.P4Info.FromString(made.p4info))
        state = desire.entities(known, function.state)
        sizes = {table.name: table.size for table in made.manifest.tables}
        problems = [
            f"{function.place}: {count} entries for {table}, which has room for {sizes[table]}"
            for table, count in _counts(state).items()
            if count > sizes.get(table, count)
        ]
        if problems:
            raise errors.ManifestError(problems)
        return cls(function, made, known, state, sizes)

    @property
    def entries(self) -> int:
        return sum(isinstance(one, values.TableEntry) for one in self.state)

    @property
    def target(self) -> str:
        return self.artifact.manifest.target

    @property
    def cookie(self) -> int:
        """Of the program's content, so that one that runs already is not loaded again."""
        return int(self.artifact.manifest.digest.removeprefix("sha256:")[:16], 16)


def _counts(state: Iterable[values.Entity]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in state:
        if isinstance(entry, values.TableEntry) and not entry.default:
            counts[entry.table] = counts.get(entry.table, 0) + 1
    return counts


def _devices(state: Path) -> list[dict[str, Any]]:
    """What runs already; nothing where there is no agent."""
    if not client.running(state):
        return []
    with client.AgentClient(state) as agent:
        devices: list[dict[str, Any]] = agent.status()["devices"]
        return devices


def _revived(state: Path) -> bool:
    """Say whether an agent runs; one that died is started again, as only it knows what plays."""
    if client.running(state):
        return True
    if not private_agent.left_behind(state):
        private_agent.end_lost(state)  # else two data planes would forward between the same ports
        return False
    with progress.step("starting the agent again, which had ended"):
        client.spawn(settings.Settings(state=state))
    return True


def _undo(state: Path, names: Set[str]) -> None:
    """End the agent that a failed play started, and leave nothing for the next one to take over.

    Unless somebody else plays something on it by now.
    """
    with suppress(errors.P4KubeError), client.AgentClient(state) as agent:
        devices = agent.status()["devices"]
        for device in devices:
            if device["name"] in names:
                agent.remove_device(int(device["device_id"]))
        if any(device["name"] not in names for device in devices):
            return
    private_agent.stop(state)
    (state / OURS).unlink(missing_ok=True)


def _ids(
    functions: Sequence[model.NetworkFunction], devices: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """A device id for each function: the one that it has, or the lowest that is free."""
    ids = {device["name"]: int(device["device_id"]) for device in devices}
    for function in functions:
        if function.name not in ids:
            ids[function.name] = next(i for i in range(1, 1 << 31) if i not in ids.values())
    return ids


def _play(
    agent: client.AgentClient,
    one: _Wanted,
    device_id: int,
    devices: Sequence[Mapping[str, Any]],
) -> None:
    """Have one function as it is wanted; a new one is on the wire only when it is programmed."""
    name = one.function.name
    ports = [_port(port) for port in one.function.ports]
    known = any(device["name"] == name for device in devices)
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
        count = _count(one.entries, "entry")
        print(f"{name}: playing as device {device_id} on target {one.target}, {count}")
    sys.stdout.flush()


def _load(session: blocking.BlockingSession, one: _Wanted) -> bool:
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


def _program(session: blocking.BlockingSession, one: _Wanted) -> list[values.Update]:
    observed = [*session.read_state(), *_changed_defaults(session, one)]
    made: list[values.Update] = []
    for write in plan.writes(one.state, observed, one.sizes):
        session.write(write)
        made += write
    return made


def _changed_defaults(
    session: blocking.BlockingSession, one: _Wanted
) -> Iterable[values.TableEntry]:
    """The default entries that are not the program's own, or are to be set."""
    manifest_ = one.artifact.manifest
    wanted = {e.table for e in one.state if isinstance(e, values.TableEntry) and e.default}
    for table in manifest_.tables:
        if table.const_default:
            continue
        for entry in session.read(values.TableEntry(table.name, default=True)):
            assert isinstance(entry, values.TableEntry)
            index = int.from_bytes(table.default[:2], "big")
            data = table.default[2:]
            own = manifest_.actions[index]
            params = {
                p.name: int.from_bytes(data[p.offset : p.offset + p.bytes], "big")
                for p in own.params
            }
            if table.name in wanted or (entry.action, entry.params) != (own.name, params):
                yield entry


def _said(updates: Sequence[values.Update]) -> str:
    if not updates:
        return "unchanged"
    words = {
        values.Kind.INSERT: "added",
        values.Kind.MODIFY: "changed",
        values.Kind.DELETE: "removed",
    }
    counts = {word: sum(u.kind is kind for u in updates) for kind, word in words.items()}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _count(number: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number} {noun if number == 1 else plural}"


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


def _down(options: argparse.Namespace) -> int:
    """Take functions away; when none is left, stop what play started."""
    state: Path = options.state
    names = (
        {function.name for function in manifest.read(options.files).functions}
        if options.files
        else None
    )
    with private_agent.alone(state):
        if not _revived(state):
            print("nothing is playing")
        else:
            _take_away(state, names)
    return 0


def _take_away(state: Path, names: Set[str] | None) -> None:
    with client.AgentClient(state) as agent:
        devices = agent.status()["devices"]
        gone = [d for d in devices if names is None or d["name"] in names]
        for device in gone:
            agent.remove_device(int(device["device_id"]))
            print(f"{device['name']}: taken away")
        for name in sorted((names or set()) - {d["name"] for d in devices}):
            print(f"{name}: was not playing")
        left = len(devices) - len(gone)
    if left == 0 and (state / OURS).exists():
        private_agent.stop(state)
        (state / OURS).unlink(missing_ok=True)
        print("agent and data planes stopped")
