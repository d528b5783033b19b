"""The agent's process: wires its parts once, serves until told to stop, and cleans up after."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TextIO

import grpc
import grpc.aio

from p4kube_core import errors
from p4kube_core.agent import p4runtime, service, settings
from p4kube_core.agent.chains.pods import Pods
from p4kube_core.agent.chains.site import Site
from p4kube_core.agent.cni.server import Server
from p4kube_core.agent.cni.verbs import Verbs
from p4kube_core.agent.events import Events
from p4kube_core.agent.keeper import Keeper
from p4kube_core.agent.node import Node
from p4kube_core.agent.settings import Settings
from p4kube_core.agent.streams import Streams

log = logging.getLogger(__name__)

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", 128 << 20),
    ("grpc.max_send_message_length", 128 << 20),
    ("grpc.so_reuseport", 0),  # two agents on one port are a mistake
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)
_GRACE_S: Final = 1.0
_WRONG_USAGE: Final = 2
_MACHINE: Final = 3


class WrongUsage(errors.UserError):
    """Settings that cannot be served; exit status 2."""


def parser() -> argparse.ArgumentParser:
    """The options of `python -m p4kube_core.agent`."""
    made = argparse.ArgumentParser(prog="p4kube agent", description=__doc__)
    made.add_argument("--state", type=Path, default=settings.DEFAULT_STATE, metavar="DIR")
    made.add_argument("--listen", metavar="HOST:PORT")
    made.add_argument("--cert", type=Path, metavar="FILE")
    made.add_argument("--key", type=Path, metavar="FILE")
    made.add_argument("--client-ca", type=Path, metavar="FILE")
    for target in settings.TARGETS:
        made.add_argument(f"--{target}", action="append", metavar="WORD")
    made.add_argument("--cni-socket", type=Path, metavar="PATH")
    made.add_argument("--verbose", action="store_true")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with arguments of a command line."""
    given = parser().parse_args(arguments)
    return run(
        Settings(
            state=given.state.absolute(),
            listen=given.listen,
            certificate=given.cert,
            key=given.key,
            client_ca=given.client_ca,
            dpdk=tuple(given.dpdk or Settings().dpdk),
            ebpf=tuple(given.ebpf or Settings().ebpf),
            cni=given.cni_socket,
            verbose=given.verbose,
        )
    )


