"""Functions with nothing to do: nobody is woken for them, and they leave no memory behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from bench import player
from bench.idle import processes, run
from p4kube_core.cli import private_agent
from p4kube_core.cli.demo import hosts
from tests.e2e.playing import eventually

pytestmark = [pytest.mark.needs_root, pytest.mark.xdist_group("idle")]

MANY: Final = 100
WATCHED_S: Final = 4.0
ROUND: Final = [f"pod{index}" for index in range(MANY // 4)]  # come and go together


@pytest.fixture
def playing() -> Iterator[player.Player]:
    """A node with wires to many pods, all ends of which are in one namespace."""
    with ExitStack() as stack:
        node, pods = (
            stack.enter_context(hosts.host(f"p4ki{os.getpid()}-{role}")) for role in ("node", "pod")
        )
        for index in range(MANY):
            hosts.wire(node, f"pod{index}", pods, f"eth{index}")
        yield stack.enter_context(player.playing(node))


def cost(playing: player.Player) -> processes.Cost:
    return processes.cost(private_agent.processes(playing.state))


def settled(playing: player.Player) -> processes.Cost:
    """The kernel frees maps later: the cost when it has done so."""
    costs = [cost(playing)]

    def steady() -> bool:
        time.sleep(0.5)
        costs.append(cost(playing))
        return costs[-1].kernel_bytes == costs[-2].kernel_bytes

    assert eventually(steady)
    return costs[-1]


def test_a_hundred_of_them_wake_nobody(playing: player.Player) -> None:
    """Whoever polls is woken hundreds of times a second, or is never asleep."""
    playing.attach("firewall", run.RULES, [f"pod{index}" for index in range(MANY)])
    time.sleep(1)  # what the last of them has set off is over
    before = cost(playing)
    time.sleep(WATCHED_S)
    after = cost(playing)
    assert after.wakeups - before.wakeups < 50 * WATCHED_S
    assert after.cpu_s - before.cpu_s < 0.1 * WATCHED_S


def test_one_more_takes_as_much_as_the_one_before_and_gives_it_back(playing: player.Player) -> None:
    full, empty = [], []
    for _ in range(4):
        playing.attach("firewall", run.RULES, ROUND)
        full.append(cost(playing))
        playing.detach(ROUND)
        empty.append(settled(playing))
    assert full[3].kernel_bytes == full[1].kernel_bytes
    assert empty[3].kernel_bytes == empty[1].kernel_bytes < full[3].kernel_bytes
    # Between them fifty came and went. What the allocator gives back, and when, differs by
    # megabytes; the most that is taken does not.
    early, late = (max(c.memory_bytes for c in full[i : i + 2] + empty[i : i + 2]) for i in (0, 2))
    assert late - early < 2 << 20
