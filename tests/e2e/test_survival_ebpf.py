"""Target ebpf under traffic while its processes are killed: packets need neither of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from p4kube_core.agent import settings
from p4kube_core.cli import private_agent
from p4kube_core.cli.demo import hosts, traffic
from p4kube_core.switch import blocking
from tests.e2e.playing import ECHO, INSIDE, PING, Site, eventually

pytestmark = [pytest.mark.needs_root]

TRACE: Final = Path(__file__).parents[1] / "trace.py"
PORT: Final = 5353  # the rule ECHO lets it through
BIN_NS: Final = 10_000_000
ATTEMPTS: Final = 3
IPERF: Final = (
    "      - {name: bulk, action: allow, from: outside, protocol: tcp, "
    "destinationPort: 5201, replies: true}\n"
)
# The second has the same key and mask: it is in no table of the kernel's.
HIDING: Final = "      - {name: hiding, action: deny, protocol: udp, destinationPort: 6000}\n"
HIDDEN: Final = "      - {name: hidden, action: allow, protocol: udp, destinationPort: 6000}\n"
BACK: Final = "      - {name: back, action: allow, protocol: udp, sourcePort: 6000}\n"


@dataclass(repr=False)
class Trace:
    """What was sent, and of what arrived: number, time of sending, time of arrival."""

    sent: int = 0
    seen: list[tuple[int, int, int]] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"a trace with {self.silent} silent spans, {self.lost} of {self.sent} lost"

    @property
    def lost(self) -> int:
        return self.sent - len({number for number, _, _ in self.seen})

    @property
    def longest_ns(self) -> int:
        """The longest time that a datagram took."""
        return max(arrived - sent for _, sent, arrived in self.seen)

    @property
    def silent(self) -> int:
        """Spans of 10 ms in which something was sent that did not arrive within another 10 ms."""
        late = {s // BIN_NS for _, s, a in self.seen if a // BIN_NS > s // BIN_NS + 1}
        return len(late - {s // BIN_NS for _, s, a in self.seen if a // BIN_NS <= s // BIN_NS + 1})


def peer(host: hosts.Host, word: str) -> subprocess.Popen[str]:
    command = ["ip", "netns", "exec", host.name, sys.executable, str(TRACE), word]
    return subprocess.Popen(
        [*command, INSIDE, str(PORT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def traced(site: Site) -> Iterator[Trace]:
    """Trace while the block runs; the trace is known after it."""
    trace = Trace()
    with peer(site.inside, "receive") as receiver:
        assert receiver.stdout is not None
        assert receiver.stdout.readline() == "ready\n"
        with peer(site.outside, "send") as sender:
            try:
                time.sleep(0.3)
                yield trace
                time.sleep(0.3)
            finally:
                trace.sent = int(sender.communicate()[0])
                time.sleep(0.2)
                lines = receiver.communicate()[0].splitlines()
        trace.seen += [tuple(map(int, line.split())) for line in lines]  # type: ignore[misc]


@contextmanager
def loaded(site: Site) -> Iterator[None]:
    """iperf3 meanwhile."""
    run = ("ip", "netns", "exec")
    with subprocess.Popen(
        [*run, site.inside.name, "iperf3", "-s", "-1"], stdout=subprocess.DEVNULL
    ) as server:
        assert eventually(lambda: ":5201 " in site.inside.run("ss", "-Hltn").stdout)
        with subprocess.Popen(
            [*run, site.outside.name, "iperf3", "-c", INSIDE, "-t", "60"],
            stdout=subprocess.DEVNULL,
        ) as client:
            try:
                yield
                assert client.poll() is None, "iperf3 has ended"
            finally:
                client.send_signal(signal.SIGINT)
                client.wait(30)
                server.kill()


@pytest.fixture
def playing(site: Site) -> Iterator[Site]:
    """With a bpffs of the machine's: one that is mounted within `ip netns exec` goes with it."""
    pins = site.state / "bpf"
    pins.mkdir()
    subprocess.run(["mount", "-t", "bpf", "bpf", pins], check=True)
    try:
        play(site, HIDING, HIDDEN, BACK, ECHO, PING, IPERF)
        yield site
        private_agent.stop(site.state)
    finally:
        subprocess.run(["umount", "-l", pins], check=True)


def play(site: Site, *rules: str) -> str:
    return site.firewall(*rules, target="ebpf").stdout


def entries(site: Site) -> set[str]:
    with blocking.connect(settings.address_of(site.state), 1, read_only=True) as session:
        return {repr(entry) for entry in session.read_table()}


def kill(site: Site, names: Sequence[str]) -> None:
    pids = [site.pid(name) for name in names]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not set(pids) & set(site.processes))


KILLED: Final = {
    "the agent": ("agent",),
    "the data plane": ("ebpf",),
    "both": ("agent", "ebpf"),
}


@pytest.mark.parametrize("killed", KILLED)
def test_no_interruption_is_seen_when_it_is_killed_and_back(
    playing: Site, killed: str, record_property: Callable[[str, object], None]
) -> None:
    """Compared with the same trace of the same run without it; lost is lost at any time."""
    before = entries(playing)
    for attempt in range(ATTEMPTS):
        with loaded(playing):
            with traced(playing) as plain:
                time.sleep(1)
            with traced(playing) as trace:
                old = [playing.pid(name) for name in KILLED[killed]]
                kill(playing, KILLED[killed])
                time.sleep(0.3)
                assert play(playing, HIDING, HIDDEN, BACK, ECHO, PING, IPERF) == "e2e: unchanged\n"
                new = [playing.pid(name) for name in KILLED[killed]]
                assert not set(old) & set(new)
        assert entries(playing) == before
        record_property("ms", (attempt, plain.longest_ns / 1e6, trace.longest_ns / 1e6))
        if plain.lost:  # what loses packets is something else
            continue
        assert trace.lost == 0
        if trace.silent <= plain.silent:  # else something else may have kept the machine busy
            return
    pytest.fail(f"{trace} was not like {plain} without a kill, {ATTEMPTS} times")


@pytest.mark.parametrize("killed", KILLED)
def test_after_it_was_killed_an_entry_behind_another_is_still_known(
    playing: Site, killed: str
) -> None:
    kill(playing, KILLED[killed])
    with traffic.udp_echo(playing.inside, INSIDE, 6000):
        assert not traffic.udp(playing.outside, INSIDE, 6000).passed
        assert play(playing, HIDDEN, BACK, ECHO, PING, IPERF).startswith("e2e: ")
        assert traffic.udp(playing.outside, INSIDE, 6000).passed
