"""Bulk traffic whose IPv6 addresses and ports are rewritten, compared byte by byte at both ends.

What the catalogue's functions do to it is in tests/e2e/test_bulk.py.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import process
from tests.dataplane.daemon import hosts, waiting

BULK: Final = Path(__file__).parents[2] / "bulk.py"
PROGRAM: Final = Path(__file__).parent / "programs/rewrite6.p4"
PUBLIC, PORT, PUBLIC_PORT = "fd77::100", 5001, 7001
SIZE: Final = 32 << 20


@contextlib.contextmanager
def served(host: hosts.Host) -> Iterator[None]:
    command = ("ip", "netns", "exec", host.namespace, sys.executable, str(BULK))
    with subprocess.Popen(
        [*command, "serve", host.ipv6, str(PORT)], stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            yield
        finally:
            running.kill()


def mac(host: hosts.Host) -> str:
    (link,) = json.loads(host.run("ip", "-j", "link", "show", "dev", "eth0"))
    address: str = link["address"]
    return address


@pytest.mark.parametrize("how", ["ADJUSTED", "WHOLE"])
@pytest.mark.parametrize("made", ["never", "before"])
def test_every_byte_arrives_through_rewritten_addresses(
    bpf: process.Process, made: str, how: str
) -> None:
    with hosts.pair() as (client, server):
        if made == "before":
            for host in (client, server):
                host.run("ethtool", "-K", "eth0", "tx", "off")
        bpf.put("device_add", 1, process.compiled(PROGRAM, how))
        for number, host in enumerate((client, server), start=1):
            bpf.call("port_add", name=host.wire, kind="packet", interface=host.wire)
            bpf.call("wire", device=1, port=number, name=host.wire)
        client.run("ip", "neigh", "add", PUBLIC, "lladdr", mac(server), "dev", "eth0")
        with served(server):
            for words in (
                ("tcp", PUBLIC, PUBLIC_PORT, SIZE),
                *(
                    ("udp", PUBLIC, port, size, count)
                    for port in (PUBLIC_PORT, PUBLIC_PORT + 1)
                    for size, count in ((1400, 40), (100, 60), (1232, 1), (17, 3))
                ),
            ):
                answer = client.run(sys.executable, str(BULK), *map(str, words))
                assert answer == "same\n", words


ACCEPT: Final = """
import socket, sys
listening = socket.create_server((sys.argv[1], 5001)); print("ready", flush=True)
connection, _ = listening.accept(); print("accepted", flush=True)
sys.stdin.read()
"""
SEND: Final = """
import socket, sys
connection = socket.create_connection((sys.argv[1], 5001), timeout=20)
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("connected", flush=True); sys.stdin.readline()
segment = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
for _ in range(5): connection.send(bytes(2 * segment))
print("sent", flush=True); sys.stdin.read()
"""


@contextlib.contextmanager
def script(host: hosts.Host, text: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = ("ip", "netns", "exec", host.namespace, sys.executable, "-c", text, *words)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def said(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline().strip()


def joined(host: hosts.Host) -> int:
    """Packets that the host's TCP has put into the one before, where nobody has read that yet."""
    names, values = (
        line.split()
        for line in host.run("cat", "/proc/net/netstat").splitlines()
        if line.startswith("TcpExt:")
    )
    return int(dict(zip(names, values, strict=True))["TCPRcvCoalesce"])


def test_a_receiver_joins_packets_that_their_sender_on_this_node_still_keeps(
    bpf: process.Process, wires: artifact.Artifact
) -> None:
    """As behind the node's routing. Without it four connections get a sixth less than by routing.

    The sender keeps them here because nothing that acknowledges leaves the receiver.
    """
    with hosts.pair() as (client, server):
        bpf.put("device_add", 1, wires)
        for number, host in enumerate((client, server), start=1):
            bpf.call("port_add", name=host.wire, kind="packet", interface=host.wire)
            bpf.call("wire", device=1, port=number, name=host.wire)
        with script(server, ACCEPT, server.ipv4) as accepting:
            assert said(accepting) == "ready"
            with script(client, SEND, server.ipv4) as sending:
                assert said(sending) == "connected"
                assert said(accepting) == "accepted"
                server.run("tc", "qdisc", "add", "dev", "eth0", "root", "pfifo", "limit", "0")
                before = joined(server)
                assert sending.stdin is not None
                print("go", file=sending.stdin, flush=True)
                assert said(sending) == "sent"
                assert waiting.until(lambda: joined(server) - before == 4)
