"""The network configuration that a runtime gives a plug-in, checked as far as it concerns us."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from p4kube_core.agent.cni.fault import Code, Fault

# In order. Before 0.3.0 there were no chained plug-ins.
VERSIONS: Final = ("0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
NEWEST: Final = VERSIONS[-1]
VALID_ATTACHMENTS: Final = "cni.dev/valid-attachments"
IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")  # of networks and containers


@final
@dataclass(frozen=True, slots=True)
class Configuration:
    version: str  # one of VERSIONS
    name: str  # of the network
    previous: Mapping[str, Any] | None  # what the plug-in before us in the chain answered
    valid: frozenset[tuple[str, str]] | None  # of GC: container and interface, all that there are

    def is_since(self, version: str) -> bool:
        return VERSIONS.index(self.version) >= VERSIONS.index(version)


def parse(text: bytes) -> Configuration:
    """Read a plug-in's configuration.

    Raises:
        Fault: it is no JSON, of no version that we speak, or wants what we cannot do.
    """
    found = _decode(text)
    version = _version(found)
    if found.get("ipam"):
        raise Fault(
            Code.UNSUPPORTED_FIELD,
            f"ipam: {_shown(found['ipam'])}: p4kube-cni gives no addresses; want ipam in the "
            "plug-in of the chain that makes the interface",
        )
    return Configuration(version, _name(found), _previous(found), _valid(found))


def _decode(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text.decode(), parse_constant=_refuse_number, parse_float=_finite)
        # A lone surrogate can be written in JSON, but not be given back in UTF-8.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as e:
        why = "nested too deeply" if isinstance(e, RecursionError) else str(e)
        raise Fault(Code.DECODING_FAILURE, f"want a configuration in JSON: {why:.200}") from e
    if not isinstance(found, dict):
        raise Fault(Code.DECODING_FAILURE, f"want a JSON object, found {_shown(found)}")
    return found


def _refuse_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text:.32} is too large")
    return value


def _version(found: Mapping[str, Any]) -> str:
    version = found.get("cniVersion")
    if version not in VERSIONS:
        shown = "none" if version is None else _shown(version)
        raise Fault(
            Code.INCOMPATIBLE_VERSION,
            f"cniVersion: want one of {', '.join(VERSIONS)}, found {shown}",
        )
    assert isinstance(version, str)
    return version


def _name(found: Mapping[str, Any]) -> str:
    name = found.get("name")
    if not isinstance(name, str) or not IDENTIFIER.match(name):
        raise Fault(
            Code.INVALID_CONFIGURATION,
            "name: want the network's name, a letter or digit and then letters, digits, '_', '.' "
            f"and '-'; found {_shown(name)}",
        )
    return name


def _previous(found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    previous = found.get("prevResult")
    if previous is not None and not isinstance(previous, dict):
        raise Fault(
            Code.INVALID_CONFIGURATION,
            f"prevResult: want an object, found {_shown(previous)}",
        )
    return previous


def _valid(found: Mapping[str, Any]) -> frozenset[tuple[str, str]] | None:
    if VALID_ATTACHMENTS not in found:
        return None
    given = found[VALID_ATTACHMENTS]
    if given is None:  # how a runtime written in Go writes an empty list
        return frozenset()
    if not isinstance(given, list):
        raise _unfit_attachment(given)
    return frozenset(_attachment(item) for item in given)


def _attachment(item: object) -> tuple[str, str]:
    if isinstance(item, dict):
        container, interface = item.get("containerID"), item.get("ifname")
        if isinstance(container, str) and isinstance(interface, str):
            return container, interface
    raise _unfit_attachment(item)


def _unfit_attachment(found: object) -> Fault:
    return Fault(
        Code.INVALID_CONFIGURATION,
        f"{VALID_ATTACHMENTS}: want a list of objects with the strings containerID and ifname, "
        f"found {_shown(found)}",
    )


def _shown(value: object) -> str:
    return f"{json.dumps(value):.60}"
