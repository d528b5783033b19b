"""Attachments between their value and the JSON of the agent's service and files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from p4kube_core.agent import form
from p4kube_core.agent.refusal import INVALID_ARGUMENT, Refusal
from p4kube_core.model.attachment import Attachment, InterfaceTarget, PodTarget, Target

MOST_FUNCTIONS: Final = 8


def read(request: Mapping[str, Any]) -> Attachment:
    """Make an attachment of a PutAttachment request.

    Raises:
        Refusal: it is none.
    """
    name = form.name(request)
    where = f"attachment {name}"
    functions = form.wanted(request, "functions", list, where)
    if not 1 <= len(functions) <= MOST_FUNCTIONS or not all(isinstance(f, str) for f in functions):
        raise Refusal(
            INVALID_ARGUMENT,
            f"{where}: want the names of 1 to {MOST_FUNCTIONS} functions, got {functions!r:.60}",
        )
    target = read_target(form.wanted(request, "target", dict, where), f"{where}, target")
    return Attachment(name, target, tuple(functions))


def to_json(attachment: Attachment) -> dict[str, Any]:
    """Write an attachment as `read` reads it."""
    return {
        "name": attachment.name,
        "target": target_json(attachment.target),
        "functions": list(attachment.functions),
    }


def target_json(target: Target) -> dict[str, str]:
    match target:
        case PodTarget(namespace, name, interface):
            return {"kind": "Pod", "namespace": namespace, "name": name, "interface": interface}
        case InterfaceTarget(name):
            return {"kind": "Interface", "name": name}


def read_target(given: Mapping[str, Any], where: str = "target") -> Target:
    """Read what `target_json` wrote; raises as `read`."""
    kind = form.wanted(given, "kind", str, where)
    if kind == "Pod":
        parts = (
            form.wanted(given, part, str, where) for part in ("namespace", "name", "interface")
        )
        return PodTarget(*parts)
    if kind == "Interface":
        return InterfaceTarget(form.wanted(given, "name", str, where))
    raise Refusal(INVALID_ARGUMENT, f"{where}: want kind Pod or Interface, got {kind!r:.60}")
