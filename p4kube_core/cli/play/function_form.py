"""The form of a NetworkFunction in YAML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from p4kube_core import errors
from p4kube_core.catalog import document, package
from p4kube_core.model import function as model
from p4kube_core.model import match
from p4kube_core.model.entry import NamedEntry
from p4kube_core.model.state import State

API_VERSION: Final = "p4kube.io/v1alpha1"
KIND: Final = "NetworkFunction"
MAX_INTERFACE: Final = 15  # IFNAMSIZ less the final zero
MAX_SOCKET: Final = 107  # of sockaddr_un less the final zero

NAME: Final = {
    "type": "string",
    "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
    "x-wanted": "lower-case letters, digits and '-' (at most 63)",
}
INTERFACE: Final = {
    "type": "string",
    "pattern": f"^[^/\\s:]{{1,{MAX_INTERFACE}}}$",
    "x-wanted": f"an interface's name of at most {MAX_INTERFACE} characters",
}
_VALUE: Final = {"type": ["string", "integer"], "x-wanted": "a number or text"}
_ACTION: Final[Mapping[str, Any]] = {
    "action": {"type": "string"},
    "params": {"type": "object", "additionalProperties": _VALUE},
}
_PORT: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["port"],
    "properties": {
        "port": {"type": "integer", "minimum": 0, "maximum": 510},
        "interface": INTERFACE,
        "tap": INTERFACE,
        "cpu": {"const": True},
        "vhostUser": {
            "type": "object",
            "additionalProperties": False,
            "required": ["socket"],
            "properties": {
                "socket": {
                    "type": "string",
                    "pattern": f"^/.{{1,{MAX_SOCKET - 1}}}$",
                    "x-wanted": f"an absolute path of at most {MAX_SOCKET} characters",
                },
                "mode": {"enum": ["server", "client"]},
            },
        },
    },
}
_TABLE: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "default": {
            "type": "object",
            "additionalProperties": False,
            "required": ["action"],
            "properties": _ACTION,
        },
        "entries": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["action"],
                "properties": {
                    "name": {"type": "string"},
                    "match": {"type": "object", "additionalProperties": _VALUE},
                    "priority": {"type": "integer", "minimum": 1},
                    **_ACTION,
                },
            },
        },
    },
}


def object_schema(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of an object of ours with this spec; of what kind it is was looked at before."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {},
            "metadata": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": NAME, "labels": {}, "annotations": {}, "namespace": {}},
                "additionalProperties": False,
            },
            "spec": spec,
        },
    }


_SCHEMA: Final = object_schema(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["program"],
        "properties": {
            "program": {"type": "string", "minLength": 1},
            "target": {"enum": ["dpdk", "ebpf"]},
            "parameters": {"type": "object"},
            "tables": {"type": "object", "additionalProperties": _TABLE},
            "ports": {"type": "array", "items": _PORT, "minItems": 1},
        },
    }
)


def read(path: Path, content: Mapping[str, Any], place: str) -> model.NetworkFunction:
    """Make a function of what was written.

    Args:
        path: the file; what it names is beside it.
        place: file and document, for messages.

    Raises:
        errors.ManifestError: with everything that is wrong with its form.
    """
    wrong = document.problems(_SCHEMA, content, "")
    if wrong:
        raise errors.ManifestError(f"{place}: {problem.removeprefix(': ')}" for problem in wrong)
    spec = content["spec"]
    problems: list[str] = []
    entries: list[NamedEntry] = []
    program, sides, state = path, None, State()
    try:
        program, sides, state = _program(path, spec, place)
    except errors.ManifestError as e:
        problems.extend(e.problems)
    for name, table in spec.get("tables", {}).items():
        try:
            entries.extend(_table(name, table, f"{place}: spec.tables.{name}"))
        except errors.ManifestError as e:
            problems.extend(e.problems)
    ports = []
    for index, port in enumerate(spec.get("ports", ())):
        try:
            ports.append(_port(port, f"{place}: spec.ports[{index}]"))
        except errors.ManifestError as e:
            problems.extend(e.problems)
    if problems:
        raise errors.ManifestError(problems)
    state = replace(state, entries=(*state.entries, *entries))
    return model.NetworkFunction(
        name=content["metadata"]["name"],
        program=program,
        state=state,
        ports=tuple(ports),
        sides=sides,
        target=spec.get("target"),
        place=place,
    )


def _program(
    path: Path, spec: Mapping[str, Any], place: str
) -> tuple[Path, model.Sides | None, State]:
    """The program's file, its outside and inside, and the state that its parameters become."""
    name = spec["program"]
    if name.endswith(".p4") or "/" in name:
        source = path.parent / name
        if not source.is_file():
            raise errors.ManifestError(f"{place}: spec.program: no such file: {source}")
        if "parameters" in spec:
            raise errors.ManifestError(
                f"{place}: spec.parameters: want spec.tables beside a program of your own; "
                "only functions of the catalogue have parameters"
            )
        return source, model.Sides(), State()
    try:
        found = package.load(name)
    except errors.ManifestError as e:
        raise errors.ManifestError(f"{place}: spec.program: {e}") from e
    state = found.state(spec.get("parameters", {}), f"{place}: spec.parameters")
    return found.program, found.sides, state


def _table(name: str, table: Mapping[str, Any], place: str) -> Iterable[NamedEntry]:
    entries: list[NamedEntry] = []
    if "default" in table:
        default = table["default"]
        where = f"{place}.default"
        entries.append(
            NamedEntry(
                name, (), default["action"], _params(default, where), is_default=True,
                label="default", place=where,
            )
        )  # fmt: skip
    for index, entry in enumerate(table.get("entries", [])):
        where = f"{place}.entries[{index}]"
        key = []
        for field, written in entry.get("match", {}).items():
            try:
                key.append((field, match.parse(written)))
            except match.BadForm as e:
                raise errors.ManifestError(f"{where}.match.{field}: {e}") from e
        entries.append(
            NamedEntry(
                name, tuple(key), entry["action"], _params(entry, where), entry.get("priority"),
                label=entry.get("name"), place=where,
            )
        )  # fmt: skip
    return entries


def _params(entry: Mapping[str, Any], place: str) -> tuple[tuple[str, int], ...]:
    params = []
    for name, written in entry.get("params", {}).items():
        try:
            params.append((name, match.number(written)))
        except match.BadForm as e:
            raise errors.ManifestError(f"{place}.params.{name}: {e}") from e
    return tuple(params)


def _port(written: Mapping[str, Any], place: str) -> model.Port:
    kinds = [kind for kind in ("interface", "tap", "vhostUser", "cpu") if kind in written]
    if len(kinds) != 1:
        raise errors.ManifestError(
            f"{place}: want one of interface, tap, vhostUser or cpu, "
            f"got {' and '.join(kinds) or 'none'}"
        )
    return model.Port(written["port"], _wire(kinds[0], written), place)


def _wire(kind: str, written: Mapping[str, Any]) -> model.Wire:
    match kind:
        case "interface":
            return model.InterfacePort(written["interface"])
        case "tap":
            return model.TapPort(written["tap"])
        case "cpu":
            return model.CpuPort()
        case _:
            vhost = written["vhostUser"]
            server = vhost.get("mode", "server") == "server"
            return model.VhostUserPort(Path(vhost["socket"]), server)
