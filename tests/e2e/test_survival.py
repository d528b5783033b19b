"""Processes that die: the agent costs no packet, the data plane comes back with its entries."""

from __future__ import annotations

import os
import shutil
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
    dataplane = site.pid("dpdk")
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
    assert site.pid("dpdk") == dataplane


def test_kill_9_of_the_data_plane_and_it_is_back_with_its_entries(
    site: Site, record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    site.firewall(ECHO, PING)
    before = entries(site)
    with traffic.udp_echo(site.inside, INSIDE, 5353):
        assert traffic.udp(site.outside, INSIDE, 5353).passed
        stream = traffic.Stream(site.outside, INSIDE, 5353)
        time.sleep(0.3)
        killed = site.pid("dpdk")
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: site.pid("dpdk") != killed)
        assert eventually(lambda: traffic.ping(site.outside, INSIDE, 1).passed)
        time.sleep(0.3)
        stream.stop()
    record_property("outage_s", stream.longest_gap_s)
    with capsys.disabled():
        print(f" [forwarding again after {stream.longest_gap_s:.2f} s] ", end="", flush=True)
    assert entries(site) == before


def kill_agent(site: Site) -> None:
    agent = site.pid("agent")
    os.kill(agent, signal.SIGKILL)
    assert eventually(lambda: agent not in site.processes)


def test_playing_again_after_the_agent_was_killed_loses_no_packet(site: Site) -> None:
    site.firewall(ECHO, PING)
    before = entries(site)
    with traffic.udp_echo(site.inside, INSIDE, 5353):
        assert traffic.udp(site.outside, INSIDE, 5353).passed
        stream = traffic.Stream(site.outside, INSIDE, 5353)
        kill_agent(site)
        assert "has ended" in site.p4kube("status").stdout
        done = site.firewall(ECHO, PING)
        lost = stream.stop()
    assert (done.stdout, lost) == ("e2e: unchanged\n", 0)
    assert entries(site) == before


def test_another_function_takes_nothing_from_one_whose_agent_was_killed(site: Site) -> None:
    site.firewall(PING)
    kill_agent(site)
    other = site.manifest.with_name("other.yaml")
    text = site.manifest.read_text().replace("name: e2e", "name: other")
    other.write_text(text)
    done = site.p4kube("play", other)
    assert done.returncode == 1
    assert "interface outside is in use by 'e2e'" in done.stderr
    other.write_text(
        text.replace("interface: outside", "tap: one").replace("interface: inside", "tap: two")
    )
    done = site.p4kube("play", other)
    assert done.stdout.startswith("other: playing as device 2"), done.stderr
    assert traffic.ping(site.outside, INSIDE, 3).passed


def test_a_function_whose_agent_was_killed_can_be_taken_away(site: Site) -> None:
    site.firewall(PING)
    kill_agent(site)
    done = site.p4kube("play", "--down", site.manifest)
    assert done.stdout == "e2e: taken away\nagent and data planes stopped\n"
    assert site.processes == []


def test_half_of_a_failed_play_does_not_come_back_with_the_next(site: Site) -> None:
    site.firewall(PING)
    site.p4kube("play", "--down")
    text = site.manifest.read_text()
    other = (
        text.replace("name: e2e", "name: other")
        .replace("interface: outside", "vhostUser: {socket: /proc/self/no.sock, mode: server}")
        .replace("interface: inside", "tap: other")
    )
    site.manifest.write_text(f"{text}---\n{other}")
    done = site.p4kube("play", site.manifest)
    assert done.returncode != 0, done.stdout
    assert site.processes == []
    assert not list((site.state / "journal").glob("*"))


def test_after_its_state_directory_was_deleted_a_function_does_not_forward_twice(
    site: Site,
) -> None:
    site.firewall(PING)
    shutil.rmtree(site.state)
    assert traffic.ping(site.outside, INSIDE, 1).passed
    site.firewall(ECHO)
    assert len(site.processes) == 2
    assert not traffic.ping(site.outside, INSIDE, 1).passed  # by the former rules it would
    assert site.p4kube("play", "--down").returncode == 0
    assert site.processes == []
