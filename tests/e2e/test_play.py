"""Functions played between two hosts: what passes, and what is left afterwards."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from p4kube_core.cli.demo import hosts, traffic
from tests.e2e.playing import ECHO, INSIDE, PING, Site, eventually

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk]

PORTFWD = """\
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {name: e2e}
spec:
  program: portfwd
  parameters:
    forwards:
      - protocol: tcp
        public: {address: 10.98.0.2, port: 80}
        inside: {address: 10.98.0.2, port: 8080}
  ports:
    - {port: 1, interface: outside}
    - {port: 2, interface: inside}
"""


def test_only_what_a_rule_lets_through_passes(site: Site) -> None:
    assert not traffic.ping(site.outside, INSIDE, 1).passed
    site.firewall(ECHO)
    with (
        traffic.udp_echo(site.inside, INSIDE, 5353),
        traffic.tcp_server(site.inside, INSIDE, 8080),
    ):
        assert traffic.udp(site.outside, INSIDE, 5353).passed
        assert not traffic.tcp(site.outside, INSIDE, 8080, 1000).passed
        assert not traffic.ping(site.outside, INSIDE, 1).passed
        done = site.firewall(ECHO, PING)
        assert done.stdout == "e2e: 1 added\n"
        assert traffic.ping(site.outside, INSIDE, 3).passed
        done = site.firewall(PING)
        assert done.stdout == "e2e: 1 added, 5 removed\n"
        assert not traffic.udp(site.outside, INSIDE, 5353).passed


def test_playing_the_same_file_again_changes_nothing(site: Site) -> None:
    site.firewall(PING, ECHO)
    assert site.firewall(PING, ECHO).stdout == "e2e: unchanged\n"


def test_two_played_at_once_are_both_there(site: Site, tmp_path: Path) -> None:
    files = [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    for file in files:
        text = PORTFWD.replace("name: e2e", f"name: {file.stem}")
        text = text.replace("interface: outside", f"tap: p4k{file.stem}a")
        file.write_text(text.replace("interface: inside", f"tap: p4k{file.stem}b"))
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda file: site.p4kube("play", file), files))
    assert [d.returncode for d in done] == [0, 0], [d.stderr for d in done]
    devices = json.loads(site.p4kube("status", "--json").stdout)["devices"]
    assert {d["name"] for d in devices} == {"one", "two"}


def test_no_packet_of_a_running_flow_is_lost_while_rules_change(site: Site) -> None:
    site.firewall(ECHO)
    with traffic.udp_echo(site.inside, INSIDE, 5353):
        assert traffic.udp(site.outside, INSIDE, 5353).passed
        stream = traffic.Stream(site.outside, INSIDE, 5353)
        site.firewall(ECHO, PING)
        site.firewall(PING, ECHO)  # the same rule at another priority
        site.firewall(ECHO)
        assert stream.stop() == 0


OWN = """\
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {{name: e2e}}
spec:
  program: {program}
  tables:
    ingress.policy: {{entries: [{{match: {{kind: 1}}, action: pass}}]}}
    ingress.acl4:
      entries:
        - {{match: {{protocol: 17, dst_port: 5353}}, priority: 2, action: allow}}
        - {{match: {{protocol: 17, src_port: 5353}}, priority: 1, action: allow}}
  ports:
    - {{port: 1, interface: outside}}
    - {{port: 2, interface: inside}}
