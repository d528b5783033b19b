"""A P4Runtime client for tests alone, as bare as can be: it shares no code with p4kube's own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import grpc

from p4kube_core import protos

p4 = protos.p4runtime
code = protos.code
TIMEOUT_S = 20.0
SERVICE = "/p4.v1.P4Runtime"


def method(channel: grpc.Channel, shape: str, name: str, stem: str = "") -> Any:
    request: Any = getattr(p4, f"{stem or name}Request")
    response: Any = getattr(p4, f"{stem or name}Response")
    return getattr(channel, shape)(
        f"{SERVICE}/{name}",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )


def connect(address: str) -> grpc.Channel:
    options = (
        ("grpc.max_metadata_size", 16 << 20),
        ("grpc.absolute_max_metadata_size", 16 << 20),
        # Else a new channel waits as long as the last one to this address had to.
        ("grpc.use_local_subchannel_pool", 1),
    )
    return grpc.insecure_channel(address, options=options)


@dataclass(frozen=True)
class Failure:
    """How a call ended: gRPC's code and message, and those of each part of its batch."""

    code: int
    message: str
    details: tuple[tuple[int, str], ...] = ()


def failure(call: Callable[[], Any]) -> Failure:
    """Make a call that has to fail."""
    try:
        call()
    except grpc.RpcError as e:
        return of_error(e)
    raise AssertionError("the call succeeded")


def of_error(error: Any) -> Failure:
    details = []
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for packed in protos.status.Status.FromString(value).details:
                part = p4.Error()
                assert packed.Unpack(part)
                details.append((part.canonical_code, part.message))
    return Failure(error.code().value[0], error.details(), tuple(details))


