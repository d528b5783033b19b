"""An agent with the real data plane, for tests that kill one or the other."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p4kube_core.agent import client, settings
from tests.conformance.p4runtime import controller
from tests.dataplane.daemon import dataplane
from tests.unit.agent import processes, program


class Running:
    """An agent's state directory, and what tests do to the processes behind it."""

    def __init__(self, state: Path) -> None:
        command = os.environ.get("P4KUBE_DATAPLANE") or settings.Settings().dpdk[0]
        self.wanted = settings.Settings(state=state, dpdk=(command,))
        self.channel = controller.connect(settings.address_of(state))
        self.elections = 0

    def start(self) -> None:
        assert client.spawn(self.wanted)

    def admin(self) -> client.AgentClient:
        return client.AgentClient(self.wanted.state)

    def agent_pid(self) -> int:
        return int(self.wanted.pid_file.read_text())

    def dataplane_pid(self) -> int:
        return int(self.wanted.dataplane("dpdk").pid_file.read_text())

    def kill_agent(self, number: int = signal.SIGKILL) -> None:
        processes.end(self.agent_pid(), number)

    def control(self) -> dataplane.Client:
        return dataplane.Client(self.wanted.dataplane("dpdk").socket)

    def controller(self, election_id: int | None = None) -> controller.Controller:
        """A primary controller, ahead of those before; on a new channel.

        The server notices a moment later than we that a former one has gone, so its id is not free.
        """
        self.elections += 1
        self.channel.close()
        self.channel = controller.connect(settings.address_of(self.wanted.state))
        return controller.Controller(self.channel, 1, election_id or self.elections)

    def port_names(self) -> dict[int, str]:
        with self.admin() as admin:
            (device,) = admin.status()["devices"]
        return {port["port"]: port["name"] for port in device["ports"]}

    def stop(self) -> None:
        self.channel.close()
        processes.stop(self.wanted)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path / "state")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A pipeline that sends what comes in at port 1 out at port 2, and back."""
    held = program.manifest()
    return program.config(held, program.real_object(held, tmp_path_factory.mktemp("program")))
