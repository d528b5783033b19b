"""The verbs of CNI, carried out on the endpoints of this node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar, assert_never, final
from weakref import WeakValueDictionary

from p4kube_core.agent import refusal
from p4kube_core.agent.cni import configuration, environment, holding, veth, wish
from p4kube_core.agent.cni.configuration import NEWEST
from p4kube_core.agent.cni.fault import Code, Fault
from p4kube_core.agent.cni.namespaces import Missing
from p4kube_core.agent.cni.wish import Add, Check, Collect, Delete, Hold, Sandbox, Status, Wish
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


T = TypeVar("T")


@final
@dataclass(frozen=True, slots=True)
class Kernel:
    """What is asked and done in a pod's network namespace; each may block."""

    host_interface: Callable[[str, str], str] = veth.host_interface
    shut: Callable[[str, str], None] = veth.shut
    hold: Callable[[str], None] = holding.hold
    release: Callable[[str], None] = holding.release


@final
class Verbs:
    """Answers to requests; those for one interface of one pod are carried out one by one."""

    def __init__(
        self,
        endpoints: Endpoints,
        kernel: Kernel = Kernel(),
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._endpoints = endpoints
        self._kernel = kernel
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
            case Hold(sandbox):
                await self._hold(sandbox)
                return wish.result({}, version)
            case Add(sandbox, network, previous):
                async with self._turn(sandbox.container_id, sandbox.interface):
                    await self._add(sandbox, network)
                return wish.result(previous, version)
            case Check(sandbox, network):
                async with self._turn(sandbox.container_id, sandbox.interface):
                    await self._check(sandbox, network)
            case Delete(container_id, interface):
                async with self._turn(container_id, interface):
                    await self._delete(wanted)
            case Collect(network, valid):
                await self._collect(network, valid)
            case Status():
                await self._status()
            case _:
                assert_never(wanted)
        return ""

    async def _hold(self, sandbox: Sandbox) -> None:
        if sandbox.pod is None:
            return
        try:
            await self._inside(self._kernel.hold, sandbox.netns)
        except Missing as e:
            raise Fault(Code.INVALID_ENVIRONMENT, f"CNI_NETNS: {e}") from e
        except holding.Impossible as e:
            raise Fault(Code.REFUSED, str(e)) from e

    async def _add(self, sandbox: Sandbox, network: str) -> None:
        try:
            endpoint = await self._endpoint(sandbox, network)
            if endpoint is None:
                log.info("let a container through that is no pod: %s", sandbox.container_id)
                return
            await self._put(endpoint)
            await self._inside(self._kernel.release, sandbox.netns)
        except Missing as e:
            raise Fault(Code.INVALID_ENVIRONMENT, f"CNI_NETNS, CNI_IFNAME: {e}") from e

    async def _put(self, endpoint: Endpoint) -> None:
        try:
            await self._endpoints.add(endpoint)
        except Refusal as e:
            raise _fault(e, _shown(endpoint)) from e

    async def _check(self, sandbox: Sandbox, network: str) -> None:
        try:
            endpoint = await self._endpoint(sandbox, network, elsewhere="")
        except Missing as e:
            raise Fault(Code.UNKNOWN_CONTAINER, str(e)) from e
        if endpoint is None:
            return
        try:
            await self._endpoints.check(endpoint)
        except Refusal as e:
            if e.code == refusal.NOT_FOUND:
                raise Fault(Code.UNKNOWN_CONTAINER, f"{_shown(endpoint)}: {e.message}") from e
            raise _fault(e, _shown(endpoint)) from e

    async def _delete(self, wanted: Delete) -> None:
        """The interface goes down first: it lives on until the main plug-in deletes it."""
        if wanted.netns is not None:
            try:
                await self._inside(self._kernel.shut, wanted.netns, wanted.interface)
            except (Missing, veth.Unfit):
                pass  # no packets either
            except Fault as e:
                log.warning("could not shut a pod's interface before its functions go: %s", e)
        try:
            await self._endpoints.remove(wanted.container_id, wanted.interface)
        except Refusal as e:
            raise _fault(e, f"container {wanted.container_id}, {wanted.interface}") from e

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

    async def _endpoint(
        self, sandbox: Sandbox, network: str, elsewhere: str | None = None
    ) -> Endpoint | None:
        """The sandbox's interface on the host; None for a container that is no pod.

        Args:
            elsewhere: what stands for an end that is not in our namespace, where that may be:
                that of a pod which is spliced is in another.
        """
        if sandbox.pod is None:
            return None
        look_up, netns, interface = self._kernel.host_interface, sandbox.netns, sandbox.interface
        try:
            host_interface = await self._inside(look_up, netns, interface)
        except veth.Unfit as e:
            if elsewhere is None:
                raise Fault(Code.INVALID_CONFIGURATION, f"network {network}: {e}") from e
            host_interface = elsewhere
        return Endpoint(
            container_id=sandbox.container_id,
            interface=interface,
            netns=netns,
            host_interface=host_interface,
            namespace=sandbox.pod.namespace,
            name=sandbox.pod.name,
            network=network,
        )

    async def _inside(self, call: Callable[..., T], netns: str, *more: str) -> T:
        """Call into the kernel in a thread, since it may be busy with other namespaces for long."""
        try:
            return await asyncio.to_thread(call, netns, *more)
        except OSError as e:
            raise Fault(Code.IO_FAILURE, f"in {netns}: {e.strerror or e}") from e

    def _turn(self, container_id: str, interface: str) -> asyncio.Lock:
        return self._turns.setdefault((container_id, interface), asyncio.Lock())


def _fault(why: Refusal, where: str) -> Fault:
    code = Code.TRY_AGAIN_LATER if why.code in _PASSING else Code.REFUSED
    return Fault(code, f"{where}: {why.message}")


def _shown(endpoint: Endpoint) -> str:
    return f"pod {endpoint.namespace}/{endpoint.name}, {endpoint.interface}"
