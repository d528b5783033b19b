"""Reads the objects that `play` plays from YAML; form only, no program is looked into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from p4kube_core import errors
from p4kube_core.catalog import document
from p4kube_core.cli.play import attachment_form, function_form
from p4kube_core.model.attachment import Attachment
from p4kube_core.model.function import CpuPort, NetworkFunction, wire_name

_KINDS: Final = {
    "type": "object",
    "required": ["kind"],
    "properties": {"kind": {"enum": [function_form.KIND, attachment_form.KIND]}},
}


@final
@dataclass(frozen=True, slots=True)
class Manifest:
    functions: tuple[NetworkFunction, ...]
    attachments: tuple[Attachment, ...]


def read(paths: Sequence[Path]) -> Manifest:
    """Read every object of every file.

    Raises:
        errors.ManifestError: with all that is wrong in all of them.
    """
    found: list[NetworkFunction | Attachment] = []
    problems: list[str] = []
    for path in paths:
        try:
            objects = document.read(path)
        except errors.ManifestError as e:
            problems.extend(e.problems)
            continue
        if not objects:
            problems.append(f"{path}: want a {function_form.KIND}, found nothing")
        for index, content in enumerate(objects):
            place = str(path) if len(objects) == 1 else f"{path}, document {index + 1}"
            try:
                found.append(_object(path, content, place))
            except errors.ManifestError as e:
                problems.extend(e.problems)
    functions = tuple(one for one in found if isinstance(one, NetworkFunction))
    attachments = tuple(one for one in found if isinstance(one, Attachment))
    problems += [*_clashes(functions), *_attached_twice(attachments), *_at_odds(functions, found)]
    if problems:
        raise errors.ManifestError(problems)
    return Manifest(functions, attachments)


def _object(path: Path, content: Any, place: str) -> NetworkFunction | Attachment:
    wrong = document.problems(_KINDS, content, "")
    if wrong:
        raise errors.ManifestError(f"{place}: {problem.removeprefix(': ')}" for problem in wrong)
    if content["kind"] == attachment_form.KIND:
        return attachment_form.read(content, place)
    return function_form.read(path, content, place)


def _clashes(functions: Iterable[NetworkFunction]) -> Iterable[str]:
    """Names, port numbers and wires that are claimed twice."""
    names: dict[str, str] = {}
    wires: dict[str, str] = {}
    for function in functions:
        first = names.setdefault(function.name, function.place)
        if first is not function.place:
            yield f"{function.place}: the name {function.name!r} is taken by {first}"
        numbers: dict[int, str] = {}
        for port in function.ports:
            first = numbers.setdefault(port.number, port.place)
            if first != port.place:
                yield f"{port.place}: port {port.number} is taken by {first}"
            name = wire_name(port.wire)
            if isinstance(port.wire, CpuPort):
                name += f" of {function.name}"  # everyone may have one
            first = wires.setdefault(name, port.place)
            if first != port.place:
                yield f"{port.place}: {name} is in use by {first}"


def _attached_twice(attachments: Iterable[Attachment]) -> Iterable[str]:
    names: dict[str, str] = {}
    targets: dict[object, str] = {}
    for attachment in attachments:
        place = attachment.place
        first = names.setdefault(attachment.name, place)
        if first is not place:
            yield f"{place}: the name {attachment.name!r} is taken by {first}"
        first = targets.setdefault(attachment.target, place)
        if first is not place:
            yield (
                f"{place}: spec.target: {attachment.target} has functions by {first}; want all in "
                "one attachment, in their order"
            )


def _at_odds(
    functions: Iterable[NetworkFunction], found: Iterable[NetworkFunction | Attachment]
) -> Iterable[str]:
    """Functions that are attached and stand between ports of their own."""
    by_name = {function.name: function for function in functions}
    for attachment in found:
        if isinstance(attachment, NetworkFunction):
            continue
        for name in attachment.functions:
            function = by_name.get(name)
            if function is None:
                continue
            if function.ports:
                yield (
                    f"{function.place}: spec.ports: want none in a function that is attached "
                    f"({attachment.place}); the attachment says where it stands"
                )
            elif function.sides is None:
                yield (
                    f"{attachment.place}: {name} cannot be attached: its program does not say "
                    "which of its ports is its outside and which its inside"
                )
