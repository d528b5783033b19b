"""What data planes tell unasked, brought to controllers; packets from controllers, brought to them.

A connection to each data plane subscribes to its events before the first device is put on it.
What nobody is there to hear is dropped: digests and packets are news, not state.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final, final

from p4kube_core import protos
from p4kube_core.agent import control, delivery, digests, packets, pipeline
from p4kube_core.agent.control import DataplaneLost, DataplaneRefused
from p4kube_core.agent.device import Device, no_pipeline
from p4kube_core.agent.node import Node
from p4kube_core.agent.pipeline import Pipeline
from p4kube_core.agent.refusal import (
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    UNAVAILABLE,
    Refusal,
    listed,
)
from p4kube_core.model import artifact

log = logging.getLogger(__name__)

_LENGTH: Final = struct.Struct(">H")
CPU: Final = "cpu"  # the kind of port that leads to controllers
_AGAIN_S: Final = 0.2
MOST_LIST_BYTES: Final = 2 << 20  # of a DigestList; clients of gRPC take 4 MiB unless told others


@final
class _Digest:
    """What is on its way of one digest of one device, under one pipeline and configuration."""

    def __init__(
        self, of: artifact.Digest, held: Pipeline, config: digests.Config, numbers: Iterator[int]
    ) -> None:
        self.of = of
        self.pipeline = held
        self.config = config
        self.timer: asyncio.TimerHandle | None = None
        largest = protos.p4runtime.DigestList()
        held.digest_data(of, pipeline.largest_digest(of), largest.data.add())
        most = max(1, min(digests.MOST_IN_LIST, MOST_LIST_BYTES // largest.ByteSize()))
        self.lists = digests.Lists(numbers, most)

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@final
class Events:
    """Of all devices. `tell` sends a p4.v1.StreamMessageResponse to a device's primary."""

    def __init__(self, node: Node) -> None:
        self.tell: Callable[[int, Any], bool] = lambda _device, _message: False
        self._node = node
        self._digests: dict[int, dict[int, _Digest]] = {}  # by device and digest id
        self._numbers = itertools.count(1)
        self._listening: dict[Path, asyncio.Task[None]] = {}

    async def listen(self, socket: Path) -> None:
        """Hear what the data plane that has begun to serve there tells from now on."""
        former = self._listening.pop(socket, None)
        if former is not None:
            former.cancel()
        try:
            news = await control.subscribe(socket)
        except (OSError, DataplaneLost, DataplaneRefused) as e:
            log.warning("the data plane tells no events: socket=%s: %s", socket, e)
            return
        self._listening[socket] = asyncio.create_task(self._take_all(socket, news))

    def stop(self) -> None:
        """Hear nothing more."""
        for task in self._listening.values():
            task.cancel()

    def refresh(self, device_id: int) -> None:
        """A device's pipeline or the configuration of its digests may be another."""
        for digest_id in list(self._digests.get(device_id, ())):
            self._send(device_id, digest_id)

    def greet(self, device_id: int) -> None:
        """A device has a new primary, who knows nothing of what the former one was told."""
        for held in self._digests.get(device_id, {}).values():
            held.lists.forget_sent()

    def forget(self, device_id: int) -> None:
        """A device was taken away."""
        for held in self._digests.pop(device_id, {}).values():
            held.stop()

    async def packet_out(self, device_id: int, message: Any) -> None:
        """Send a p4.v1.PacketOut into a device.

        Raises:
            Refusal: it cannot be sent.
        """
        device = self._node.device(device_id)
        held = _pipeline(device)
        if not any(port.kind == CPU for port in device.record.ports):
            raise Refusal(
                FAILED_PRECONDITION,
                f"device {device_id} has no port for controllers; want one of kind cpu, such as "
                "`{port: 510, cpu: true}` in its NetworkFunction",
            )
        header = packets.header(held.manifest, "packet_out")
        data = packets.packed(header, message, held.padding)
        try:
            async with device.lock:
                plane = await device.synced()
            await plane.call("packet_out", _LENGTH.pack(len(data)) + data, device=device_id)
        except DataplaneLost as e:
            raise Refusal(UNAVAILABLE, str(e)) from e
        except DataplaneRefused as e:
            raise delivery.refusal(e) from e

    def acknowledge(self, device_id: int, ack: Any) -> None:
        """Take a p4.v1.DigestListAck.

        Raises:
            Refusal: of a digest that is not. A list may have been forgotten.
        """
        known = _pipeline(self._node.device(device_id)).digests
        if ack.digest_id not in known:
            names = listed(f"{d.name} ({d.id})" for d in known.values())
            raise Refusal(INVALID_ARGUMENT, f"no digest {ack.digest_id}; digests: {names}")
        held = self._current(device_id, ack.digest_id)
        if held is not None:
            held.lists.acknowledge(ack.list_id)

    # --- from the data plane

    async def _take_all(self, socket: Path, news: AsyncIterator[control.Answer]) -> None:
        while True:
            with contextlib.suppress(OSError, DataplaneLost):
                async for event, blob in news:
                    try:
                        self._take(event, blob)
                    except Exception:  # one that we do not understand ends no others
                        log.exception("an event was lost: %s", event)
            await asyncio.sleep(_AGAIN_S)
            try:
                news = await control.subscribe(socket)
            except (OSError, DataplaneLost, DataplaneRefused):
                return  # the data plane is gone: of the next one `listen` is told

    def _take(self, event: dict[str, Any], blob: bytes) -> None:
        device = self._node.devices.get(event["device"])
        store = device.record.committed if device is not None else None
        if device is None or store is None:
            return
        manifest = store.pipeline.manifest
        match event["event"]:
            case "packet_in":
                self._packets_in(device.record.device_id, manifest, blob)
            case "digest" if event["digest"] < len(manifest.digests):
                digest = manifest.digests[event["digest"]]
                self._digests_in(device.record.device_id, digest, blob)
            case "lost":
                log.warning("events were lost: device=%d count=%d", event["device"], event["count"])

    def _packets_in(self, device_id: int, manifest: artifact.Manifest, blob: bytes) -> None:
        header = packets.header(manifest, "packet_in")
        at = 0
        while at + _LENGTH.size <= len(blob):
            (length,) = _LENGTH.unpack_from(blob, at)
            at += _LENGTH.size
            message = protos.p4runtime.StreamMessageResponse()
            packets.fill_packet_in(message.packet, header, blob[at : at + length])
            self.tell(device_id, message)
            at += length

    def _digests_in(self, device_id: int, digest: artifact.Digest, blob: bytes) -> None:
        held = self._current(device_id, digest.id)
        size = digest.data_bytes
        if held is None or not size:
            return
        data = (blob[at : at + size] for at in range(0, len(blob), size))
        self._tell(device_id, held, held.lists.take(held.config, data, time.monotonic_ns()))

    def _send(self, device_id: int, digest_id: int) -> None:
        """Send the list of a digest that is due."""
        held = self._current(device_id, digest_id)
        if held is not None:
            self._tell(device_id, held, held.lists.due(held.config, time.monotonic_ns()))

    def _tell(self, device_id: int, held: _Digest, batches: Iterator[digests.Batch]) -> None:
        """Send lists, and come back for those that are not due yet."""
        for batch in batches:
            if self.tell(device_id, _list_message(held, batch)):
                held.lists.sent(held.config, batch, time.monotonic_ns())
        held.stop()
        wait_ns = held.lists.wait_ns(held.config, time.monotonic_ns())
        if wait_ns is not None:
            loop = asyncio.get_running_loop()
            held.timer = loop.call_later(wait_ns / 1e9, self._send, device_id, held.of.id)

    def _current(self, device_id: int, digest_id: int) -> _Digest | None:
        """What is known of a digest; what waits is dropped where it is not to be sent any more."""
        device = self._node.devices.get(device_id)
        store = device.record.committed if device is not None else None
        config = store.digests.get(digest_id) if store is not None else None
        of_device = self._digests.setdefault(device_id, {})
        held = of_device.get(digest_id)
        if store is None or config is None or (held and held.pipeline is not store.pipeline):
            of_device.pop(digest_id, None)
            if held is not None:
                held.stop()
            held = None
        if store is None or config is None:
            return None
        if held is None:
            of = store.pipeline.digest(digest_id)
            held = of_device[digest_id] = _Digest(of, store.pipeline, config, self._numbers)
        held.config = config
        return held


def _pipeline(device: Device) -> Pipeline:
    store = device.record.committed
    if store is None:
        raise Refusal(FAILED_PRECONDITION, no_pipeline(device.record.device_id))
    return store.pipeline


def _list_message(held: _Digest, batch: digests.Batch) -> Any:
    message = protos.p4runtime.StreamMessageResponse()
    message.digest.digest_id = held.of.id
    message.digest.list_id = batch.list_id
    message.digest.timestamp = time.time_ns()
    for told in batch.data:
        held.pipeline.digest_data(held.of, told, message.digest.data.add())
    return message
