"""What data planes tell unasked, brought to controllers; packets from controllers, brought to them.

One connection a data plane subscribes to its events, and is made anew whenever the data plane is.
What nobody is there to hear is dropped: digests and packets are news, not state.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import struct
import time
from collections.abc import Callable
from typing import Any, Final, final

from p4kube_core import protos
from p4kube_core.agent import control, digests, p4data, packets
from p4kube_core.agent.control import DataplaneLost, DataplaneRefused
from p4kube_core.agent.device import Device, no_pipeline
from p4kube_core.agent.keeper import Keeper
from p4kube_core.agent.node import Node
from p4kube_core.agent.pipeline import Pipeline
from p4kube_core.agent.refusal import (
    FAILED_PRECONDITION,
    INTERNAL,
    NOT_FOUND,
    UNAVAILABLE,
    Refusal,
    listed,
)
from p4kube_core.model import artifact

log = logging.getLogger(__name__)

_LENGTH: Final = struct.Struct(">H")
CPU: Final = "cpu"  # the kind of port that leads to controllers
_AGAIN_S: Final = 0.2


@final
class Events:
    """Of all devices. `tell` sends a p4.v1.StreamMessageResponse to a device's primary."""

    def __init__(self, node: Node) -> None:
        self.tell: Callable[[int, Any], bool] = lambda _device, _message: False
        self._node = node
        self._lists: dict[tuple[int, int], digests.Lists] = {}  # by device and digest id
        self._timers: dict[tuple[int, int], asyncio.TimerHandle] = {}

    async def listen(self, keeper: Keeper) -> None:
        """Hear a data plane's events until cancelled."""
        while True:
            try:
                async for event, blob in control.events(await keeper.socket()):
                    self._take(event, blob)
            except (OSError, DataplaneLost, DataplaneRefused) as e:
                log.debug("no events from the data plane of target %s: %s", keeper.target, e)
            await asyncio.sleep(_AGAIN_S)

    def forget(self, device_id: int) -> None:
        """A device was taken away."""
        for key in [key for key in self._lists if key[0] == device_id]:
            del self._lists[key]
            timer = self._timers.pop(key, None)
            if timer is not None:
                timer.cancel()

    async def packet_out(self, device_id: int, message: Any) -> None:
        """Send a p4.v1.PacketOut into a device.

        Raises:
            Refusal: it cannot be sent.
        """
        device = self._node.device(device_id)
        pipeline = _pipeline(device)
        if not any(port.kind == CPU for port in device.record.ports):
            raise Refusal(
                FAILED_PRECONDITION,
                f"device {device_id} has no port for controllers; want one of kind cpu, such as "
                "`{port: 510, cpu: true}` in its NetworkFunction",
            )
        data = packets.packed(packets.header(pipeline.manifest, "packet_out"), message)
        try:
            async with device.lock:
                plane = await device.synced()
            await plane.call("packet_out", _LENGTH.pack(len(data)) + data, device=device_id)
        except DataplaneLost as e:
            raise Refusal(UNAVAILABLE, str(e)) from e
        except DataplaneRefused as e:
            raise Refusal(INTERNAL, f"the data plane refused: {e.message}") from e

    def acknowledge(self, device_id: int, ack: Any) -> None:
        """Take a p4.v1.DigestListAck.

        Raises:
            Refusal: of a digest or a list that is not.
        """
        manifest = _pipeline(self._node.device(device_id)).manifest
        if ack.digest_id not in {digest.id for digest in manifest.digests}:
            known = listed(f"{d.name} ({d.id})" for d in manifest.digests)
            raise Refusal(NOT_FOUND, f"no digest {ack.digest_id}; digests: {known}")
        self._lists.setdefault((device_id, ack.digest_id), digests.Lists()).acknowledge(ack.list_id)

    # --- from the data plane

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
                self._digests(device, manifest.digests[event["digest"]], blob)
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

    def _digests(self, device: Device, digest: artifact.Digest, blob: bytes) -> None:
        store = device.record.committed
        config = store.digests.get(digest.id) if store is not None else None
        if config is None:
            return
        key = (device.record.device_id, digest.id)
        lists = self._lists.setdefault(key, digests.Lists())
        size = digest.data_bytes
        data = (blob[at : at + size] for at in range(0, len(blob), size)) if size else iter(())
        lists.take(config, data, time.monotonic_ns())
        self._send(key)

    def _send(self, key: tuple[int, int]) -> None:
        """Send the lists of a digest that are due, and come back for the others."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        device = self._node.devices.get(key[0])
        store = device.record.committed if device is not None else None
        config = store.digests.get(key[1]) if store is not None else None
        lists = self._lists.get(key)
        if store is None or config is None or lists is None:
            return
        for batch in lists.due(config, time.monotonic_ns()):
            try:
                message = _list_message(store.pipeline, key[1], batch)
            except Refusal as refusal:
                log.warning("digests were lost: device=%d: %s", key[0], refusal.message)
                continue
            self.tell(key[0], message)
        wait_ns = lists.wait_ns(config, time.monotonic_ns())
        if wait_ns is not None:
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_later(wait_ns / 1e9, self._send, key)


def _pipeline(device: Device) -> Pipeline:
    store = device.record.committed
    if store is None:
        raise Refusal(FAILED_PRECONDITION, no_pipeline(device.record.device_id))
    return store.pipeline


def _list_message(pipeline: Pipeline, digest_id: int, batch: digests.Batch) -> Any:
    message = protos.p4runtime.StreamMessageResponse()
    message.digest.digest_id = digest_id
    message.digest.list_id = batch.list_id
    message.digest.timestamp = time.time_ns()
    digest = next(d for d in pipeline.manifest.digests if d.id == digest_id)
    spec, types = pipeline.digest_type(digest_id)
    for data in batch.data:
        leaves = (
            (f.width, int.from_bytes(data[f.offset : f.offset + f.bytes], "big"))
            for f in digest.fields
        )
        # What P4Info has more of than the data plane tells is zero.
        padded = itertools.chain(leaves, itertools.repeat((1, 0)))
        p4data.fill(message.digest.data.add(), spec, types, padded)
    return message
