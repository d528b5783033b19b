"""What a client makes of the device's arbitration notices, and of a failed write's details."""

from __future__ import annotations

import pytest

from p4kube_core import protos
from p4kube_core.switch import arbitration, failures
from p4kube_core.switch.arbitration import Election, Standing

OURS = Election(device_id=3, role="r", election_id=(5 << 64) + 7)


def notice(code: int, highest: int | None) -> object:
    message = protos.p4runtime.MasterArbitrationUpdate()
    message.status.code = code
    if highest is not None:
        arbitration.fill_uint128(message.election_id, highest)
    return message


@pytest.mark.parametrize(
    ("code", "highest", "standing"),
    [
        (protos.code.OK, 7, Standing.PRIMARY),
        (protos.code.ALREADY_EXISTS, 1 << 100, Standing.BACKUP),
        (protos.code.NOT_FOUND, None, Standing.VACANT),
    ],
)
def test_standing(code: int, highest: int | None, standing: Standing) -> None:
    after = arbitration.answered(OURS, notice(code, highest))
    assert (after.standing, after.highest) == (standing, highest)


def test_request_carries_128_bits_and_role() -> None:
    message = arbitration.request(OURS).arbitration
    assert (message.device_id, message.role.name) == (3, "r")
    assert (message.election_id.high, message.election_id.low) == (5, 7)


def test_election_id_zero_is_set() -> None:
    message = arbitration.request(Election(1, "", 0)).arbitration
    assert message.HasField("election_id")
    assert not message.HasField("role")


def test_raised_goes_above_the_highest() -> None:
    seen = arbitration.answered(OURS, notice(protos.code.ALREADY_EXISTS, 1 << 100))
    assert arbitration.raised(seen).election_id == (1 << 100) + 1


def test_failed_updates_counts_the_ok_ones_too() -> None:
    status = protos.status.Status()
    for code, message in ((8, "the table is full"), (0, ""), (6, "it is there")):
        status.details.add().Pack(protos.p4runtime.Error(canonical_code=code, message=message))
    assert failures.failed_updates(status.SerializeToString()) == {
        0: "RESOURCE_EXHAUSTED: the table is full",
        2: "ALREADY_EXISTS: it is there",
    }


def test_codes_unknown_to_us_have_a_name() -> None:
    assert failures.code_name(4711) == "code 4711"
