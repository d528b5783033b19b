"""StreamChannel: arbitration over gRPC streams, and who may write; the rim around elections.py."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, final

import grpc

from p4kube_core import protos
from p4kube_core.agent.channel import Channel, Seat
from p4kube_core.agent.elections import OK, Election, Notice
from p4kube_core.agent.events import Events
from p4kube_core.agent.node import Node
from p4kube_core.agent.refusal import (
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    NOT_FOUND,
    PERMISSION_DENIED,
    UNIMPLEMENTED,
    Refusal,
    listed,
)

_SENTENCES: Final = {
    OK: "you are primary",
    protos.code.ALREADY_EXISTS: "another controller is primary",
    protos.code.NOT_FOUND: "no controller is primary",
}
_MOST_ECHOED_BYTES: Final = 1 << 20
"""Of a refused message; clients of gRPC take 4 MiB unless told others, and lose the stream else."""


@final
class _Office:
    """One device and role: who stands for it, and the writes of its primary under way."""

    def __init__(self, highest: int | None) -> None:
        self.election = Election(highest)
        self.lock = asyncio.Lock()  # held from `stand` to `settle`
        self.writes = 0
        self.idle = asyncio.Event()
        self.idle.set()


@final
class Streams:
    """Every open StreamChannel of this agent."""

    def __init__(self, node: Node, events: Events) -> None:
        self._node = node
        self._events = events
        events.tell = self.tell
        self._numbers = itertools.count(1)
        self._streams: dict[int, Channel] = {}
        self._offices: dict[Seat, _Office] = {}

    async def serve(self, requests: AsyncIterator[Any], context: Any) -> None:
        """Handle one StreamChannel from its first message to its end."""
        stream = Channel(next(self._numbers))
        self._streams[stream.number] = stream
        sender = asyncio.create_task(stream.send_all(context))
        receiver = asyncio.create_task(self._receive_all(stream, requests))
        try:
            await asyncio.wait((receiver, stream.ended), return_when=asyncio.FIRST_COMPLETED)
            if stream.ended.done():
                raise stream.ended.result()
            await receiver
            await stream.farewell(sender)
        except Refusal as refusal:
            await stream.farewell(sender)
            await context.abort(_status(refusal.code), refusal.message)
        finally:
            receiver.cancel()
            sender.cancel()
            del self._streams[stream.number]
            await asyncio.shield(self._leave(stream))

    @asynccontextmanager
    async def primary(self, request: Any) -> AsyncIterator[None]:
        """Let a Write or SetForwardingPipelineConfig in, and be counted until it ends.

        Raises:
            Refusal: NOT_FOUND or PERMISSION_DENIED, checked in the specification's order.
        """
        self._node.device(request.device_id)
        if request.role_id:
            raise Refusal(INVALID_ARGUMENT, "role_id is deprecated; want role, a name")
        office = self._office((request.device_id, request.role))
        if office is None:
            roles = [role for device, role in self._offices if device == request.device_id and role]
            raise Refusal(
                NOT_FOUND,
                f"no controller of device {request.device_id} has role {request.role!r}; "
                f"roles: the default one, {listed(roles)}",
            )
        given = uint128(request.election_id) if request.HasField("election_id") else None
        if not office.election.is_primary(given):
            raise Refusal(PERMISSION_DENIED, _not_primary(office.election, given))
        office.writes += 1
        office.idle.clear()
        try:
            yield
        finally:
            office.writes -= 1
            if not office.writes:
                office.idle.set()

    def forget(self, device_id: int) -> None:
        """End the streams of a device that was taken away, and what was known of its roles."""
        for stream in self._streams.values():
            if stream.seat is not None and stream.seat[0] == device_id:
                stream.end(Refusal(NOT_FOUND, "the device was removed"))
        for seat in [seat for seat in self._offices if seat[0] == device_id]:
            del self._offices[seat]
        self._events.forget(device_id)

    def tell(self, device_id: int, message: Any) -> bool:
        """Send news to the primary of a device's default role; say whether it will hear them."""
        office = self._offices.get((device_id, ""))
        primary = office.election.primary if office is not None else None
        stream = self._streams.get(primary) if primary is not None else None
        return stream is not None and stream.offer(message)

    # --- one message

    async def _receive_all(self, stream: Channel, requests: AsyncIterator[Any]) -> None:
        async for request in requests:
            await self._receive(stream, request)

    async def _receive(self, stream: Channel, request: Any) -> None:
        match request.WhichOneof("update"):
            case "arbitration":
                await self._arbitrate(stream, request.arbitration)
            case "packet":
                try:
                    device_id = self._device_of_primary(stream)
                    await self._events.packet_out(device_id, request.packet)
                except Refusal as refusal:
                    error = _stream_error(refusal.message, refusal.code)
                    error.error.packet_out.SetInParent()
                    if request.packet.ByteSize() <= _MOST_ECHOED_BYTES:
                        error.error.packet_out.packet_out.CopyFrom(request.packet)
                    stream.put(error)
            case "digest_ack":
                try:
                    device_id = self._device_of_primary(stream)
                    self._events.acknowledge(device_id, request.digest_ack)
                except Refusal as refusal:
                    error = _stream_error(refusal.message, refusal.code)
                    error.error.digest_list_ack.digest_list_ack.CopyFrom(request.digest_ack)
                    stream.put(error)
            case "other":
                error = _stream_error("no other stream message is known to this agent")
                error.error.other.SetInParent()
                if request.other.ByteSize() <= _MOST_ECHOED_BYTES:
                    error.error.other.other.CopyFrom(request.other)
                stream.put(error)
            case _:
                error = _stream_error("want an update in the message, found none")
                error.error.canonical_code = INVALID_ARGUMENT
                error.error.other.SetInParent()
                stream.put(error)

    def _device_of_primary(self, stream: Channel) -> int:
        """The device that the sender of a message is primary of.

        Raises:
            Refusal: FAILED_PRECONDITION, PERMISSION_DENIED or NOT_FOUND.
        """
        if stream.seat is None:
            raise Refusal(FAILED_PRECONDITION, "want arbitration before any other message")
        self._node.device(stream.seat[0])
        office = self._offices.get(stream.seat)
        if office is None or office.election.primary != stream.number:
            raise Refusal(PERMISSION_DENIED, "only the primary may send this; you are not")
        return stream.seat[0]

    async def _arbitrate(self, stream: Channel, arbitration: Any) -> None:
        role = arbitration.role.name
        seat = (arbitration.device_id, role)
        if stream.seat is None:
            self._node.device(arbitration.device_id)
        elif stream.seat[0] != arbitration.device_id:
            raise Refusal(
                FAILED_PRECONDITION,
                f"this stream is for device {stream.seat[0]}, not {arbitration.device_id}; "
                "want a stream for each device",
            )
        elif stream.seat[1] != role:
            raise Refusal(
                FAILED_PRECONDITION,
                f"this stream is for role {stream.seat[1]!r}, not {role!r}; "
                "want a stream for each role",
            )
        if arbitration.role.HasField("config"):
            raise Refusal(INVALID_ARGUMENT, "want no role.config: every role has the full pipeline")
        if arbitration.role.id:
            raise Refusal(INVALID_ARGUMENT, "role.id is deprecated; want role.name")
        given = None
        if arbitration.HasField("election_id"):
            given = uint128(arbitration.election_id)
        office = self._office(seat) or self._offices.setdefault(seat, _Office(None))
        async with office.lock:
            before = office.election.highest
            notices = office.election.stand(stream.number, given)
            stream.seat = seat
            self._notify(seat, notices)
            await office.idle.wait()
            if office.election.highest is not None and office.election.highest != before:
                device = self._node.device(arbitration.device_id)
                await device.remember_election(role, office.election.highest)
            settled = office.election.settle()
            self._notify(seat, settled)
            if settled and not role:
                self._events.greet(arbitration.device_id)

    async def _leave(self, stream: Channel) -> None:
        office = self._offices.get(stream.seat) if stream.seat is not None else None
        if stream.seat is not None and office is not None:
            async with office.lock:
                self._notify(stream.seat, office.election.leave(stream.number))

    def _office(self, seat: Seat) -> _Office | None:
        """An office that is known; the default role's always is."""
        office = self._offices.get(seat)
        if office is None:
            highest = self._node.device(seat[0]).record.elections.get(seat[1])
            if highest is None and seat[1]:
                return None
            office = self._offices[seat] = _Office(highest)
        return office

    def _notify(self, seat: Seat, notices: list[Notice]) -> None:
        for notice in notices:
            stream = self._streams.get(notice.stream)
            if stream is not None:
                stream.put(_notice_message(seat, notice))


def uint128(message: Any) -> int:
    value: int = message.high << 64 | message.low
    return value


def _notice_message(seat: Seat, notice: Notice) -> Any:
    message = protos.p4runtime.StreamMessageResponse()
    arbitration = message.arbitration
    arbitration.device_id = seat[0]
    if seat[1]:
        arbitration.role.name = seat[1]
    if notice.highest is not None:
        arbitration.election_id.SetInParent()
        arbitration.election_id.high = notice.highest >> 64
        arbitration.election_id.low = notice.highest & (1 << 64) - 1
    arbitration.status.code = notice.status
    arbitration.status.message = _SENTENCES[notice.status]
    return message


def _stream_error(sentence: str, code: int = UNIMPLEMENTED) -> Any:
    message = protos.p4runtime.StreamMessageResponse()
    message.error.canonical_code = code
    message.error.message = sentence
    return message


def _not_primary(election: Election, given: int | None) -> str:
    if given is None:
        return "want the primary's election_id, found none"
    if election.primary is None:
        return "no controller is primary; want arbitration on a StreamChannel first"
    return f"election id {given} is not the primary's, which is {election.highest}"


def _status(code: int) -> grpc.StatusCode:
    return next(status for status in grpc.StatusCode if status.value[0] == code)
