"""tap, vhost-user and ethdev ports."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import scapy.packet
import scapy.utils

from tests.dataplane.daemon import conftest, dataplane, hosts, waiting

FRAME = bytes.fromhex("ffffffffffff" + "020000000001" + "88b5" + "5a" * 60)


@pytest.fixture
def wired(dp: dataplane.Dataplane, program: conftest.Program) -> dataplane.Dataplane:
    """Port 2 of the device is a ring; port 1 is for the test."""
    dp.call("device_add", id=1, object=str(program("forward")), name="wire")
    dp.rings(1, 2)
    return dp


def add(dp: dataplane.Dataplane, **fields: object) -> None:
    dp.call("port_add", name="p", **fields)
    dp.call("wire", device=1, port=1, name="p")


def ours(dp: dataplane.Dataplane) -> list[bytes]:
    return [packet for packet in dp.collect("r2") if packet[12:14] == b"\x88\xb5"]


def gather(dp: dataplane.Dataplane, n: int) -> list[bytes]:
    """At least n of our packets, unless they do not come."""
    got: list[bytes] = []

    def enough() -> bool:
        got.extend(ours(dp))
        return len(got) >= n

    waiting.until(enough)
    return got


def test_tap_both_ways(wired: dataplane.Dataplane) -> None:
    interface = f"tb{os.getpid()}"
    add(wired, kind="tap", interface=interface)
    assert waiting.until(lambda: wired.ports()["p"]["link"])
    host = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5))
    host.bind((interface, 0x88B5))
    host.settimeout(10)
    host.send(FRAME)
    assert waiting.until(lambda: ours(wired)) == [FRAME]
    wired.inject("r2", FRAME + b"back")
    assert host.recv(4096) == FRAME + b"back"
    host.close()
    wired.call("port_remove", name="p")
    assert not pathlib.Path("/sys/class/net", interface).exists()


def test_a_tap_that_somebody_removes(wired: dataplane.Dataplane) -> None:
    interface = f"tr{os.getpid()}"
    add(wired, kind="tap", interface=interface)
    hosts.run("ip", "link", "del", interface)
    assert waiting.until(lambda: not wired.ports()["p"]["link"])
    wired.inject("r2", FRAME)
    assert wired.ports()["p"]["drops"]["no_link"] == 1
    wired.call("port_remove", name="p")
    add(wired, kind="tap", interface=interface)
    assert waiting.until(lambda: wired.ports()["p"]["link"])


def test_names_a_tap_cannot_have(wired: dataplane.Dataplane) -> None:
    for name, code in (("lo", "exists"), ("%d", "invalid"), ("a b", "invalid"), ("", "invalid")):
        with pytest.raises(dataplane.RefusedError) as raised:
            wired.call("port_add", name="p", kind="tap", interface=name)
        assert raised.value.code == code
    add(wired, kind="tap", interface=f"tc{os.getpid()}")
    with pytest.raises(dataplane.RefusedError, match="busy"):
        wired.call("port_add", name="q", kind="tap", interface=f"tc{os.getpid()}")


@pytest.fixture
def guest(variant: str, program: conftest.Program, tmp_path: pathlib.Path) -> Iterator[Guest]:
    """Another data plane, whose port 1 will be DPDK's virtio-user front end; port 2 is a ring."""
    directory = tmp_path / "guest"
    directory.mkdir()
    made = Guest(directory, variant, str(program("forward")))
    try:
        made.start()
        yield made
    finally:
        made.dp.kill()


class Guest:
    def __init__(self, directory: pathlib.Path, variant: str, wire: str) -> None:
        self.directory, self.variant, self.wire = directory, variant, wire

    def start(self) -> None:
        options = ("--mbufs", "2048", "--huge", "no")
        self.dp = dataplane.Dataplane(self.directory, *options, variant=self.variant)
        self.dp.call("device_add", id=1, object=self.wire, name="guest")
        self.dp.rings(1, 2)

    def plug(self, devargs: str) -> None:
        add(self.dp, kind="ethdev", devargs=devargs)


