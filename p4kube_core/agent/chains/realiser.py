"""Carries plans out on the data planes, one endpoint at a time; the rim below `site`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any, Final, assert_never, final

from p4kube_core.agent import converge
from p4kube_core.agent.chains import desire, plan
from p4kube_core.agent.chains.desire import NOTHING, Part, Port
from p4kube_core.agent.chains.function import Function
from p4kube_core.agent.chains.held import Held
from p4kube_core.agent.chains.plan import State
from p4kube_core.agent.chains.splice import Splicer
from p4kube_core.agent.control import Control, DataplaneLost, DataplaneRefused
from p4kube_core.agent.converge import Observed
from p4kube_core.agent.device import Device
from p4kube_core.agent.node import Node, is_instance
from p4kube_core.agent.record import DeviceRecord
from p4kube_core.agent.refusal import FAILED_PRECONDITION, RESOURCE_EXHAUSTED, UNAVAILABLE, Refusal

_ATTEMPTS: Final = 3
_MAX_NAME_BYTES: Final = 127
_PHASES: Final = {
    plan.AddDevice: "devices",
    plan.ChangeDevice: "devices",
    plan.AddPort: "wires",
    plan.Wire: "wires",
    plan.Splice: "splice",
    plan.Unsplice: "splice",
}


@final
class Realiser:
    """`functions` is looked into, and changed by who made this."""

    def __init__(self, node: Node, functions: Mapping[str, Function], splicer: Splicer) -> None:
        self._node = node
        self._functions = functions
        self._splicer = splicer

    async def realise(
        self, held: Held, desired: State, observed: Mapping[str, Observed] | None = None
    ) -> None:
        """Have an endpoint have what it is to have. The caller holds its lock.

        Args:
            observed: what there is, by target, where the caller has just asked.

        Raises:
            Refusal: it cannot be; what was done by then stays. UNAVAILABLE: not now.
        """
        held.settled = False
        for attempt in range(_ATTEMPTS):
            try:
                await self._once(held, desired, observed or {})
            except DataplaneRefused as e:
                held.seen.clear()
                raise Refusal(FAILED_PRECONDITION, e.message) from e
            except (DataplaneLost, Refusal) as e:
                held.seen.clear()
                lost = isinstance(e, DataplaneLost) or e.code == UNAVAILABLE
                if isinstance(e, Refusal) and not lost:
                    raise
                if attempt == _ATTEMPTS - 1:
                    raise Refusal(UNAVAILABLE, str(e)) from e
                observed = None
            except BaseException:
                held.seen.clear()
                raise
            else:
                held.settled = True
                return

    async def missing(self, held: Held, desired: State) -> list[str]:
        """What an endpoint should have on the data planes, and has not; asks them.

        Raises:
            Refusal: UNAVAILABLE; they do not answer.
        """
        found: list[str] = []
        async with held.lock:
            for target, wanted in desired.parts.items():
                try:
                    observed = await converge.observe(await self._control(target))
                except (DataplaneLost, DataplaneRefused) as e:
                    raise Refusal(UNAVAILABLE, str(e)) from e
                part = _part_of(held, observed, wanted)
                found += [f"device {d}" for d in wanted.devices if d not in part.devices]
                found += [
                    f"the wire of port {name}"
                    for name, place in wanted.wires.items()
                    if part.wires.get(name) != place
                ]
        return found

    async def _once(self, held: Held, desired: State, observed: Mapping[str, Observed]) -> None:
        parts = {
            target: await self._part(held, target, desired, observed.get(target))
            for target in self._node.keepers
        }
        took: dict[str, float] = {}
        spliced = held.is_spliced if desired.spliced else held.splice is not None
        for step in plan.steps(State(parts, spliced), desired):
            started = time.perf_counter()
            await self._take(held, step)
            phase = _PHASES.get(type(step), "removal")
            took[phase] = took.get(phase, 0.0) + 1000 * (time.perf_counter() - started)
        for target, keeper in self._node.keepers.items():
            before = held.seen.get(target)
            part = desired.parts.get(target, NOTHING)
            never = before == (None, NOTHING) and part == NOTHING
            held.seen[target] = (None if never else keeper.epoch, part)
        if took:
            held.took_ms = took
        for part in desired.parts.values():
            for device_id in part.devices:
                if problems := self._node.devices[device_id].problems:
                    raise Refusal(RESOURCE_EXHAUSTED, problems[0])

    # --- what there is

    async def _part(
        self, held: Held, target: str, desired: State, observed: Observed | None
    ) -> Part:
        keeper = self._node.keepers[target]
        epoch, part = held.seen.get(target, (-1, NOTHING))
        if epoch is None or (epoch == keeper.epoch and keeper.running):
            return self._with_editions(part)
        wanted = desired.parts.get(target, NOTHING)
        if not keeper.needed and wanted == NOTHING:
            return NOTHING  # nor did an earlier data plane leave anything, or it would be needed
        control = await keeper.control()
        if observed is None:
            observed = await converge.observe(control)
        part = _part_of(held, observed, wanted)
        for device_id in part.devices:
            device = self._node.devices.get(device_id)
            if device is None and device_id in wanted.devices:
                device = self._instance(held, target, device_id)
            if device is not None and device_id in wanted.devices:
                await device.bring_up(observed)
        return self._with_editions(part)

    def _with_editions(self, part: Part) -> Part:
        """With the digests of the functions that the devices say now what they say."""
        return Part({d: self._edition(d) for d in part.devices}, part.ports, part.wires)

    def _edition(self, device_id: int) -> str:
        device = self._node.devices.get(device_id)
        if device is None:
            return ""
        record = device.record
        for function in self._functions.values():
            if function.stores.get(record.target) is record.base:
                return function.digest
        return ""

    # --- what is done

    async def _take(self, held: Held, step: plan.Step) -> None:
        match step:
            case plan.AddDevice(target, device_id):
                await self._add(held, target, device_id)
            case plan.ChangeDevice(target, device_id):
                store = self._function(held, device_id).stores[target]
                await self._node.devices[device_id].follow(store)
            case plan.AddPort(target, name, port):
                options = dict(port.options)
                await self._call(target, "port_add", name=name, kind=port.kind, **options)
            case plan.Wire(target, wires):
                listed = [{"name": n, "device": d, "port": p} for n, d, p in wires]
                await self._call(target, "wire", wires=listed)
            case plan.Unwire(target, wires):
                listed = [{"name": n, "device": d, "port": p} for n, d, p in wires]
                await converge.forgiving(await self._control(target), "unwire", wires=listed)
            case plan.RemovePort(target, name):
                await converge.forgiving(await self._control(target), "port_remove", name=name)
            case plan.RemoveDevice(target, device_id):
                await self._remove(target, device_id)
            case plan.Splice():
                await self._splicer.splice(held)
            case plan.Unsplice():
                await self._splicer.unsplice(held)
            case _:
                assert_never(step)

    async def _add(self, held: Held, target: str, device_id: int) -> None:
        device = self._node.devices.get(device_id)
        try:
            await (device or self._instance(held, target, device_id)).create()
        except BaseException:
            with contextlib.suppress(Refusal):
                await self._node.remove_instance(device_id)
            raise

    async def _remove(self, target: str, device_id: int) -> None:
        if device_id not in self._node.devices:
            control = await self._control(target)
            await converge.forgiving(control, "device_remove", id=device_id)
        await self._node.remove_instance(device_id)

    def _instance(self, held: Held, target: str, device_id: int) -> Device:
        function = self._function(held, device_id)
        base = function.stores[target]
        name = f"{function.name}@{held.name}".encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
        made = DeviceRecord(device_id, name, target, committed=base.copy(), base=base)
        return self._node.instance(made)

    def _function(self, held: Held, device_id: int) -> Function:
        assert held.chain is not None
        place = device_id - desire.instance_id(held.chain_number, 0)
        return self._functions[held.chain.functions[place]]

    async def _call(self, target: str, op: str, **fields: Any) -> None:
        await (await self._control(target)).call(op, **fields)

    async def _control(self, target: str) -> Control:
        return await self._node.keepers[target].control()


def _part_of(held: Held, observed: Observed, wanted: Part) -> Part:
    """What an endpoint has of all that a data plane listed."""
    owners = {("e", held.number), *(("c", number) for number in held.chains())}
    mine = {
        name: port for name, port in observed.ports.items() if desire.owner_of_port(name) in owners
    }
    ports = {}
    for name, port in mine.items():
        # A port's options follow from its name, its kind, and what the endpoint is.
        known = wanted.ports.get(name)
        same = known is not None and known.kind == port["kind"]
        ports[name] = known if known is not None and same else Port(port["kind"], ())
    wires = {
        name: (port["device"], port["port"])
        for name, port in mine.items()
        if port.get("device") is not None
    }
    devices = {
        number: ""
        for number in observed.devices
        if is_instance(number) and desire.chain_of_instance(number) in held.chains()
    }
    return Part(devices, ports, wires)
