"""Playing and taking down: everything is checked first, then the difference is made."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from p4kube_core import errors
from p4kube_core.agent import client, settings
from p4kube_core.cli import machine, private_agent, progress
from p4kube_core.cli.play import attached, between, manifest, preflight, target, words
from p4kube_core.cli.play.attached import Attached
from p4kube_core.cli.play.compiled import Compiled, compiled
from p4kube_core.cli.play.manifest import Manifest

OURS: Final = "played"  # this file says that play started the agent, so play may stop it
_NOTHING: Final[Mapping[str, Any]] = {
    "devices": [],
    "functions": [],
    "attachments": [],
    "endpoints": [],
}


def run(options: argparse.Namespace) -> int:
    if options.down:
        return _down(options)
    if not options.files:
        raise errors.ManifestError("want at least one FILE.yaml to play")
    state: Path = options.state
    read = manifest.read(options.files)
    if private_agent.left_behind(state) and not options.dry_run:
        with private_agent.alone(state):
            _revived(state)  # what plays already, only the agent knows
    status = _status(state)
    _refuse(read, status)
    wanted = _Wanted.of(read, status, options.target)
    for name in wanted.targets():
        machine.require_dataplane(name)
    machine.require_same_network(state)
    if options.dry_run:
        wanted.refuse(_status(state))
        print("\n".join(wanted.said()))
        return 0
    with private_agent.alone(state):
        _play_all(wanted, state)
    return 0


@final
@dataclass(frozen=True, slots=True)
class _Wanted:
    """All that is to be played, compiled and resolved."""

    manifest: Manifest
    between: Sequence[Compiled]  # functions between ports
    attached: Sequence[Attached]

    @classmethod
    def of(cls, read: Manifest, status: Mapping[str, Any], given: str | None) -> _Wanted:
        alone = [compiled(f, target.choose(f, given)) for f in read.functions if f.ports]
        rest = [f for f in read.functions if not f.ports]
        known = _targets(status)
        return cls(read, alone, attached.resolve(rest, read.attachments, known, given))

    def targets(self) -> set[str]:
        found = {one.target for one in self.between}
        return found | {name for one in self.attached for name in one.programs}

    def refuse(self, status: Mapping[str, Any]) -> None:
        """Raise with what is in the way here."""
        _refuse(self.manifest, status)
        problems = preflight.problems(
            [(one.function, one.target) for one in self.between], status["devices"]
        )
        if problems:
            raise errors.ManifestError(problems)

    def said(self) -> list[str]:
        """What would be played, a line each."""
        lines = [
            f"{one.function.name}: can be played on target {one.target}, "
            f"{words.count(one.entries, 'entry')}"
            for one in self.between
        ]
        lines += [
            f"{one.function.name}: can be attached on target {' and '.join(one.programs)}, "
            f"{words.count(one.any.entries, 'entry')}"
            for one in self.attached
        ]
        lines += [
            f"{one.name}: {', '.join(one.functions)} can be attached to {one.target}"
            for one in self.manifest.attachments
        ]
        return lines


def _play_all(wanted: _Wanted, state: Path) -> None:
    ours = not _revived(state)
    status = _status(state)
    wanted.refuse(status)
    try:
        with progress.step("starting the agent"):
            client.spawn(settings.Settings(state=state))
        if ours:
            (state / OURS).touch()
        with client.AgentClient(state) as agent:
            between.play(agent, wanted.between, status["devices"])
            attachments = wanted.manifest.attachments
            attached.play(agent, wanted.attached, attachments, _targets(status))
            problems = attached.problems(agent.status(), wanted.attached)
    except BaseException:
        if ours:
            with private_agent.undisturbed():
                _undo(state, wanted.manifest)
        raise
    if problems:
        raise errors.ManifestError(problems)


def _refuse(read: Manifest, status: Mapping[str, Any]) -> None:
    problems = preflight.at_odds(read, status)
    if problems:
        raise errors.ManifestError(problems)


def _status(state: Path) -> Mapping[str, Any]:
    """What runs already; nothing where there is no agent."""
    if not client.running(state):
        return _NOTHING
    with client.AgentClient(state) as agent:
        return agent.status()


def _targets(status: Mapping[str, Any]) -> dict[str, list[str]]:
    """Of the functions that the agent holds for attachments, by name."""
    return {function["name"]: function["targets"] for function in status["functions"]}


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


def _undo(state: Path, read: Manifest) -> None:
    """End the agent that a failed play started, and leave nothing for the next one to take over.

    Unless somebody else plays something on it by now.
    """
    with suppress(errors.P4KubeError), client.AgentClient(state) as agent:
        _remove(agent, agent.status(), read)
        if _is_used(agent.status()):
            return
    private_agent.stop(state)
    (state / OURS).unlink(missing_ok=True)


def _down(options: argparse.Namespace) -> int:
    """Take functions away; when none is left, stop what play started."""
    state: Path = options.state
    read = manifest.read(options.files) if options.files else None
    with private_agent.alone(state):
        if not _revived(state):
            print("nothing is playing")
        else:
            _take_away(state, read)
    return 0


def _take_away(state: Path, read: Manifest | None) -> None:
    with client.AgentClient(state) as agent:
        status = agent.status()
        gone = _remove(agent, status, read)
        for name in gone:
            print(f"{name}: taken away")
        if read is not None:
            names = {one.name for one in read.attachments} | {one.name for one in read.functions}
            for name in sorted(names - set(gone)):
                print(f"{name}: was not playing")
        left = _is_used(agent.status())
    if not left and (state / OURS).exists():
        private_agent.stop(state)
        (state / OURS).unlink(missing_ok=True)
        print("agent and data planes stopped")


def _remove(
    agent: client.AgentClient, status: Mapping[str, Any], read: Manifest | None
) -> list[str]:
    """Take away what is read, or all; attachments before functions, which they are of.

    Returns:
        Their names.
    """
    wanted = None if read is None else {one.name for one in read.attachments}
    gone: list[str] = []
    for name in _named(status["attachments"], wanted):
        agent.remove_attachment(name)
        gone.append(name)
    wanted = None if read is None else {one.name for one in read.functions}
    for name in _named(status["functions"], wanted):
        agent.remove_function(name)
        gone.append(name)
    ids = {device["name"]: int(device["device_id"]) for device in status["devices"]}
    for name in _named(status["devices"], wanted):
        agent.remove_device(ids[name])
        gone.append(name)
    return gone


def _named(there: Sequence[Mapping[str, Any]], wanted: set[str] | None) -> list[str]:
    return [one["name"] for one in there if wanted is None or one["name"] in wanted]


def _is_used(status: Mapping[str, Any]) -> bool:
    return any(status[kind] for kind in _NOTHING)
