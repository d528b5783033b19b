"""The same on target ebpf: l3.p4 at a tc hook beside BPF by hand, by test runs in the kernel.

A test run gives a packet to a program so many times and says how long that took; what a program
made of the packet is what it is given next. The programs are those that stand on wires, and what a
test run costs by itself is measured as one that does nothing.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import random
import statistics
import struct
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from bench import commands, figures, libbpf, player
from p4kube_core import errors
from p4kube_core.cli import machine
from p4kube_core.cli.demo import hosts

HERE: Final = Path(__file__).parent
FLAGS: Final = (
    *("-target", "bpf", "-mcpu=v3", "-ffreestanding", "-O2", "-g"),
    *("-Wall", "-Wextra", "-Werror"),
)
NOTHING, HAND, OURS = "nothing", "hand-written", "p4kube"
N_ROUTES, N_HOPS, N_PORTS, N_PACKETS = 256, 64, 4, 256
LENGTHS: Final = (8, 12, 16, 16, 20, 22, 24, 24, 24, 24, 24, 26, 28, 30, 32, 32)
REPEAT: Final = 32  # a packet ages by one each time
PACKET_BYTES: Final = 64
SHOT: Final = 2  # TC_ACT_SHOT
NS: Final = figures.Measure("target ebpf", "ns a packet", 1)


@final
@dataclass(frozen=True, slots=True)
class Workload:
    routes: Mapping[ipaddress.IPv4Network, int]  # to the next hop
    packets: Sequence[bytes]


def run(options: argparse.Namespace) -> int:
    """Build, compare, measure, print.

    Returns:
        The exit status.
    """
    machine.require_dataplane("ebpf")
    rounds: int = options.rounds or 51
    work = workload()
    with ExitStack() as stack:
        programs = candidates(stack, work)
        forwarded = compare(programs, work.packets)
        print(f"measuring {rounds} rounds of {N_PACKETS} packets, {REPEAT} times each", flush=True)
        measured = measure(programs, work.packets, rounds)
    print(f"\n{measured.table()}\n\n{forwarded:.1%} forwarded, the same by both")
    print(", ".join(figures.machine().values()))
    measured.write(options.json, options.plot)
    return 0


def workload() -> Workload:
    """As workload.c makes it: some routes wide, many /24, some inside others."""
    rng = random.Random(1)
    routes: dict[ipaddress.IPv4Network, int] = {}
    while len(routes) < N_ROUTES:
        address = rng.randrange(0xE0000000)
        if routes and rng.random() < 0.5:
            address = int(rng.choice(list(routes)).network_address) ^ rng.getrandbits(18)
        network = ipaddress.ip_network((address, rng.choice(LENGTHS)), strict=False)
        assert isinstance(network, ipaddress.IPv4Network)
        routes[network] = rng.randrange(N_HOPS)
    networks = list(routes)
    return Workload(routes, [_packet(rng, networks, n) for n in range(N_PACKETS)])


def _packet(rng: random.Random, networks: Sequence[ipaddress.IPv4Network], number: int) -> bytes:
    """One in 64 of each is not for us: no route likely, at the end of its life, not IPv4."""
    to = rng.choice(networks)
    address = int(to.network_address) | rng.getrandbits(32) & int(to.hostmask)
    if number % 64 == 3:
        address = rng.getrandbits(32)
    ttl = 1 if number % 64 == 2 else rng.randrange(REPEAT + 2, 256)
    fields = (0x45, 0, PACKET_BYTES - 14, rng.getrandbits(16), 0, ttl, 17, 0, rng.getrandbits(32))
    header = struct.pack("!BBHHHBBHII", *fields, address)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    header = header[:10] + checksum.to_bytes(2, "big") + header[12:]
    kind = 0x0806 if number % 64 == 1 else 0x0800
    front: bytes = rng.randbytes(12) + kind.to_bytes(2, "big") + header
    return front + rng.randbytes(PACKET_BYTES - len(front))


def _hop(number: int) -> tuple[bytes, bytes, int]:
    """Destination, source, port."""
    port = number % N_PORTS
    return bytes((2, 0, 0, 0, 1, number)), bytes((2, 0, 0, 0, 0, port)), port


# --- Who forwards.


def candidates(stack: ExitStack, work: Workload) -> dict[str, int]:
    """Descriptors of the programs, filled with the same routes."""
    print(f"compiling and loading {HERE / 'hand.bpf.c'}", flush=True)
    by_hand = hand(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="p4kube-bench-"))))
    for network, number in work.routes.items():
        key = struct.pack("=I4s", network.prefixlen, network.network_address.packed)
        by_hand.put("routes", key, struct.pack("=I", number))
    for number in range(N_HOPS):
        destination, source, port = _hop(number)
        value = destination + source + struct.pack("=I", port)
        by_hand.put("hops", struct.pack("=I", number), value)
    for port in range(N_PORTS):
        by_hand.put("interfaces", struct.pack("=I", port), struct.pack("=I", 1))
    print(f"playing {HERE / 'l3.p4'}", flush=True)
    return {
        NOTHING: by_hand.program("nothing"),
        HAND: by_hand.program("forward"),
        OURS: stack.enter_context(libbpf.opened("prog", ours(stack, work))) or -1,
    }


def hand(directory: Path) -> libbpf.Object:
    made = directory / "hand.bpf.o"
    multiarch = commands.succeed(["gcc", "-print-multiarch"], directory).strip()
    flags = [*FLAGS, f"-I/usr/include/{multiarch}"]
    commands.succeed(["clang", *flags, "-c", HERE / "bpf/hand.c", "-o", made], directory)
    return libbpf.Object(made)


def ours(stack: ExitStack, work: Workload) -> int:
    """Id of the program at the hook of the first port."""
    node, pods = (
        stack.enter_context(hosts.host(f"p4kb{os.getpid()}-{role}")) for role in ("node", "pods")
    )
    for port in range(N_PORTS):
        hosts.wire(node, f"port{port}", pods, f"eth{port}")
    running = stack.enter_context(player.playing(node))
    ports = {port: f"port{port}" for port in range(N_PORTS)}
    running.play(ports, program=str(HERE / "l3.p4"), tables=_tables(work))
    shown = node.run("tc", "-j", "filter", "show", "dev", "port0", "ingress").stdout
    (number,) = (f["options"]["prog"]["id"] for f in json.loads(shown) if "options" in f)
    return int(number)


def _tables(work: Workload) -> dict[str, Any]:
    routes = [
        {
            "match": {"hdr.ipv4.dst_addr": str(network)},
            "action": "set_next_hop",
            "params": {"next_hop": number},
        }
        for network, number in work.routes.items()
    ]
    hops = []
    for number in range(N_HOPS):
        destination, source, port = _hop(number)
        params = {"dst_addr": destination.hex(":"), "src_addr": source.hex(":"), "port": port}
        hops.append({"match": {"meta.next_hop": number}, "action": "forward", "params": params})
    return {"Route.routes": {"entries": routes}, "Route.next_hops": {"entries": hops}}


# --- What they do.


def compare(programs: Mapping[str, int], packets: Sequence[bytes]) -> float:
    """See that both do the same to every packet; how many of them go on.

    Raises:
        errors.MachineError: they do not.
    """
    forwarded = 0
    for number, packet in enumerate(packets):
        verdicts = [libbpf.run(programs[name], packet)[:2] for name in (HAND, OURS)]
        # What a dropped packet looks like is nobody's business.
        left = [made for verdict, made in verdicts if verdict != SHOT]
        if len(left) == 1 or (left and left[0] != left[1]):
            raise errors.MachineError(f"packet {number} differs from the hand-written version's")
        forwarded += bool(left)
    return forwarded / len(packets)


def measure(programs: Mapping[str, int], packets: Sequence[bytes], rounds: int) -> figures.Figures:
    result = figures.Figures((NS,), tuple(programs))
    for _ in range(rounds):
        for name, program in programs.items():
            took = [libbpf.run(program, packet, REPEAT)[2] for packet in packets]
            result.add(NS, name, statistics.fmean(took))
    return result
