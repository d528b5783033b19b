"""Two pods each set-up, and what is between them: namespaces on one machine, gone at the end.

routing     client -- [ node: routes ] -- server
bridge      client -- [ node: bridge ] -- server
attached    one of these, and our function on the node's end of the server's wire
wire        client -- [ node: our function between the two wires ] -- server
container   client -- [ bridge ] -- [ container: routes, filters ] -- [ bridge ] -- server
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, final

from bench import player
from bench.pod import rules
from p4kube_core.cli.demo import hosts

CLIENT: Final = "10.96.1.2"
SERVER: Final = "10.96.2.2"
GATEWAYS: Final = {"client": "10.96.1.1", "server": "10.96.2.1"}


@final
@dataclass(frozen=True, slots=True)
class Site:
    client: hosts.Host
    node: hosts.Host
    server: hosts.Host


Between = Callable[[Site, ExitStack], None]
"""Makes what is between the pods; what is to be undone goes on the stack."""


@contextmanager
def site(name: str, between: Between) -> Iterator[Site]:
    tag = f"p4kb{os.getpid()}-{name}"
    with ExitStack() as stack:
        client, node, server = (
            stack.enter_context(hosts.host(f"{tag}-{role}"))
            for role in ("client", "node", "server")
        )
        made = Site(client, node, server)
        for pod, side, address in ((client, "client", CLIENT), (server, "server", SERVER)):
            hosts.wire(pod, "eth0", node, side)
            pod.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
        between(made, stack)
        yield made


def routing(made: Site, _: ExitStack) -> None:
    _gateways(made)
    _route(made.node)


def bridge(made: Site, _: ExitStack) -> None:
    _neighbours(made)
    _bridge(made.node, "bridge", *GATEWAYS)


def attached(wanted: Sequence[rules.Rule], way: Between) -> Between:
    def between(made: Site, stack: ExitStack) -> None:
        way(made, stack)
        running = stack.enter_context(player.playing(made.node))
        running.attach("firewall", rules.parameters(wanted), ["server"])

    return between


def wire(wanted: Sequence[rules.Rule], target: str) -> Between:
    def between(made: Site, stack: ExitStack) -> None:
        _neighbours(made)
        running = stack.enter_context(player.playing(made.node, target))
        running.play(
            {1: "client", 2: "server"}, program="firewall", parameters=rules.parameters(wanted)
        )

    return between


def container(ruleset: str) -> Between:
    """A namespace with a leg in each of two bridges, as a container has it."""

    def between(made: Site, stack: ExitStack) -> None:
        _gateways(made)
        filtering = stack.enter_context(hosts.host(f"{made.node.name}-filter"))
        for side in GATEWAYS:
            hosts.wire(filtering, side, made.node, f"to-{side}")
            _bridge(made.node, f"br-{side}", side, f"to-{side}")
        _route(filtering)
        with tempfile.NamedTemporaryFile("w", suffix=".nft") as file:
            file.write(ruleset)
            file.flush()
            filtering.run("nft", "-f", file.name)

    return between


def _bridge(node: hosts.Host, name: str, *interfaces: str) -> None:
    node.run("ip", "link", "add", name, "type", "bridge")
    for interface in interfaces:
        node.run("ip", "link", "set", interface, "master", name)
    node.run("ip", "link", "set", name, "up")


def _neighbours(made: Site) -> None:
    made.client.run("ip", "route", "add", SERVER, "dev", "eth0")
    made.server.run("ip", "route", "add", CLIENT, "dev", "eth0")


def _gateways(made: Site) -> None:
    for pod, side in ((made.client, "client"), (made.server, "server")):
        pod.run("ip", "route", "add", "default", "via", GATEWAYS[side])


def _route(router: hosts.Host) -> None:
    for side, address in GATEWAYS.items():
        router.run("ip", "address", "add", f"{address}/24", "dev", side)
    router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
