"""What a failed call says: about itself, and about each update or request of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, final

import grpc

from p4kube_core import errors, protos
from p4kube_core.switch.values import Update

DETAILS_KEY: Final = "grpc-status-details-bin"


@final
class Refused(errors.UserError):
    """The device refused a whole request. `code` is gRPC's."""

    reason = "Refused"

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        self.code = code
        super().__init__(f"{code.name}: {message}")


def failed_updates(details: bytes) -> dict[int, str]:
    """Index of each refused update, with its reason; updates that succeeded are absent.

    Args:
        details: a serialised google.rpc.Status, whose details are one p4.v1.Error an update, in
            order, those that succeeded included.

    Source: P4Runtime 1.5.0, "Error Reporting".
    """
    failures: dict[int, str] = {}
    for index, packed in enumerate(protos.status.Status.FromString(details).details):
        error = protos.p4runtime.Error()
        if packed.Unpack(error) and error.canonical_code != protos.code.OK:
            failures[index] = f"{code_name(error.canonical_code)}: {error.message}"
    return failures


def code_name(code: int) -> str:
    """Name a canonical code, those unknown to us included."""
    try:
        name: str = protos.code.Code.Name(code)
    except ValueError:
        name = f"code {code}"
    return name


def from_rpc(error: grpc.RpcError, what: str) -> errors.P4KubeError:
    """Turn gRPC's error of a call (`what`, for the message) into ours."""
    call: Any = error
    code: grpc.StatusCode = call.code()
    message: str = call.details() or ""
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return errors.SwitchUnavailable(f"{what}: {code.name}: {message}")
    if code is grpc.StatusCode.PERMISSION_DENIED:
        return errors.NotPrimary(f"{what}: {message}")
    for key, value in _trailing(call):
        if key == DETAILS_KEY and code is grpc.StatusCode.UNKNOWN:
            return errors.WriteRejected(failed_updates(bytes(value)))
    return Refused(code, f"{what}: {message}")


def explain(failures: Mapping[int, str], updates: Sequence[Update]) -> str:
    """Say for each refused update what it wanted and why it was refused, a line each."""
    return "\n".join(
        f"{updates[i].kind.lower()} of {updates[i].entity}: {why}" for i, why in failures.items()
    )


def _trailing(call: Any) -> Sequence[tuple[str, Any]]:
    trailing = call.trailing_metadata()
    return tuple(trailing) if trailing else ()
