"""One client of one device over gRPC: arbitration, pipeline, writes, reads; asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self, final

import grpc
import grpc.aio

from p4kube_core import errors, protos
from p4kube_core.switch import arbitration, failures, messages, schema
from p4kube_core.switch.arbitration import Election, Standing
from p4kube_core.switch.values import (
    Atomicity,
    Digests,
    Entity,
    Heard,
    Packet,
    PipelineAction,
    Update,
)

SERVICE: Final = "/p4.v1.P4Runtime"
CHANNEL_OPTIONS: Final = (
    ("grpc.max_send_message_length", 128 << 20),
    ("grpc.max_receive_message_length", 128 << 20),
    # One p4.v1.Error an update comes back as metadata, for which gRPC's own limit is 8 KB.
    ("grpc.max_metadata_size", 16 << 20),
    ("grpc.absolute_max_metadata_size", 16 << 20),
    # A Write whose answer was lost is not to be repeated, not by gRPC either.
    ("grpc.enable_retries", 0),
    # Else a new channel waits as long as the last one to this address had to.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
)


MOST_UNHEARD: Final = 10_000  # packets and digests that nobody asked for yet


@final
class Session:
    """Made by `open_session`; an async context manager. Not for several tasks at once."""

    def __init__(self, channel: grpc.aio.Channel, election: Election, timeout_s: float) -> None:
        self._channel = channel
        self._timeout_s = timeout_s
        self._election = election
        self._changed = asyncio.Condition()
        self._heard: asyncio.Queue[Any] = asyncio.Queue(MOST_UNHEARD)
        self._stream: Any = None
        self._reader: asyncio.Task[None] | None = None
        self._lost: errors.P4KubeError | None = None
        self._schema: schema.Schema | None = None

    @property
    def election(self) -> Election:
        return self._election

    async def become_primary(self, take_over: bool = False) -> None:
        """Stand for election, and wait for the device's answer.

        Args:
            take_over: ask first, and where another client is ahead, stand with a higher id.

        Raises:
            NotPrimary: another client stays primary.
            SwitchUnavailable: no answer in time.
            Refused: the device ended the stream (no such device, election id in use).
        """
        if self._stream is None:
            self._stream = self._method("stream_stream", "StreamChannel", "StreamMessage")()
            self._reader = asyncio.create_task(self._read_stream())
        if take_over:
            await self._stand(arbitration.enquiry(self._election))
            highest = self._election.highest
            if highest is not None and highest >= self._election.election_id:
                self._election = arbitration.raised(self._election)
        await self._stand(arbitration.request(self._election))
        if self._election.standing is Standing.PRIMARY:
            return
        raise errors.NotPrimary(
            f"another client controls device {self._election.device_id} "
            f"(highest election id {self._election.highest})"
        )

    async def set_pipeline(
        self,
        p4info: Any,
        device_config: bytes,
        action: PipelineAction = PipelineAction.VERIFY_AND_COMMIT,
        cookie: int = 0,
    ) -> None:
        """Give the device a pipeline.

        Args:
            p4info: p4.config.v1.P4Info, as a message.
            device_config: the artifact's bytes.
            cookie: 64 bits, given back by get_pipeline.

        Raises:
            Refused: the pipeline cannot be realised; NotPrimary; SwitchUnavailable.
        """
        message = protos.p4runtime.SetForwardingPipelineConfigRequest()
        self._identify(message)
        message.action = message.Action.Value(action)
        if action is not PipelineAction.COMMIT:
            message.config.p4info.CopyFrom(p4info)
            message.config.p4_device_config = device_config
            message.config.cookie.cookie = cookie
        await self._unary("SetForwardingPipelineConfig", message)
        if action not in (PipelineAction.VERIFY, PipelineAction.COMMIT):
            self._schema = schema.from_p4info(p4info)

    async def get_pipeline(self, cookie_only: bool = False) -> Any | None:
        """The device's p4.v1.ForwardingPipelineConfig, or None where it has none."""
        message = protos.p4runtime.GetForwardingPipelineConfigRequest()
        message.device_id = self._election.device_id
        message.response_type = message.COOKIE_ONLY if cookie_only else message.ALL
        answer = await self._unary("GetForwardingPipelineConfig", message)
        return answer.config if answer.HasField("config") else None

    async def schema(self) -> schema.Schema:
        """The index of the device's P4Info, asked for once.

        Raises:
            Refused: the device has no pipeline.
        """
        if self._schema is None:
            config = await self.get_pipeline()
            if config is None:
                what = f"device {self._election.device_id} has no pipeline yet"
                raise failures.Refused(grpc.StatusCode.FAILED_PRECONDITION, what)
            self._schema = schema.from_p4info(config.p4info)
        return self._schema

    async def write(
        self,
        updates: Sequence[Update],
        atomicity: Atomicity = Atomicity.CONTINUE_ON_ERROR,
    ) -> None:
        """Write a batch. The device may reorder it: dependent updates go in separate writes.

        Raises:
            UnknownName, InvalidEntry: before anything is sent.
            WriteRejected: `failures` says which updates were refused; the others hold.
            SwitchUnavailable: the answer was lost; the write may or may not have happened, and
                is not repeated: read before writing again.
        """
        if not updates:
            return
        names = await self.schema()
        await self.write_messages([messages.update_message(names, u) for u in updates], atomicity)

    async def write_messages(
        self, updates: Iterable[Any], atomicity: Atomicity = Atomicity.CONTINUE_ON_ERROR
    ) -> None:
        """Write p4.v1.Update messages as they are; raises as `write`."""
        message = protos.p4runtime.WriteRequest()
        self._identify(message)
        message.atomicity = message.Atomicity.Value(atomicity)
        message.updates.extend(updates)
        await self._unary("Write", message)

    async def read(self, *entities: Entity) -> AsyncIterator[Entity]:
        """Read what the given entities select; parts left out select all.

        Raises:
            WriteRejected: `failures` says which of the given entities cannot be read.
        """
        names = await self.schema()
        wanted = [messages.entity_message(names, entity) for entity in entities]
        async for message in self.read_messages(wanted):
            yield messages.entity_value(names, message)

    async def read_messages(self, entities: Iterable[Any]) -> AsyncIterator[Any]:
        """Read with p4.v1.Entity messages as they are; raises as `read`."""
        message = protos.p4runtime.ReadRequest(device_id=self._election.device_id)
        message.entities.extend(entities)
        call = self._method("unary_stream", "Read", "Read")(message, timeout=self._timeout_s)
        try:
            async for response in call:
                for entity in response.entities:
                    yield entity
        except grpc.aio.AioRpcError as e:
            raise failures.from_rpc(e, "Read") from e

    async def send_packet(self, packet: Packet) -> None:
        """Send a packet into the device; that it could not be sent is heard later.

        Raises:
            SwitchUnavailable: the stream ended.
        """
        await self._say(messages.packet_out_message(await self.schema(), packet))

    async def acknowledge(self, digests: Digests) -> None:
        """Tell the device that digests have arrived; raises as send_packet."""
        await self._say(messages.ack_message(await self.schema(), digests))

    async def hear(self, timeout_s: float) -> Heard | None:
        """The next packet, digests or refusal that came; None if none comes in time."""
        try:
            async with asyncio.timeout(timeout_s):
                message = await self._heard.get()
        except TimeoutError:
            return None
        return messages.heard_value(await self.schema(), message)

    async def _say(self, message: Any) -> None:
        try:
            await self._stream.write(message)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as e:
            raise self._lost or errors.SwitchUnavailable("the device ended the stream") from e

    async def api_version(self) -> str:
        """The P4Runtime version that the device speaks."""
        answer = await self._unary("Capabilities", protos.p4runtime.CapabilitiesRequest())
        version: str = answer.p4runtime_api_version
        return version

    async def close(self) -> None:
        """End the stream, with it this client's standing, and the channel."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        if self._stream is not None:
            self._stream.cancel()
        await self._channel.close(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _identify(self, message: Any) -> None:
        message.device_id = self._election.device_id
        message.role = self._election.role
        arbitration.fill_uint128(message.election_id, self._election.election_id)

    def _method(self, shape: str, name: str, stem: str) -> Any:
        request: Any = getattr(protos.p4runtime, f"{stem}Request")
        response: Any = getattr(protos.p4runtime, f"{stem}Response")
        return getattr(self._channel, shape)(
            f"{SERVICE}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )

    async def _unary(self, name: str, message: Any) -> Any:
        try:
            return await self._method("unary_unary", name, name)(message, timeout=self._timeout_s)
        except grpc.aio.AioRpcError as e:
            raise failures.from_rpc(e, name) from e

    async def _stand(self, request: Any) -> None:
        async with self._changed:
            self._election = replace(self._election, standing=Standing.UNKNOWN)
            try:
                await self._stream.write(request)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await asyncio.sleep(0)  # the reader says why the stream ended
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._changed.wait_for(
                        lambda: self._lost or self._election.standing is not Standing.UNKNOWN
                    )
            except TimeoutError as e:
                raise errors.SwitchUnavailable("no answer to arbitration in time") from e
        if self._lost is not None:
            raise self._lost

    async def _read_stream(self) -> None:
        try:
            async for response in self._stream:
                if response.WhichOneof("update") != "arbitration":
                    if self._heard.full():
                        self._heard.get_nowait()  # the oldest news are the first to go
                    self._heard.put_nowait(response)
                    continue
                async with self._changed:
                    self._election = arbitration.answered(self._election, response.arbitration)
                    self._changed.notify_all()
            self._lost = errors.SwitchUnavailable("the device ended the stream")
        except grpc.aio.AioRpcError as e:
            self._lost = failures.from_rpc(e, "StreamChannel")
        async with self._changed:
            self._changed.notify_all()


def open_session(
    address: str,
    device_id: int,
    *,
    role: str = "",
    election_id: int = 1,
    timeout_s: float = 30.0,
    credentials: grpc.ChannelCredentials | None = None,
) -> Session:
    """Make a session; nothing is sent yet. Reading needs no more, writing needs become_primary.

    Args:
        address: HOST:PORT or unix:PATH.
        timeout_s: deadline of each call.
    """
    if credentials is None:
        channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
    else:
        channel = grpc.aio.secure_channel(address, credentials, options=CHANNEL_OPTIONS)
    return Session(channel, Election(device_id, role, election_id), timeout_s)
