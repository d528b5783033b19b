"""All that is attached on this node: functions, attachments, endpoints, and the chains on them.

Level-triggered: whatever happens only wakes; what is to be done follows from what is held. An
endpoint's file is there before anything of it is on a data plane, and until nothing is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, Final, final

from p4kube_core.agent import converge
from p4kube_core.agent.chains import attachment, desire, function, held
from p4kube_core.agent.chains.desire import Chain, Key
from p4kube_core.agent.chains.function import Excuse, Function
from p4kube_core.agent.chains.held import Held
from p4kube_core.agent.chains.plan import State
from p4kube_core.agent.chains.realiser import Realiser
from p4kube_core.agent.chains.shelf import Shelf
from p4kube_core.agent.chains.splice import Splicer
from p4kube_core.agent.control import DataplaneLost, DataplaneRefused
from p4kube_core.agent.converge import Observed
from p4kube_core.agent.endpoint import Endpoint
from p4kube_core.agent.node import Node, is_instance
from p4kube_core.agent.refusal import FAILED_PRECONDITION, UNAVAILABLE, Refusal
from p4kube_core.agent.settings import Settings
from p4kube_core.model.attachment import Attachment, InterfaceTarget, Target

log = logging.getLogger(__name__)

_SWEEP_S: Final = 30.0  # everything is looked at so often, whatever happens
_GRACE_S: Final = 5.0
_LOOK_AGAIN_S: Final = 0.02
_LINGER_S: Final = 1.0  # until who takes a spliced pod down has deleted its interface
_BACK_OFF_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)


@final
class Site:
    def __init__(self, settings: Settings, node: Node) -> None:
        self.functions: dict[str, Function] = {}
        self.attachments: dict[str, Attachment] = {}
        self.endpoints: dict[Key, Held] = {}
        self.lost: dict[str, Excuse] = {}
        """Functions whose files cannot be read, and why, by name. What they stand on stays."""
        self.node = node
        self.shelves = {
            name: Shelf(settings.state / name) for name in ("functions", "attachments", "endpoints")
        }
        self.splicer = Splicer(settings.state / "splice", self.keep)
        self.realiser = Realiser(node, self.functions, self.splicer)
        self._number = 0
        self._woken = asyncio.Event()
        self._work: set[asyncio.Task[None]] = set()

    def recover(self) -> None:
        """Read what was acknowledged before. Says nothing of what is on the data planes."""
        for name, one in self.shelves["functions"].values(function.read):
            if isinstance(one, Refusal):
                self.lost[name] = Excuse(desire.FUNCTION_MISSING, one.message)
            else:
                self.functions[name] = one
        for name, end in self.shelves["endpoints"].values(held.read):
            if isinstance(end, Refusal):
                self.shelves["endpoints"].put_aside(name)
                continue
            self.endpoints[end.key] = end
            self._number = max(self._number, end.number, *end.chains())
        for name, wish in self.shelves["attachments"].values(attachment.read):
            known = self._as_it_stands(name) if isinstance(wish, Refusal) else wish
            if known is not None:
                self.attachments[name] = known

    def _as_it_stands(self, name: str) -> Attachment | None:
        """An attachment, as an endpoint tells of it."""
        for one in self.endpoints.values():
            if one.chain is not None and one.chain.attachment == name:
                return Attachment(name, desire.target_of(one.endpoint), one.chain.functions)
        return None

    def targets(self) -> set[str]:
        """Of the chains that there are."""
        return {one.chain.target for one in self.endpoints.values() if one.chain is not None}

    def _spliced(self) -> bool:
        return any(one.splice is not None for one in self.endpoints.values())

    def next_number(self) -> int:
        self._number += 1
        return self._number

    @property
    def known(self) -> desire.Known:
        return {**self.lost, **self.functions}

    def by_target(self) -> dict[Target, Attachment]:
        return {attachment.target: attachment for attachment in self.attachments.values()}

    # --- endpoints come and go

    async def new(self, endpoint: Endpoint) -> Held:
        """Remember an endpoint. An older one at its interface is gone, and with it what it had.

        Raises:
            Refusal: there is no such interface, or it cannot be kept.
        """
        for other in list(self.endpoints.values()):
            same = other.endpoint.host_interface == endpoint.host_interface
            if same and bool(other.endpoint.container_id) == bool(endpoint.container_id):
                await self.take_away(other)
        return self._hold(endpoint)

    def _hold(self, endpoint: Endpoint) -> Held:
        index = self.splicer.index_of(endpoint.host_interface)
        one = Held(self.next_number(), endpoint, index)
        self.keep(one)
        self.endpoints[one.key] = one
        return one

    async def take_away(self, one: Held) -> None:
        """Have nothing of an endpoint; what cannot be taken away now is later."""
        self.leave(one)
        await asyncio.shield(self.start(self.try_to_settle(one)))

    def leave(self, one: Held) -> None:
        """Decide that an endpoint is to have nothing any more."""
        one.going, one.settled = True, False
        self._keep_if_possible(one)
        self.wake()

    def look_at_interfaces(self) -> None:
        """Know of the machine's interfaces that are attached; give up endpoints that are gone."""
        wanted = {target.name for target in self.by_target() if isinstance(target, InterfaceTarget)}
        for one in list(self.endpoints.values()):
            unwanted = not one.endpoint.container_id and one.endpoint.interface not in wanted
            if not one.going and (unwanted or not self.splicer.is_there(one)):
                self.leave(one)
        for name in wanted:
            endpoint = desire.endpoint_of(name)
            if (endpoint.container_id, endpoint.interface) not in self.endpoints:
                try:
                    self._hold(endpoint)
                except Refusal as e:
                    log.debug("attachment waits for its interface: %s", e)

    # --- what is to be done

    def wake(self) -> None:
        """Have everything looked at soon."""
        self._woken.set()

    async def run(self) -> None:
        """Look at everything whenever woken, and now and then, until cancelled."""
        self.look_at_interfaces()
        for target, keeper in self.node.keepers.items():
            if keeper.running:
                await self.bring_up(target)
        while True:
            self._woken.clear()
            self.look_at_interfaces()
            await self.settle(o for o in self.endpoints.values() if not (o.settled and o.kept))
            lingers = not self._spliced() and not self.splicer.release()
            failures = [one.failures for one in self.endpoints.values() if one.failures]
            pause_s = _LINGER_S if lingers else _SWEEP_S
            if failures:
                pause_s = _BACK_OFF_S[min(*failures, len(_BACK_OFF_S)) - 1]
            try:
                async with asyncio.timeout(pause_s):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def stop(self) -> None:
        """Let what is under way come to its end."""
        if self._work:
            await asyncio.wait(self._work, timeout=_GRACE_S)
        for task in self._work:
            task.cancel()
        # What was spliced last may just be going; nobody may come after this agent.
        deadline = time.monotonic() + _LINGER_S
        while not self._spliced() and not self.splicer.release() and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def bring_up(self, target: str) -> None:
        """Bring what is attached to a data plane that was started, or found again."""
        ones = [one for one in self.endpoints.values() if one.concerns(target)]
        for one in ones:
            one.settled = False
        try:
            control = await self.node.keepers[target].control()
            observed = {target: await converge.observe(control)}
            await asyncio.gather(*(self.try_to_settle(one, observed) for one in ones))
            await self._remove_strangers(target)
        except (DataplaneLost, DataplaneRefused) as e:
            log.warning("chains wait for the data plane: target=%s: %s", target, e)
            self.wake()

    async def settle(self, ones: Iterable[Held]) -> list[str]:
        """Have endpoints be as they are to be; what is in the way, one sentence each."""
        every = list(ones)
        tasks = [self.start(self.try_to_settle(one)) for one in every]
        await asyncio.gather(*map(asyncio.shield, tasks))
        return [f"{one.name}: {one.excuse.message}" for one in every if one.excuse is not None]

    async def try_to_settle(
        self, one: Held, observed: Mapping[str, Observed] | None = None
    ) -> None:
        """Settle an endpoint; what fails is kept as its excuse, and tried again."""
        before = one.excuse
        try:
            await self.settle_one(one, observed)
        except Refusal as e:
            level = logging.DEBUG if one.excuse == before else logging.WARNING
            log.log(level, "endpoint is not as it is to be: %s: %s", one.name, e)

    async def settle_one(self, one: Held, observed: Mapping[str, Observed] | None = None) -> None:
        """Have an endpoint be as it is to be.

        Raises:
            Refusal: it cannot be now.
        """
        async with one.lock:
            if self.endpoints.get(one.key) is not one:
                return
            started = time.perf_counter()
            going = one.going  # which may change meanwhile
            wanted = self.wanted(one)
            try:
                if isinstance(wanted, Excuse):
                    raise Refusal(FAILED_PRECONDITION, wanted.message)
                self._choose(one, wanted)
                await self.realiser.realise(one, self.desired(one), observed)
                if going:
                    self.shelves["endpoints"].remove(str(one.number))
            except Refusal as e:
                one.failures += 1
                one.excuse = wanted if isinstance(wanted, Excuse) else Excuse(_reason(e), e.message)
                raise
            one.excuse, one.failures = None, 0
            if going:
                del self.endpoints[one.key]
                return
            if one.former or not one.kept:
                one.former = ()
                self._keep_if_possible(one)
            if one.going:
                one.settled = False
            if one.took_ms:
                one.took_ms["total"] = 1000 * (time.perf_counter() - started)

    def _choose(self, one: Held, wanted: Chain | None) -> None:
        """Decide on an endpoint's chain, and keep that."""
        if wanted == one.chain:
            return
        before = one.chain, one.chain_number, one.former
        if one.chain is not None and not one.chain.is_like(wanted):
            one.former = (*one.former, one.chain_number)
        if wanted is not None and not wanted.is_like(one.chain):
            one.chain_number = self.next_number()
        one.chain = wanted
        if wanted is None:  # what was kept is enough to take all away by
            self._keep_if_possible(one)
            return
        try:
            self.keep(one)
        except Refusal:
            one.chain, one.chain_number, one.former = before
            raise

    def wanted(self, one: Held) -> Chain | Excuse | None:
        """The chain that an endpoint is to have, by what is put now."""
        if one.going:
            return None
        others = (other.endpoint for other in self.endpoints.values() if not other.going)
        return desire.wanted(self.known, self.by_target(), one.endpoint, others)

    def desired(self, one: Held) -> State:
        """What an endpoint is to have on the data planes, as was decided."""
        if one.chain is None:
            return State({})
        part = desire.part(
            desire.Place(one.number, one.endpoint.host_interface, str(self.splicer.namespace)),
            one.chain_number,
            one.chain,
            self.functions,
        )
        return State({one.chain.target: part}, one.chain.target == "dpdk")

    async def _remove_strangers(self, target: str) -> None:
        """What is left of chains that were changing when the agent was killed."""
        control = await self.node.keepers[target].control()
        observed = await converge.observe(control)
        known = {("e", one.number) for one in self.endpoints.values()}
        known |= {("c", number) for one in self.endpoints.values() for number in one.chains()}
        for name in observed.ports:
            owner = desire.owner_of_port(name)
            if owner is not None and owner not in known:
                await converge.forgiving(control, "port_remove", name=name)
        for number in observed.devices:
            if is_instance(number) and ("c", desire.chain_of_instance(number)) not in known:
                await converge.forgiving(control, "device_remove", id=number)

    def keep(self, one: Held) -> None:
        """Write an endpoint's file.

        Raises:
            Refusal: it cannot be written; who settles the endpoint the next time tries again.
        """
        one.kept = False
        self.shelves["endpoints"].put(str(one.number), one.to_json())
        one.kept = True

    def _keep_if_possible(self, one: Held) -> None:
        try:
            self.keep(one)
        except Refusal as e:
            log.warning("an endpoint's file is older than it is: %s: %s", one.name, e)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have work go on to its end, whoever waits for it no longer."""
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if not task.cancelled():
            task.exception()  # who waited for it has been told


def _reason(refusal: Refusal) -> str:
    return "DataplaneUnavailable" if refusal.code == UNAVAILABLE else "Refused"
