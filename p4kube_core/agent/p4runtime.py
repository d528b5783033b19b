"""The gRPC service p4.v1.P4Runtime: the rim between calls and devices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NoReturn, final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from p4kube_core import protos
from p4kube_core.agent import device, reading
from p4kube_core.agent.events import Events
from p4kube_core.agent.node import Node
from p4kube_core.agent.refusal import FAILED_PRECONDITION, INVALID_ARGUMENT, UNIMPLEMENTED, Refusal
from p4kube_core.agent.streams import Streams

SERVICE: Final = "p4.v1.P4Runtime"
API_VERSION: Final = "1.5.0"
_DETAILS_KEY: Final = "grpc-status-details-bin"
_UNKNOWN: Final[int] = protos.code.UNKNOWN
_ATOMIC: Final[int] = protos.p4runtime.WriteRequest.DATAPLANE_ATOMIC
_GRPC_CODES: Final = {status.value[0]: status for status in grpc.StatusCode}
_Get = protos.p4runtime.GetForwardingPipelineConfigRequest


@final
class P4Runtime:
    """Handlers, one a method."""

    def __init__(self, node: Node, streams: Streams, events: Events) -> None:
        self._node = node
        self._streams = streams
        self._events = events

    async def write(self, request: Any, context: Any) -> Any:
        try:
            async with self._streams.primary(request):
                held = self._node.device(request.device_id)
                if held.record.current is None:
                    raise Refusal(FAILED_PRECONDITION, device.no_pipeline(request.device_id))
                if request.atomicity == _ATOMIC:
                    raise Refusal(
                        UNIMPLEMENTED,
                        "DATAPLANE_ATOMIC is not supported; CONTINUE_ON_ERROR and "
                        "ROLLBACK_ON_ERROR are",
                    )
                refusals = await held.write(request)
                self._events.refresh(request.device_id)
        except Refusal as refusal:
            await _abort(context, refusal)
        if refusals:
            await _abort_batch(context, "Write", len(request.updates), refusals)
        return protos.p4runtime.WriteResponse()

    async def read(self, request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            held = self._node.device(request.device_id)
            async with held.lock:
                store = held.record.current
                if store is None:
                    raise Refusal(FAILED_PRECONDITION, device.no_pipeline(request.device_id))
                sync = held.synced if store is held.record.committed else None
                selection, refusals = await reading.select(
                    store, request.device_id, sync, request.entities
                )
        except Refusal as refusal:
            await _abort(context, refusal)
        for response in reading.responses(selection):
            yield response
        if refusals:
            await _abort_batch(context, "Read", len(request.entities), refusals)

    async def set_pipeline(self, request: Any, context: Any) -> Any:
        try:
            async with self._streams.primary(request):
                held = self._node.device(request.device_id)
                config = request.config if request.HasField("config") else None
                await held.set_pipeline(request.action, config)
                self._events.refresh(request.device_id)
        except Refusal as refusal:
            await _abort(context, refusal)
        return protos.p4runtime.SetForwardingPipelineConfigResponse()

    async def get_pipeline(self, request: Any, context: Any) -> Any:
        answer = protos.p4runtime.GetForwardingPipelineConfigResponse()
        try:
            store = self._node.device(request.device_id).record.current
            if request.response_type not in _Get.ResponseType.values():
                raise Refusal(INVALID_ARGUMENT, f"no response type {request.response_type}")
        except Refusal as refusal:
            await _abort(context, refusal)
        if store is not None:
            answer.config.ParseFromString(store.pipeline.config)
            if request.response_type in (_Get.COOKIE_ONLY, _Get.DEVICE_CONFIG_AND_COOKIE):
                answer.config.ClearField("p4info")
            if request.response_type in (_Get.COOKIE_ONLY, _Get.P4INFO_AND_COOKIE):
                answer.config.ClearField("p4_device_config")
        return answer

    async def capabilities(self, request: Any, context: Any) -> Any:
        if request.device_id:
            try:
                self._node.device(request.device_id)
            except Refusal as refusal:
                await _abort(context, refusal)
        return protos.p4runtime.CapabilitiesResponse(p4runtime_api_version=API_VERSION)


def handler(node: Node, streams: Streams, events: Events) -> grpc.GenericRpcHandler[Any, Any]:
    """The service, for a gRPC server."""
    service = P4Runtime(node, streams, events)
    methods: dict[str, Any] = {
        "Write": _unary(service.write, "Write"),
        "Read": _unary_stream(service.read, "Read"),
        "SetForwardingPipelineConfig": _unary(service.set_pipeline, "SetForwardingPipelineConfig"),
        "GetForwardingPipelineConfig": _unary(service.get_pipeline, "GetForwardingPipelineConfig"),
        "StreamChannel": _stream_stream(streams.serve, "StreamMessage"),
        "Capabilities": _unary(service.capabilities, "Capabilities"),
    }
    return grpc.method_handlers_generic_handler(SERVICE, methods)


# Messages are parsed in the handler, since gRPC answers UNKNOWN when a deserialiser raises.


def _unary(behaviour: Any, stem: str) -> Any:
    request = getattr(protos.p4runtime, f"{stem}Request")

    async def handle(data: bytes, context: Any) -> Any:
        return await behaviour(await _parse(request, data, context), context)

    return grpc.unary_unary_rpc_method_handler(handle, response_serializer=_serialise)


def _unary_stream(behaviour: Any, stem: str) -> Any:
    request = getattr(protos.p4runtime, f"{stem}Request")

    async def handle(data: bytes, context: Any) -> Any:
        async for response in behaviour(await _parse(request, data, context), context):
            yield response

    return grpc.unary_stream_rpc_method_handler(handle, response_serializer=_serialise)


def _stream_stream(behaviour: Any, stem: str) -> Any:
    request = getattr(protos.p4runtime, f"{stem}Request")

    async def handle(messages: AsyncIterator[bytes], context: Any) -> None:
        async def parsed() -> AsyncIterator[Any]:
            async for data in messages:
                yield await _parse(request, data, context)

        await behaviour(parsed(), context)

    return grpc.stream_stream_rpc_method_handler(handle, response_serializer=_serialise)


def _serialise(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data


async def _parse(kind: Any, data: bytes, context: Any) -> Any:
    try:
        return kind.FromString(data)
    except DecodeError as e:
        name = kind.DESCRIPTOR.full_name
        await context.abort(
            grpc.StatusCode.INVALID_ARGUMENT, f"want a {name}, got other bytes: {e}"
        )


async def _abort(context: Any, refusal: Refusal) -> NoReturn:
    await context.abort(_GRPC_CODES[refusal.code], refusal.message)
    raise AssertionError("abort does not return")


async def _abort_batch(
    context: Any, what: str, count: int, refusals: Mapping[int, Refusal]
) -> NoReturn:
    """End a call with one p4.v1.Error for each part of the batch, in order."""
    message = f"{what}: {len(refusals)} of {count} failed"
    status = protos.status.Status(code=_UNKNOWN, message=message)
    for position in range(count):
        error = protos.p4runtime.Error()
        refusal = refusals.get(position)
        if refusal is not None:
            error.canonical_code = refusal.code
            error.message = refusal.message
        status.details.add().Pack(error)
    context.set_trailing_metadata(((_DETAILS_KEY, status.SerializeToString()),))
    await context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError("abort does not return")
