"""All that one agent holds: its devices, by id, and the keeper of the data plane."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Final, final

from p4kube_core.agent import converge, record
from p4kube_core.agent.control import DataplaneLost, DataplaneRefused
from p4kube_core.agent.device import PROBE_ID, Device
from p4kube_core.agent.journal import Journal
from p4kube_core.agent.keeper import Keeper
from p4kube_core.agent.record import DeviceRecord, PortWish
from p4kube_core.agent.refusal import INVALID_ARGUMENT, NOT_FOUND, Refusal, listed
from p4kube_core.agent.settings import Settings

log = logging.getLogger(__name__)

MAX_DEVICE_ID: Final = PROBE_ID - 1
_SUFFIX: Final = ".journal"


@final
class Node:
    def __init__(self, settings: Settings, keeper: Keeper) -> None:
        self.keeper = keeper
        self.devices: dict[int, Device] = {}
        self._settings = settings
        self._changes = asyncio.Lock()  # held while devices come and go

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
        """Read the devices from their journals. Election ids start anew with the data plane."""
        self._settings.journal.mkdir(mode=0o700, exist_ok=True)
        for path in sorted(self._settings.journal.glob(f"*{_SUFFIX}")):
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
            if not self.keeper.took_over and held.elections:
                held.elections.clear()
                journal.rewrite(record.snapshot(held))
            self.devices[held.device_id] = self._device(held, journal)

    async def bring_up(self) -> None:
        """Bring the data plane to what the devices say, each by itself; take strangers off.

        A stranger is what an agent that was killed had put on the data plane, but not in a journal.
        """
        try:
            await converge.remove_strangers(await self.keeper.control(), set(self.devices))
        except (DataplaneLost, DataplaneRefused) as e:
            log.warning("strangers may be left on the data plane: %s", e)
        await asyncio.gather(*(device.bring_up() for device in self.devices.values()))

    async def put(self, device_id: int, name: str, ports: tuple[PortWish, ...]) -> None:
        """Have a device with exactly these ports.

        Raises:
            Refusal: of a port, or of the request itself.
        """
        if not 1 <= device_id <= MAX_DEVICE_ID:
            raise Refusal(
                INVALID_ARGUMENT, f"want a device id from 1 to {MAX_DEVICE_ID}, got {device_id}"
            )
        numbers = [port.port for port in ports]
        twice = {number for number in numbers if numbers.count(number) > 1}
        if twice:
            raise Refusal(INVALID_ARGUMENT, f"port {min(twice)} is given twice")
        async with self._changes:
            device = self.devices.get(device_id)
            if device is not None:
                await device.put(name, ports)
                return
            path = self._settings.journal / f"{device_id}{_SUFFIX}"
            device = self._device(DeviceRecord(device_id, name), Journal(path))
            try:
                await device.put(name, ports)
            except BaseException:
                with contextlib.suppress(Refusal):
                    await device.remove()
                raise
            self.devices[device_id] = device
            log.info("added a device: device=%d name=%s ports=%d", device_id, name, len(ports))

    async def remove(self, device_id: int) -> Device | None:
        """Take a device away; None where there is none."""
        async with self._changes:
            device = self.devices.get(device_id)
            if device is None:
                return None
            await device.remove()
            del self.devices[device_id]
            log.info("removed a device: device=%d", device_id)
            return device

    def _device(self, held: DeviceRecord, journal: Journal) -> Device:
        objects: Path = self._settings.objects
        return Device(held, journal, self.keeper, objects)
