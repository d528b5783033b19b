"""p4runtime-shell, a client that is not ours, programs a device and reads it back."""

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
from tests.unit.agent import program

SCRIPT = Path(__file__).with_name("shell_script.py")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """An agent that also listens on loopback, with a device 1."""
    listen = f"127.0.0.1:{free_port()}"
    wanted = settings.Settings(
        state=tmp_path / "state", listen=listen, dataplane=(sys.executable, str(FAKE))
    )
    assert client.spawn(wanted)
    with client.AgentClient(wanted.state) as admin:
        admin.put_device(1, "shell")
        yield listen
        admin.stop(dataplane=True)


@pytest.mark.needs_shell
def test_shell_programs_a_device(address: str, tmp_path: Path) -> None:
    config = program.config()
    p4info, artifact = tmp_path / "p4info.txtpb", tmp_path / "sample.p4kube"
    p4info.write_text(protos.to_text(config.p4info))
    artifact.write_bytes(config.p4_device_config)
    done = subprocess.run(
        [conftest.SHELL_PYTHON, SCRIPT, address, p4info, artifact],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len([line for line in lines if line.startswith("found: ")]) == 2
    assert any("ALREADY_EXISTS" in line and "ingress.acl holds an entry" in line for line in lines)
    assert "counted: 12" in lines
    assert "left: 0" in lines
