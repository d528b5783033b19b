"""Functions on pods' wires: what passes, while everything about them changes or dies."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from p4kube_core.cli import private_agent
from p4kube_core.cli.demo import traffic
from tests.e2e.pods import GATEWAY, Node, Pod, eventually

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk]

PING = "{name: ping, action: allow, protocol: icmp}"
ECHO = (
    "{name: echo, action: allow, from: outside, protocol: udp, destinationPort: 5353, "
    "replies: true}"
)
GATE = Path(__file__).with_name("programs") / "gate.p4"
WEB = (
    "{name: web, action: allow, from: outside, protocol: tcp, destinationPort: 8080, replies: true}"
)


def firewall(*rules: str, name: str = "wall", more: str = "") -> str:
    lines = "".join(f"      - {rule}\n" for rule in rules)
    return (
        "apiVersion: p4kube.io/v1alpha1\nkind: NetworkFunction\n"
        f"metadata: {{name: {name}}}\n"
        f"spec:\n  program: firewall\n{more}  parameters:\n    rules:\n{lines or '      []'}\n---\n"
    )


def gate(place: Path, *rules: str, options: int = 512) -> str:
    """A function of its own program, of which there is one for each number of bits of options.

    Args:
        place: where its program is written to.
        rules: keys of what is denied.
    """
    program = place / f"gate{options}.p4"
    program.write_text(GATE.read_text().replace("OPTIONS 512", f"OPTIONS {options}"))
    entries = "".join(
        f"        - {{match: {key}, priority: {priority}, action: deny}}\n"
        for priority, key in enumerate(rules, 1)
    )
    return (
        "apiVersion: p4kube.io/v1alpha1\nkind: NetworkFunction\nmetadata: {name: gate}\n"
        f"spec:\n  program: {program}\n  tables:\n    ingress.rules:\n      entries:\n{entries}"
        "---\n"
    )


def portfwd(address: str, name: str = "forward") -> str:
    """TCP to port 80 of the pod's address goes to 8080."""
    forward = (
        f"{{protocol: tcp, public: {{address: {address}, port: 80}}, "
        f"inside: {{address: {address}, port: 8080}}}}"
    )
    return (
        "apiVersion: p4kube.io/v1alpha1\nkind: NetworkFunction\n"
        f"metadata: {{name: {name}}}\nspec:\n  program: portfwd\n"
        f"  parameters: {{forwards: [{forward}]}}\n---\n"
    )


def attach(*functions: str, pod: str = "shop", name: str = "shop") -> str:
    return (
        "apiVersion: p4kube.io/v1alpha1\nkind: NetworkFunctionAttachment\n"
        f"metadata: {{name: {name}}}\nspec:\n"
        f"  target: {{apiVersion: v1, kind: Pod, name: {pod}}}\n"
        f"  functions: [{', '.join(functions)}]\n---\n"
    )


def test_a_pod_has_its_functions_when_add_returns(node: Node, pod: Pod) -> None:
    said = node.play(firewall(PING, ECHO) + attach("wall"))
    assert said.splitlines()[0].startswith("wall: held for attachments on target ebpf, ")
    assert "shop: wall at pod default/shop, eth0, which is not there yet" in said
    assert traffic.udp(node.host, pod.address, 6000).said == "0 of 3 answered"
    assert node.cni("ADD", pod) is None
    with (
        traffic.udp_echo(pod.host, pod.address, 5353),
        traffic.udp_echo(pod.host, pod.address, 6000),
    ):
        assert traffic.udp(node.host, pod.address, 5353).passed
        assert not traffic.udp(node.host, pod.address, 6000).passed
    assert traffic.ping(pod.host, GATEWAY).passed
    assert node.cni("CHECK", pod) is None
    for _ in range(2):
        assert node.cni("DEL", pod) is None
    status = node.status()
    assert (status["endpoints"], status["instances"]) == ([], [])
    assert "clsact" not in node.filters(pod.host_interface)


def test_a_chain_of_two_functions_works_in_both_directions(node: Node, pod: Pod) -> None:
    node.play(portfwd(pod.address) + firewall(PING, WEB) + attach("forward", "wall"))
    assert node.cni("ADD", pod) is None
    with (
        traffic.tcp_server(pod.host, pod.address, 8080),
        traffic.tcp_server(node.host, GATEWAY, 8080),
    ):
        assert traffic.tcp(node.host, pod.address, 80, 2_000_000).passed
        assert traffic.ping(pod.host, GATEWAY).passed
        assert not traffic.tcp(pod.host, GATEWAY, 8080, 1000).passed
    names = [device["name"] for device in node.status()["instances"]]
    assert names == ["forward@default/shop/eth0", "wall@default/shop/eth0"]
    text = node.p4kube("status", "shop").stdout
    assert "attachment shop: forward, wall at pod default/shop, eth0" in text
    assert "ready: yes" in text
    assert "ping" in text


