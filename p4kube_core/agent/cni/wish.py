"""What a runtime wants of us: one value a verb, with all that the verb needs and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from p4kube_core.agent.cni import environment
from p4kube_core.agent.cni.configuration import VALID_ATTACHMENTS, Configuration
from p4kube_core.agent.cni.environment import Command, Pod
from p4kube_core.agent.cni.fault import Code, Fault


@final
@dataclass(frozen=True, slots=True)
class Sandbox:
    """One interface of one pod."""

    container_id: str
    interface: str
    netns: str
    pod: Pod | None


@final
@dataclass(frozen=True, slots=True)
class Hold:
    """ADD in front of the plug-in that makes the interface."""

    sandbox: Sandbox


@final
@dataclass(frozen=True, slots=True)
class Add:
    """ADD behind the plug-in that made the interface."""

    sandbox: Sandbox
    network: str
    previous: Mapping[str, Any]


@final
@dataclass(frozen=True, slots=True)
class Check:
    sandbox: Sandbox
    network: str


@final
@dataclass(frozen=True, slots=True)
class Delete:
    container_id: str
    interface: str
    netns: str | None  # None: it is gone


@final
@dataclass(frozen=True, slots=True)
class Collect:
    network: str
    valid: frozenset[tuple[str, str]]


@final
@dataclass(frozen=True, slots=True)
class Status:
    pass


Wish = Hold | Add | Check | Delete | Collect | Status


def read(variables: Mapping[str, str], given: Configuration) -> Wish:
    """Join environment and configuration.

    Raises:
        Fault: what the verb needs is not there, or not of its form.
    """
    match environment.command(variables):
        case Command.ADD:
            sandbox = _sandbox(variables)
            if given.previous is None:
                return Hold(sandbox)
            return Add(sandbox, given.name, given.previous)
        case Command.CHECK:
            _want_since(given, "0.4.0", Command.CHECK)
            _want_previous(given)
            return Check(_sandbox(variables), given.name)
        case Command.DEL:
            gone = not variables.get("CNI_NETNS")
            return Delete(
                environment.container(variables),
                environment.interface(variables),
                None if gone else environment.netns(variables),
            )
        case Command.GC:
            _want_since(given, "1.1.0", Command.GC)
            return Collect(given.name, _valid(given))
        case Command.STATUS:
            _want_since(given, "1.1.0", Command.STATUS)
            return Status()


def result(previous: Mapping[str, Any], version: str) -> str:
    """What a chained plug-in that changes nothing answers: the result it was given."""
    return json.dumps({**previous, "cniVersion": version}, ensure_ascii=False)


def _sandbox(variables: Mapping[str, str]) -> Sandbox:
    return Sandbox(
        environment.container(variables),
        environment.interface(variables),
        environment.netns(variables),
        environment.pod(variables),
    )


def _want_previous(given: Configuration) -> None:
    if given.previous is None:
        sentence = f"prevResult: want the result of ADD, found none, in network {given.name}"
        raise Fault(Code.INVALID_CONFIGURATION, sentence)


def _valid(given: Configuration) -> frozenset[tuple[str, str]]:
    # Taking its absence for "none is valid" would strip every pod of its functions.
    if given.valid is None:
        raise Fault(Code.INVALID_CONFIGURATION, f"{VALID_ATTACHMENTS}: want a list, found none")
    return given.valid


def _want_since(given: Configuration, version: str, verb: Command) -> None:
    if not given.is_since(version):
        raise Fault(
            Code.INCOMPATIBLE_VERSION,
            f"cniVersion: want {version} or later for {verb}, found {given.version}",
        )