def run(wanted: Settings) -> int:
    """Serve until SIGTERM, SIGINT or the Stop call; the data planes go on.

    Returns:
        Exit status: 0 stopped, 2 settings that cannot be, 3 the machine does not allow it.
    """
    logging.basicConfig(
        level=logging.DEBUG if wanted.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    try:
        tcp = _tcp_address(wanted)
        lock = _lock(wanted)
        with lock:
            asyncio.run(_serve(wanted, tcp))
    except WrongUsage as e:
        print(f"p4kube agent: {e}", file=sys.stderr)
        return _WRONG_USAGE
    except (errors.P4KubeError, OSError) as e:
        print(f"p4kube agent: {e}", file=sys.stderr)
        return _MACHINE
    return 0


async def _serve(wanted: Settings, tcp: tuple[str, grpc.ServerCredentials | None] | None) -> None:
    stopping = asyncio.Event()
    with_dataplanes = served = False

    def stop(dataplanes: bool = False) -> None:
        nonlocal with_dataplanes
        with_dataplanes = with_dataplanes or dataplanes
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    keepers = {target: Keeper(wanted.dataplane(target)) for target in settings.TARGETS}
    node = Node(wanted, keepers)
    events = Events(node)
    streams = Streams(node, events)
    for keeper in keepers.values():
        keeper.on_serving = events.listen
    node.on_remove = streams.forget
    site = Site(wanted, node)
    cni = Server(wanted.cni_socket, Verbs(Pods(site)))

    async def bring_up(target: str) -> None:
        await node.bring_up(target)
        await site.bring_up(target)

    servers: list[grpc.aio.Server] = []
    try:
        # Addresses first, so that one that is in use costs no data plane.
        p4 = p4runtime.handler(node, streams, events)
        if tcp is not None:
            servers.append(_tcp_server(*tcp, p4))
        servers.append(_unix_server(wanted, (p4, service.handler(node, site, stop))))
        node.recover()
        site.recover()
        await node.start(site.targets())
        tasks = [
            asyncio.create_task(keeper.run(partial(bring_up, target)))
            for target, keeper in keepers.items()
        ]
        tasks.append(asyncio.create_task(site.run()))
        for server in servers:
            await server.start()
        await cni.start()
        served = True
        log.info("serving: state=%s listen=%s", wanted.state, wanted.listen)
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait((stopped, *tasks), return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()  # raises: without its keepers the agent is of no use
            task.cancel()
    finally:
        await asyncio.gather(cni.stop(), *(server.stop(_GRACE_S) for server in servers))
        await site.stop()
        events.stop()
        for keeper in keepers.values():
            # Who fails to serve leaves no data plane behind that was not there before.
            if with_dataplanes or not (served or keeper.took_over):
                await keeper.stop()
            else:
                keeper.leave()
        wanted.socket.unlink(missing_ok=True)


def _unix_server(
    wanted: Settings, handlers: Sequence[grpc.GenericRpcHandler[Any, Any]]
) -> grpc.aio.Server:
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers(tuple(handlers))
    wanted.socket.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        server.add_insecure_port(settings.address_of(wanted.state))
    except RuntimeError as e:
        raise errors.MachineError(f"cannot listen at {wanted.socket}: {e}") from e
    finally:
        os.umask(before)
    return server


def _tcp_server(
    address: str,
    credentials: grpc.ServerCredentials | None,
    p4: grpc.GenericRpcHandler[Any, Any],
) -> grpc.aio.Server:
    _try_to_bind(address)
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers((p4,))
    try:
        if credentials is None:
            server.add_insecure_port(address)
        else:
            server.add_secure_port(address, credentials)
    except RuntimeError as e:
        raise errors.MachineError(f"cannot listen at {address}: {e}") from e
    return server


def _try_to_bind(address: str) -> None:
    """Find out why an address cannot be had; gRPC tells only its own log."""
    host, _, port = address.rpartition(":")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as e:
        raise errors.MachineError(f"cannot listen at {address}: {e.strerror}") from e


def _tcp_address(wanted: Settings) -> tuple[str, grpc.ServerCredentials | None] | None:
    """Where to listen and with what credentials; only loopback goes without."""
    files = (wanted.certificate, wanted.key, wanted.client_ca)
    if wanted.listen is None:
        return None
    host, _, port = wanted.listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 0xFFFF:
        raise WrongUsage(f"--listen: want HOST:PORT, got {wanted.listen!r}")
    given = [path for path in files if path is not None]
    if given and len(given) < len(files):
        raise WrongUsage("want all of --cert, --key and --client-ca, or none of them")
    if not given:
        if not _is_loopback(host):
            raise WrongUsage(
                f"--listen {wanted.listen}: without --cert, --key and --client-ca only a loopback "
                "address is served, such as 127.0.0.1:9559"
            )
        return wanted.listen, None
    try:
        certificate, key, authority = (path.read_bytes() for path in given)
    except OSError as e:
        raise WrongUsage(f"cannot read {e.filename}: {e.strerror}") from e
    return wanted.listen, grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=authority, require_client_auth=True
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _lock(wanted: Settings) -> TextIO:
    """Hold the state directory for this process alone."""
    try:
        wanted.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = wanted.pid_file.open("a+")
    except OSError as e:
        raise errors.MachineError(f"cannot use {wanted.state}: {e.strerror}") from e
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
        file.seek(0)
        pid = file.read().strip() or "unknown"
        file.close()
        raise errors.MachineError(
            f"another agent (pid {pid}) serves {wanted.state}; want another --state, or that one "
            "stopped"
        ) from e
    file.seek(0)
    file.truncate()
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
