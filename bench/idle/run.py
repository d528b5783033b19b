"""What functions cost that have nothing to do: 1, 50 and 100 on pods' wires, and target dpdk's.

Each number has an agent and a data plane of its own; all idle side by side, and are read at the
same moments.
"""

from __future__ import annotations

import argparse
import os
import time
from contextlib import ExitStack
from typing import Final

from bench import figures, player
from bench.idle import processes
from p4kube_core.cli import machine, private_agent
from p4kube_core.cli.demo import hosts

OPTIONS: Final = frozenset({"rounds", "seconds", "json", "plot"})
NUMBERS: Final = (1, 50, 100)
DPDK: Final = "1 on dpdk"
CPU: Final = figures.Measure("processor", "% of a core", 2)
WAKEUPS: Final = figures.Measure("wake-ups", "a second", 1)
PROCESSES: Final = figures.Measure("memory of the processes", "MB", 1)
KERNEL: Final = figures.Measure("maps and programs in the kernel", "MB", 1)
GOALS: Final = (figures.Goal(CPU, f"{NUMBERS[-1]} on ebpf", most=1.0),)
RULES: Final = {
    "rules": [
        {"action": "allow", "protocol": "tcp", "destinationPort": port, "replies": True}
        for port in (22, 53, 80, 443, 8080)
    ]
}


def run(options: argparse.Namespace) -> int:
    """Attach, wait, read; print.

    Returns:
        The exit status.
    """
    rounds: int = options.rounds or 7
    seconds: int = options.seconds or 4
    machine.require_dataplane("ebpf")
    machine.require_dataplane()
    with ExitStack() as stack:
        agents: dict[str, player.Player] = {}
        for number in NUMBERS:
            agents[f"{number} on ebpf"] = attached(stack, number)
        agents[DPDK] = on_dpdk(stack)
        print(f"measuring {rounds} rounds of {seconds} s", flush=True)
        measured = measure(agents, rounds, seconds)
    print(f"\n{measured.table()}\n\n{said_of_memory(measured)}")
    print(", ".join(figures.machine().values()))
    measured.write(options.json, options.plot)
    return 0


def attached(stack: ExitStack, number: int) -> player.Player:
    """So many pods, each with a firewall on its wire."""
    print(f"attaching: {number}", flush=True)
    node, pods = (
        stack.enter_context(hosts.host(f"p4kb{os.getpid()}-{role}-{number}"))
        for role in ("node", "pods")
    )
    running = stack.enter_context(player.playing(node))
    for index in range(number):
        hosts.wire(node, f"pod{index}", pods, f"eth{index}")
    running.attach("firewall", RULES, [f"pod{index}" for index in range(number)])
    return running


def on_dpdk(stack: ExitStack) -> player.Player:
    print("playing one on target dpdk", flush=True)
    node, pods = (
        stack.enter_context(hosts.host(f"p4kb{os.getpid()}-{role}-dpdk"))
        for role in ("node", "pods")
    )
    for side in ("outside", "inside"):
        hosts.wire(node, side, pods, side)
    running = stack.enter_context(player.playing(node, "dpdk"))
    running.play({1: "outside", 2: "inside"}, program="firewall", parameters=RULES)
    return running


def measure(agents: dict[str, player.Player], rounds: int, seconds: int) -> figures.Figures:
    result = figures.Figures(
        (CPU, WAKEUPS, PROCESSES, KERNEL), tuple(agents), GOALS, compared=False
    )
    pids = {name: private_agent.processes(agent.state) for name, agent in agents.items()}
    for _ in range(rounds):
        before = {name: processes.cost(pids[name]) for name in agents}
        time.sleep(seconds)
        for name in agents:
            now = processes.cost(pids[name])
            result.add(CPU, name, (now.cpu_s - before[name].cpu_s) / seconds * 100)
            result.add(WAKEUPS, name, (now.wakeups - before[name].wakeups) / seconds)
            result.add(PROCESSES, name, now.memory_bytes / 1e6)
            result.add(KERNEL, name, now.kernel_bytes / 1e6)
    return result


def said_of_memory(measured: figures.Figures) -> str:
    """What one more attachment takes, between the two greatest numbers."""
    fewer, more = NUMBERS[-2:]
    parts = []
    for measure in (PROCESSES, KERNEL):
        last = [measured.rounds[measure.name][f"{number} on ebpf"][-1] for number in (fewer, more)]
        parts.append(f"{(last[1] - last[0]) / (more - fewer):.2f} MB in {measure.name}")
    return f"one more attachment: {', '.join(parts)}"
