"""A firewall of 1,000 rules between two pods, beside no function and nftables in a container.

TCP by iperf3, small datagrams by iperf3, round trips by ping. The rules are matched late
(rules.py), what is between the pods says sites.py.
"""

from __future__ import annotations

import argparse
import random
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

from bench import figures
from bench.pod import rules, sites, traffic
from p4kube_core import errors
from p4kube_core.cli import machine
from p4kube_core.cli.demo import hosts

ROUTING: Final = "host routing"
AGAIN: Final = "host routing, again"  # what it is over the other says how much the figures tell
ATTACHED: Final = "p4kube on the pod"
WIRE: Final = "p4kube as wire"
BRIDGE: Final = "bridge"
BRIDGED: Final = "p4kube on a bridged pod"
NFTABLES: Final = "nftables container"
SETS: Final = "nftables, sets"

RULES: Final = 1000
PINGS: Final = 250  # at a time, for each second of a measurement
TURNS: Final = 4  # in a round: what disturbs the machine for a while is shared by all

TCP: Final = figures.Measure("TCP", "Gbit/s", 2)
PARALLEL: Final = figures.Measure("TCP, 4 connections", "Gbit/s", 2)
UDP: Final = figures.Measure("UDP of 64 bytes", "1000 packets/s", 0)
P50: Final = figures.Measure("ping, p50", "us", 1)
P99: Final = figures.Measure("ping, p99", "us", 1)

GOALS: Final = tuple(
    goal
    for ours, without in ((ATTACHED, ROUTING), (WIRE, ROUTING), (BRIDGED, BRIDGE))
    for goal in (
        figures.Goal(TCP, ours, without, least=1.0),
        figures.Goal(PARALLEL, ours, without, least=1.0),
        figures.Goal(P99, ours, NFTABLES, most=0.5),
    )
)
WITHOUT: Final[Mapping[str, sites.Between]] = {
    ROUTING: sites.routing,
    AGAIN: sites.routing,
    BRIDGE: sites.bridge,
}
OPTIONS: Final = frozenset({"target", "rounds", "seconds", "json", "plot"})


def run(options: argparse.Namespace) -> int:
    """Build all, see that they filter alike, measure in turn, print.

    Returns:
        The exit status.
    """
    rounds: int = options.rounds or 9
    seconds: int = options.seconds or 1
    target: str = options.target or "ebpf"
    require_tools(target)
    print(f"measuring {rounds} rounds, {seconds} s each", flush=True)
    measured = measure(candidates(target), rounds, seconds)
    print(f"\n{measured.table()}\n\n{', '.join(figures.machine().values())}")
    measured.write(options.json, options.plot)
    return 0


def require_tools(target: str) -> None:
    """See that what is measured, and measured with, is here.

    Raises:
        errors.MachineError: it is not.
    """
    machine.require_dataplane(target)
    for tool, package in (("nft", "nftables"), ("iperf3", "iperf3"), ("ping", "iputils-ping")):
        if shutil.which(tool) is None:
            raise errors.MachineError(
                f"want the program {tool!r}, found none: apt-get install {package}"
            )


def candidates(target: str) -> Mapping[str, sites.Between]:
    """Who is compared; target dpdk is a wire only."""
    wanted = rules.rules(RULES, sites.CLIENT, sites.SERVER, traffic.DENIED_PORT)
    on_pods = {
        ATTACHED: sites.attached(wanted, sites.routing),
        BRIDGED: sites.attached(wanted, sites.bridge),
    }
    return {
        **WITHOUT,
        **(on_pods if target == "ebpf" else {}),
        WIRE: sites.wire(wanted, target),
        NFTABLES: sites.container(rules.nftables(wanted)),
        SETS: sites.container(rules.nftables_sets(wanted)),
    }


def check(name: str, place: sites.Site) -> None:
    """See that TCP to the denied port does not get through, and all else does.

    Raises:
        errors.MachineError: it filters otherwise.
    """
    traffic.ping_us(place.client, 3)
    for port, passes in (
        (traffic.OPEN_PORT, True),
        (traffic.DENIED_PORT, name in WITHOUT),
    ):
        if traffic.connects(place, port) != passes:
            wanted = "let through" if passes else "denied"
            raise errors.MachineError(f"{name}: want TCP to port {port} {wanted}, it is not")


def measure(ways: Mapping[str, sites.Between], rounds: int, seconds: int) -> figures.Figures:
    """Round by round, every candidate in turn; in another order each round.

    All is built anew for each round: what a set-up is by chance (where in memory, which buckets)
    makes more than what is compared, and is so part of the spread.
    """
    goals = GOALS if ATTACHED in ways else ()
    result = figures.Figures((TCP, PARALLEL, UDP, P50, P99), tuple(ways), goals)
    for number in range(1, rounds + 1):
        names = random.Random(number).sample(list(ways), len(ways))
        print(f"round {number}", flush=True)
        with ExitStack() as stack:
            pods = {name: stack.enter_context(built(name, ways[name])) for name in names}
            measure_round(result, pods, seconds)
    return result


@contextmanager
def built(name: str, between: sites.Between) -> Iterator[hosts.Host]:
    """The pod that sends, when it was seen that what is between filters, and all is warm."""
    with sites.site(name.replace(" ", "-").replace(",", ""), between) as place:
        check(name, place)
        with traffic.served(place.server):
            traffic.tcp_gbits(place.client, 1)
            traffic.ping_us(place.client, PINGS)
            yield place.client


def measure_round(result: figures.Figures, pods: Mapping[str, hosts.Host], seconds: int) -> None:
    for measured, of in (
        (TCP, traffic.tcp_gbits),
        (PARALLEL, partial(traffic.tcp_gbits, connections=4)),
        (UDP, traffic.udp_kpps),
    ):
        for name, client in pods.items():
            result.add(measured, name, of(client, seconds))
    times: dict[str, list[float]] = {name: [] for name in pods}
    for _ in range(TURNS):
        for name, client in pods.items():
            times[name] += traffic.ping_us(client, seconds * PINGS)
    for name in pods:
        result.add(P50, name, figures.percentile(times[name], 50))
        result.add(P99, name, figures.percentile(times[name], 99))
