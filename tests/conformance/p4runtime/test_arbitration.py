"""Who is primary, who hears of it, and who may write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from p4kube_core import protos
from tests.conformance.p4runtime.conftest import Target
from tests.conformance.p4runtime.controller import Controller, Stream, code, entry, exact, failure
from tests.unit.agent import program

Connect = Callable[..., Controller]
ENTRY = entry(program.HOSTS, [exact(1, 1), exact(2, 1)], program.DROP)
BIG = 1 << 100


def test_first_controller_becomes_primary(connect: Connect) -> None:
    one = connect(primary=False)
    one.stream.arbitrate(one.device_id, 7)
    assert one.stream.notice() == (code.OK, 7)


def test_election_ids_have_128_bits(connect: Connect, target: Target) -> None:
    low, high = connect(5), connect(BIG)
    assert low.stream.notice() == (code.ALREADY_EXISTS, BIG)
    assert failure(lambda: low.set_pipeline(target.config())).code == code.PERMISSION_DENIED
    high.set_pipeline(target.config())


def test_lower_election_id_is_a_backup_and_only_it_is_told(connect: Connect) -> None:
    high, low = connect(9), connect(3, primary=False)
    low.stream.arbitrate(low.device_id, 3)
    assert low.stream.notice() == (code.ALREADY_EXISTS, 9)
    assert high.stream.quiet()


def test_higher_election_id_takes_over_and_all_are_told(connect: Connect) -> None:
    first, backup = connect(5), connect(2, primary=False)
    backup.stream.arbitrate(backup.device_id, 2)
    assert backup.stream.notice() == (code.ALREADY_EXISTS, 5)
    connect(6)
    assert first.stream.notice() == (code.ALREADY_EXISTS, 6)
    assert backup.stream.notice() == (code.ALREADY_EXISTS, 6)


def test_former_primary_may_not_write(connect: Connect, primary: Controller) -> None:
    connect(2)
    refused = failure(lambda: primary.insert(ENTRY))
    assert refused.code == code.PERMISSION_DENIED
    assert refused.message == "election id 1 is not the primary's, which is 2"
    assert refused.details == ()


def test_primary_that_lowers_itself_leaves_no_primary(connect: Connect) -> None:
    first, backup = connect(5), connect(2, primary=False)
    backup.stream.arbitrate(backup.device_id, 2)
    backup.stream.notice()
    first.stream.arbitrate(first.device_id, 1)
    assert first.stream.notice() == (code.NOT_FOUND, 5)
    assert backup.stream.notice() == (code.NOT_FOUND, 5)


def test_backup_below_the_highest_ever_cannot_take_over(connect: Connect) -> None:
    first, backup = connect(5), connect(2, primary=False)
    backup.stream.arbitrate(backup.device_id, 2)
    backup.stream.notice()
    first.close()
    assert backup.stream.notice() == (code.NOT_FOUND, 5)
    backup.stream.arbitrate(backup.device_id, 4)
    assert backup.stream.notice() == (code.NOT_FOUND, 5)
    backup.stream.arbitrate(backup.device_id, 5)
    assert backup.stream.notice() == (code.OK, 5)


def test_primary_gone_nobody_may_write(primary: Controller) -> None:
    primary.stream.close()
    request = failure(lambda: _until_refused(primary))
    assert request.code == code.PERMISSION_DENIED
    assert "no controller is primary" in request.message


def _until_refused(controller: Controller) -> None:
    """The server notices the end of a stream a moment later than its client."""
    for number in range(10_000):
        controller.insert(entry(program.HOSTS, [exact(1, number), exact(2, 2)], program.DROP))


def test_election_id_in_use_ends_the_stream(connect: Connect) -> None:
    connect(5)
    other = connect(primary=False)
    other.stream.arbitrate(other.device_id, 5)
    ended = other.stream.end()
    assert ended.code == code.INVALID_ARGUMENT
    assert "election id 5 is in use" in ended.message


def test_unset_election_id_never_becomes_primary(connect: Connect) -> None:
    one = connect(primary=False)
    one.stream.arbitrate(one.device_id, None)
    assert one.stream.notice() == (code.NOT_FOUND, None)


def test_election_id_zero_is_not_unset(connect: Connect) -> None:
    one = connect(primary=False)
    one.stream.arbitrate(one.device_id, 0)
    assert one.stream.notice() == (code.OK, 0)


def test_two_controllers_may_leave_the_election_id_unset(connect: Connect) -> None:
    for _ in range(2):
        one = connect(primary=False)
        one.stream.arbitrate(one.device_id, None)
        assert one.stream.notice() == (code.NOT_FOUND, None)


def test_write_without_election_id_is_refused(primary: Controller) -> None:
    primary.election_id = None
    refused = failure(lambda: primary.insert(ENTRY))
    assert refused.code == code.PERMISSION_DENIED
    assert refused.message == "want the primary's election_id, found none"


def test_unknown_device_ends_the_stream(target: Target) -> None:
    stream = Stream(target.channel)
    stream.arbitrate(4_000_000, 1)
    assert stream.end().code == code.NOT_FOUND
    stream.close()


def test_device_zero_is_unknown(target: Target) -> None:
    stream = Stream(target.channel)
    stream.arbitrate(0, 1)
    assert stream.end().code == code.NOT_FOUND
    stream.close()


def test_stream_keeps_its_device(connect: Connect) -> None:
    one = connect(5)
    one.stream.arbitrate(one.device_id + 1, 5)
    assert one.stream.end().code == code.FAILED_PRECONDITION


def test_stream_keeps_its_role(connect: Connect) -> None:
    one = connect(5)
    one.stream.arbitrate(one.device_id, 5, role="other")
    assert one.stream.end().code == code.FAILED_PRECONDITION


def test_each_role_has_a_primary(connect: Connect, target: Target) -> None:
    ours, theirs = connect(5), connect(5, role="theirs")
    ours.set_pipeline(target.config())
    theirs.insert(ENTRY)
    ours.delete(ENTRY)


def test_unknown_role_is_not_found_before_permission(primary: Controller) -> None:
    primary.role = "nobody"
    refused = failure(lambda: primary.insert(ENTRY))
    assert refused.code == code.NOT_FOUND
    assert "has role 'nobody'" in refused.message


def test_role_config_is_refused(connect: Connect) -> None:
    one = connect(primary=False)
    config: Any = protos.POOL.FindMessageTypeByName("google.protobuf.Any")
    message = one.stream
    any_message = type(protos.p4runtime.Role().config)(type_url="type.example/x")
    assert config is not None
    message.arbitrate(one.device_id, 1, role="r", config=any_message)
    assert message.end().code == code.INVALID_ARGUMENT


def test_too_many_streams_are_refused(connect: Connect) -> None:
    for number in range(32):
        one = connect(primary=False)
        one.stream.arbitrate(one.device_id, 100 - number)
        one.stream.notice()
    last = connect(primary=False)
    last.stream.arbitrate(last.device_id, 1)
    assert last.stream.end().code == code.RESOURCE_EXHAUSTED


def test_reading_needs_no_stream(target: Target, primary: Controller) -> None:
    reader = Controller(target.channel, primary.device_id, primary=False)
    reader.stream.close()
    assert reader.read(entry(0))


def test_primary_that_stands_again_is_told_again(connect: Connect) -> None:
    one = connect(5)
    one.stream.arbitrate(one.device_id, 8)
    assert one.stream.notice() == (code.OK, 8)


def test_packet_out_is_answered_with_a_stream_error(primary: Controller) -> None:
    message = protos.p4runtime.StreamMessageRequest()
    message.packet.payload = b"payload"
    primary.stream.send(message)
    error = primary.stream.responses.get(timeout=20).error
    assert error.canonical_code == code.FAILED_PRECONDITION
    assert error.packet_out.packet_out.payload == b"payload"


@pytest.mark.parametrize("sort", ["packet", "other"])
def test_a_controller_that_sends_far_too_much_hears_so_and_stays_primary(
    primary: Controller, sort: str
) -> None:
    """With all of it in the answer its gRPC would end the stream: it takes 4 MiB."""
    message = protos.p4runtime.StreamMessageRequest()
    if sort == "packet":
        message.packet.payload = bytes(5 << 20)
    else:
        message.other.value = bytes(5 << 20)
    primary.stream.send(message)
    answer = primary.stream.responses.get(timeout=20)
    assert answer is not None, primary.stream.ended
    assert answer.error.WhichOneof("details") == ("packet_out" if sort == "packet" else "other")
    assert answer.ByteSize() < 4 << 20
    primary.insert(ENTRY)


def test_digest_ack_is_answered_with_a_stream_error(primary: Controller) -> None:
    message = protos.p4runtime.StreamMessageRequest()
    message.digest_ack.digest_id = 5
    primary.stream.send(message)
    error = primary.stream.responses.get(timeout=20).error
    assert (error.canonical_code, error.message) == (
        code.INVALID_ARGUMENT,
        f"no digest 5; digests: seen_t ({program.SEEN})",
    )
    assert error.WhichOneof("details") == "digest_list_ack"


def test_removing_the_device_ends_its_streams(target: Target, connect: Connect) -> None:
    one = connect(5)
    with target.admin() as admin:
        admin.remove_device(one.device_id)
    one.stream.end()


def test_streams_of_other_channels_are_other_controllers(target: Target, device: int) -> None:
    with grpc.insecure_channel(f"unix:{target.wanted.state}/agent.sock") as channel:
        one = Controller(channel, device, 3)
        other = Stream(target.channel)
        other.arbitrate(device, 2)
        assert other.notice() == (code.ALREADY_EXISTS, 3)
        other.close()
        one.close()
