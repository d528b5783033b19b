"""Bulk traffic through functions of the catalogue on target ebpf, compared byte by byte.

Both directions at once; super-packets of TCP and UDP with their checksums yet to be made, made
behind the function, or made before it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, final

import pytest

from bench import player
from p4kube_core.cli.demo import hosts

pytestmark = [pytest.mark.needs_root, pytest.mark.xdist_group("bulk")]

BULK: Final = Path(__file__).parents[1] / "bulk.py"
SIZE: Final = 48 << 20
PORT, PUBLIC_PORT = 5001, 7001  # and the next higher
CLIENT4, SERVER4, PUBLIC = "10.95.1.2", "10.95.2.2", "10.95.3.3"
CLIENT6, SERVER6 = "fd95:1::2", "fd95:2::2"
GATEWAYS: Final = {"client": ("10.95.1.1", "fd95:1::1"), "server": ("10.95.2.1", "fd95:2::1")}

FIREWALL: Final[dict[str, Any]] = {
    "rules": [
        {"action": "allow", "protocol": protocol, "from": "outside", "destinationPort": ports,
         "replies": True}
        for protocol in ("tcp", "udp") for ports in (PORT, PORT + 1)
    ]
}  # fmt: skip
PORTFWD: Final[dict[str, Any]] = {
    "forwards": [
        {
            "protocol": protocol,
            "public": {"address": PUBLIC, "port": PUBLIC_PORT + more},
            "inside": {"address": SERVER4, "port": PORT + more},
        }
        for protocol in ("tcp", "udp")
        for more in (0, 1)
    ],
}
CASES: Final = {
    "firewall, IPv4": ("firewall", FIREWALL, SERVER4, PORT),
    "firewall, IPv6": ("firewall", FIREWALL, SERVER6, PORT),
    "portfwd": ("portfwd", PORTFWD, PUBLIC, PUBLIC_PORT),
}


@final
class Place:
    """client -- [ node ] -- server, with a function on the pod's wire or as the wire."""

    def __init__(self, stack: ExitStack, tag: str) -> None:
        self.client, self.node, self.server = (
            stack.enter_context(hosts.host(f"{tag}-{role}")) for role in ("cli", "node", "srv")
        )
        for pod, side, addresses in (
            (self.client, "client", (f"{CLIENT4}/24", f"{CLIENT6}/64")),
            (self.server, "server", (f"{SERVER4}/24", f"{SERVER6}/64")),
        ):
            hosts.wire(pod, "eth0", self.node, side)
            for host, name in ((pod, "eth0"), (self.node, side)):
                host.run("sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=0")
            for address in addresses:
                extra = ("nodad",) if ":" in address else ()
                pod.run("ip", "address", "add", address, "dev", "eth0", *extra)
        self.player = stack.enter_context(player.playing(self.node))

    def _mac(self, host: hosts.Host) -> str:
        (link,) = json.loads(host.run("ip", "-j", "link", "show", "dev", "eth0").stdout)
        mac: str = link["address"]
        return mac

    def attach(self, function: str, parameters: dict[str, Any]) -> None:
        """The node routes; what is for the public address goes to the pod as it is."""
        for side, addresses in GATEWAYS.items():
            for address, length in zip(addresses, (24, 64), strict=True):
                extra = ("nodad",) if ":" in address else ()
                self.node.run("ip", "addr", "add", f"{address}/{length}", "dev", side, *extra)
        for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            self.node.run("sysctl", "-qw", f"{name}=1")
        for pod, side in ((self.client, "client"), (self.server, "server")):
            for address in GATEWAYS[side]:
                pod.run("ip", "route", "add", "default", "via", address)
        self.node.run("ip", "route", "add", PUBLIC, "dev", "server")
        self._neighbour(self.node, "server", PUBLIC, self.server)
        self.player.attach(function, parameters, ["server"])

    def put_between(self, function: str, parameters: dict[str, Any]) -> None:
        """Each pod takes the other for a neighbour."""
        for pod, other, addresses in (
            (self.client, self.server, (SERVER4, SERVER6, PUBLIC)),
            (self.server, self.client, (CLIENT4, CLIENT6)),
        ):
            for address in addresses:
                pod.run("ip", "route", "add", address, "dev", "eth0")
                self._neighbour(pod, "eth0", address, other)
        self.player.play({1: "client", 2: "server"}, program=function, parameters=parameters)

    def _neighbour(self, host: hosts.Host, interface: str, address: str, of: hosts.Host) -> None:
        mac = self._mac(of)
        host.run("ip", "neigh", "replace", address, "lladdr", mac, "dev", interface)

    @contextmanager
    def checksums(self, made: str) -> Iterator[None]:
        """Have them made by turning off what puts it off, at the pods' or the node's ends."""
        ends = {
            "never": (),
            "before": ((self.client, "eth0"), (self.server, "eth0")),
            "behind": ((self.node, "client"), (self.node, "server")),
        }[made]
        for host, name in ends:
            host.run("ethtool", "-K", name, "tx", "off")
        yield
        for host, name in ends:
            host.run("ethtool", "-K", name, "tx", "on")

    def received(self) -> tuple[int, int]:
        """Packets and bytes that came to the server."""
        said = self.server.run("ip", "-s", "-j", "link", "show", "dev", "eth0").stdout
        count = json.loads(said)[0]["stats64"]["rx"]
        return count["packets"], count["bytes"]

    @contextmanager
    def served(self, address: str) -> Iterator[None]:
        command = ("ip", "netns", "exec", self.server.name, sys.executable, str(BULK))
        with subprocess.Popen(
            [*command, "serve", address, str(PORT)], stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                yield
            finally:
                process.kill()

    def sent(self, *words: object) -> str:
        done = self.client.run(
            sys.executable, str(BULK), *map(str, words), check=False, timeout_s=150
        )
        return done.stdout.strip() or done.stderr.strip()[-500:]


@pytest.fixture(params=["on the pod", "as the wire"])
def where(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(where: str, case: str) -> Iterator[Place]:
    function, parameters, _, _ = CASES[case]
    with ExitStack() as stack:
        made = Place(stack, f"p4kv{os.getpid()}")
        put = made.attach if where == "on the pod" else made.put_between
        put(function, parameters)
        yield made


def test_every_byte_arrives_as_it_was_sent(place: Place, case: str) -> None:
    _, _, address, port = CASES[case]
    with place.served(SERVER6 if ":" in address else SERVER4):
        for made in ("never", "behind", "before"):
            with place.checksums(made):
                packets, size = place.received()
                assert place.sent("tcp", address, port, SIZE) == "same", made
                more_packets, more_size = place.received()
                if made == "never":  # not cut into segments anywhere
                    assert more_size - size > (more_packets - packets) * 3000
                for size, count in ((1400, 40), (100, 60), (1232, 1), (17, 3)):
                    for more in (0, 1):
                        said = place.sent("udp", address, port + more, size, count)
                        assert said == "same", (made, size, count, more)
