"""The JSON of the agent's own service: what is wanted in it, and sentences where it is not so."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from p4kube_core.agent.refusal import INVALID_ARGUMENT, Refusal

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,125}[a-z0-9])?")


def wanted(request: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    """The member of this name and kind.

    Raises:
        Refusal: INVALID_ARGUMENT; there is none, or it is another kind of thing.
    """
    value = request.get(key)
    if type(value) is not kind:
        found = "none" if key not in request else f"{value!r:.60}"
        raise Refusal(INVALID_ARGUMENT, f"{where}: want {kind.__name__} {key}, found {found}")
    return value


def name(request: Mapping[str, Any]) -> str:
    """The name of what is put; raises as `wanted`."""
    found: str = wanted(request, "name", str, "the request")
    if not _NAME.fullmatch(found):
        raise Refusal(
            INVALID_ARGUMENT,
            "want a name of at most 127 lower-case letters, digits, '-' and '.', got "
            f"{found!r:.60}",
        )
    return found


def packed(value: Mapping[str, Any]) -> bytes:
    """The bytes of an object; the same for equal ones."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