"""
FIREWALL = Path(__file__).parents[2] / "p4nf" / "firewall" / "firewall.p4"


@pytest.mark.parametrize("target", ["dpdk", "ebpf"])
def test_a_changed_program_takes_over_under_a_running_flow(
    site: Site, tmp_path: Path, target: str
) -> None:
    """No packet meets an empty table, and what was counted is still known."""
    program = tmp_path / "own.p4"
    text = FIREWALL.read_text()
    site.manifest.write_text(OWN.format(program=program))

    def play(of: str) -> str:
        program.write_text(of)
        done = site.p4kube("play", "--target", target, site.manifest)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def counted() -> int:
        (device,) = json.loads(site.p4kube("status", "--json").stdout)["devices"]
        return sum(rule["packets"] or 0 for rule in device["rules"])

    play(text)
    with traffic.udp_echo(site.inside, INSIDE, 5353):
        assert traffic.udp(site.outside, INSIDE, 5353).passed
        stream = traffic.Stream(site.outside, INSIDE, 5353)
        for size in (17, 18):
            before = counted()
            said = play(text.replace("size = 16;", f"size = {size};"))
            assert said == "e2e: program replaced, unchanged\n"
            assert counted() > before > 0
        assert stream.stop() == 0
    assert counted() >= 2 * stream.sent


def test_bulk_tcp_arrives_unharmed_through_a_port_forward(site: Site) -> None:
    site.manifest.write_text(PORTFWD)
    done = site.p4kube("play", site.manifest)
    assert done.returncode == 0, done.stderr
    with traffic.tcp_server(site.inside, INSIDE, 8080):
        outcome = traffic.tcp(site.outside, INSIDE, 80, 4_000_000)
    assert outcome.passed, outcome.said


def test_status_says_what_each_rule_has_counted(site: Site) -> None:
    site.firewall(PING)
    assert traffic.ping(site.outside, INSIDE, 3).passed
    status = json.loads(site.p4kube("status", "--json").stdout)
    (device,) = status["devices"]
    (rule,) = [r for r in device["rules"] if r["rule"] == "ping"]
    assert rule["packets"] >= 6
    assert {port["port"]: port["interface"] for port in device["ports"]} == {
        1: "outside",
        2: "inside",
    }
    text = site.p4kube("status").stdout
    assert "ping" in text
    assert "e2e" in text


def test_a_tap_interface_comes_and_goes_with_its_function(site: Site) -> None:
    text = PORTFWD.replace("interface: inside", "tap: p4ktap")
    site.manifest.write_text(text)
    assert site.p4kube("play", site.manifest).returncode == 0
    assert "p4ktap" in site.middle.run("ip", "-br", "link").stdout
    site.manifest.write_text(PORTFWD)  # another wire at the same port
    done = site.p4kube("play", site.manifest)
    assert (done.returncode, done.stdout) == (0, "e2e: unchanged\n")
    assert "p4ktap" not in site.middle.run("ip", "-br", "link").stdout
    ports = json.loads(site.p4kube("status", "--json").stdout)["devices"][0]["ports"]
    assert sorted(port["interface"] for port in ports) == ["inside", "outside"]


def test_a_vhost_user_socket_waits_for_its_vm(site: Site) -> None:
    socket = site.state / "vm.sock"
    vhost = f"vhostUser: {{socket: {socket}, mode: server}}"
    site.manifest.write_text(PORTFWD.replace("interface: inside", vhost))
    done = site.p4kube("play", site.manifest)
    assert done.returncode == 0, done.stderr
    assert socket.is_socket()
    site.p4kube("play", "--down")
    assert not socket.exists()


def test_one_agent_plays_on_both_targets(site: Site) -> None:
    """What the one target moves leaves at a port of the other one."""
    hosts.wire(site.middle, "here", site.middle, "there")
    through = PORTFWD.replace("inside}", "here}") + "---\n" + PORTFWD.replace("outside}", "there}")
    text = through.replace("name: e2e", "name: first", 1).replace("name: e2e", "name: second")
    site.manifest.write_text(
        text.replace("program: portfwd", "program: portfwd\n  target: ebpf", 1)
    )
    done = site.p4kube("play", site.manifest)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "first: playing as device 1 on target ebpf, 6 entries",
        "second: playing as device 2 on target dpdk, 6 entries",
    ]
    assert traffic.ping(site.outside, INSIDE, 3).passed
    for killed in ("agent", "ebpf", "dpdk"):
        pid = site.pid(killed)
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: pid not in site.processes)  # noqa: B023
        assert site.p4kube("play", site.manifest).stdout == "first: unchanged\nsecond: unchanged\n"
        assert eventually(lambda: traffic.ping(site.outside, INSIDE, 1).passed)
    text = site.p4kube("status").stdout
    assert "device 1: first (program portfwd, target ebpf)" in text
    assert "device 2: second (program portfwd, target dpdk)" in text
    done = site.p4kube("play", "--target", "dpdk", site.manifest)
    assert done.returncode == 1
    assert "first plays on target ebpf: want `p4kube play --down`" in done.stderr
    site.p4kube("play", "--down")
    assert site.processes == []
    assert list(site.state.glob("bpf*")) == []


def test_when_the_last_function_goes_nothing_is_left(site: Site) -> None:
    site.firewall(PING)
    assert len(site.processes) == 2
    done = site.p4kube("play", "--down", site.manifest)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "e2e: taken away\nagent and data planes stopped\n"
    assert site.processes == []
    assert not traffic.ping(site.outside, INSIDE, 1).passed
    assert site.p4kube("play", "--down").stdout == "nothing is playing\n"
    assert site.p4kube("status").stdout.startswith("nothing runs here")
