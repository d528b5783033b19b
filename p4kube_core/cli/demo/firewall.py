"""A firewall between two hosts: what passes and what does not, a rule more under traffic."""

from __future__ import annotations

import textwrap
import time
from contextlib import ExitStack
from typing import Final, final

from p4kube_core.cli.demo import traffic
from p4kube_core.cli.demo.place import INSIDE, OUTSIDE, Place

WEB, SSH, NEW = 8080, 2222, 9090  # TCP ports
ECHO, OTHER = 5353, 6000  # UDP ports
BULK_BYTES: Final = 8_000_000

RULES: Final = """\
      - name: ping
        action: allow
        protocol: icmp
      - name: web
        action: allow
        from: outside
        protocol: tcp
        destination: {inside}
        destinationPort: {web}
        replies: true
      - name: echo
        action: allow
        from: outside
        protocol: udp
        destination: {inside}
        destinationPort: {echo}
        replies: true
"""
NEW_RULE: Final = """\
      - name: new-service
        action: allow
        from: outside
        protocol: tcp
        destination: {inside}
        destinationPort: {new}
        replies: true
"""
MANIFEST: Final = """\
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata:
  name: demo-firewall
spec:
  program: firewall
  parameters:
    default: deny
    rules:
{rules}  ports:
    - port: 1
      interface: outside
    - port: 2
      interface: inside
"""


def tell(place: Place, target: str, seconds: int, *, shown: bool) -> None:
    """Play it, try it, change it under traffic, take it away.

    Args:
        seconds: how long traffic runs where a rule is added meanwhile.
        shown: the manifest was shown before.
    """
    story = _Story(place, target)
    story.play(shown)
    story.show_what_passes()
    story.add_rule_under_traffic(seconds)
    story.show_status()
    story.take_away()


@final
class _Story:
    def __init__(self, place: Place, target: str) -> None:
        self._place = place
        self._telling = place.telling
        self._play = ("play", "--target", target)
        self._manifest = place.state / "firewall.yaml"

    def play(self, shown: bool) -> None:
        self._place.connect()
        said = self._telling
        said.step(f"p4kube {' '.join(self._play)} firewall.yaml: compiled, on the wire, programmed")
        said.say(f"outside {OUTSIDE} --- [ machine in the middle ] --- inside {INSIDE}")
        said.expect("ping without a function", False, lambda: self._ping(1))
        text = self._write(RULES)
        if shown:
            said.say("the same file as before")
        else:
            said.show(text)
        self._place.p4kube(*self._play, str(self._manifest))

    def show_what_passes(self) -> None:
        inside, said = self._place.inside, self._telling
        said.step("Real traffic from outside to inside")
        with ExitStack() as servers:
            for port in (WEB, SSH):
                servers.enter_context(traffic.tcp_server(inside, INSIDE, port))
            for port in (ECHO, OTHER):
                servers.enter_context(traffic.udp_echo(inside, INSIDE, port))
            said.expect("ping", True, lambda: self._ping(3))
            said.expect(f"TCP to port {WEB} (rule `web`)", True, lambda: self._tcp(WEB, BULK_BYTES))
            said.expect(f"TCP to port {SSH} (no rule)", False, lambda: self._tcp(SSH, 1000))
            said.expect(f"UDP to port {ECHO} (rule `echo`)", True, lambda: self._udp(ECHO))
            said.expect(f"UDP to port {OTHER} (no rule)", False, lambda: self._udp(OTHER))
        with traffic.tcp_server(self._place.outside, OUTSIDE, WEB):
            said.expect(
                f"TCP to port {WEB} the other way (the rule is for what comes from outside)",
                False,
                lambda: traffic.tcp(inside, OUTSIDE, WEB, 1000),
            )

    def add_rule_under_traffic(self, seconds: int) -> None:
        inside, said = self._place.inside, self._telling
        said.step(f"A rule more while traffic runs: TCP to port {NEW}")
        with ExitStack() as servers:
            servers.enter_context(traffic.tcp_server(inside, INSIDE, NEW))
            servers.enter_context(traffic.udp_echo(inside, INSIDE, ECHO))
            said.expect(f"TCP to port {NEW}, before", False, lambda: self._tcp(NEW, 1000))
            stream = traffic.Stream(self._place.outside, INSIDE, ECHO)
            time.sleep(seconds / 3)
            said.say(
                f"a stream of UDP datagrams to port {ECHO} runs; the rule is added to the file"
            )
            said.show(textwrap.dedent(_filled(NEW_RULE)))
            self._write(RULES + NEW_RULE)
            self._place.p4kube(*self._play, str(self._manifest))
            said.expect(f"TCP to port {NEW}, after", True, lambda: self._tcp(NEW, BULK_BYTES))
            time.sleep(seconds * 2 / 3)
            lost = stream.stop()
            counted = f"{stream.sent} datagrams, {lost} lost"
            said.expect("the stream meanwhile", True, lambda: traffic.Outcome(lost == 0, counted))

    def show_status(self) -> None:
        self._telling.step("p4kube status: every rule has counted what it decided")
        self._place.p4kube("status")

    def take_away(self) -> None:
        self._telling.step("p4kube play --down: the function is taken away")
        self._place.p4kube(*self._play, "--down", str(self._manifest))
        self._telling.expect("ping without a function", False, lambda: self._ping(1))

    def _ping(self, count: int) -> traffic.Outcome:
        return traffic.ping(self._place.outside, INSIDE, count)

    def _tcp(self, port: int, size_bytes: int) -> traffic.Outcome:
        return traffic.tcp(self._place.outside, INSIDE, port, size_bytes)

    def _udp(self, port: int) -> traffic.Outcome:
        return traffic.udp(self._place.outside, INSIDE, port)

    def _write(self, rules: str) -> str:
        text = MANIFEST.format(rules=_filled(rules))
        self._manifest.write_text(text, encoding="utf-8")
        return text


def _filled(rules: str) -> str:
    return rules.format(inside=INSIDE, web=WEB, echo=ECHO, new=NEW)