class Stream:
    """A StreamChannel; what the server sends is queued, its end is None in the queue."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._requests: queue.Queue[Any] = queue.Queue()
        self.responses: queue.Queue[Any] = queue.Queue()
        self.ended: Failure | None = None
        self._call = method(channel, "stream_stream", "StreamChannel", "StreamMessage")(
            iter(self._requests.get, None)
        )
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def send(self, message: Any) -> None:
        self._requests.put(message)

    def arbitrate(
        self, device_id: int, election_id: int | None, role: str = "", **rest: Any
    ) -> None:
        message = p4.StreamMessageRequest()
        message.arbitration.device_id = device_id
        if role:
            message.arbitration.role.name = role
        if election_id is not None:
            fill(message.arbitration.election_id, election_id)
        for key, value in rest.items():
            getattr(message.arbitration.role, key).CopyFrom(value)
        self.send(message)

    def notice(self) -> tuple[int, int | None]:
        """The next arbitration notice: status code and highest election id."""
        response = self.responses.get(timeout=TIMEOUT_S)
        assert response is not None, self.ended
        assert response.WhichOneof("update") == "arbitration"
        held = response.arbitration
        highest = held.election_id.high << 64 | held.election_id.low
        return held.status.code, highest if held.HasField("election_id") else None

    def end(self) -> Failure:
        """Wait until the server ends the stream."""
        while self.responses.get(timeout=TIMEOUT_S) is not None:
            pass
        assert self.ended is not None
        return self.ended

    def quiet(self) -> bool:
        """Say whether nothing is waiting to be read; what was asked for has been answered."""
        return self.responses.empty()

    def close(self) -> None:
        self._requests.put(None)
        self._call.cancel()
        self._thread.join(TIMEOUT_S)

    def _receive(self) -> None:
        try:
            for response in self._call:
                self.responses.put(response)
            self.ended = Failure(0, "")
        except grpc.RpcError as e:
            self.ended = of_error(e)
        self.responses.put(None)


def fill(message: Any, value: int) -> None:
    message.SetInParent()
    message.high, message.low = value >> 64, value & (1 << 64) - 1


class Controller:
    """One client of one device; becomes primary when made, unless told not to."""

    def __init__(
        self,
        channel: grpc.Channel,
        device_id: int,
        election_id: int | None = 1,
        role: str = "",
        primary: bool = True,
    ) -> None:
        self.channel = channel
        self.device_id = device_id
        self.election_id = election_id
        self.role = role
        self.stream = Stream(channel)
        if primary:
            self.stream.arbitrate(device_id, election_id, role)
            assert self.stream.notice()[0] == code.OK

    def call(self, name: str, request: Any) -> Any:
        return method(self.channel, "unary_unary", name)(request, timeout=TIMEOUT_S)

    def identify(self, request: Any) -> Any:
        request.device_id = self.device_id
        request.role = self.role
        if self.election_id is not None:
            fill(request.election_id, self.election_id)
        return request

    def set_pipeline(self, config: Any | None, action: str = "VERIFY_AND_COMMIT") -> None:
        request = self.identify(p4.SetForwardingPipelineConfigRequest())
        request.action = request.Action.Value(action)
        if config is not None:
            request.config.CopyFrom(config)
        self.call("SetForwardingPipelineConfig", request)

    def get_pipeline(self, response_type: str = "ALL") -> Any:
        request = p4.GetForwardingPipelineConfigRequest(device_id=self.device_id)
        request.response_type = request.ResponseType.Value(response_type)
        return self.call("GetForwardingPipelineConfig", request)

    def write(self, *updates: Any, atomicity: str = "CONTINUE_ON_ERROR") -> None:
        request = self.identify(p4.WriteRequest())
        request.atomicity = request.Atomicity.Value(atomicity)
        request.updates.extend(updates)
        self.call("Write", request)

    def insert(self, *entries: Any) -> None:
        self.write(*(update("INSERT", entry) for entry in entries))

    def modify(self, *entries: Any) -> None:
        self.write(*(update("MODIFY", entry) for entry in entries))

    def delete(self, *entries: Any) -> None:
        self.write(*(update("DELETE", entry) for entry in entries))

    def read_responses(self, *wanted: Any) -> list[Any]:
        request = p4.ReadRequest(device_id=self.device_id)
        request.entities.extend(entity(one) for one in wanted)
        return list(method(self.channel, "unary_stream", "Read")(request, timeout=TIMEOUT_S))

    def read(self, *wanted: Any) -> list[Any]:
        """What is found, each as its own message (TableEntry, CounterEntry, ...)."""
        return [
            getattr(one, one.WhichOneof("entity"))
            for response in self.read_responses(*wanted)
            for one in response.entities
        ]

    def close(self) -> None:
        self.stream.close()


_SORTS = {
    "TableEntry": "table_entry",
    "CounterEntry": "counter_entry",
    "DirectCounterEntry": "direct_counter_entry",
    "MeterEntry": "meter_entry",
    "DirectMeterEntry": "direct_meter_entry",
    "RegisterEntry": "register_entry",
    "ActionProfileMember": "action_profile_member",
}


def entity(message: Any) -> Any:
    made = p4.Entity()
    name = message.DESCRIPTOR.name
    if name == "Entity":
        return message
    getattr(made, _SORTS[name]).CopyFrom(message)
    return made


def update(kind: str, message: Any) -> Any:
    made = p4.Update(type=p4.Update.Type.Value(kind))
    made.entity.CopyFrom(entity(message))
    return made


# --- messages


def number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")


def exact(field: int, value: int | bytes) -> Any:
    match = p4.FieldMatch(field_id=field)
    match.exact.value = value if isinstance(value, bytes) else number(value)
    return match


def lpm(field: int, value: int, prefix: int) -> Any:
    match = p4.FieldMatch(field_id=field)
    match.lpm.value, match.lpm.prefix_len = number(value), prefix
    return match


def ternary(field: int, value: int, mask: int) -> Any:
    match = p4.FieldMatch(field_id=field)
    match.ternary.value, match.ternary.mask = number(value), number(mask)
    return match


def optional(field: int, value: int) -> Any:
    match = p4.FieldMatch(field_id=field)
    match.optional.value = number(value)
    return match


def span(field: int, low: int, high: int) -> Any:
    match = p4.FieldMatch(field_id=field)
    match.range.low, match.range.high = number(low), number(high)
    return match


def rates(cir: int, cburst: int, pir: int, pburst: int, **rest: int) -> Any:
    return p4.MeterConfig(cir=cir, cburst=cburst, pir=pir, pburst=pburst, **rest)


def entry(
    table: int,
    matches: Iterable[Any] = (),
    action: int | None = None,
    params: Iterable[int | bytes] = (),
    **rest: Any,
) -> Any:
    """A TableEntry; parameters in order of their ids from 1."""
    made = p4.TableEntry(table_id=table, **rest)
    made.match.extend(matches)
    if action is not None:
        made.action.action.action_id = action
        for param_id, value in enumerate(params, 1):
            raw = value if isinstance(value, bytes) else number(value)
            made.action.action.params.add(param_id=param_id, value=raw)
    return made
