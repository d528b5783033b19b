"""The one error of the CNI side: a code of the specification, and a sentence for who reads logs."""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Final, final


@final
class Code(IntEnum):
    """Source: CNI specification 1.1.0, "Error" and "STATUS"; ours are those from 100 on."""

    INCOMPATIBLE_VERSION = 1
    UNSUPPORTED_FIELD = 2
    UNKNOWN_CONTAINER = 3
    INVALID_ENVIRONMENT = 4
    IO_FAILURE = 5
    DECODING_FAILURE = 6
    INVALID_CONFIGURATION = 7
    TRY_AGAIN_LATER = 11
    NOT_AVAILABLE = 50
    LIMITED_CONNECTIVITY = 51
    REFUSED = 100
    INTERNAL = 101


_TITLES: Final = {
    Code.INCOMPATIBLE_VERSION: "incompatible CNI version",
    Code.UNSUPPORTED_FIELD: "unsupported field in the network configuration",
    Code.UNKNOWN_CONTAINER: "unknown container",
    Code.INVALID_ENVIRONMENT: "invalid environment variables",
    Code.IO_FAILURE: "I/O failure",
    Code.DECODING_FAILURE: "failed to decode",
    Code.INVALID_CONFIGURATION: "invalid network configuration",
    Code.TRY_AGAIN_LATER: "try again later",
    Code.NOT_AVAILABLE: "the plug-in is not available",
    Code.LIMITED_CONNECTIVITY: "the plug-in is not available, and pods may have no connectivity",
    Code.REFUSED: "the pod's network functions cannot be put on its interface",
    Code.INTERNAL: "internal error",
}


@final
class Fault(Exception):
    """What was wanted, what was found, where."""

    def __init__(self, code: Code, details: str) -> None:
        self.code = code
        self.details = details
        super().__init__(details)

    def to_json(self, version: str) -> str:
        """The specification's error object, in the version that the runtime speaks."""
        return json.dumps(
            {
                "cniVersion": version,
                "code": self.code,
                "msg": _TITLES[self.code],
                "details": self.details,
            }
        )
