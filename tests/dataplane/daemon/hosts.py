"""Two hosts as network namespaces, each with one end of a veth pair; the other end is ours."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

_serial = itertools.count()
PEERS = pathlib.Path(__file__).with_name("peers.py")


def run(*command: str, check: bool = True, timeout_s: float = 60) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    namespace: str
    interface: str  # inside
    wire: str  # its other end, in our own namespace
    ipv4: str
    ipv6: str

    def run(self, *command: str, check: bool = True) -> str:
        return run("ip", "netns", "exec", self.namespace, *command, check=check)

    def peer(self, *arguments: str) -> subprocess.Popen[str]:
        """A process of peers.py on this host."""
        command = ["ip", "netns", "exec", self.namespace, sys.executable, str(PEERS), *arguments]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


def add(number: int, tag: str) -> Host:
    host = Host(
        namespace=f"p4k-{tag}-{number}",
        interface="eth0",
        wire=f"w{number}-{tag}",
        ipv4=f"10.77.0.{number}",
        ipv6=f"fd77::{number}",
    )
    run("ip", "netns", "add", host.namespace)
    run(
        *("ip", "link", "add", host.wire, "type", "veth"),
        *("peer", "name", "eth0", "netns", host.namespace),
    )
    run("ip", "link", "set", host.wire, "addrgenmode", "none", "up")
    for command in (
        "link set lo up",
        "link set eth0 addrgenmode none",
        "link set eth0 up",
        f"addr add {host.ipv4}/24 dev eth0",
        f"addr add {host.ipv6}/64 dev eth0 nodad",
    ):
        host.run("ip", *command.split())
    return host


def meet(host: Host) -> str:
    """Have our own end of a host's wire answer it; returns the address, which nobody else has."""
    network = f"10.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}"
    host.run("ip", "addr", "add", f"{network}.1/24", "dev", host.interface)
    run("ip", "addr", "add", f"{network}.9/24", "dev", host.wire)
    return f"{network}.9"


@contextlib.contextmanager
def pair() -> Iterator[tuple[Host, Host]]:
    tag = f"{os.getpid()}{next(_serial)}"
    try:
        yield add(1, tag), add(2, tag)
    finally:
        for number in (1, 2):
            run("ip", "link", "del", f"w{number}-{tag}", check=False)
            run("ip", "netns", "del", f"p4k-{tag}-{number}", check=False)


@contextlib.contextmanager
def bridged(*of: Host) -> Iterator[None]:
    """Have a bridge of our own namespace between these hosts."""
    bridge = f"b{os.getpid()}"
    run("ip", "link", "add", "name", bridge, "type", "bridge")
    try:
        for host in of:
            run("ip", "link", "set", "dev", host.wire, "master", bridge)
        run("ip", "link", "set", "dev", bridge, "addrgenmode", "none", "up")
        yield
    finally:
        run("ip", "link", "del", "dev", bridge)


@contextlib.contextmanager
def pinged(source: Host, other: Host, every_s: float = 0.002) -> Iterator[set[int]]:
    """Ping from before to after what happens meanwhile.

    Yields the numbers of the requests that nobody answered, known when the block has ended. ping
    does not wait for the last answers: the requests of the last tenth of a second do not count.
    """
    lost: set[int] = set()
    command = ["ping", "-n", "-i", str(every_s), other.ipv4]
    with tempfile.TemporaryFile("w+") as said:
        ping = subprocess.Popen(["ip", "netns", "exec", source.namespace, *command], stdout=said)
        try:
            time.sleep(0.3)
            yield lost
            time.sleep(0.4)
        finally:
            ping.send_signal(signal.SIGINT)
            ping.wait(10)
        said.seek(0)
        text = said.read()
    sent = re.search(r"(\d+) packets transmitted", text)
    assert sent, text
    answered = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", text)}
    lost.update(set(range(1, int(sent[1]) - int(0.1 / every_s))) - answered)
    assert answered, "no request at all was answered"
