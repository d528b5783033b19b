"""Client arbitration as a value: what a device last said about who is primary; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, final

from p4kube_core import protos


class Standing(StrEnum):
    UNKNOWN = "unknown"  # the device has not answered yet
    PRIMARY = "primary"
    BACKUP = "backup"  # another client is primary
    VACANT = "vacant"  # nobody is primary


@final
@dataclass(frozen=True, slots=True)
class Election:
    """One client's standing for a device and role."""

    device_id: int
    role: str
    election_id: int  # 128 bits
    standing: Standing = Standing.UNKNOWN
    highest: int | None = None  # the highest election id that the device has seen


def request(election: Election) -> Any:
    """The StreamMessageRequest by which this client stands for election."""
    message = protos.p4runtime.StreamMessageRequest()
    arbitration = message.arbitration
    arbitration.device_id = election.device_id
    if election.role:
        arbitration.role.name = election.role
    fill_uint128(arbitration.election_id, election.election_id)
    return message


def enquiry(election: Election) -> Any:
    """A StreamMessageRequest without election id: makes nobody primary, tells the highest."""
    message = request(election)
    message.arbitration.ClearField("election_id")
    return message


def answered(election: Election, arbitration: Any) -> Election:
    """Take a MasterArbitrationUpdate of the device in."""
    match arbitration.status.code:
        case protos.code.OK:
            standing = Standing.PRIMARY
        case protos.code.NOT_FOUND:
            standing = Standing.VACANT
        case _:
            standing = Standing.BACKUP
    highest = None
    if arbitration.HasField("election_id"):
        highest = arbitration.election_id.high << 64 | arbitration.election_id.low
    return replace(election, standing=standing, highest=highest)


def raised(election: Election) -> Election:
    """Stand again above the highest that the device has seen."""
    above = max(election.election_id, election.highest or 0) + 1
    return replace(election, election_id=above, standing=Standing.UNKNOWN)


def fill_uint128(message: Any, value: int) -> None:
    """Set a p4.v1.Uint128; zero too is set, which differs from unset."""
    message.SetInParent()
    message.high = value >> 64
    message.low = value & (1 << 64) - 1
