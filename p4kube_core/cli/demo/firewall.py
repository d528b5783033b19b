"""A firewall on a pod's wire: what passes and what does not, a rule more under traffic."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from p4kube_core.cli.demo import traffic
from p4kube_core.cli.demo.place import OUTSIDE, POD, Place

WEB, SSH, NEW = 8080, 2222, 9090  # TCP ports
ECHO, OTHER = 5353, 6000  # UDP ports
BULK_BYTES: Final = 8_000_000

RULES: Final = f"""\
      - {{name: ping, action: allow, protocol: icmp}}
      - {{name: web, action: allow, from: outside, protocol: tcp, destinationPort: {WEB}, replies: true}}
      - {{name: echo, action: allow, from: outside, protocol: udp, destinationPort: {ECHO}, replies: true}}
"""  # noqa: E501
NEW_RULE: Final = f"""\
      - {{name: new, action: allow, from: outside, protocol: tcp, destinationPort: {NEW}, replies: true}}
"""  # noqa: E501
FUNCTION: Final = """\
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {{name: wall}}
spec:
  program: firewall
  parameters:
    rules:
{rules}"""
ATTACHMENT: Final = """\
---
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunctionAttachment
metadata: {{name: shop}}
spec:
  target: {{apiVersion: v1, kind: Pod, name: shop-0}}
  functions: [{functions}]
"""


def tell(place: Place, target: str, seconds: int, *, shown: bool) -> None:
    """Play it, start the pod, try it, change it under traffic.

    Args:
        seconds: how long traffic runs where a rule is added meanwhile.
        shown: the manifest was shown before.
    """
    _start(place, target, shown=shown)
    _show_what_passes(place)
    _add_rule_under_traffic(place, target, seconds)


def take_away(place: Place) -> None:
    place.telling.step("The pod ends, the functions go")
    place.telling.say(f"CNI DEL: {place.cni('DEL'):.0f} ms")
    place.p4kube("play", "--down")


def write(place: Place, name: str, functions: str, *members: str) -> str:
    """Write functions and the pod's chain of them.

    Returns:
        The file's path.
    """
    file = place.state / name
    file.write_text(functions + ATTACHMENT.format(functions=", ".join(members)), encoding="utf-8")
    return str(file)


@contextmanager
def streaming(place: Place, meanwhile: str = "a stream of datagrams meanwhile") -> Iterator[None]:
    """Numbered UDP datagrams to the pod and back; not one may be lost."""
    with traffic.udp_echo(place.pod, POD, ECHO):
        stream = traffic.Stream(place.outside, POD, ECHO)
        try:
            yield
        finally:
            lost = stream.stop()
        said = f"{stream.sent} sent, {lost} lost"
        place.telling.expect(meanwhile, True, lambda: traffic.Outcome(lost == 0, said))


def tcp(place: Place, port: int, size_bytes: int = BULK_BYTES) -> traffic.Outcome:
    return traffic.tcp(place.outside, POD, port, size_bytes)


def _start(place: Place, target: str, *, shown: bool) -> None:
    said = place.telling
    place.connect()
    said.step("A firewall for the pod shop-0, and the pod starts")
    said.say(f"outside {OUTSIDE} --- [ node: routes ] --- {POD} pod")
    said.expect("ping, the pod has no function yet", True, lambda: _ping(place))
    file = write(place, "shop.yaml", FUNCTION.format(rules=RULES), "wall")
    if shown:
        said.say("shop.yaml is the same as before")
    else:
        said.show((place.state / "shop.yaml").read_text(encoding="utf-8"))
    said.say(f"$ p4kube play --target {target} shop.yaml")
    place.p4kube("play", "--target", target, file)
    said.say(f"CNI ADD, by p4kube-cni: {place.cni('ADD'):.0f} ms, then the pod's packets pass it")
    place.wait_for_neighbours()


def _show_what_passes(place: Place) -> None:
    said = place.telling
    said.step("Real packets, from outside to the pod")
    with ExitStack() as servers:
        for port in (WEB, SSH):
            servers.enter_context(traffic.tcp_server(place.pod, POD, port))
        for port in (ECHO, OTHER):
            servers.enter_context(traffic.udp_echo(place.pod, POD, port))
        said.expect("ping", True, lambda: _ping(place))
        said.expect(f"TCP to port {WEB} (rule web)", True, lambda: tcp(place, WEB))
        said.expect(f"TCP to port {SSH} (no rule)", False, lambda: tcp(place, SSH, 1000))
        said.expect(f"UDP to port {ECHO} (rule echo)", True, lambda: _udp(place, ECHO))
        said.expect(f"UDP to port {OTHER} (no rule)", False, lambda: _udp(place, OTHER))
    with traffic.tcp_server(place.outside, OUTSIDE, WEB):
        said.expect(
            f"TCP to port {WEB}, begun by the pod",
            False,
            lambda: traffic.tcp(place.pod, OUTSIDE, WEB, 1000),
        )


def _add_rule_under_traffic(place: Place, target: str, seconds: int) -> None:
    said = place.telling
    said.step(f"One rule more while packets flow: TCP to port {NEW}")
    with traffic.tcp_server(place.pod, POD, NEW):
        said.expect(f"TCP to port {NEW}, before", False, lambda: tcp(place, NEW, 1000))
        with streaming(place):
            time.sleep(seconds / 3)
            said.show(textwrap.dedent(NEW_RULE))
            file = write(place, "shop.yaml", FUNCTION.format(rules=RULES + NEW_RULE), "wall")
            said.say(f"$ p4kube play --target {target} shop.yaml")
            place.p4kube("play", "--target", target, file)
            said.expect(f"TCP to port {NEW}, after", True, lambda: tcp(place, NEW))
            time.sleep(seconds * 2 / 3)


def _ping(place: Place) -> traffic.Outcome:
    return traffic.ping(place.outside, POD, 3)


def _udp(place: Place, port: int) -> traffic.Outcome:
    return traffic.udp(place.outside, POD, port)
