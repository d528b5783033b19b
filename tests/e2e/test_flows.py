"""Telemetry between two hosts: its counters, and what a P4Runtime client is told."""

from __future__ import annotations

import json
import socket
from ipaddress import IPv6Address
from typing import Final

import pytest

from p4kube_core.agent import client
from p4kube_core.cli.demo import traffic
from p4kube_core.switch import blocking
from tests.e2e.digests import told
from tests.e2e.playing import INSIDE, OUTSIDE, Site, eventually

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk]

TARGETS: Final = ("dpdk", "ebpf")
SENT: Final = 200
SIZE: Final = 1000  # of a datagram
FRAME: Final = SIZE + 42
TELEMETRY: Final = """\
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {name: e2e}
spec:
  program: telemetry
  parameters:
    epoch: 24h
    heavyFlows: 100kB
    flows:
      - {name: ports, protocol: udp, source: 10.98.0.1, destinationPort: 7000-7009}
  ports:
    - {port: 1, interface: outside}
    - {port: 2, interface: inside}
"""


@pytest.fixture(params=TARGETS)
def playing(request: pytest.FixtureRequest, site: Site) -> Site:
    site.manifest.write_text(TELEMETRY)
    done = site.p4kube("play", "--target", request.param, site.manifest)
    assert done.returncode == 0, done.stderr
    # The hosts know each other's addresses: no datagram waits, and is lost, for that.
    assert eventually(lambda: traffic.ping(site.outside, INSIDE, 1).passed)
    return site


def send(site: Site, source: int, port: int, datagrams: int) -> None:
    with site.outside.socket(socket.SOCK_DGRAM) as sender:
        sender.bind((OUTSIDE, source))
        for _ in range(datagrams):
            sender.sendto(bytes(SIZE), (INSIDE, port))


def counted(site: Site, rule: str) -> tuple[int, int]:
    (device,) = json.loads(site.p4kube("status", "--json").stdout)["devices"]
    (found,) = [
        one for one in device["rules"] if (one["table"], one["rule"]) == ("ingress.flows4", rule)
    ]
    return found["packets"], found["bytes"]


def test_a_flow_is_counted_to_the_packet_and_to_the_byte(playing: Site) -> None:
    for port in (7000, 7005, 7009):
        send(playing, 6000, port, SENT)
    send(playing, 6000, 7010, SENT)
    assert eventually(lambda: counted(playing, "ports")[0] >= 3 * SENT)
    assert counted(playing, "ports") == (3 * SENT, 3 * SENT * FRAME)
    assert eventually(lambda: counted(playing, "others")[0] >= SENT)


def test_a_client_is_told_of_a_new_flow_and_then_that_it_is_heavy(playing: Site) -> None:
    with (
        client.AgentClient(playing.state) as agent,
        blocking.connect(agent.address, 1) as session,
    ):
        send(playing, 6001, 7001, 5)  # light
        send(playing, 6002, 7002, SENT)
        new = told(session, lambda name, f: name == "new_flow_t" and f["src_port"] == 6001)
        assert new == {
            "src": int(IPv6Address(f"::ffff:{OUTSIDE}")),
            "dst": int(IPv6Address(f"::ffff:{INSIDE}")),
            "protocol": socket.IPPROTO_UDP,
            "src_port": 6001,
            "dst_port": 7001,
            "ingress_port": 1,
        }
        heavy = told(session, lambda name, _: name == "heavy_flow_t")
    assert (heavy["src_port"], heavy["dst_port"]) == (6002, 7002)
    assert 100_000 <= heavy["estimate"] < 100_000 + FRAME
