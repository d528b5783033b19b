"""The agent as the command line sees it: start one, put devices, ask how it is, stop it.

Synchronous. P4Runtime itself is p4kube_core.switch's, at the same address (settings.address_of).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, final

import grpc

from p4kube_core import errors
from p4kube_core.agent import settings

SERVICE: Final = "p4kube.agent.v1.Agent"
START_TIMEOUT_S: Final = 10.0
_LOG_TAIL_BYTES: Final = 4096
_OTHER_S: Final = 0.5


@final
@dataclass(frozen=True, slots=True)
class Port:
    """A port that a device is wanted to have.

    `options` by kind, as in docs/seams.md, "The control socket".
    """

    port: int  # the P4 port number
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"port": self.port, "kind": self.kind, **self.options}


@final
class AgentClient:
    """A channel to the agent of one state directory; a context manager.

    Every method raises SwitchUnavailable when no agent answers within the timeout, and
    `AgentRefused` with the agent's sentence when it refuses.
    """

    def __init__(self, state: Path = settings.DEFAULT_STATE, timeout_s: float = 20.0) -> None:
        self._timeout_s = timeout_s
        self.address: str = settings.address_of(state)
        """For p4kube_core.switch: the same socket serves P4Runtime."""
        # Else a new channel waits as long as the last one to this address had to.
        options = (("grpc.use_local_subchannel_pool", 1),)
        self._channel = grpc.insecure_channel(self.address, options=options)

    def put_device(
        self, device_id: int, name: str, ports: Sequence[Port] = (), target: str = "dpdk"
    ) -> None:
        """Have a device of this id with exactly these ports; repeated, change only what differs.

        A new device has no pipeline and drops every packet until SetForwardingPipelineConfig.
        """
        wanted = [port.to_json() for port in ports]
        self._call(
            "PutDevice",
            {"device_id": device_id, "name": name, "target": target, "ports": wanted},
        )

    def remove_device(self, device_id: int) -> None:
        """Take a device, its ports, pipeline and entries away; fine when it is not there."""
        self._call("RemoveDevice", {"device_id": device_id})

    def put_function(self, function: Mapping[str, Any]) -> dict[str, Any]:
        """Have a network function that can be attached; docs/seams.md, 5, says the form.

        Returns:
            `refused`: what data planes have against its programs, by target; if anything, nothing
            was changed. Else whether it is `new` or `changed`; how many `entries` were added,
            changed and removed, and whether the `program` is another one; and `problems` where it
            is attached, one sentence each.
        """
        return self._call("PutFunction", dict(function))

    def remove_function(self, name: str) -> None:
        """Take a function away that is attached nowhere; fine when it is not there."""
        self._call("RemoveFunction", {"name": name})

    def put_attachment(self, attachment: Mapping[str, Any]) -> dict[str, Any]:
        """Have functions stand on an interface; docs/seams.md, 5, says the form.

        Returns:
            Whether it `changed`; the `target`, and `why` that is not the kernel; how many
            `endpoints` there are now; and `problems` of these, one sentence each.
        """
        return self._call("PutAttachment", dict(attachment))

    def remove_attachment(self, name: str) -> dict[str, Any]:
        """Take functions off an interface; fine when they are not there. Returns `problems`."""
        return self._call("RemoveAttachment", {"name": name})

    def status(self) -> dict[str, Any]:
        """Say how agent, data plane and devices are.

        Returns:
            agent: {version, pid, memory_bytes}; dataplanes: by target {running, needed, version,
            pid, memory_bytes, workers, hugepages, restarts, problem}; devices: [{device_id, name,
            target, program, digest, packets, ports: [{port, name, kind, link, rx_packets,
            rx_bytes, tx_packets, tx_bytes, drops}], tables: [{name, entries, size}], counters:
            [{name, size}], drops: {reason: n}}]; functions, attachments with their conditions,
            endpoints; instances: devices of functions that are attached.
        """
        return self._call("GetStatus", {})

    def stop(self, dataplane: bool = False) -> None:
        """Stop the agent; with `dataplane` the data planes too, which ends forwarding."""
        self._call("Stop", {"dataplane": dataplane})

    def close(self) -> None:
        self._channel.close()

    def _call(self, method: str, request: dict[str, Any]) -> dict[str, Any]:
        call = self._channel.unary_unary(
            f"/{SERVICE}/{method}",
            request_serializer=lambda value: json.dumps(value).encode(),
            response_deserializer=json.loads,
        )
        try:
            answer: dict[str, Any] = call(request, timeout=self._timeout_s)
        except grpc.RpcError as e:
            message = e.details() or e.code().name.lower()
            if e.code() is grpc.StatusCode.DEADLINE_EXCEEDED or _is_from_below(message):
                raise errors.SwitchUnavailable(f"no agent at {self.address}: {message}") from e
            if e.code() is grpc.StatusCode.UNAVAILABLE:
                raise errors.SwitchUnavailable(message) from e
            raise AgentRefused(message) from e
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _is_from_below(message: str) -> bool:
    """Say whether a sentence is gRPC's own about a connection, and not an agent's."""
    return message.startswith(("failed to connect", "Socket closed", "recvmsg", "Connection"))


@final
class AgentRefused(errors.UserError):
    """The agent could not do what was asked; its own sentence."""

    reason = "AgentRefused"


def running(state: Path = settings.DEFAULT_STATE) -> bool:
    """Say whether an agent serves this state directory."""
    if not (state / "agent.sock").exists():
        return False
    try:
        with AgentClient(state, timeout_s=2.0) as client:
            client.status()
    except errors.P4KubeError:
        return False
    return True


def spawn(wanted: settings.Settings) -> bool:
    """Have an agent run in the background for this state directory; wait until it serves.

    Returns:
        True when this call started it, False when one was running already.

    Raises:
        MachineError: it did not come to serve; the message ends with its log's last lines.
    """
    if running(wanted.state):
        return False
    wanted.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = wanted.state / "agent.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "p4kube_core.agent", *to_arguments(wanted)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
            env=os.environ | {"PYTHONPATH": _package_root()},
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if running(wanted.state):
            return True
        if process.poll() is not None:
            if _other_serves(wanted.state):
                return False
            break
        time.sleep(0.02)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    raise errors.MachineError(f"the agent did not start; {log} ends with:\n{_tail(log)}")


def _other_serves(state: Path) -> bool:
    """Say whether an agent that was started at the same time as ours comes to serve."""
    deadline = time.monotonic() + _OTHER_S
    while time.monotonic() < deadline:
        if running(state):
            return True
        time.sleep(0.05)
    return False


def to_arguments(wanted: settings.Settings) -> list[str]:
    """Write settings as arguments of `python -m p4kube_core.agent` (and of `p4kube agent`)."""
    arguments = ["--state", str(wanted.state.absolute())]
    if wanted.listen is not None:
        arguments += ["--listen", wanted.listen]
    for option, path in (
        ("--cert", wanted.certificate),
        ("--key", wanted.key),
        ("--client-ca", wanted.client_ca),
        ("--cni-socket", wanted.cni),
    ):
        if path is not None:
            arguments += [option, str(path.absolute())]
    for target in settings.TARGETS:
        arguments += [f"--{target}={word}" for word in wanted.dataplane(target).program]
    if wanted.verbose:
        arguments.append("--verbose")
    return arguments


def _package_root() -> str:
    root = str(Path(__file__).resolve().parent.parent.parent)
    return os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))


def _tail(path: Path) -> str:
    try:
        data = path.read_bytes()[-_LOG_TAIL_BYTES:]
    except OSError as e:
        return str(e)
    return "\n".join(data.decode(errors="replace").splitlines()[-10:])