def assert_joined(dp: dataplane.Dataplane, guest: Guest) -> None:
    assert waiting.until(lambda: dp.ports()["p"]["link"])
    packets = [FRAME + b"%d" % i for i in range(500)]

    def arrive(source: dataplane.Dataplane, sink: dataplane.Dataplane) -> None:
        for i in range(0, len(packets), 50):  # no more at once than the queues hold
            source.inject("r2", *packets[i : i + 50])
            assert gather(sink, 50) == packets[i : i + 50]

    # The guest's queues may be enabled a moment after the link is there.
    def first() -> bool:
        dp.inject("r2", FRAME)
        guest.dp.inject("r2", FRAME)
        return bool(ours(dp)) and bool(ours(guest.dp))

    assert waiting.until(first)
    time.sleep(0.1)
    ours(dp), ours(guest.dp)
    arrive(guest.dp, dp)
    arrive(dp, guest.dp)


def join(wired: dataplane.Dataplane, guest: Guest, path: str) -> None:
    """A guest on a vhost socket that the data plane serves."""
    add(wired, kind="vhost", socket=path)
    guest.plug(f"net_virtio_user0,path={path},queue_size=256")
    assert_joined(wired, guest)


def test_vhost_server(wired: dataplane.Dataplane, guest: Guest, tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "vhost.sock")
    add(wired, kind="vhost", socket=path, server=True)
    assert wired.ports()["p"]["link"] is False
    wired.inject("r2", FRAME)
    assert wired.ports()["p"]["drops"]["no_link"] == 1
    guest.plug(f"net_virtio_user0,path={path},queue_size=256")
    assert_joined(wired, guest)
    guest.dp.kill()
    assert waiting.until(lambda: not wired.ports()["p"]["link"])
    guest.start()
    guest.plug(f"net_virtio_user0,path={path},queue_size=256")
    assert_joined(wired, guest)
    wired.call("port_remove", name="p")
    assert not pathlib.Path(path).exists()


def test_a_guest_that_came_before_another_went_keeps_the_port(
    wired: dataplane.Dataplane, guest: Guest, tmp_path: pathlib.Path
) -> None:
    """As when a virtual machine moves from one process to another on its node."""
    path = str(tmp_path / "vhost.sock")
    join(wired, guest, path)
    (tmp_path / "next").mkdir()
    after = Guest(tmp_path / "next", guest.variant, guest.wire)
    try:
        after.start()
        after.plug(f"net_virtio_user0,path={path},queue_size=256")
        assert_joined(wired, after)
        files = pathlib.Path(f"/proc/{wired.process.pid}/fd")
        before = len(list(files.iterdir()))
        guest.dp.kill()
        assert waiting.until(lambda: len(list(files.iterdir())) < before)  # it is noticed
        assert wired.ports()["p"]["link"]
        assert_joined(wired, after)
    finally:
        after.dp.kill()


def test_a_guest_that_does_not_take_its_packets(
    wired: dataplane.Dataplane, guest: Guest, tmp_path: pathlib.Path
) -> None:
    path = str(tmp_path / "vhost.sock")
    join(wired, guest, path)
    sent = wired.ports()["p"]["tx_packets"]
    guest.dp.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, guest.dp.process.pid, os.WSTOPPED)
    wired.inject("r2", *[FRAME] * 1000)

    def port_when_done() -> dict[str, Any] | None:
        port = wired.ports()["p"]
        return port if port["tx_packets"] - sent + port["drops"]["tx_full"] == 1000 else None

    port = waiting.until(port_when_done) or wired.ports()["p"]
    assert port["drops"]["tx_full"] >= 1000 - 2 * 256
    assert port["tx_packets"] - sent + port["drops"]["tx_full"] == 1000


def test_vhost_client_reconnects(
    wired: dataplane.Dataplane, guest: Guest, tmp_path: pathlib.Path
) -> None:
    path = str(tmp_path / "vhost.sock")
    add(wired, kind="vhost", socket=path, server=False)
    guest.plug(f"net_virtio_user0,path={path},queue_size=256,server=1")
    assert_joined(wired, guest)
    guest.dp.kill()
    assert waiting.until(lambda: not wired.ports()["p"]["link"])
    pathlib.Path(path).unlink()
    guest.start()
    guest.plug(f"net_virtio_user0,path={path},queue_size=256,server=1")
    assert_joined(wired, guest)


