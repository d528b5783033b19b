"""What a controller hears of packets, and what it sends: digests, packets in and out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p4kube_core import protos
from p4kube_core.agent import client
from p4kube_core.cli import compilation
from p4kube_core.model import artifact
from tests.conformance.p4runtime.controller import Controller, code, p4, update
from tests.dataplane.agent.conftest import Running
from tests.unit.agent import processes

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk]

SOURCE = Path(__file__).parents[1] / "programs/controllers.p4"
PORTS = (client.Port(1, "ring"), client.Port(2, "ring"), client.Port(510, "cpu"))
LLDP = bytes(12) + b"\x88\xccpayload"  # which the program sends to controllers
PATIENCE_S = 20.0


@pytest.fixture(scope="session")
def compiled() -> artifact.Artifact:
    return compilation.artifact_of(SOURCE, "dpdk")


@pytest.fixture
def one(running: Running, compiled: artifact.Artifact) -> Controller:
    return put(running, compiled)


def put(running: Running, compiled: artifact.Artifact, *ports: client.Port) -> Controller:
    with running.admin() as admin:
        admin.put_device(1, "controllers", ports or PORTS)
    made = running.controller()
    config = p4.ForwardingPipelineConfig(p4_device_config=artifact.pack(compiled))
    config.p4info.ParseFromString(compiled.p4info)
    made.set_pipeline(config)
    return made


def digest_entry(compiled: artifact.Artifact, timeout: int = 0, size: int = 0, ack: int = 0) -> Any:
    made = p4.Entity()
    made.digest_entry.digest_id = compiled.manifest.digests[0].id
    config = made.digest_entry.config
    config.max_timeout_ns, config.max_list_size, config.ack_timeout_ns = timeout, size, ack
    return made


def inject(running: Running, *sources: int) -> None:
    with contextlib.closing(running.control()) as control:
        packets = [bytes(6) + n.to_bytes(6, "big") + b"\x08\0" for n in sources]
        control.inject(running.port_names()[1], *packets)


def hear(one: Controller, sort: str) -> Any:
    response = one.stream.responses.get(timeout=PATIENCE_S)
    assert response.WhichOneof("update") == sort, response
    return getattr(response, sort)


def sources(heard: Any) -> list[int]:
    return [int.from_bytes(d.struct.members[0].bitstring, "big") for d in heard.data]


def acknowledge(one: Controller, heard: Any) -> None:
    message = protos.p4runtime.StreamMessageRequest()
    message.digest_ack.digest_id, message.digest_ack.list_id = heard.digest_id, heard.list_id
    one.stream.send(message)


OUT = bytes(12) + b"\x08\0out"


def packet_out(one: Controller, payload: bytes = OUT, **metadata: bytes) -> None:
    message = protos.p4runtime.StreamMessageRequest()
    message.packet.payload = payload
    for number, value in metadata.items():
        message.packet.metadata.add(metadata_id=int(number[1:]), value=value)
    one.stream.send(message)


def eventually(happens: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + PATIENCE_S
    while not happens():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def test_a_digest_is_read_back_as_it_was_configured(
    one: Controller, compiled: artifact.Artifact
) -> None:
    wanted = digest_entry(compiled, 5, 6, 7)
    one.write(update("INSERT", wanted))
    assert one.read(wanted) == [wanted.digest_entry]
    assert one.read(p4.Entity(digest_entry=p4.DigestEntry())) == [wanted.digest_entry]
    one.write(update("DELETE", wanted))
    assert one.read(wanted) == []


def test_data_are_shaped_as_p4info_says_and_come_in_order(
    running: Running, one: Controller, compiled: artifact.Artifact
) -> None:
    one.write(update("INSERT", digest_entry(compiled, size=1)))
    inject(running, 7, 8)
    first, second = hear(one, "digest"), hear(one, "digest")
    assert (sources(first), sources(second)) == ([7], [8])
    assert [m.bitstring for m in first.data[0].struct.members] == [b"\7", b"\1"]
    assert second.list_id != first.list_id
    assert first.timestamp <= second.timestamp <= time.time_ns()


def test_a_digest_that_is_not_configured_is_not_sent(
    running: Running, one: Controller, compiled: artifact.Artifact
) -> None:
    inject(running, 7)
    with contextlib.closing(running.control()) as control:
        control.inject(running.port_names()[1], LLDP)
    hear(one, "packet")  # comes behind what the packet before it sent
    one.write(update("INSERT", digest_entry(compiled)))
    inject(running, 8)
    assert sources(hear(one, "digest")) == [8]


def test_what_is_not_acknowledged_is_not_told_again(
    running: Running, one: Controller, compiled: artifact.Artifact
) -> None:
    one.write(update("INSERT", digest_entry(compiled, size=1, ack=3600 * 10**9)))
    inject(running, 7)
    first = hear(one, "digest")
    inject(running, 7, 8)
    assert sources(hear(one, "digest")) == [8]
    acknowledge(one, first)
    acknowledge(one, first)  # it comes twice, which is no error
    # One of a digest that is not is answered, so those before it have been taken.
    first.digest_id += 1
    acknowledge(one, first)
    assert hear(one, "error").canonical_code == code.INVALID_ARGUMENT
    inject(running, 7)
    assert sources(hear(one, "digest")) == [7]


def test_digests_are_told_again_after_agent_and_data_plane_were_killed(
    running: Running, one: Controller, compiled: artifact.Artifact
) -> None:
    one.write(update("INSERT", digest_entry(compiled, size=1)))
    running.kill_agent()
    running.start()
    again = running.controller()
    assert again.read(digest_entry(compiled)) == [digest_entry(compiled, size=1).digest_entry]
    processes.end(running.dataplane_pid())
    assert eventually(lambda: _hears(running, again))


def _hears(running: Running, one: Controller) -> bool:
    """Another packet each time: while the data plane comes back nobody may be told."""
    with contextlib.suppress(Exception):
        inject(running, 9)
    time.sleep(0.1)
    return not one.stream.quiet()


def test_a_packet_for_controllers_reaches_the_primary_alone(
    running: Running, one: Controller
) -> None:
    other = Controller(running.channel, 1, None, primary=False)
    other.stream.arbitrate(1, 0)
    other.stream.notice()
    with contextlib.closing(running.control()) as control:
        control.inject(running.port_names()[2], LLDP)
    heard = hear(one, "packet")
    assert heard.payload == LLDP
    assert {m.metadata_id: m.value for m in heard.metadata} == {1: b"\2", 2: b"\5", 3: b"\0"}
    assert other.stream.quiet()
    other.close()


def test_a_packet_of_a_controller_leaves_where_it_says(running: Running, one: Controller) -> None:
    packet_out(one, _1=b"\2")
    name = running.port_names()[2]
    with contextlib.closing(running.control()) as control:
        found: list[bytes] = []

        def came() -> bool:
            found.extend(control.collect(name))
            return bool(found)

        assert eventually(came)
    assert found == [OUT]


def test_a_packet_out_without_its_metadata_is_answered(one: Controller) -> None:
    packet_out(one)
    error = hear(one, "error")
    assert error.canonical_code == code.INVALID_ARGUMENT
    assert error.message == "want metadata 1 egress_port (bit<9>), found none"
    assert error.packet_out.packet_out.payload == bytes(12) + b"\x08\0out"


def test_a_packet_out_that_is_too_long_is_no_fault_of_the_agent(one: Controller) -> None:
    packet_out(one, bytes(9001), _1=b"\2")
    error = hear(one, "error")
    assert error.canonical_code == code.INVALID_ARGUMENT
    assert "want at most" in error.message


def test_a_device_without_a_cpu_port_says_how_to_have_one(
    running: Running, compiled: artifact.Artifact
) -> None:
    one = put(running, compiled, *PORTS[:2])
    packet_out(one, _1=b"\2")
    error = hear(one, "error")
    assert error.canonical_code == code.FAILED_PRECONDITION
    assert "`{port: 510, cpu: true}`" in error.message


def test_only_the_primary_sends_packets(running: Running, one: Controller) -> None:
    backup = Controller(running.channel, 1, None, primary=False)
    packet_out(backup, _1=b"\2")
    assert hear(backup, "error").message == "want arbitration before any other message"
    backup.stream.arbitrate(1, 0)
    backup.stream.notice()
    packet_out(backup, _1=b"\2")
    assert hear(backup, "error").canonical_code == code.PERMISSION_DENIED
    backup.close()


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("MODIFY", code.NOT_FOUND), ("DELETE", code.NOT_FOUND)],
)
def test_a_digest_that_is_not_configured_cannot_be_changed(
    one: Controller, compiled: artifact.Artifact, kind: str, wanted: int
) -> None:
    from tests.conformance.p4runtime.test_state import one as refusal

    found, sentence = refusal(one, update(kind, digest_entry(compiled)))
    assert (found, sentence) == (wanted, "digest seen_t is not configured")
