"""The one error of the agent's P4Runtime side: a canonical code and a sentence for the client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, final

from p4kube_core import protos

CANCELLED: Final[int] = protos.code.CANCELLED
INVALID_ARGUMENT: Final[int] = protos.code.INVALID_ARGUMENT
NOT_FOUND: Final[int] = protos.code.NOT_FOUND
ALREADY_EXISTS: Final[int] = protos.code.ALREADY_EXISTS
PERMISSION_DENIED: Final[int] = protos.code.PERMISSION_DENIED
RESOURCE_EXHAUSTED: Final[int] = protos.code.RESOURCE_EXHAUSTED
FAILED_PRECONDITION: Final[int] = protos.code.FAILED_PRECONDITION
ABORTED: Final[int] = protos.code.ABORTED
OUT_OF_RANGE: Final[int] = protos.code.OUT_OF_RANGE
UNIMPLEMENTED: Final[int] = protos.code.UNIMPLEMENTED
INTERNAL: Final[int] = protos.code.INTERNAL
UNAVAILABLE: Final[int] = protos.code.UNAVAILABLE
DATA_LOSS: Final[int] = protos.code.DATA_LOSS

_MOST_LISTED: Final = 12


@final
class Refusal(Exception):
    """What was wanted, what was found, what would be valid."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def listed(items: Iterable[str]) -> str:
    """Join what would be valid; a long list is cut, and says so."""
    every = list(items)
    shown = ", ".join(every[:_MOST_LISTED])
    more = len(every) - _MOST_LISTED
    return f"{shown} and {more} more" if more > 0 else shown or "none"
