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
class Add:
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


@final
@dataclass(frozen=True, slots=True)
class Collect:
    network: str
    valid: frozenset[tuple[str, str]]


@final
@dataclass(frozen=True, slots=True)
class Status:
    pass


Wish = Add | Check | Delete | Collect | Status


def read(variables: Mapping[str, str], given: Configuration) -> Wish:
    """Join environment and configuration.

    Raises:
        Fault: what the verb needs is not there, or not of its form.
    """
    match environment.command(variables):
        case Command.ADD:
            return Add(_sandbox(variables), given.name, _previous(given))
        case Command.CHECK:
            _want_since(given, "0.4.0", Command.CHECK)
            _previous(given)
            return Check(_sandbox(variables), given.name)
        case Command.DEL:
            return Delete(environment.container(variables), environment.interface(variables))
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


def _previous(given: Configuration) -> Mapping[str, Any]:
    if given.previous is None:
        raise Fault(
            Code.INVALID_CONFIGURATION,
            f"prevResult: want one, found none, in network {given.name}: p4kube-cni is a chained "
            "plug-in and stands behind the one that makes the pod's interface",
        )
    return given.previous


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
