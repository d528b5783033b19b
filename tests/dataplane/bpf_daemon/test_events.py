"""Digests, and packets to and from a controller, of programs in the kernel."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import conftest, process
from tests.dataplane.daemon import dataplane, hosts

CPU = 510
KIND = 0x88B5
A = bytes.fromhex("020000000001")
B = bytes.fromhex("060000000002")

SEND = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0))
s.send(bytes.fromhex(sys.argv[1]))
"""
LISTEN = """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5)); s.bind(("eth0", 0x88B5))
s.settimeout(10); print("ready", flush=True); print(s.recv(2000).hex(), flush=True)
s.settimeout(0.3)
try:
    print(s.recv(2000).hex(), flush=True)
except TimeoutError:
    print("no more", flush=True)
"""


@pytest.fixture(scope="session")
def program() -> artifact.Artifact:
    return process.compiled(conftest.PROGRAMS / "controller.p4")


@pytest.fixture
def device(bpf: process.Process, program: artifact.Artifact) -> process.Process:
    bpf.put("device_add", 1, program)
    bpf.call("port_add", name="cpu", kind="cpu")
    bpf.call("wire", device=1, port=CPU, name="cpu")
    return bpf


@pytest.fixture
def rings(device: process.Process) -> process.Process:
    device.rings(1, 1, 2)
    return device


@pytest.fixture
def pod(device: process.Process) -> Iterator[hosts.Host]:
    """A pod whose wire has the device's port 1 at its egress and port 2 at its ingress."""
    with hosts.pair() as (pod, _):
        hosts.meet(pod)
        for port, hook in ((1, "egress"), (2, "ingress")):
            device.call("port_add", name=hook, kind="tc", interface=pod.wire, hook=hook)
            device.call("wire", device=1, port=port, name=hook)
        yield pod


@contextlib.contextmanager
def subscribed(bpf: process.Process) -> Iterator[dataplane.Subscriber]:
    subscriber = dataplane.Subscriber(bpf.path)
    try:
        yield subscriber
    finally:
        subscriber.close()


def frame(kind: int = 0x0800, src: bytes = B, more: bytes = b"") -> bytes:
    return A + src + struct.pack("!H", kind) + more


def packet_out(bpf: process.Process, port: int, *packets: bytes) -> None:
    bpf.call(
        "packet_out", dataplane.pack(struct.pack("!H", port << 7) + p for p in packets), device=1
    )


def seen(bpf: process.Process, port: int) -> int:
    _, blob = bpf.call("counter_read", device=1, counter=0, first=port, count=1)
    packets: int = struct.unpack("!QQ", blob)[0]
    return packets


def test_digests_come_in_their_order_to_all_who_have_subscribed(rings: process.Process) -> None:
    rings.inject("r1", frame(src=A))  # before anyone has
    with subscribed(rings) as one, subscribed(rings) as other:
        for i in range(3):
            rings.inject(
                f"r{i % 2 + 1}",
                *[
                    frame(
                        src=B[:5]
                        + bytes(
                            [
                                i,
                            ]
                        )
                    )
                    for _ in range(2)
                ],
            )
        for subscriber in (one, other):
            told: list[tuple[bytes, int]] = []
            for event, blob in subscriber.events(6):
                assert event == {
                    "event": "digest",
                    "device": 1,
                    "digest": 0,
                    "count": len(blob) // 8,
                }
                told += struct.iter_unpack("!6sH", blob)
            assert told == [(B[:5] + bytes([i]), i % 2 + 1) for i in range(3) for _ in range(2)]


def test_what_finds_no_room_is_told_as_lost(rings: process.Process) -> None:
    """The process is running packets all the while, and so takes nothing."""
    with subscribed(rings) as subscriber:
        rings.inject("r1", *[frame()] * 20_000)
        told = {"digest": 0, "lost": 0}
        for event, _ in subscriber.events(20_000):
            told[event["event"]] += event["count"]
        assert told["digest"] > 1000
        assert told["lost"] > 1000
    assert len(rings.collect("r2")) == 20_000


def test_a_controller_hears_what_the_program_sends_it(rings: process.Process) -> None:
    with subscribed(rings) as subscriber:
        packets = [frame(KIND, more=bytes([i]) * 7) for i in range(3)]
        packets.append(frame(KIND, more=bytes(3000)))
        rings.inject("r2", *packets)
        told: list[bytes] = []
        for event, blob in subscriber.events(4):
            assert event == {"event": "packet_in", "device": 1, "port": CPU}
            told += dataplane.unpack(blob)
        assert told == [struct.pack("!H", 2 << 7) + packet for packet in packets]
    assert rings.ports()["cpu"]["tx_packets"] == 4
    assert set(rings.devices()[1]["drops"].values()) == {0}


