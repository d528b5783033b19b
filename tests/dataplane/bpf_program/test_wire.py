"""Bulk TCP with offloads on, through portfwd on a wire: super-packets with partial checksums."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from p4kube_core.compiler import driver
from p4kube_core.compiler.backends import layout
from p4kube_core.compiler.ir import program as ir
from tests.dataplane.bpf_program import kernel, libbpf

pytestmark = pytest.mark.needs_root

PORTFWD = Path(__file__).parents[3] / "p4nf" / "portfwd" / "portfwd.p4"
CLIENT, SERVER, SERVICE = "10.77.0.1", "10.77.0.2", "10.77.0.100"
MACS = ("02:77:00:00:00:01", "02:77:00:00:00:02")
SIZE: Final = 64 << 20
INGRESS: Final = 1  # enum bpf_tc_attach_point
REDIRECT: Final = 2

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


class _Hook(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("ifindex", ctypes.c_int),
        ("attach_point", ctypes.c_int),
        ("parent", ctypes.c_uint32),
    )


class _Options(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("prog_fd", ctypes.c_int),
        ("flags", ctypes.c_uint32),
        ("prog_id", ctypes.c_uint32),
        ("handle", ctypes.c_uint32),
        ("priority", ctypes.c_uint32),
    )


def attach(interface: str, program: int) -> None:
    lib = libbpf.library()
    index = socket.if_nametoindex(interface)
    hook = _Hook(sz=ctypes.sizeof(_Hook), ifindex=index, attach_point=INGRESS)
    assert lib.bpf_tc_hook_create(ctypes.byref(hook)) == 0
    options = _Options(sz=ctypes.sizeof(_Options), prog_fd=program, handle=1, priority=1)
    assert lib.bpf_tc_attach(ctypes.byref(hook), ctypes.byref(options)) == 0


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


def add(
    loaded: kernel.Program, program: ir.Program, table: str, key: tuple[int, ...], action: str,
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
    assert loaded.insert(of.index, layout.record(of, found, entry)) == 0


def number(address: str) -> int:
    return int.from_bytes(socket.inet_aton(address), "big")


@pytest.mark.parametrize("checksums", ["never made", "made behind", "made before"])
def test_bulk_tcp_arrives_whole_through_rewritten_addresses_and_ports(
    wire: Wire, checksums: str
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
    loaded = kernel.Program(program, test=False)
    add(loaded, program, "ingress.forwards", (number(SERVICE), 6, 80), "ingress.forward",
        number(SERVER), 8080)  # fmt: skip
    add(loaded, program, "ingress.answers", (number(SERVER), 6, 8080), "ingress.answer_as",
        number(SERVICE), 80)  # fmt: skip
    for port, interface in ((1, outside), (2, inside)):
        loaded.exit(port, REDIRECT, socket.if_nametoindex(interface))
        attach(interface, loaded.copy(port).program)
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
    packets, size = loaded.counter(layout.lay_out(program).counter_index("ingress.inward"), 0)
    assert size > SIZE
    if checksums != "made before":
        assert size / packets > 3000  # super-packets, not segments