def test_functions_may_come_and_go_while_a_pod_lives(node: Node, pod: Pod) -> None:
    node.start()
    assert node.cni("ADD", pod) is None
    with (
        traffic.udp_echo(pod.host, pod.address, 5353),
        traffic.udp_echo(pod.host, pod.address, 6000),
    ):
        assert traffic.udp(node.host, pod.address, 6000).passed
        node.play(firewall(ECHO) + attach("wall"))
        # Making and removing a clsact qdisc costs the kernel packets, what comes between does not.
        stream = traffic.Stream(node.host, pod.address, 5353)
        assert not traffic.udp(node.host, pod.address, 6000).passed
        node.play(firewall(ECHO) + firewall(ECHO, name="other") + attach("other", "wall"))
        assert not traffic.udp(node.host, pod.address, 6000).passed
        said = node.play(firewall(ECHO, PING))
        assert said.startswith("wall: 1 added")
        node.play(firewall(ECHO) + firewall(ECHO, name="other") + attach("wall"))
        assert not traffic.udp(node.host, pod.address, 6000).passed
        again = firewall(ECHO) + firewall(ECHO, name="other") + attach("wall")
        assert node.play(again) == "wall: unchanged\nother: unchanged\nshop: unchanged\n"
        assert stream.stop() == 0
        done = node.p4kube("play", "--down", node.state / "play.yaml")
        assert done.stdout.splitlines()[:3] == [
            f"{name}: taken away" for name in ("shop", "other", "wall")
        ]
        assert traffic.udp(node.host, pod.address, 6000).passed
    assert "clsact" not in node.filters(pod.host_interface)


def test_a_rate_that_was_edited_is_not_said_to_be_unchanged(node: Node) -> None:
    limiter = (
        "apiVersion: p4kube.io/v1alpha1\nkind: NetworkFunction\nmetadata: {name: limit}\n"
        "spec:\n  program: rate-limiter\n  parameters: {classes: [{name: all, rate: RATE}]}\n"
    )
    node.play(limiter.replace("RATE", "20Mbit/s"))
    assert node.play(limiter.replace("RATE", "50Mbit/s")) == "limit: 1 changed\n"
    assert node.play(limiter.replace("RATE", "50Mbit/s")) == "limit: unchanged\n"


@pytest.mark.parametrize("killed", [("agent",), ("ebpf",), ("agent", "ebpf")])
def test_no_packet_is_lost_by_a_kill(node: Node, pod: Pod, killed: tuple[str, ...]) -> None:
    node.play(firewall(ECHO) + firewall(ECHO, PING, name="other") + attach("wall", "other"))
    assert node.cni("ADD", pod) is None
    with (
        traffic.udp_echo(pod.host, pod.address, 5353),
        traffic.udp_echo(pod.host, pod.address, 6000),
    ):
        stream = traffic.Stream(node.host, pod.address, 5353)
        node.kill(*killed)
        assert node.cni("CHECK", pod) is None
        node.play(firewall(ECHO, PING))
        assert not traffic.udp(node.host, pod.address, 6000).passed
        with node.pod(2) as other:
            assert node.cni("ADD", other) is None
            assert node.cni("DEL", other) is None
        assert stream.stop() == 0
    assert node.cni("DEL", pod) is None
    assert node.status()["instances"] == []


def test_a_pod_that_was_taken_without_a_word_is_cleaned_up(node: Node) -> None:
    node.play(firewall(PING) + attach("wall"))
    with node.pod(1) as gone:
        assert node.cni("ADD", gone) is None
        assert len(node.status()["instances"]) == 1
    with node.pod(2) as other:
        assert node.cni("ADD", other) is None
        assert eventually(lambda: len(node.status()["instances"]) == 1, 40)
        assert [e["container"] for e in node.status()["endpoints"]] == ["c2"]