def test_a_node_full_of_guests(wired: dataplane.Dataplane, tmp_path: pathlib.Path) -> None:
    """Far more ports than DPDK has room for ethdevs."""
    for i in range(250):
        path = str(tmp_path / f"v{i}")
        wired.call("port_add", name=f"v{i}", kind="vhost", socket=path, server=i % 2 == 0)
        wired.call("wire", device=1, port=100 + i, name=f"v{i}")
    wired.rings(1, 1)
    wired.inject("r1", *[FRAME] * 1000)
    assert wired.collect("r2") == [FRAME] * 1000


def test_vhost_sockets_that_cannot_be(wired: dataplane.Dataplane, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path, code in (
        (str(file), "exists"),
        ("relative", "invalid"),
        ("/" + "x" * 200, "invalid"),
        (str(wired.path), "busy"),
        (str(tmp_path / "no/such/dir"), "io"),
    ):
        with pytest.raises(dataplane.RefusedError) as raised:
            wired.call("port_add", name="p", kind="vhost", socket=path)
        assert raised.value.code == code
    with pytest.raises(dataplane.RefusedError, match="served: Operation not permitted"):
        wired.call("port_add", name="p", kind="vhost", socket="/sys/p4kube")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / "stale"))
    stale.close()
    add(wired, kind="vhost", socket=str(tmp_path / "stale"))
    with pytest.raises(dataplane.RefusedError, match="busy"):
        wired.call("port_add", name="q", kind="vhost", socket=str(tmp_path / "stale"))


def test_a_socket_that_another_process_serves_is_left_alone(
    wired: dataplane.Dataplane, tmp_path: pathlib.Path
) -> None:
    """Of whatever type it is, and however many wait to be accepted on it."""
    path = tmp_path / "theirs"
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_UNIX, kind) as served, contextlib.ExitStack() as stack:
            served.bind(str(path))
            if kind != socket.SOCK_DGRAM:
                served.listen(0)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        one = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
                        one.setblocking(False)
                        one.connect(str(path))
            with pytest.raises(dataplane.RefusedError, match="busy"):
                wired.call("port_add", name="p", kind="vhost", socket=str(path))
            assert path.is_socket()
        path.unlink()


def test_pcap_files(wired: dataplane.Dataplane, tmp_path: pathlib.Path) -> None:
    packets = [FRAME + bytes([i]) for i in range(100)]
    scapy.utils.wrpcap(
        str(tmp_path / "in.pcap"), [scapy.packet.Raw(p) for p in packets], linktype=1
    )
    source = f"net_pcap0,rx_pcap={tmp_path}/in.pcap,infinite_rx=1"
    add(wired, kind="ethdev", devargs=source)
    assert set(gather(wired, 200)) == set(packets)
    wired.call("port_remove", name="p")
    add(wired, kind="ethdev", devargs=f"net_pcap0,tx_pcap={tmp_path}/out.pcap")
    wired.inject("r2", *packets)
    wired.call("port_remove", name="p")
    assert [bytes(p) for p in scapy.utils.rdpcap(str(tmp_path / "out.pcap"))] == packets


def test_ethdevs_come_and_go(wired: dataplane.Dataplane) -> None:
    for _ in range(40):
        add(wired, kind="ethdev", devargs="net_ring0")  # what is sent to it comes back
        wired.inject("r2", FRAME)
        assert waiting.until(lambda: ours(wired)) == [FRAME]
        wired.call("port_remove", name="p")
    add(wired, kind="ethdev", devargs="net_ring0")
    with pytest.raises(dataplane.RefusedError, match="busy"):
        wired.call("port_add", name="q", kind="ethdev", devargs="net_ring0")


@pytest.mark.parametrize(
    "devargs", ["net_nonsense0", "net_pcap0,rx_pcap=/nowhere", "net_pcap0,x=y", "0000:ff:1f.7", ","]
)
def test_devargs_that_name_nothing(wired: dataplane.Dataplane, devargs: str) -> None:
    with pytest.raises(dataplane.RefusedError, match="devargs"):
        wired.call("port_add", name="p", kind="ethdev", devargs=devargs)
    add(wired, kind="ethdev", devargs="net_null0")


def test_memif(wired: dataplane.Dataplane, guest: Guest, tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "memif.sock")
    # A socket in the file system rather than an abstract one, which others could meet.
    shared = f"socket={path},socket-abstract=no,id=0"
    add(wired, kind="ethdev", devargs=f"net_memif0,role=server,{shared}")
    guest.plug(f"net_memif0,role=client,{shared}")
    assert_joined(wired, guest)