def test_a_controller_sends_by_any_port(rings: process.Process) -> None:
    packet_out(rings, 2, frame(), frame(KIND))
    packet_out(rings, 1, frame(more=b"x"))
    assert rings.collect("r2") == [frame(), frame(KIND)]
    assert rings.collect("r1") == [frame(more=b"x")]
    assert (seen(rings, CPU), seen(rings, 1), seen(rings, 2)) == (3, 0, 0)
    packet_out(rings, 7, frame())
    assert rings.devices()[1]["drops"]["no_port"] == 1


def test_another_process_goes_on_listening(
    rings: process.Process, program: artifact.Artifact
) -> None:
    rings.again()
    with subscribed(rings) as subscriber:
        rings.inject("r1", frame(KIND))
        assert subscriber.answer()[0]["event"] == "packet_in"
        rings.put("device_replace", 1, program)
        rings.inject("r1", frame(KIND), frame())
        assert [event["event"] for event, _ in subscriber.events(2)] == ["packet_in", "digest"]
    packet_out(rings, 2, frame())
    assert frame() in rings.collect("r2")


def test_who_has_no_use_for_a_cpu_port_is_refused_one(
    device: process.Process, wires: artifact.Artifact
) -> None:
    device.put("device_add", 2, wires)
    device.call("port_add", name="other", kind="cpu")
    with pytest.raises(dataplane.RefusedError, match="unsupported"):
        device.call("wire", device=2, port=CPU, name="other")
    with pytest.raises(dataplane.RefusedError, match="one cpu port"):
        device.call("wire", device=1, port=3, name="other")
    with pytest.raises(dataplane.RefusedError, match="has no cpu port"):
        device.call("packet_out", b"", device=2)
    device.call("unwire", device=1, port=CPU)
    device.call("wire", device=1, port=3, name="other")


def test_packets_of_a_pod_come_to_the_controller_up_to_9216_bytes(
    device: process.Process, pod: hosts.Host
) -> None:
    hosts.run("ip", "link", "set", pod.wire, "mtu", "10000")
    pod.run("ip", "link", "set", "eth0", "mtu", "10000")
    sent = [frame(KIND, more=bytes(n)) for n in (50, 9216 - 16, 9216 - 15, 51)]
    with subscribed(device) as subscriber:
        for packet in sent:
            pod.run(sys.executable, "-c", SEND, packet.hex())
        told: list[bytes] = []
        lost = 0
        while len(told) < 3 or lost < 1:
            event, blob = subscriber.answer()
            told += dataplane.unpack(blob) if event["event"] == "packet_in" else []
            lost += event["count"] if event["event"] == "lost" else 0
        assert told == [struct.pack("!H", 2 << 7) + p for p in (sent[0], sent[1], sent[3])]
        assert lost == 1


def test_a_controller_s_packet_comes_to_a_pod_once(
    device: process.Process, pod: hosts.Host
) -> None:
    command = ["ip", "netns", "exec", pod.namespace, sys.executable, "-c", LISTEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "ready\n"
        wanted = frame(KIND, more=bytes(50))
        packet_out(device, 2, wanted)
        assert listener.stdout.read().splitlines() == [wanted.hex(), "no more"]


def test_a_controller_s_packet_comes_to_the_host_as_if_from_the_pod(
    device: process.Process, pod: hosts.Host
) -> None:
    """Past the program at the wire's ingress, which would tell of it."""
    (line,) = hosts.run("ip", "-4", "-o", "addr", "show", "dev", pod.wire).splitlines()
    address = line.split()[3].split("/")[0]
    source = address.rsplit(".", 1)[0] + ".1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, 0))
        listener.settimeout(5)
        udp = struct.pack("!HHHH", 4321, listener.getsockname()[1], 8 + 5, 0) + b"hello"
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0)
        head += socket.inet_aton(source) + socket.inet_aton(address)
        total = sum(struct.unpack("!10H", head))
        checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        head = head[:10] + struct.pack("!H", checksum) + head[12:]
        ours = hosts.run("cat", f"/sys/class/net/{pod.wire}/address").strip()
        ethernet = bytes.fromhex(ours.replace(":", "")) + B + b"\x08\0"
        with subscribed(device) as subscriber:
            packet_out(device, 1, ethernet + head + udp)
            assert listener.recvfrom(100) == (b"hello", (source, 4321))
            pod.run("ping", "-c", "1", "-W", "2", address)
            told = [blob for event, blob in subscriber.events(1) if event["event"] == "digest"]
            assert told
            assert all(B not in blob for blob in told)
    assert seen(device, 2) > 0
