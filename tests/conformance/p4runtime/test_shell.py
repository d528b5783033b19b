"""p4runtime-shell, a client that is not ours, programs devices and reads them back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from p4kube_core import protos
from p4kube_core.agent import client, settings
from tests import conftest
from tests.conformance.p4runtime.conftest import FAKE
from tests.conformance.p4runtime.ports import free_port
from tests.dataplane.daemon.dataplane import Client
from tests.unit.agent import processes, program

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]


def agent(state: Path, dataplane: tuple[str, ...], *ports: client.Port) -> Iterator[str]:
    """An agent that also listens on loopback, with a device 1."""
    wanted = settings.Settings(state=state, listen=f"127.0.0.1:{free_port()}", dpdk=dataplane)
    assert client.spawn(wanted)
    with client.AgentClient(wanted.state) as admin:
        admin.put_device(1, "shell", ports)
        assert wanted.listen is not None
        yield wanted.listen
    processes.stop(wanted)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[str]:
    yield from agent(tmp_path / "state", (sys.executable, str(FAKE)))


@pytest.fixture
def real(tmp_path: Path) -> Iterator[str]:
    rings = client.Port(1, "ring"), client.Port(2, "ring")
    yield from agent(tmp_path / "state", settings.Settings().dpdk, *rings)


def shell(script: str, *arguments: object) -> list[str]:
    """Run a script in p4runtime-shell's environment; the lines that it printed."""
    done = subprocess.run(
        [conftest.SHELL_PYTHON, FOLDER / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.needs_shell
def test_shell_programs_a_device(fake: str, tmp_path: Path) -> None:
    config = program.config()
    p4info, artifact = tmp_path / "p4info.txtpb", tmp_path / "sample.p4kube"
    p4info.write_text(protos.to_text(config.p4info))
    artifact.write_bytes(config.p4_device_config)
    lines = shell("shell_script.py", fake, p4info, artifact)
    assert len([line for line in lines if line.startswith("found: ")]) == 2
    assert any("ALREADY_EXISTS" in line and "ingress.acl holds an entry" in line for line in lines)
    assert "counted: 12" in lines
    assert "left: 0" in lines


WEB = bytes.fromhex(
    "02000000000b02000000000a0800"
    "450000280001000040 0666cd0a0000010a000002"
    "9c40005000000001000000005002 2000df4e0000"
)
TELNET = WEB[:36] + b"\0\x17" + WEB[38:]


@pytest.mark.needs_shell
@pytest.mark.needs_root
@pytest.mark.needs_dpdk
def test_shell_lets_packets_through_the_firewall(real: str, tmp_path: Path) -> None:
    command = ["-m", "p4kube_core.cli.main", "compile", "p4nf/firewall/firewall.p4"]
    command += ["--emit", "p4info", "-o"]
    subprocess.run([sys.executable, *command, tmp_path], check=True, cwd=ROOT)
    with client.AgentClient(tmp_path / "state") as admin:
        (device,) = admin.status()["devices"]
    names = {port["port"]: port["name"] for port in device["ports"]}
    compiled = tmp_path / "firewall.p4info.txtpb", tmp_path / "firewall.p4kube"
    assert "found: 1" in shell("firewall_script.py", real, *compiled)
    control = Client(tmp_path / "state/dpdk.sock")
    control.inject(names[1], WEB, TELNET)
    assert control.collect(names[2]) == [WEB]
    control.close()
