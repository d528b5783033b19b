"""What is sent between two pods, and what it says: iperf3 and ping, as people use them.

Who sends stays on one processor, who receives on another, if there are two: where the scheduler
puts them would differ more than what is compared.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from bench.pod import sites
from p4kube_core import errors
from p4kube_core.cli.demo import hosts, traffic

PORT: Final = 5201
OPEN_PORT: Final = 5202
DENIED_PORT: Final = 5203
DATAGRAM_BYTES: Final = 64
PING_INTERVAL_S: Final = 0.002
START_S: Final = 10.0
_ALLOWED: Final = sorted(os.sched_getaffinity(0))
SENDS_ON, RECEIVES_ON = _ALLOWED[0], _ALLOWED[-1]  # processors


@contextmanager
def served(server: hosts.Host) -> Iterator[None]:
    command = ("iperf3", "--server", "--bind", sites.SERVER, "--port", str(PORT), "--forceflush")
    with subprocess.Popen(
        ("ip", "netns", "exec", server.name, *command),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_for_listener(server)
            yield
        finally:
            process.terminate()
            process.wait()


def _wait_for_listener(server: hosts.Host) -> None:
    deadline = time.monotonic() + START_S
    while f":{PORT} " not in server.run("ss", "-Hltn").stdout:
        if time.monotonic() > deadline:
            raise errors.MachineError(f"no iperf3 on port {PORT} after {START_S} s")
        time.sleep(0.02)


def tcp_gbits(client: hosts.Host, seconds: int, connections: int = 1) -> float:
    """Of all connections together, offloads as they are."""
    end = _iperf(client, seconds, "--parallel", str(connections))["end"]
    return float(end["sum_received"]["bits_per_second"]) / 1e9


def udp_kpps(client: hosts.Host, seconds: int) -> float:
    """Small datagrams, as many as one process can send; those that arrived."""
    end = _iperf(client, seconds, "--udp", "--length", str(DATAGRAM_BYTES), "--bitrate", "0")["end"]
    whole = end["sum"]
    return float(whole["packets"] - whole["lost_packets"]) / float(whole["seconds"]) / 1e3


def _iperf(client: hosts.Host, seconds: int, *options: str) -> dict[str, Any]:
    done = client.run(
        "iperf3", "--client", sites.SERVER, "--port", str(PORT), "--json",
        "--time", str(seconds), "--affinity", f"{SENDS_ON},{RECEIVES_ON}", *options,
        check=False, timeout_s=seconds + 30,
    )  # fmt: skip
    said: dict[str, Any] = json.loads(done.stdout or "{}")
    if done.returncode != 0 or "error" in said:
        raise errors.MachineError(f"iperf3 failed: {said.get('error', done.stderr)}")
    return said


def ping_us(client: hosts.Host, count: int) -> list[float]:
    """Round-trip times, as the kernel saw them."""
    done = client.run(
        "taskset", "--cpu-list", str(SENDS_ON),
        "ping", "-n", "-c", str(count), "-i", str(PING_INTERVAL_S), sites.SERVER,
        check=False, timeout_s=count * PING_INTERVAL_S * 5 + 30,
    )  # fmt: skip
    times = [float(ms) * 1e3 for ms in re.findall(r"time=([\d.]+) ms", done.stdout)]
    if len(times) < count:
        raise errors.MachineError(f"{len(times)} of {count} pings were answered")
    return times


def connects(site: sites.Site, port: int) -> bool:
    """Say whether TCP gets through to a port that is served."""
    with traffic.tcp_server(site.server, sites.SERVER, port):
        return traffic.tcp(site.client, sites.SERVER, port, 1000).passed
