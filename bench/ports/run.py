"""Two ways from a pod's wire into the DPDK data plane: AF_PACKET (ours) and AF_XDP (DPDK's driver).

Between two pods (namespaces on veths) a data plane that forwards, by ports of one kind or the
other. AF_XDP is not told of checksums that a pod leaves out, so it is measured with the pods'
offloads off; AF_PACKET with them on, as pods have them, and off.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from bench import figures
from bench.idle import processes
from bench.pod import sites, traffic
from p4kube_core import errors
from p4kube_core.agent import control, settings
from p4kube_core.cli import compilation, machine
from p4kube_core.cli.demo import hosts

OPTIONS: Final = frozenset({"rounds", "seconds", "json", "plot"})
PROGRAM: Final = Path(__file__).with_name("wires.p4")
START_S: Final = 20.0
PINGS_A_SECOND: Final = round(1 / traffic.PING_INTERVAL_S)

TCP: Final = figures.Measure("TCP", "Gbit/s", 2)
P50: Final = figures.Measure("ping, p50", "us", 0)
P99: Final = figures.Measure("ping, p99", "us", 0)
IDLE: Final = figures.Measure("processor while idle", "% of a core", 1)


@final
@dataclass(frozen=True, slots=True)
class Candidate:
    offloads: bool  # of the pods
    ports: Mapping[str, dict[str, Any]]  # by the interface on the node: what port_add is told


def candidates() -> dict[str, Candidate]:
    sides = ("client", "server")
    packet = {side: {"kind": "packet", "interface": side} for side in sides}
    xdp = {
        side: {"kind": "ethdev", "devargs": f"net_af_xdp{number},iface={side}"}
        for number, side in enumerate(sides)
    }
    return {
        "AF_PACKET": Candidate(True, packet),
        "AF_PACKET, pods without offloads": Candidate(False, packet),
        "AF_XDP, pods without offloads": Candidate(False, xdp),
    }


def run(options: argparse.Namespace) -> int:
    """Build all, measure in turn, print.

    Returns:
        The exit status.
    """
    rounds: int = options.rounds or 9
    seconds: int = options.seconds or 1
    machine.require_dataplane("dpdk")
    wanted = candidates()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="p4kb")))
        program = directory / "wires.so"
        program.write_bytes(compilation.artifact_of(PROGRAM).object)
        pods, pids = {}, {}
        for number, (name, candidate) in enumerate(wanted.items()):
            print(f"building: {name}", flush=True)
            state = directory / str(number)
            state.mkdir()
            made = stack.enter_context(sites.site(str(number), lambda _made, _stack: None))
            pids[name] = start(stack, made.node, state, candidate, program)
            connect(made, candidate)
            wait_for(made.client)
            stack.enter_context(traffic.served(made.server))
            pods[name] = made.client
        print(f"measuring {rounds} rounds, {seconds} s each", flush=True)
        measured = measure(pods, pids, rounds, seconds)
    print(f"\n{measured.table()}\n\n{', '.join(figures.machine().values())}")
    measured.write(options.json, options.plot)
    return 0


def start(
    stack: ExitStack, node: hosts.Host, state: Path, candidate: Candidate, program: Path
) -> int:
    """A data plane on the node that forwards between the two sides; its process id."""
    path = state / "dataplane.sock"
    command = (str(settings.DEFAULT_DPDK), "--huge", "no", "--socket", str(path))
    log = stack.enter_context((state / "log").open("wb"))
    process = node.inside(lambda: subprocess.Popen(command, stdout=log, stderr=log))
    stack.callback(process.wait)
    stack.callback(process.terminate)
    deadline = time.monotonic() + START_S
    while True:
        try:
            asyncio.run(fill(path, candidate, program))
            return process.pid
        except (FileNotFoundError, ConnectionRefusedError):  # it does not listen yet
            if process.poll() is not None or time.monotonic() > deadline:
                said = (state / "log").read_text()
                raise errors.MachineError(f"no data plane: {said}") from None
            time.sleep(0.02)
        except control.DataplaneRefused as e:
            raise errors.MachineError(str(e)) from e


async def fill(path: Path, candidate: Candidate, program: Path) -> None:
    connection = await control.connect(path)
    await connection.call("device_add", id=1, object=str(program), name="wires")
    for number, (name, options) in enumerate(candidate.ports.items(), start=1):
        await connection.call("port_add", name=name, **options)
        await connection.call("wire", device=1, port=number, name=name)
    connection.close()


def wait_for(pod: hosts.Host) -> None:
    """Wait until its pings are all answered: neighbours, carriers and sockets take a moment."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            traffic.ping_us(pod, 3)
        except errors.MachineError:
            if time.monotonic() > deadline:
                raise
        else:
            return


def connect(made: sites.Site, candidate: Candidate) -> None:
    """Each pod reaches the other over its own wire, with offloads or without."""
    for pod, other in ((made.client, sites.SERVER), (made.server, sites.CLIENT)):
        pod.run("ip", "route", "add", other, "dev", "eth0")
        if not candidate.offloads:
            pod.run("ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off", check=False)


def measure(
    pods: Mapping[str, hosts.Host], pids: Mapping[str, int], rounds: int, seconds: int
) -> figures.Figures:
    """Round by round, every candidate in turn; each round begins with another one."""
    result = figures.Figures((TCP, P50, P99, IDLE), tuple(pods), compared=False)
    for first in range(rounds):
        names = list(pods)
        names = names[first % len(names) :] + names[: first % len(names)]
        for name in names:
            result.add(TCP, name, traffic.tcp_gbits(pods[name], seconds))
        for name in names:
            times = traffic.ping_us(pods[name], seconds * PINGS_A_SECOND)
            result.add(P50, name, figures.percentile(times, 50))
            result.add(P99, name, figures.percentile(times, 99))
        before = {name: processes.cost([pids[name]]) for name in names}
        time.sleep(seconds)
        for name in names:
            spent = processes.cost([pids[name]]).cpu_s - before[name].cpu_s
            result.add(IDLE, name, spent / seconds * 100)
    return result
