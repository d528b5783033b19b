"""Finds the functions that come with P4Kube, and turns their parameters into a program's state."""

from __future__ import annotations

import difflib
import importlib.resources
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, final

from p4kube_core import errors
from p4kube_core.catalog import document, template
from p4kube_core.model.entry import NamedEntry
from p4kube_core.model.function import Sides
from p4kube_core.model.state import NamedDigest, NamedMeter, State

MANIFEST: Final = "function.yaml"
CODE: Final = "entries.py"

Named = NamedEntry | NamedMeter | NamedDigest
Mapper = Callable[[Mapping[str, Any]], Iterable[Named]]
"""Parameters (checked, with defaults) to state; a pure function. Raises ManifestError."""

_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "version", "summary", "program", "parameters"],
    "properties": {
        "name": {"type": "string"},
        "version": {"type": "string"},
        "summary": {"type": "string"},
        "program": {"type": "string"},
        "ports": {"type": "object"},  # by number: outside, inside or any
        "parameters": {"type": "object"},  # a JSON schema
        "entries": {"type": "array", "items": {"type": "object"}},  # see template.py
    },
}


@final
@dataclass(frozen=True, slots=True)
class Package:
    name: str
    version: str
    summary: str
    program: Path
    schema: Mapping[str, Any]  # of the parameters
    templates: tuple[template.Template, ...]
    code: Path | None  # entries.py, where templates do not suffice
    sides: Sides | None

    def state(self, parameters: Mapping[str, Any], where: str = "parameters") -> State:
        """What the program has to be told for these parameters.

        Args:
            where: how messages call the parameters.

        Raises:
            errors.ManifestError: all that the schema does not like, or what no schema can say.
        """
        wrong = document.problems(self.schema, parameters, where)
        if wrong:
            raise errors.ManifestError(wrong)
        filled = document.with_defaults(self.schema, dict(parameters))
        try:
            found: list[Named] = list(template.expand(self.templates, filled))
            if self.code is not None:
                found.extend(_mapper(self.name, self.code)(filled))
        except errors.ManifestError as e:
            raise errors.ManifestError(f"{where}.{problem}" for problem in e.problems) from e
        placed = [replace(one, place=_place(where, one.place)) for one in found]
        return State(
            entries=tuple(one for one in placed if isinstance(one, NamedEntry)),
            meters=tuple(one for one in placed if isinstance(one, NamedMeter)),
            digests=tuple(one for one in placed if isinstance(one, NamedDigest)),
        )


def _place(where: str, place: str) -> str:
    return f"{where}.{place}" if place else where


def root() -> Path:
    """The directory with a folder a function: inside the installed package, else the checkout's."""
    core = importlib.resources.files("p4kube_core")
    installed = Path(str(core)) / "catalog" / "functions"
    return installed if installed.is_dir() else Path(str(core)).parent / "p4nf"


def names() -> tuple[str, ...]:
    """What can be named in a NetworkFunction, in order of name."""
    return tuple(sorted(path.parent.name for path in root().glob(f"*/{MANIFEST}")))


def load(name: str) -> Package:
    """Read one function.

    Raises:
        errors.ManifestError: there is none of this name, or its function.yaml is wrong.
    """
    directory = root() / name
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise errors.ManifestError(
            f"no function {name!r} in the catalogue ({', '.join(names())}){hint}"
        )
    return read(directory)


def read(directory: Path) -> Package:
    """Read the function in a directory; raises as load."""
    path = directory / MANIFEST
    documents = document.read(path)
    if len(documents) != 1:
        raise errors.ManifestError(f"{path}: want one document, found {len(documents)}")
    content = documents[0]
    wrong = document.problems(_SCHEMA, content, "")
    if wrong:
        raise errors.ManifestError(f"{path}: {problem.removeprefix(': ')}" for problem in wrong)
    code = directory / CODE
    return Package(
        name=content["name"],
        version=content["version"],
        summary=content["summary"],
        program=directory / content["program"],
        schema=content["parameters"],
        templates=template.read(path, content.get("entries", [])),
        code=code if code.is_file() else None,
        sides=_sides(content.get("ports", {})),
    )


def _sides(ports: Mapping[int, str]) -> Sides | None:
    """Which port is the outside and which the inside; of two alike the first is the outside."""
    by_side = {side: number for number, side in ports.items()}
    if "outside" in by_side and "inside" in by_side:
        return Sides(by_side["outside"], by_side["inside"])
    alike = sorted(number for number, side in ports.items() if side == "any")
    return Sides(*alike) if len(alike) == 2 else None


def _mapper(name: str, path: Path) -> Mapper:
    """The `entries` function of a package's entries.py."""
    spec = importlib.util.spec_from_file_location(f"p4kube_function_{name}", path)
    if spec is None or spec.loader is None:
        raise errors.InvariantViolated(f"cannot import {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    mapper: Mapper = module.entries
    return mapper
