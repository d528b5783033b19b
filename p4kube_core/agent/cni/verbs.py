"""The verbs of CNI, carried out on the endpoints of this node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, assert_never, final
from weakref import WeakValueDictionary

from p4kube_core.agent import refusal
from p4kube_core.agent.cni import configuration, environment, veth, wish
from p4kube_core.agent.cni.configuration import NEWEST
from p4kube_core.agent.cni.fault import Code, Fault
from p4kube_core.agent.cni.wish import Add, Check, Collect, Delete, Sandbox, Status, Wish
from p4kube_core.agent.endpoint import Endpoint, Endpoints
from p4kube_core.agent.refusal import Refusal

log = logging.getLogger(__name__)

# Less than the plug-in waits (dataplane/cni/plugin.c), so that it has our sentence.
PATIENCE_S: Final = 50.0
_PASSING: Final = (
    refusal.UNAVAILABLE,
    refusal.ABORTED,
    refusal.CANCELLED,
    refusal.RESOURCE_EXHAUSTED,
)


@final
class Verbs:
    """Answers to requests; those for one interface of one pod are carried out one by one."""

    def __init__(
        self,
        endpoints: Endpoints,
        host_interface: Callable[[str, str], str] = veth.host_interface,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._endpoints = endpoints
        self._host_interface = host_interface
        self._patience_s = patience_s
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def answer(self, variables: bytes, text: bytes) -> tuple[int, str]:
        """Exit status and standard output of the plug-in, for its environment and standard input.

        Args:
            variables: NAME=VALUE, each ended by a zero byte.
            text: the network configuration.
        """
        version = NEWEST
        wanted: Wish | None = None
        try:
            given = configuration.parse(text)
            version = given.version
            wanted = wish.read(environment.decode(variables), given)
            return 0, await self._in_time(wanted, version)
        except Fault as e:
            fault = e
        except Exception as e:
            log.exception("a CNI call failed by a fault of ours")
            fault = Fault(Code.INTERNAL, f"a fault of p4kube's: {e!r:.200}")
        if isinstance(wanted, Delete):
            # A pod must be able to go. Its interface goes next and takes its programs along, and
            # what is left of an endpoint whose interface is gone is cleaned up without being told.
            log.warning("left over by a CNI DEL, for now: code=%d: %s", fault.code, fault.details)
            return 0, ""
        log.warning("refused a CNI call: code=%d: %s", fault.code, fault.details)
        return 1, fault.to_json(version)

    async def _in_time(self, wanted: Wish, version: str) -> str:
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._perform(wanted, version)
        except TimeoutError as e:
            sentence = f"the agent did not do it within {self._patience_s:g} s"
            raise Fault(Code.TRY_AGAIN_LATER, sentence) from e

    async def _perform(self, wanted: Wish, version: str) -> str:
        match wanted:
            case Add(sandbox, network, previous):
                async with self._turn(sandbox.container_id, sandbox.interface):
                    await self._add(sandbox, network)
                return wish.result(previous, version)
            case Check(sandbox, network):
                async with self._turn(sandbox.container_id, sandbox.interface):
                    await self._check(sandbox, network)
            case Delete(container_id, interface):
                async with self._turn(container_id, interface):
                    await self._delete(container_id, interface)
            case Collect(network, valid):
                await self._collect(network, valid)
            case Status():
                await self._status()
            case _:
                assert_never(wanted)
        return ""

    async def _add(self, sandbox: Sandbox, network: str) -> None:
        try:
            endpoint = await self._endpoint(sandbox, network)
        except veth.Missing as e:
            raise Fault(Code.INVALID_ENVIRONMENT, f"CNI_NETNS, CNI_IFNAME: {e}") from e
        if endpoint is None:
            log.info(
                "let a pod through that is not of Kubernetes: container=%s interface=%s",
                sandbox.container_id,
                sandbox.interface,
            )
            return
        try:
            await self._endpoints.add(endpoint)
        except Refusal as e:
            raise _fault(e, _shown(endpoint)) from e

    async def _check(self, sandbox: Sandbox, network: str) -> None:
        try:
            endpoint = await self._endpoint(sandbox, network)
        except veth.Missing as e:
            raise Fault(Code.UNKNOWN_CONTAINER, str(e)) from e
        if endpoint is None:
            return
        try:
            await self._endpoints.check(endpoint)
        except Refusal as e:
            if e.code == refusal.NOT_FOUND:
                raise Fault(Code.UNKNOWN_CONTAINER, f"{_shown(endpoint)}: {e.message}") from e
            raise _fault(e, _shown(endpoint)) from e

    async def _delete(self, container_id: str, interface: str) -> None:
        try:
            await self._endpoints.remove(container_id, interface)
        except Refusal as e:
            raise _fault(e, f"container {container_id}, {interface}") from e

    async def _collect(self, network: str, valid: frozenset[tuple[str, str]]) -> None:
        try:
            await self._endpoints.keep_only(network, valid)
        except Refusal as e:
            raise _fault(e, f"network {network}") from e

    async def _status(self) -> None:
        try:
            await self._endpoints.ready()
        except Refusal as e:
            lost = e.code == refusal.UNAVAILABLE
            code = Code.LIMITED_CONNECTIVITY if lost else Code.NOT_AVAILABLE
            raise Fault(code, e.message) from e

    async def _endpoint(self, sandbox: Sandbox, network: str) -> Endpoint | None:
        """The sandbox's interface on the host; None for a pod that is not of Kubernetes."""
        if sandbox.pod is None:
            return None
        netns, interface = sandbox.netns, sandbox.interface
        try:
            # In a thread, since the kernel may be busy with other namespaces for long.
            host_interface = await asyncio.to_thread(self._host_interface, netns, interface)
        except veth.Unfit as e:
            raise Fault(Code.INVALID_CONFIGURATION, f"network {network}: {e}") from e
        except OSError as e:
            raise Fault(
                Code.IO_FAILURE, f"cannot look for {interface} in {netns}: {e.strerror or e}"
            ) from e
        return Endpoint(
            container_id=sandbox.container_id,
            interface=interface,
            netns=netns,
            host_interface=host_interface,
            namespace=sandbox.pod.namespace,
            name=sandbox.pod.name,
            network=network,
        )

    def _turn(self, container_id: str, interface: str) -> asyncio.Lock:
        return self._turns.setdefault((container_id, interface), asyncio.Lock())


def _fault(why: Refusal, where: str) -> Fault:
    code = Code.TRY_AGAIN_LATER if why.code in _PASSING else Code.REFUSED
    return Fault(code, f"{where}: {why.message}")


def _shown(endpoint: Endpoint) -> str:
    return f"pod {endpoint.namespace}/{endpoint.name}, {endpoint.interface}"
