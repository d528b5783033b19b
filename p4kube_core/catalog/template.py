"""The part of function.yaml that says which entries parameters become, where no code is needed.

    entries:
      - forEach: stations            # once for each element of this list; else once
        when: {unknown: flood}       # only if these parameters have these values
        table: ingress.macs
        match: {mac: $item.mac}      # $NAME is a parameter, $item the element
        action: forward
        params: {port: $item.port}
        label: $item.name
      - table: ingress.acl
        default: true                # the table's default action
        action: {allow: pass, deny: drop}[$policy]

An action may be chosen by a parameter, as in the last line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

from p4kube_core import errors
from p4kube_core.catalog import document
from p4kube_core.model import match
from p4kube_core.model.entry import NamedEntry

_CHOICE: Final = re.compile(r"\{(?P<cases>[^}]*)\}\[(?P<by>\$[\w.]+)\]")

_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["table", "action"],
    "properties": {
        "forEach": {"type": "string"},
        "when": {"type": "object"},
        "table": {"type": "string"},
        "match": {"type": "object"},
        "action": {"type": "string"},
        "params": {"type": "object"},
        "priority": {"type": ["integer", "string"]},
        "default": {"type": "boolean"},
        "label": {"type": "string"},
    },
}


@final
@dataclass(frozen=True, slots=True)
class Template:
    table: str
    action: str
    match: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    priority: int | str | None = None
    default: bool = False
    label: str | None = None
    for_each: str | None = None
    when: Mapping[str, Any] = field(default_factory=dict)


def read(path: Path, written: Sequence[Mapping[str, Any]]) -> tuple[Template, ...]:
    """Read the templates of one function.yaml.

    Raises:
        errors.ManifestError: with all that is wrong.
    """
    wrong = [
        p for i, t in enumerate(written) for p in document.problems(_SCHEMA, t, f"entries[{i}]")
    ]
    if wrong:
        raise errors.ManifestError(f"{path}: {problem}" for problem in wrong)
    return tuple(
        Template(**{"for_each" if k == "forEach" else k: v for k, v in t.items()}) for t in written
    )


def expand(templates: Iterable[Template], parameters: Mapping[str, Any]) -> Iterator[NamedEntry]:
    """The entries for these parameters, in the templates' order.

    Raises:
        errors.ManifestError: a value has no form that a match can have; starts with its path.
    """
    for one in templates:
        if any(parameters.get(name) != value for name, value in one.when.items()):
            continue
        if one.for_each is None:
            yield _entry(one, parameters, None, next(iter(one.when), ""))
            continue
        for index, item in enumerate(parameters.get(one.for_each, [])):
            yield _entry(one, parameters, item, f"{one.for_each}[{index}]")


def _entry(one: Template, parameters: Mapping[str, Any], item: Any, place: str) -> NamedEntry:
    def value(written: Any) -> Any:
        return _value(written, parameters, item)

    def number(name: str, written: Any) -> int:
        try:
            return match.number(value(written))
        except match.BadForm as e:
            raise errors.ManifestError(f"{place}.{name}: {e}") from e

    def matched(name: str, written: Any) -> match.Match:
        try:
            return match.parse(value(written))
        except match.BadForm as e:
            raise errors.ManifestError(f"{place}.{name}: {e}") from e

    return NamedEntry(
        table=one.table,
        match=tuple((name, matched(name, written)) for name, written in one.match.items()),
        action=_action(one.action, parameters, item),
        params=tuple((name, number(name, written)) for name, written in one.params.items()),
        priority=None if one.priority is None else number("priority", one.priority),
        is_default=one.default,
        label=None if one.label is None else value(one.label),
        place=place,
    )


def _action(written: str, parameters: Mapping[str, Any], item: Any) -> str:
    choice = _CHOICE.fullmatch(written)
    if choice is None:
        return written
    cases: dict[str, str] = {}
    for case in choice["cases"].split(","):
        name, _, action = case.partition(":")
        cases[name.strip()] = action.strip()
    return cases[str(_value(choice["by"], parameters, item))]


def _value(written: Any, parameters: Mapping[str, Any], item: Any) -> Any:
    if not (isinstance(written, str) and written.startswith("$")):
        return written
    name, *path = written[1:].split(".")
    found = item if name == "item" else parameters.get(name)
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
