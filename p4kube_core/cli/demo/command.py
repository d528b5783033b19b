"""The demonstration: what is done, what was expected, what happened; nothing stays behind."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, final

from p4kube_core import errors
from p4kube_core.cli import machine, private_agent
from p4kube_core.cli.demo import hosts, traffic

OUTSIDE: Final = "10.99.0.1"
INSIDE: Final = "10.99.0.2"
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


def run(options: argparse.Namespace) -> int:
    machine.require_dataplane()
    for tool in ("ip", "ping"):
        if shutil.which(tool) is None:
            raise errors.MachineError(f"want the program {tool!r}, found none: run `make build`")
    print("P4Kube: a firewall written in P4, between two hosts\n")
    with _demo() as demo:
        demo.play_firewall()
        demo.show_what_passes()
        demo.add_rule_under_traffic(options.seconds)
        demo.show_status()
        demo.take_away()
        failed = demo.failed
    left = _left_behind(demo)
    print(f"\n{'Everything is gone again.' if not left else 'LEFT BEHIND: ' + left}")
    if failed or left:
        print(f"{failed} expectation{'s' * (failed != 1)} failed")
        return 1
    print("All went as expected.")
    return 0


@contextmanager
def _demo() -> Iterator[_Demo]:
    """Two hosts, the machine between them, a state directory; all gone at the end."""
    tag = f"p4k{os.getpid()}"
    stack = ExitStack()
    try:
        state = Path(tempfile.mkdtemp(prefix="p4kube-demo-"))
        stack.callback(shutil.rmtree, state, ignore_errors=True)
        demo = _Demo(tag, state)
        demo.step("Two hosts, each a network namespace, and a machine between them")
        for one in (demo.outside, demo.inside, demo.middle):
            stack.enter_context(hosts.host(one.name))
        # Before the namespaces go, or the data plane would sit on vanished interfaces.
        stack.callback(private_agent.stop, state)
        demo.connect()
        yield demo
    finally:
        with private_agent.undisturbed():
            stack.close()


def _left_behind(demo: _Demo) -> str:
    """What should be gone and is not."""
    left = [str(demo.state)] if demo.state.exists() else []
    left += [str(p) for p in hosts.NAMESPACES.glob(f"{demo.tag}*")]
    left += [f"process {pid}" for pid in private_agent.processes(demo.state)]
    return ", ".join(left)


@final
class _Demo:
    """Where the demonstration stands, and what it says on the way."""

    def __init__(self, tag: str, state: Path) -> None:
        self.tag = tag
        self.state = state
        self.outside = hosts.Host(f"{tag}-outside")
        self.inside = hosts.Host(f"{tag}-inside")
        self.middle = hosts.Host(f"{tag}-middle")
        self.failed = 0
        self._steps = 0
        self._manifest = state / "firewall.yaml"

    # --- What it does.

    def connect(self) -> None:
        hosts.wire(self.outside, "eth0", self.middle, "outside")
        hosts.wire(self.inside, "eth0", self.middle, "inside")
        self.outside.run("ip", "address", "add", f"{OUTSIDE}/24", "dev", "eth0")
        self.inside.run("ip", "address", "add", f"{INSIDE}/24", "dev", "eth0")
        self.say(f"outside {OUTSIDE} --- [ machine in the middle ] --- inside {INSIDE}")
        self.expect("ping without a function", False, lambda: traffic.ping(self.outside, INSIDE, 1))

    def play_firewall(self) -> None:
        self.step("p4kube play firewall.yaml: compile the firewall, put it on the wire, program it")
        self.show(self._write(RULES))
        self._p4kube("play", str(self._manifest))

    def show_what_passes(self) -> None:
        self.step("Real traffic from outside to inside")
        with ExitStack() as servers:
            for port in (WEB, SSH):
                servers.enter_context(traffic.tcp_server(self.inside, INSIDE, port))
            for port in (ECHO, OTHER):
                servers.enter_context(traffic.udp_echo(self.inside, INSIDE, port))
            self.expect("ping", True, lambda: traffic.ping(self.outside, INSIDE))
            self.expect(f"TCP to port {WEB} (rule `web`)", True, lambda: self._tcp(WEB, BULK_BYTES))
            self.expect(f"TCP to port {SSH} (no rule)", False, lambda: self._tcp(SSH, 1000))
            self.expect(f"UDP to port {ECHO} (rule `echo`)", True, lambda: self._udp(ECHO))
            self.expect(f"UDP to port {OTHER} (no rule)", False, lambda: self._udp(OTHER))
        with traffic.tcp_server(self.outside, OUTSIDE, WEB):
            self.expect(
                f"TCP to port {WEB} the other way (the rule is for what comes from outside)",
                False,
                lambda: traffic.tcp(self.inside, OUTSIDE, WEB, 1000),
            )

    def add_rule_under_traffic(self, seconds: int) -> None:
        self.step(f"A rule more while traffic runs: TCP to port {NEW}")
        with ExitStack() as servers:
            servers.enter_context(traffic.tcp_server(self.inside, INSIDE, NEW))
            servers.enter_context(traffic.udp_echo(self.inside, INSIDE, ECHO))
            self.expect(f"TCP to port {NEW}, before", False, lambda: self._tcp(NEW, 1000))
            stream = traffic.Stream(self.outside, INSIDE, ECHO)
            time.sleep(seconds / 3)
            self.say(
                f"a stream of UDP datagrams to port {ECHO} runs; the rule is added to the file"
            )
            self.show(textwrap.dedent(self._filled(NEW_RULE)))
            self._write(RULES + NEW_RULE)
            self._p4kube("play", str(self._manifest))
            self.expect(f"TCP to port {NEW}, after", True, lambda: self._tcp(NEW, BULK_BYTES))
            time.sleep(seconds * 2 / 3)
            lost = stream.stop()
            said = f"{stream.sent} datagrams, {lost} lost"
            self.expect("the stream meanwhile", True, lambda: traffic.Outcome(lost == 0, said))

    def show_status(self) -> None:
        self.step("p4kube status: every rule has counted what it decided")
        self._p4kube("status")

    def take_away(self) -> None:
        self.step("p4kube play --down: the function is taken away")
        self._p4kube("play", "--down", str(self._manifest))
        self.expect("ping without a function", False, lambda: traffic.ping(self.outside, INSIDE, 1))

    # --- How.

    def _tcp(self, port: int, size_bytes: int) -> traffic.Outcome:
        return traffic.tcp(self.outside, INSIDE, port, size_bytes)

    def _udp(self, port: int) -> traffic.Outcome:
        return traffic.udp(self.outside, INSIDE, port)

    def _filled(self, rules: str) -> str:
        return rules.format(inside=INSIDE, web=WEB, echo=ECHO, new=NEW)

    def _write(self, rules: str) -> str:
        text = MANIFEST.format(rules=self._filled(rules))
        self._manifest.write_text(text, encoding="utf-8")
        return text

    def _p4kube(self, *words: str) -> None:
        command = (sys.executable, "-m", "p4kube_core.cli.main", words[0])
        done = self.middle.run(*command, "--state", str(self.state), *words[1:], check=False)
        self.show(done.stdout)
        if done.returncode != 0:
            raise errors.MachineError(f"p4kube {words[0]} failed: {done.stderr.strip()}")

    # --- What it says.

    def step(self, what: str) -> None:
        self._steps += 1
        start = "" if self._steps == 1 else "\n"
        print(f"{start}{self._steps}. {what}", flush=True)

    def say(self, what: str) -> None:
        print(f"   {what}", flush=True)

    def show(self, text: str) -> None:
        """Something that was written or read, set off from what is said."""
        for line in text.rstrip().splitlines():
            print(f"   | {line}".rstrip(), flush=True)

    def expect(self, what: str, passes: bool, happens: Callable[[], traffic.Outcome]) -> None:
        """Try it, and say what was expected and what happened."""
        outcome = happens()
        right = outcome.passed == passes
        self.failed += not right
        wanted = "passes" if passes else "does not pass"
        mark = "ok   " if right else "WRONG"
        print(
            f"   {mark} {what}\n         expected: {wanted}; happened: {outcome.said}", flush=True
        )