@contextmanager
def small_disk(place: Path) -> Iterator[Callable[[], None]]:
    """A disk of its own for a directory; what is called fills it."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "p4k", place], check=True)

    def fill() -> None:
        with suppress(OSError), (place / "full").open("wb", 0) as file:
            while file.write(bytes(4096)):
                pass

    try:
        yield fill
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_pod_goes_while_the_disk_is_full_and_the_agent_goes_on(node: Node) -> None:
    with small_disk(node.state) as fill, node.pod(2, "other") as other:
        node.play(firewall(PING) + attach("wall") + attach("wall", pod="other", name="other"))
        with node.pod(1) as pod:
            assert node.cni("ADD", pod) is None
            assert node.cni("ADD", other) is None
            agent = node.pid("agent")
            fill()
            assert node.cni("DEL", pod) is None
        with node.pod(3) as third:
            error = node.cni("ADD", third)
            assert error is not None
            assert "No space left on device" in error["details"]
            assert traffic.ping(node.host, other.address).passed
            (node.state / "full").unlink()
            assert node.cni("ADD", third) is None
            assert traffic.ping(node.host, third.address).passed
        assert node.pid("agent") == agent
        assert node.cni("DEL", other) is None
        assert eventually(lambda: node.status()["endpoints"] == [], 40)
        private_agent.stop(node.state)


def test_a_pod_keeps_its_functions_while_their_file_cannot_be_read(node: Node, pod: Pod) -> None:
    wanted = firewall(PING, ECHO) + attach("wall")
    node.play(wanted)
    assert node.cni("ADD", pod) is None
    os.kill(node.pid("agent"), signal.SIGKILL)
    file = node.state / "functions/wall"
    file.write_bytes(file.read_bytes()[:-1])
    node.start()
    with (
        traffic.udp_echo(pod.host, pod.address, 5353),
        traffic.udp_echo(pod.host, pod.address, 6000),
    ):
        assert traffic.udp(node.host, pod.address, 5353).passed
        assert not traffic.udp(node.host, pod.address, 6000).passed
        said = node.p4kube("status", "shop").stdout
        assert f"accepted: no (want function wall in {file}, which cannot be read" in said
        node.play(wanted)
        assert "ready: yes" in node.p4kube("status", "shop").stdout
        assert traffic.udp(node.host, pod.address, 5353).passed
        assert not traffic.udp(node.host, pod.address, 6000).passed


def test_a_changed_program_whose_rule_has_no_room_leaves_the_old_one_with_its_rules(
    node: Node, pod: Pod
) -> None:
    old = gate(node.state, "{to: 6000}")
    node.play(old + attach("gate"))
    assert node.cni("ADD", pod) is None
    with (
        traffic.udp_echo(pod.host, pod.address, 5353),
        traffic.udp_echo(pod.host, pod.address, 6000),
    ):
        stream = traffic.Stream(node.host, pod.address, 5353)
        before = node.status()["instances"]
        file = node.state / "wrong.yaml"
        for options in (256, 512):  # another program, the same one
            wide = "{to: 1..65534, from: 1..65534, length: 1..65534}"
            file.write_text(gate(node.state, "{to: 7000}", wide, options=options))
            done = node.p4kube("play", file)
            assert done.returncode == 1
            assert "table ingress.rules, entry (" in done.stderr
            said = node.p4kube("status", "shop").stdout
            assert "ready: no (default/shop/eth0: " in said
            assert "table ingress.rules, entry (to=" in said
            after = node.status()["instances"]
            assert [d["digest"] for d in after] == [d["digest"] for d in before]
            assert not traffic.udp(node.host, pod.address, 6000).passed
            assert traffic.udp(node.host, pod.address, 5353).passed
        assert stream.stop() == 0
        node.play(old)
        assert "ready: yes" in node.p4kube("status", "shop").stdout
        node.play(gate(node.state, "{to: 5353}", options=256))
        assert not traffic.udp(node.host, pod.address, 5353).passed
        assert traffic.udp(node.host, pod.address, 6000).passed


def test_an_interface_of_the_machine_needs_no_pod(node: Node, pod: Pod) -> None:
    target = "{kind: Interface, name: veth1}"
    text = attach("wall").replace("{apiVersion: v1, kind: Pod, name: shop}", target)
    node.play(firewall(PING) + text)
    with traffic.udp_echo(pod.host, pod.address, 6000):
        assert traffic.ping(node.host, pod.address).passed
        assert not traffic.udp(node.host, pod.address, 6000).passed
        done = node.p4kube("play", "--down")
        assert done.stdout.splitlines()[-1] == "agent and data planes stopped"
        assert traffic.udp(node.host, pod.address, 6000).passed
    assert "clsact" not in node.filters("veth1")


def test_target_dpdk_for_an_interface_is_refused_and_what_runs_stays(node: Node, pod: Pod) -> None:
    target = "{kind: Interface, name: veth1}"
    text = firewall(PING) + attach("wall").replace(
        "{apiVersion: v1, kind: Pod, name: shop}", target
    )
    node.play(text)
    before = node.status()["attachments"]
    done = node.p4kube("play", "--target", "dpdk", node.state / "play.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert "spec.target: interface veth1 takes functions of target ebpf, but wall" in done.stderr
    assert node.status()["attachments"] == before


def test_what_cannot_be_played_is_said_with_its_place(node: Node) -> None:
    file = node.state / "wrong.yaml"
    node.play(firewall(PING) + attach("wall"))
    for text, message in (
        (attach("wal"), "spec.functions[0]: no function 'wal' (did you mean 'wall'?)"),
        (attach("wall", name="b"), "pod default/shop, eth0 has functions by shop; want all in"),
        (
            firewall(PING, more="  ports: [{port: 1, tap: t0}]\n"),
            "wall is held for attachments: want `p4kube play --down` before it stands between",
        ),
    ):
        file.write_text(text)
        done = node.p4kube("play", file)
        assert done.returncode == 1
        assert message in done.stderr, done.stderr
