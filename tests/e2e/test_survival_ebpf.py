"""Target ebpf under traffic while its processes are killed: packets need neither of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pytest

from p4kube_core.agent import settings
from p4kube_core.cli import private_agent
from p4kube_core.cli.demo import traffic
from p4kube_core.switch import blocking
from tests.e2e import tracing
from tests.e2e.playing import ECHO, INSIDE, PING, Site, eventually

pytestmark = [pytest.mark.needs_root]

IPERF: Final = (
    "      - {name: bulk, action: allow, from: outside, protocol: tcp, "
    "destinationPort: 5201, replies: true}\n"
)
# The second has the same key and mask: it is in no table of the kernel's.
HIDING: Final = "      - {name: hiding, action: deny, protocol: udp, destinationPort: 6000}\n"
HIDDEN: Final = "      - {name: hidden, action: allow, protocol: udp, destinationPort: 6000}\n"
BACK: Final = "      - {name: back, action: allow, protocol: udp, sourcePort: 6000}\n"


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
    before = entries(playing)

    def kill_and_play() -> None:
        old = [playing.pid(name) for name in KILLED[killed]]
        kill(playing, KILLED[killed])
        time.sleep(0.3)
        assert play(playing, HIDING, HIDDEN, BACK, ECHO, PING, IPERF) == "e2e: unchanged\n"
        new = [playing.pid(name) for name in KILLED[killed]]
        assert not set(old) & set(new)
        assert entries(playing) == before

    way = tracing.Way(playing.outside, playing.inside, INSIDE)
    way.shows_nothing_of(kill_and_play, record_property)


@pytest.mark.parametrize("killed", KILLED)
def test_after_it_was_killed_an_entry_behind_another_is_still_known(
    playing: Site, killed: str
) -> None:
    kill(playing, KILLED[killed])
    with traffic.udp_echo(playing.inside, INSIDE, 6000):
        assert not traffic.udp(playing.outside, INSIDE, 6000).passed
        assert play(playing, HIDDEN, BACK, ECHO, PING, IPERF).startswith("e2e: ")
        assert traffic.udp(playing.outside, INSIDE, 6000).passed


def test_no_interruption_is_seen_when_an_agent_of_another_abi_takes_over(
    playing: Site, record_property: Callable[[str, object], None]
) -> None:
    """The programs of before cannot be taken up; they run until new ones are filled."""
    before = entries(playing)

    def upgrade() -> None:
        kill(playing, KILLED["both"])
        for path in (playing.state / "bpf.kept").glob("p*.json"):
            path.write_text(json.dumps(json.loads(path.read_text()) | {"abi": 99}))
        play(playing, HIDING, HIDDEN, BACK, ECHO, PING, IPERF)
        assert entries(playing) == before

    way = tracing.Way(playing.outside, playing.inside, INSIDE)
    way.shows_nothing_of(upgrade, record_property)
    with traffic.udp_echo(playing.inside, INSIDE, 6000):
        assert not traffic.udp(playing.outside, INSIDE, 6000).passed
