"""The CNI_* variables that a runtime gives a plug-in, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, final

from p4kube_core.agent.cni.configuration import IDENTIFIER
from p4kube_core.agent.cni.fault import Code, Fault

MAX_INTERFACE_BYTES: Final = 15
MAX_PATH_BYTES: Final = 4095
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")  # DNS label
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z")
_MAX_POD_NAME: Final = 253
_KNOWN: Final = frozenset(
    (
        "IgnoreUnknown",
        "K8S_POD_NAMESPACE",
        "K8S_POD_NAME",
        "K8S_POD_INFRA_CONTAINER_ID",
        "K8S_POD_UID",
    )
)


@final
class Command(StrEnum):
    ADD = "ADD"
    DEL = "DEL"
    CHECK = "CHECK"
    STATUS = "STATUS"
    GC = "GC"


@final
@dataclass(frozen=True, slots=True)
class Pod:
    namespace: str
    name: str


def decode(block: bytes) -> dict[str, str]:
    """Variables of a block of NAME=VALUE, each ended by a zero byte; the first of a name counts.

    Raises:
        Fault: that is not what it is.
    """
    try:
        *items, rest = block.decode().split("\0")
    except UnicodeDecodeError as e:
        raise Fault(Code.INVALID_ENVIRONMENT, f"want CNI_* variables in UTF-8: {e}") from e
    if rest:
        raise Fault(Code.INVALID_ENVIRONMENT, f"want a zero byte after {rest:.60}")
    found: dict[str, str] = {}
    for item in items:
        name, _, value = item.partition("=")
        found.setdefault(name, value)
    return found


def command(variables: Mapping[str, str]) -> Command:
    found = variables.get("CNI_COMMAND", "")
    if found not in list(Command):
        raise _unfit("CNI_COMMAND", f"one of {', '.join(Command)}", found)
    return Command(found)


def container(variables: Mapping[str, str]) -> str:
    found = variables.get("CNI_CONTAINERID", "")
    if not IDENTIFIER.match(found):
        wanted = "a letter or digit and then letters, digits, '_', '.' and '-'"
        raise _unfit("CNI_CONTAINERID", wanted, found)
    return found


def interface(variables: Mapping[str, str]) -> str:
    found = variables.get("CNI_IFNAME", "")
    if not is_interface(found):
        wanted = f"an interface's name, of 1 to {MAX_INTERFACE_BYTES} bytes"
        raise _unfit("CNI_IFNAME", wanted, found)
    return found


def is_interface(name: str) -> bool:
    """Whether the kernel would take it as an interface's name."""
    return (
        0 < len(name.encode()) <= MAX_INTERFACE_BYTES
        and name not in (".", "..")
        and not any(letter in "/:" or letter.isspace() for letter in name)
    )


def netns(variables: Mapping[str, str]) -> str:
    found = variables.get("CNI_NETNS", "")
    if not found.startswith("/") or len(found.encode()) > MAX_PATH_BYTES:
        raise _unfit("CNI_NETNS", "the absolute path of a network namespace", found)
    return found


def pod(variables: Mapping[str, str]) -> Pod | None:
    """The pod that CNI_ARGS name; None where they name none."""
    given = arguments(variables)
    namespace, name = given.get("K8S_POD_NAMESPACE"), given.get("K8S_POD_NAME")
    if namespace is None and name is None:
        return None
    if namespace is None or not _LABEL.match(namespace):
        raise _unfit("CNI_ARGS: K8S_POD_NAMESPACE", "a namespace's name", namespace)
    if name is None or len(name) > _MAX_POD_NAME or not _SUBDOMAIN.match(name):
        raise _unfit("CNI_ARGS: K8S_POD_NAME", "a pod's name", name)
    return Pod(namespace, name)


def arguments(variables: Mapping[str, str]) -> dict[str, str]:
    """CNI_ARGS: KEY=VALUE, separated by semicolons; of keys unknown to us only if so told."""
    found: dict[str, str] = {}
    for item in filter(None, variables.get("CNI_ARGS", "").split(";")):
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise _unfit("CNI_ARGS", "KEY=VALUE, separated by semicolons", item)
        found[key] = value
    ignores = found.get("IgnoreUnknown", "0").lower()
    if ignores not in ("0", "1", "false", "true"):
        raise _unfit("CNI_ARGS: IgnoreUnknown", "1, 0, true or false", ignores)
    unknown = sorted(found.keys() - _KNOWN)
    if unknown and ignores in ("0", "false"):
        wanted = f"keys of {', '.join(sorted(_KNOWN))}, or IgnoreUnknown=1"
        raise _unfit("CNI_ARGS", wanted, unknown[0])
    return found


def _unfit(name: str, wanted: str, found: str | None) -> Fault:
    shown = f"{found!r:.80}" if found else "none"
    return Fault(Code.INVALID_ENVIRONMENT, f"{name}: want {wanted}; found {shown}")
