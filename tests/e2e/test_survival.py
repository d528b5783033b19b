"""Processes that die: the agent costs no packet, the data plane comes back with its entries."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from p4kube_core.agent import client, settings
from p4kube_core.cli.demo import traffic
from p4kube_core.switch import blocking
from tests.e2e.playing import ECHO, INSIDE, PING, Site, eventually

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk]


def entries(site: Site) -> set[str]:
    with blocking.connect(settings.address_of(site.state), 1, read_only=True) as session:
        return {repr(entry) for entry in session.read_table()}


def test_kill_9_of_the_agent_loses_no_packet_and_no_entry(site: Site) -> None:
    site.firewall(ECHO, PING)
    before = entries(site)
    dataplane = site.pid("dataplane")
    with traffic.udp_echo(site.inside, INSIDE, 5353):
        assert traffic.udp(site.outside, INSIDE, 5353).passed
        stream = traffic.Stream(site.outside, INSIDE, 5353)
        time.sleep(0.3)
        os.kill(site.pid("agent"), signal.SIGKILL)
        time.sleep(0.3)
        site.middle.inside(lambda: client.spawn(settings.Settings(state=site.state)))
        assert eventually(lambda: client.running(site.state))
        time.sleep(0.3)
        lost = stream.stop()
    assert lost == 0
    assert entries(site) == before
    assert site.pid("dataplane") == dataplane


def test_kill_9_of_the_data_plane_and_it_is_back_with_its_entries(
    site: Site, record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    site.firewall(ECHO, PING)
    before = entries(site)
    with traffic.udp_echo(site.inside, INSIDE, 5353):
        assert traffic.udp(site.outside, INSIDE, 5353).passed
        stream = traffic.Stream(site.outside, INSIDE, 5353)
        time.sleep(0.3)
        killed = site.pid("dataplane")
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: site.pid("dataplane") != killed)
        assert eventually(lambda: traffic.ping(site.outside, INSIDE, 1).passed)
        time.sleep(0.3)
        stream.stop()
    record_property("outage_s", stream.longest_gap_s)
    with capsys.disabled():
        print(f" [forwarding again after {stream.longest_gap_s:.2f} s] ", end="", flush=True)
    assert entries(site) == before
