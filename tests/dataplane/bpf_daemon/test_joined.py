"""What TCP's receiver makes of super-packets whose sender is on the same node, behind a program.

The sender keeps its half of a packet until it is acknowledged. Here nothing that acknowledges
leaves the receiver, so all are still kept when they arrive.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import process
from tests.dataplane.daemon import hosts, waiting

PACKETS: Final = 4  # of two segments each: fewer than the ten that TCP sends unacknowledged

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
for _ in range(int(sys.argv[2])): connection.send(bytes(2 * segment))
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


@contextlib.contextmanager
def between(
    where: str, bpf: process.Process, client: hosts.Host, server: hosts.Host
) -> Iterator[None]:
    """Have device 1 between the two."""
    if where == "the wire itself":
        for number, host in enumerate((client, server), start=1):
            bpf.call("port_add", name=host.wire, kind="packet", interface=host.wire)
            bpf.call("wire", device=1, port=number, name=host.wire)
        yield
        return
    pod = server if where == "on the receiver" else client
    for number, hook in enumerate(("egress", "ingress"), start=1):
        bpf.call("port_add", name=hook, kind="tc", interface=pod.wire, hook=hook)
        bpf.call("wire", device=1, port=number, name=hook)
    with hosts.bridged(client, server):
        yield


@pytest.mark.parametrize("where", ["the wire itself", "on the receiver", "on the sender"])
def test_a_receiver_joins_packets_that_their_sender_on_this_node_still_keeps(
    bpf: process.Process, wires: artifact.Artifact, where: str
) -> None:
    """Else it queues each by itself, and four connections get a sixth less (ADR 10)."""
    with hosts.pair() as (client, server):
        bpf.put("device_add", 1, wires)
        with (
            between(where, bpf, client, server),
            script(server, ACCEPT, server.ipv4) as accepting,
        ):
            assert said(accepting) == "ready"
            with script(client, SEND, server.ipv4, str(PACKETS)) as sending:
                assert said(sending) == "connected"
                assert said(accepting) == "accepted"
                server.run("tc", "qdisc", "add", "dev", "eth0", "root", "pfifo", "limit", "0")
                before = joined(server)
                assert sending.stdin is not None
                print("go", file=sending.stdin, flush=True)
                assert said(sending) == "sent"
                waiting.until(lambda: joined(server) - before == PACKETS - 1)
                assert joined(server) - before == PACKETS - 1
