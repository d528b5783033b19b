"""Bulk TCP with offloads on, through portfwd on a wire: super-packets with partial checksums."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from p4kube_core.compiler import driver
from p4kube_core.compiler.backends import layout
from p4kube_core.compiler.ir import program as ir
from tests.dataplane.bpf_daemon import process

pytestmark = pytest.mark.parametrize("variant", ["release"], indirect=True, scope="session")

PORTFWD = Path(__file__).parents[3] / "p4nf" / "portfwd" / "portfwd.p4"
CLIENT, SERVER, SERVICE = "10.77.0.1", "10.77.0.2", "10.77.0.100"
MACS = ("02:77:00:00:00:01", "02:77:00:00:00:02")
SIZE: Final = 64 << 20

SERVE = """
import hashlib, socket, sys
s = socket.create_server(("10.77.0.2", 8080)); print("up", flush=True)
c, peer = s.accept(); h = hashlib.sha256()
while (d := c.recv(1 << 20)): h.update(d)
c.sendall(h.digest()); c.close()
"""
SEND = """
import hashlib, os, socket, sys
c = socket.create_connection(("10.77.0.100", 80), timeout=20); h = hashlib.sha256()
block = os.urandom(1 << 20)
for i in range(int(sys.argv[1]) >> 20):
    d = i.to_bytes(8, "big") + block[8:]; h.update(d); c.sendall(d)
c.shutdown(socket.SHUT_WR); got = b""
while (d := c.recv(100)): got += d
sys.exit(0 if got == h.digest() else 3)
"""


def call(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def ip(*words: str) -> None:
    call(["ip", *words])


Wire = tuple[str, str, str, str]  # the client's namespace and host-side veth, the server's


@pytest.fixture
def wire() -> Iterator[Wire]:
    pid = os.getpid()
    names = (f"p4kb{pid}a", f"p4kb{pid}b")
    try:
        for space, address, mac in zip(names, (CLIENT, SERVER), MACS, strict=True):
            ip("netns", "add", space)
            ip("link", "add", space, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("link", "set", space, "up")
            ip("-n", space, "link", "set", "eth0", "address", mac, "up")
            ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
        for space, address, mac in (
            (names[0], SERVICE, MACS[1]),
            (names[0], SERVER, MACS[1]),
            (names[1], CLIENT, MACS[0]),
        ):
            ip("-n", space, "neigh", "add", address, "lladdr", mac, "dev", "eth0")
        yield names[0], names[0], names[1], names[1]
    finally:
        for space in names:
            subprocess.run(["ip", "link", "del", space], check=False, stderr=subprocess.DEVNULL)
            subprocess.run(["ip", "netns", "del", space], check=False, stderr=subprocess.DEVNULL)


def number(address: str) -> int:
    return int.from_bytes(socket.inet_aton(address), "big")


def add(
    bpf: process.Process, program: ir.Program, table: str, key: tuple[int, ...], action: str,
    *arguments: int,
) -> None:  # fmt: skip
    laid_out = layout.lay_out(program)
    of = laid_out.table(table)
    found = next(
        a for a in laid_out.actions
        if a.action.control_name == action and a.action.name in {x.action for x in of.table.actions}
    )  # fmt: skip
    wanted = ir.ActionCall(found.action.name, arguments)
    entry = ir.Entry(tuple(ir.Exactly(k) for k in key), wanted, 0, program.span)
    record = layout.record(of, found, entry)
    done, _ = bpf.call("entries_write", record, device=1, table=of.index, mode="insert", count=1)
    assert done["failed"] == []


@pytest.mark.parametrize("checksums", ["never made", "made behind", "made before"])
def test_bulk_tcp_arrives_whole_through_rewritten_addresses_and_ports(
    bpf: process.Process, wire: Wire, checksums: str
) -> None:
    """Made behind the program or before it, the receiver's TCP checks every one of them."""
    client, outside, server, inside = wire
    match checksums:
        case "made behind":
            call(["ethtool", "-K", outside, "tx", "off"])
            call(["ethtool", "-K", inside, "tx", "off"])
        case "made before":
            for space in (client, server):
                call(["ip", "netns", "exec", space, "ethtool", "-K", "eth0", "tx", "off"])
        case _:
            pass
    program = driver.compile(PORTFWD).program
    bpf.put("device_add", 1, process.compiled(PORTFWD))
    add(bpf, program, "ingress.forwards", (number(SERVICE), 6, 80), "ingress.forward",
        number(SERVER), 8080)  # fmt: skip
    add(bpf, program, "ingress.answers", (number(SERVER), 6, 8080), "ingress.answer_as",
        number(SERVICE), 80)  # fmt: skip
    for port, interface in ((1, outside), (2, inside)):
        bpf.call("port_add", name=interface, kind="packet", interface=interface)
        bpf.call("wire", device=1, port=port, name=interface)
    run = ["ip", "netns", "exec"]
    serve = subprocess.Popen(
        [*run, server, sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True
    )
    try:
        assert serve.stdout is not None
        assert serve.stdout.readline() == "up\n"
        sent = subprocess.run(
            [*run, client, sys.executable, "-c", SEND, str(SIZE)], check=False, timeout=60
        )
        assert sent.returncode == 0
    finally:
        serve.kill()
        serve.wait()
    counter = layout.lay_out(program).counter_index("ingress.inward")
    _, counted = bpf.call("counter_read", device=1, counter=counter, first=0, count=1)
    packets, size = struct.unpack("!QQ", counted)
    assert size > SIZE
    if checksums != "made before":
        assert size / packets > 3000  # super-packets, not segments
