"""All that one agent holds: its devices, by id, and the keepers of the data planes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Final, final

from p4kube_core import errors
from p4kube_core.agent import converge, record
from p4kube_core.agent.control import DataplaneLost, DataplaneRefused
from p4kube_core.agent.device import PROBE_ID, Device
from p4kube_core.agent.journal import Journal
from p4kube_core.agent.keeper import Keeper
from p4kube_core.agent.record import DeviceRecord, PortWish
from p4kube_core.agent.refusal import (
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    NOT_FOUND,
    Refusal,
    listed,
)
from p4kube_core.agent.settings import Settings
from p4kube_core.agent.store import Store

log = logging.getLogger(__name__)

FIRST_INSTANCE_ID: Final = 1 << 32
"""From here on device ids are of instances of functions that are attached; below, of clients."""
_SUFFIX: Final = ".journal"


@final
class Node:
    def __init__(self, settings: Settings, keepers: Mapping[str, Keeper]) -> None:
        self.keepers = keepers  # by target
        self.devices: dict[int, Device] = {}
        self._settings = settings
        self._changes = asyncio.Lock()  # held while devices come and go
        self.on_remove: Callable[[int], None] = lambda _device: None
        """Told the id of each device that was taken away."""

    def device(self, device_id: int) -> Device:
        """The device of this id.

        Raises:
            Refusal: NOT_FOUND.
        """
        found = self.devices.get(device_id)
        if found is None:
            known = listed(f"{d.record.device_id} ({d.record.name})" for d in self.devices.values())
            raise Refusal(NOT_FOUND, f"no device {device_id}; devices: {known}")
        return found

    def recover(self) -> None:
        """Read the devices from their journals."""
        self._settings.journal.mkdir(mode=0o700, exist_ok=True)
        for path in sorted(self._settings.journal.glob(f"*{_SUFFIX}")):
            if path.stem.isdecimal() and int(path.stem) >= FIRST_INSTANCE_ID:
                continue  # for `instance`
            journal = Journal(path)
            try:
                held = record.replay(journal.recovered)
            except (ValueError, Refusal, KeyError) as e:
                journal.close()
                aside = path.with_suffix(".unreadable")
                path.replace(aside)
                log.error("put an unreadable journal aside: file=%s: %s", aside, e)
                continue
            if held is None:
                journal.remove()
                continue
            journal.recovered = []
            self.devices[held.device_id] = self._device(held, journal)

    async def start(self, needed: Set[str] = frozenset()) -> None:
        """Have every data plane that a device or an earlier agent needs; bring the devices up.

        One that does not start is tried again, and again; devices wait for it.

        Args:
            needed: targets that others need.
        """
        await asyncio.gather(*(self._start(target, target in needed) for target in self.keepers))

    async def _start(self, target: str, needed: bool) -> None:
        keeper = self.keepers[target]
        devices = self._on(target)
        if not devices and not needed and not keeper.left_behind:
            return
        try:
            await keeper.start()
        except errors.MachineError as e:
            log.error("data plane is not running: target=%s: %s", target, e)
            keeper.insist()
            return
        if not keeper.took_over:
            # Election ids start anew with the data plane.
            for device in devices:
                device.forget_elections()
        await self.bring_up(target)

    async def bring_up(self, target: str) -> None:
        """Bring a data plane to what its devices say, each by itself; take strangers off.

        A stranger is what an agent that was killed had put on the data plane, but not in a journal.
        """
        devices = self._on(target)
        ids = {device.record.device_id for device in devices}
        observed = None
        try:
            control = await self.keepers[target].control()
            observed = await converge.observe(control)
            await converge.remove_strangers(
                control, observed, lambda number: number in ids or is_instance(number)
            )
        except (DataplaneLost, DataplaneRefused) as e:
            log.warning("strangers may be left on the data plane: target=%s: %s", target, e)
        await asyncio.gather(*(device.bring_up(observed) for device in devices))

    async def put(
        self, device_id: int, name: str, target: str, ports: tuple[PortWish, ...]
    ) -> None:
        """Have a device with exactly these ports.

        Raises:
            Refusal: of a port, or of the request itself.
        """
        _check_id(device_id)
        numbers = [port.port for port in ports]
        twice = {number for number in numbers if numbers.count(number) > 1}
        if twice:
            raise Refusal(INVALID_ARGUMENT, f"port {min(twice)} is given twice")
        async with self._changes:
            device = self.devices.get(device_id)
            if device is not None:
                held = device.record.target
                if held != target:
                    raise Refusal(
                        FAILED_PRECONDITION,
                        f"device {device_id} is on target {held}: want it removed before it is "
                        f"put on target {target}",
                    )
                await device.put(name, ports)
                return
            journal = Journal(self._path(device_id))
            device = self._device(DeviceRecord(device_id, name, target), journal)
            try:
                await device.put(name, ports)
            except BaseException:
                with contextlib.suppress(Refusal):
                    await device.remove()
                raise
            self.devices[device_id] = device
            log.info("added a device: device=%d name=%s target=%s", device_id, name, target)

    async def remove(self, device_id: int) -> None:
        """Take a device away; fine where there is none.

        Raises:
            Refusal: it is not a client's.
        """
        _check_id(device_id)
        async with self._changes:
            device = self.devices.get(device_id)
            if device is None:
                return
            await device.remove()
            del self.devices[device_id]
            self.on_remove(device_id)
            log.info("removed a device: device=%d", device_id)

    # --- instances of functions

    def instance(self, held: DeviceRecord) -> Device:
        """Know of a device that holds what a function says, and what clients wrote over it.

        Args:
            held: without what clients wrote.
        """
        journal = Journal(self._path(held.device_id))
        try:
            record.replay(journal.recovered, held)
        except (ValueError, Refusal, KeyError) as e:
            log.error("forgot what clients wrote: device=%d: %s", held.device_id, e)
            journal.remove()
        journal.recovered = []
        made = self.devices[held.device_id] = self._device(held, journal)
        return made

    async def probe(self, target: str, store: Store, number: int) -> None:
        """Have a data plane load a program, and drop it again.

        Args:
            number: no other probe has it, nor a device.

        Raises:
            Refusal: it cannot be loaded; UNAVAILABLE: there is no data plane to ask.
        """
        held = DeviceRecord(number, "probe", target)
        await self._device(held, Journal(self._path(number))).probe(store)

    async def remove_instance(self, device_id: int) -> None:
        """Take one off the data plane, and forget it; fine where there is none.

        Raises:
            Refusal: the data plane does not let it go.
        """
        device = self.devices.get(device_id)
        if device is None:
            self._path(device_id).unlink(missing_ok=True)
            return
        await device.remove()
        self.devices.pop(device_id, None)
        self.on_remove(device_id)

    def _path(self, device_id: int) -> Path:
        return self._settings.journal / f"{device_id}{_SUFFIX}"

    def _device(self, held: DeviceRecord, journal: Journal) -> Device:
        return Device(held, journal, self.keepers[held.target], self._settings.objects)

    def _on(self, target: str) -> list[Device]:
        """The clients' devices of a target."""
        return [
            device
            for device in self.devices.values()
            if device.record.target == target and device.record.base is None
        ]


def is_instance(device_id: int) -> bool:
    """Say whether a device of this id is an instance of a function that is attached."""
    return FIRST_INSTANCE_ID <= device_id < PROBE_ID


def _check_id(device_id: int) -> None:
    if not 1 <= device_id < FIRST_INSTANCE_ID:
        raise Refusal(
            INVALID_ARGUMENT,
            f"want a device id from 1 to {FIRST_INSTANCE_ID - 1}, got {device_id}; those above are "
            "the agent's own, for functions that are attached",
        )
