"""The form of a NetworkFunctionAttachment in YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from p4kube_core import errors
from p4kube_core.catalog import document
from p4kube_core.cli.play import function_form
from p4kube_core.model.attachment import Attachment, InterfaceTarget, PodTarget, Target

KIND: Final = "NetworkFunctionAttachment"
MOST_FUNCTIONS: Final = 8  # that a packet goes through, one after the other

_POD_NAME: Final = {
    "type": "string",
    "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    "maxLength": 253,
    "x-wanted": "a pod's name (lower-case letters, digits, '-' and '.')",
}
_TARGETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Pod": {
        "type": "object",
        "additionalProperties": False,
        "required": ["apiVersion", "kind", "name"],
        "properties": {
            "apiVersion": {"const": "v1"},
            "kind": {},
            "namespace": {**function_form.NAME, "default": "default"},
            "name": _POD_NAME,
            "interface": {**function_form.INTERFACE, "default": "eth0"},
        },
    },
    "Interface": {
        "type": "object",
        "additionalProperties": False,
        "required": ["kind", "name"],
        "properties": {"kind": {}, "name": function_form.INTERFACE},
    },
}
_SCHEMA: Final[Mapping[str, Any]] = function_form.object_schema(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["target", "functions"],
        "properties": {
            "target": {
                "type": "object",
                "required": ["kind"],
                "properties": {"kind": {"enum": list(_TARGETS)}},
            },
            "functions": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_FUNCTIONS,
                "items": function_form.NAME,
            },
        },
    }
)


def read(content: Mapping[str, Any], place: str) -> Attachment:
    """Make an attachment of what was written.

    Args:
        place: file and document, for messages.

    Raises:
        errors.ManifestError: with everything that is wrong with its form.
    """
    wrong = document.problems(_SCHEMA, content, "")
    if not wrong:
        form = _TARGETS[content["spec"]["target"]["kind"]]
        wrong = document.problems(form, content["spec"]["target"], "spec.target")
    if wrong:
        raise errors.ManifestError(f"{place}: {problem.removeprefix(': ')}" for problem in wrong)
    spec = content["spec"]
    return Attachment(
        content["metadata"]["name"], _target(spec["target"]), tuple(spec["functions"]), place
    )


def _target(written: Mapping[str, Any]) -> Target:
    if written["kind"] == "Interface":
        return InterfaceTarget(written["name"])
    filled = document.with_defaults(_TARGETS["Pod"], written)
    return PodTarget(filled["namespace"], filled["name"], filled["interface"])
