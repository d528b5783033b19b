"""The servers under test: our agent over a fake data plane, and over the real one."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from p4kube_core.agent import client, settings
from tests.conformance.p4runtime import controller
from tests.unit.agent import processes, program

FAKE = Path(__file__).parents[2] / "unit/agent/fake_dataplane.py"


@dataclass(frozen=True)
class Target:
    """An agent, and what its data plane loads as a program's object."""

    wanted: settings.Settings
    build: Callable[[Any], bytes]
    channel: grpc.Channel

    def config(self, manifest: Any = None, cookie: int = 0) -> Any:
        held = manifest or program.manifest()
        return program.config(held, self.build(held), cookie)

    def admin(self) -> client.AgentClient:
        return client.AgentClient(self.wanted.state)


@pytest.fixture(
    scope="session",
    params=[
        "fake",
        pytest.param("dataplane", marks=[pytest.mark.needs_root, pytest.mark.needs_dpdk]),
    ],
)
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    directory = tmp_path_factory.mktemp("agent")
    if request.param == "fake":
        command: tuple[str, ...] = (sys.executable, str(FAKE))
        build = program.fake_object
    else:
        # Another build of it, such as one with sanitizers, can be put in its place.
        command = (os.environ.get("P4KUBE_DATAPLANE") or settings.Settings().dpdk[0],)
        built: dict[str, bytes] = {}

        def build(held: Any) -> bytes:
            if held.digest not in built:
                built[held.digest] = program.real_object(held, directory)
            return built[held.digest]

    wanted = settings.Settings(state=directory / "state", dpdk=command)
    assert client.spawn(wanted)
    channel = controller.connect(settings.address_of(wanted.state))
    yield Target(wanted, build, channel)
    channel.close()
    processes.stop(wanted)


_ids = itertools.count(1)


@pytest.fixture
def device(target: Target) -> Iterator[int]:
    """A device of its own for each test, without a pipeline."""
    device_id = next(_ids)
    with target.admin() as admin:
        admin.put_device(device_id, f"test-{device_id}")
        yield device_id
        admin.remove_device(device_id)


@pytest.fixture
def connect(target: Target, device: int) -> Iterator[Callable[..., controller.Controller]]:
    """Make controllers of the device; all are closed after the test."""
    made: list[controller.Controller] = []

    def make(*args: Any, **kwargs: Any) -> controller.Controller:
        made.append(controller.Controller(target.channel, device, *args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def primary(target: Target, connect: Callable[..., controller.Controller]) -> controller.Controller:
    """The primary controller of a device that runs the tests' program."""
    made = connect()
    made.set_pipeline(target.config())
    return made
