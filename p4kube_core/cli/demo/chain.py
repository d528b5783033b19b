"""A firewall becomes a chain of three functions while packets flow; each does its work."""

from __future__ import annotations

import ipaddress
import time
from contextlib import ExitStack
from typing import Any, Final, final

from p4kube_core.agent import client
from p4kube_core.cli.demo import firewall, traffic
from p4kube_core.cli.demo.firewall import SSH, WEB
from p4kube_core.cli.demo.place import POD, Place
from p4kube_core.switch import blocking, values

SLOW, FAST = 50, 200  # Mbit/s
BURST_S: Final = 0.1  # what passes at once is what the rate lets through in this time
BULK_S: Final = 0.6  # how long it takes to send, at the rate; TCP gets half of that
TOLD_S: Final = 10.0

MORE: Final = """\
---
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {{name: watch}}
spec:
  program: telemetry
  parameters:
    flows:
      - {{name: web, protocol: tcp, destinationPort: {web}}}
---
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {{name: limit}}
spec:
  program: rate-limiter
  parameters:
    classes:
      - {{name: web, match: [{{protocol: tcp, destinationPort: {web}}}], rate: {rate}Mbit/s}}
"""
MEMBERS: Final = ("wall", "watch", "limit")


def tell(place: Place, seconds: int) -> None:
    """Play it in the place of the firewall alone, show each at work, change a rate.

    Args:
        seconds: how long traffic runs around each change.
    """
    said = place.telling
    said.step("Two functions more behind the firewall, while packets flow")
    said.show(_more(SLOW) + firewall.ATTACHMENT.format(functions=", ".join(MEMBERS)))
    with firewall.streaming(place):
        time.sleep(seconds / 3)
        _play(place, SLOW)
        time.sleep(seconds / 3)
    with ExitStack() as servers:
        for port in (WEB, SSH):
            servers.enter_context(traffic.tcp_server(place.pod, POD, port))
        slow = _Limited(place, SLOW)
        _show_each(place, slow)
        said.step(f"Another rate while packets flow: {SLOW} becomes {FAST} Mbit/s")
        with firewall.streaming(place):
            _play(place, FAST)
            fast = _Limited(place, FAST, faster_than=slow)
            said.expect(f"TCP to port {WEB}: faster, at most {FAST} Mbit/s", True, fast.send)
    said.step("p4kube status watch: what a function has counted")
    place.p4kube("status", "watch")


def _play(place: Place, rate: int) -> None:
    rules = firewall.RULES + firewall.NEW_RULE
    text = firewall.FUNCTION.format(rules=rules) + _more(rate)
    place.telling.say("$ p4kube play --target ebpf chain.yaml")
    place.p4kube("play", "--target", "ebpf", firewall.write(place, "chain.yaml", text, *MEMBERS))


def _more(rate: int) -> str:
    return MORE.format(web=WEB, rate=rate)


def _show_each(place: Place, slow: _Limited) -> None:
    said = place.telling
    said.step("Each of the three at work")
    said.expect(
        f"wall, a firewall: TCP to port {SSH} (no rule)",
        False,
        lambda: firewall.tcp(place, SSH, 1000),
    )
    with (
        client.AgentClient(place.state) as agent,
        blocking.connect(agent.address, _device(agent.status(), "watch")) as session,
    ):
        said.expect(f"limit, a rate-limiter: at most {SLOW} Mbit/s", True, slow.send)
        said.expect("watch, telemetry: of new flows it tells", True, lambda: _told(session))


@final
class _Limited:
    """Bytes over TCP, at a rate that is not to be exceeded."""

    def __init__(self, place: Place, most: int, faster_than: _Limited | None = None) -> None:
        self._place, self._most, self._slower = place, most, faster_than
        self.byte_s = 0.0  # that each byte took

    def send(self) -> traffic.Outcome:
        rate = self._most * 125_000  # bytes a second
        size_bytes = int(rate * BULK_S)
        started = time.monotonic()
        outcome = firewall.tcp(self._place, WEB, size_bytes)
        took_s = time.monotonic() - started
        self.byte_s = took_s / size_bytes
        right = size_bytes <= rate * (took_s + BURST_S)
        if self._slower is not None:
            right = right and self.byte_s < self._slower.byte_s
        return traffic.Outcome(outcome.passed and right, outcome.said)


def _device(status: dict[str, Any], function: str) -> int:
    """What this function has on the pod's wire."""
    return next(
        int(one["device_id"])
        for one in status["instances"]
        if one["name"].startswith(f"{function}@")
    )


def _told(session: blocking.BlockingSession) -> traffic.Outcome:
    """Hear digests over P4Runtime until one is of the connection to the pod's web server."""
    deadline = time.monotonic() + TOLD_S
    while (left := deadline - time.monotonic()) > 0:
        heard = session.hear(left)
        if not isinstance(heard, values.Digests):
            continue
        session.acknowledge(heard)
        for data in heard.data if heard.digest == "new_flow_t" else ():
            source, destination, _protocol, source_port, port = data[:5]
            if port == WEB:
                ends = f"{_address(source)}:{source_port} to {_address(destination)}:{port}"
                return traffic.Outcome(True, f"{ends}, by P4Runtime")
    return traffic.Outcome(False, f"nothing heard in {TOLD_S:.0f} s")


def _address(value: int) -> str:
    address = ipaddress.IPv6Address(value)
    return str(address.ipv4_mapped or address)
