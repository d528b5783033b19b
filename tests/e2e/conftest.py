"""Two hosts and a machine between them, or a node with pods, as network namespaces."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from p4kube_core.cli import private_agent
from p4kube_core.cli.demo import hosts
from tests.e2e import pods
from tests.e2e.playing import INSIDE, OUTSIDE, Site


@pytest.fixture
def node() -> Iterator[pods.Node]:
    tag = f"p4kw{os.getpid()}"
    with pods.node(Path(f"/tmp/{tag}"), tag) as made:
        yield made


@pytest.fixture
def pod(node: pods.Node) -> Iterator[pods.Pod]:
    with node.pod(1) as made:
        yield made


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    tag = f"p4ke{os.getpid()}"
    # Unix sockets have short paths, pytest's directories long ones.
    state = Path(f"/tmp/{tag}")
    state.mkdir(mode=0o700)
    with ExitStack() as stack:
        stack.callback(lambda: subprocess.run(["rm", "-rf", str(state)], check=False))
        outside, middle, inside = (
            stack.enter_context(hosts.host(f"{tag}-{name}")) for name in ("out", "mid", "in")
        )
        made = Site(outside, middle, inside, state, tmp_path / "firewall.yaml")
        stack.callback(private_agent.stop, state)
        hosts.wire(made.outside, "eth0", made.middle, "outside")
        hosts.wire(made.inside, "eth0", made.middle, "inside")
        made.outside.run("ip", "address", "add", f"{OUTSIDE}/24", "dev", "eth0")
        made.inside.run("ip", "address", "add", f"{INSIDE}/24", "dev", "eth0")
        yield made
