"""Settings that the agent refuses, one sentence each, and who may share a state directory."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest

from p4kube_core import errors, protos
from p4kube_core.agent import client, main, settings
from p4kube_core.agent.settings import Settings
from tests.conformance.p4runtime.controller import Controller, connect, failure, method
from tests.conformance.p4runtime.ports import free_port
from tests.unit.agent import processes, program

FAKE = (sys.executable, str(Path(__file__).with_name("fake_dataplane.py")))

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "all addresses": (
        {"listen": "0.0.0.0:9559"},
        (
            "--listen 0.0.0.0:9559: without --cert, --key and --client-ca only a loopback "
            "address is served, such as 127.0.0.1:9559"
        ),
    ),
    "a name": (
        {"listen": "switch.example:9559"},
        (
            "--listen switch.example:9559: without --cert, --key and --client-ca only a loopback "
            "address is served, such as 127.0.0.1:9559"
        ),
    ),
    "no port": ({"listen": "127.0.0.1"}, "--listen: want HOST:PORT, got '127.0.0.1'"),
    "no number": ({"listen": "127.0.0.1:x"}, "--listen: want HOST:PORT, got '127.0.0.1:x'"),
    "half of TLS": (
        {"listen": "0.0.0.0:9559", "certificate": Path("c.pem")},
        "want all of --cert, --key and --client-ca, or none of them",
    ),
    "no such file": (
        {
            "listen": "0.0.0.0:9559",
            "certificate": Path("/nonexistent/c.pem"),
            "key": Path("/nonexistent/k.pem"),
            "client_ca": Path("/nonexistent/a.pem"),
        },
        "cannot read /nonexistent/c.pem: No such file or directory",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_usage(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, message = REFUSED[name]
    assert main.run(Settings(state=tmp_path / "state", **given)) == 2
    assert capsys.readouterr().err == f"p4kube agent: {message}\n"
    assert not (tmp_path / "state").exists()


MISSING = ("/nonexistent/p4kube-dp",)
ENDING = (sys.executable, "-c", "import sys; sys.exit('no hugepages for you')")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (
            MISSING,
            r"cannot run /nonexistent/p4kube-dp: No such file .*: build it with `make build`",
        ),
        (ENDING, r"it did not start: ended with status 1; .*dpdk.log ends with: no hugepages .*"),
    ],
)
def test_data_plane_that_does_not_start(
    command: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    wanted = Settings(state=tmp_path / "s", dpdk=command, ebpf=FAKE)
    client.spawn(wanted)
    try:
        with client.AgentClient(wanted.state) as admin:
            said = f"the data plane of target dpdk is not running: {sentence}$"
            with pytest.raises(errors.SwitchUnavailable, match=said):
                admin.put_device(1, "one")
            admin.put_device(2, "two", target="ebpf")  # which does not need it
            assert [device["name"] for device in admin.status()["devices"]] == ["two"]
    finally:
        processes.stop(wanted)


@pytest.fixture
def wanted(tmp_path: Path) -> Any:
    listen = f"127.0.0.1:{free_port()}"
    made = Settings(state=tmp_path / "state", dpdk=FAKE, ebpf=FAKE, listen=listen)
    yield made
    processes.stop(made)


def test_second_agent_of_a_state_directory(
    wanted: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert client.spawn(wanted)
    assert not client.spawn(wanted)
    assert main.run(wanted) == 3
    error = capsys.readouterr().err
    pid = wanted.pid_file.read_text().strip()
    assert f"another agent (pid {pid}) serves {wanted.state}" in error


def test_state_directory_is_ours_alone(wanted: Settings) -> None:
    client.spawn(wanted)
    assert wanted.state.stat().st_mode & 0o777 == 0o700
    assert wanted.socket.stat().st_mode & 0o777 == 0o600


def test_port_in_use(wanted: Settings) -> None:
    assert wanted.listen is not None
    host, _, port = wanted.listen.partition(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(errors.MachineError, match=r"cannot listen at 127.*Address already in use"),
    ):
        client.spawn(wanted)
    assert not wanted.dataplane("dpdk").pid_file.exists()


def test_agents_own_service_is_not_on_tcp(wanted: Settings) -> None:
    client.spawn(wanted)
    assert wanted.listen is not None
    with grpc.insecure_channel(wanted.listen) as channel:
        ask: Any = channel.unary_unary("/p4kube.agent.v1.Agent/GetStatus", bytes, bytes)
        with pytest.raises(grpc.RpcError) as caught:
            ask(b"{}", timeout=20)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        capabilities = method(channel, "unary_unary", "Capabilities")
        request = protos.p4runtime.CapabilitiesRequest()
        assert capabilities(request, timeout=20).p4runtime_api_version == "1.5.0"


def test_no_agent(tmp_path: Path) -> None:
    with (
        client.AgentClient(tmp_path) as admin,
        pytest.raises(errors.SwitchUnavailable, match="no agent at unix:"),
    ):
        admin.status()


BAD_PORTS: list[tuple[dict[str, Any], str]] = [
    (
        {"port": 1, "kind": "carrier-pigeon"},
        "port 1: no kind 'carrier-pigeon'; kinds: packet, tap, vhost, ring, ethdev, tc, patch, cpu",
    ),
    ({"port": 1, "kind": "packet"}, "port 1: want str interface, found none"),
    ({"port": 1, "kind": "packet", "interface": 5}, "port 1: want str interface, found 5"),
    ({"port": -1, "kind": "ring"}, "port -1: want a number from 0 to 65534"),
    ({"kind": "ring"}, "a port: want int port, found none"),
    ({"port": 1, "kind": "ring", "colour": 5}, "port 1: a ring port has no 'colour'; it has: none"),
    (
        {"port": 1, "kind": "packet", "interface": "nosuch0"},
        "port 1: there is no interface 'nosuch0'",
    ),
]


@pytest.mark.parametrize(("port", "message"), BAD_PORTS)
def test_ports_that_cannot_be(wanted: Settings, port: dict[str, Any], message: str) -> None:
    client.spawn(wanted)
    with client.AgentClient(wanted.state) as admin:
        with pytest.raises(client.AgentRefused) as caught:
            admin._call("PutDevice", {"device_id": 1, "name": "x", "ports": [port]})
        assert str(caught.value) == message
        assert admin.status()["devices"] == []


def test_a_device_stays_on_its_target(wanted: Settings) -> None:
    client.spawn(wanted)
    with client.AgentClient(wanted.state) as admin:
        admin.put_device(1, "x", target="ebpf")
        with pytest.raises(
            client.AgentRefused,
            match=r"^device 1 is on target ebpf: want it removed before it is put on target dpdk$",
        ):
            admin.put_device(1, "x")
        with pytest.raises(client.AgentRefused, match=r"^want target dpdk or ebpf, got 'fpga'$"):
            admin.put_device(2, "y", target="fpga")
        dataplanes = admin.status()["dataplanes"]
        assert {name: d["running"] for name, d in dataplanes.items()} == {
            "dpdk": False,
            "ebpf": True,
        }


def test_a_program_of_another_target_is_refused(wanted: Settings) -> None:
    client.spawn(wanted)
    with client.AgentClient(wanted.state) as admin:
        admin.put_device(1, "x", target="ebpf")
    one = Controller(connect(settings.address_of(wanted.state)), 1, 1)
    assert failure(lambda: one.set_pipeline(program.config())).message == (
        "want a program compiled for target ebpf, which device 1 is on; found one for dpdk: "
        "compile it with `--target ebpf`, or put the device on target dpdk"
    )


def _certificates(directory: Path) -> None:
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=directory)

    authority = "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca"
    openssl(*authority.split())
    (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in ("server", "client"):
        wish = f"req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        openssl(*wish.split())
        sign = f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names"
        openssl(*sign.split(), "-out", f"{name}.pem")


def test_other_addresses_demand_certificates_of_both_sides(tmp_path: Path) -> None:
    _certificates(tmp_path)
    port = free_port()
    wanted = Settings(
        state=tmp_path / "state",
        dpdk=FAKE,
        listen=f"0.0.0.0:{port}",
        certificate=tmp_path / "server.pem",
        key=tmp_path / "server.key",
        client_ca=tmp_path / "ca.pem",
    )
    client.spawn(wanted)
    authority = (tmp_path / "ca.pem").read_bytes()
    known = grpc.ssl_channel_credentials(
        authority, (tmp_path / "client.key").read_bytes(), (tmp_path / "client.pem").read_bytes()
    )
    request = protos.p4runtime.CapabilitiesRequest()
    try:
        for credentials, code in (
            (known, None),
            (grpc.ssl_channel_credentials(authority), "UNAVAILABLE"),
        ):
            with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
                ask = method(channel, "unary_unary", "Capabilities")
                if code is None:
                    assert ask(request, timeout=20).p4runtime_api_version == "1.5.0"
                    continue
                with pytest.raises(grpc.RpcError) as caught:
                    ask(request, timeout=20)
                assert caught.value.code().name == code
    finally:
        processes.stop(wanted)


def test_address_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.address_of(Path("state")) == f"unix:{tmp_path}/state/agent.sock"
