"""Random and mutated requests: each is answered, by a sentence, and the agent lives on."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from p4kube_core.agent import client
from tests.conformance.p4runtime.conftest import Target
from tests.conformance.p4runtime.controller import (
    SERVICE,
    Controller,
    Failure,
    Stream,
    code,
    entry,
    exact,
    lpm,
    of_error,
    optional,
    p4,
    ternary,
    update,
)
from tests.unit.agent import program

ROUNDS = 400
HOST = entry(program.HOSTS, [exact(1, 1), exact(2, 1)], program.FORWARD, [3])
TABLES = [table.id for table in program.TABLES]
IDS = [*TABLES, 0, 1, 4711, (1 << 32) - 1]


def number(choose: random.Random) -> bytes:
    return choose.randbytes(choose.choice([0, 1, 1, 2, 4, 4, 6, 16, 17, 300]))


def match(choose: random.Random) -> Any:
    made = p4.FieldMatch(field_id=choose.choice([0, 1, 1, 2, 2, 3, 4, 5, 9, (1 << 32) - 1]))
    kind = choose.choice(["exact", "ternary", "lpm", "range", "optional", "other", ""])
    if kind in ("exact", "optional"):
        getattr(made, kind).value = number(choose)
    elif kind == "ternary":
        made.ternary.value, made.ternary.mask = number(choose), number(choose)
    elif kind == "lpm":
        made.lpm.value = number(choose)
        made.lpm.prefix_len = choose.choice([0, 1, 8, 32, 33, -1, (1 << 31) - 1, -(1 << 31)])
    elif kind == "range":
        made.range.low, made.range.high = number(choose), number(choose)
    elif kind == "other":
        made.other.type_url = "x"
    return made


def table_entry(choose: random.Random) -> Any:
    made = p4.TableEntry(table_id=choose.choice(IDS))
    for _ in range(choose.randrange(5)):
        made.match.append(match(choose))
    if choose.random() < 0.7:
        made.action.action.action_id = choose.choice(
            [program.NO_ACTION, program.FORWARD, program.REWRITE, program.DENY, 0, 77]
        )
        for _ in range(choose.randrange(4)):
            made.action.action.params.add(param_id=choose.randrange(4), value=number(choose))
    elif choose.random() < 0.3:
        made.action.action_profile_group_id = 5
    made.priority = choose.choice([0, 0, 1, 5, -1, (1 << 31) - 1])
    made.is_default_action = choose.random() < 0.2
    made.is_const = choose.random() < 0.05
    if choose.random() < 0.2:
        made.counter_data.packet_count = choose.choice([0, 5, -1, (1 << 63) - 1])
    if choose.random() < 0.1:
        made.metadata = number(choose)
    if choose.random() < 0.05:
        made.idle_timeout_ns = -1
    return made


NUMBERS = [0, 1, 5, -1, (1 << 31) - 1, (1 << 63) - 1, -(1 << 63)]
REGISTERS = [program.CELLS, program.WIDE_CELLS, program.WIDEST_CELLS, 0, 5]


def rates(choose: random.Random) -> Any:
    made = p4.MeterConfig()
    for name in ("cir", "cburst", "pir", "pburst"):
        setattr(made, name, choose.choice(NUMBERS))
    if choose.random() < 0.1:
        made.eburst = choose.choice(NUMBERS)
    return made


def index(choose: random.Random, made: Any) -> None:
    if choose.random() < 0.8:
        made.index.index = choose.choice([0, 3, 15, 16, 63, 64, *NUMBERS])


def p4data(choose: random.Random, made: Any, depth: int = 0) -> None:
    kind = choose.choice(["bitstring", "bool", "tuple", "header", "varbit", "enum_value", "", ""])
    if kind in ("bitstring", "enum_value"):
        setattr(made, kind, number(choose))
    elif kind == "bool":
        made.bool = choose.random() < 0.5
    elif kind == "tuple" and depth < 3:
        for _ in range(choose.randrange(3)):
            p4data(choose, made.tuple.members.add(), depth + 1)
    elif kind == "header":
        made.header.bitstrings.append(number(choose))
    elif kind == "varbit":
        made.varbit.bitwidth = choose.choice([0, -1, 7])


def state(choose: random.Random, made: Any) -> None:
    """Fill an entity with one of a meter, a direct meter, a register or a digest."""
    match choose.randrange(4):
        case 0:
            held = made.meter_entry
            held.meter_id = choose.choice([program.SHAPER, program.SPANS_METER, 0, 5])
            index(choose, held)
            if choose.random() < 0.7:
                held.config.CopyFrom(rates(choose))
            if choose.random() < 0.1:
                held.counter_data.SetInParent()
        case 1:
            held = made.direct_meter_entry
            held.table_entry.CopyFrom(table_entry(choose))
            if choose.random() < 0.7:
                held.config.CopyFrom(rates(choose))
        case 2:
            held = made.register_entry
            held.register_id = choose.choice(REGISTERS)
            index(choose, held)
            p4data(choose, held.data)
        case _:
            held = made.digest_entry
            held.digest_id = choose.choice([program.SEEN, program.SEEN, 0, 5])
            for name in ("max_timeout_ns", "ack_timeout_ns"):
                setattr(held.config, name, choose.choice(NUMBERS))
            held.config.max_list_size = choose.choice([0, 1, -1, (1 << 31) - 1])


def an_entity(choose: random.Random) -> Any:
    made = p4.Entity()
    kind = choose.randrange(14)
    if kind < 6:
        made.table_entry.CopyFrom(table_entry(choose))
    elif kind == 6:
        made.counter_entry.counter_id = choose.choice([program.PORTS, 0, 5])
        if choose.random() < 0.8:
            made.counter_entry.index.index = choose.choice([0, 511, 512, -1, (1 << 63) - 1])
        if choose.random() < 0.5:
            made.counter_entry.data.byte_count = choose.choice([0, -5, (1 << 63) - 1])
    elif kind == 7:
        made.direct_counter_entry.table_entry.CopyFrom(table_entry(choose))
        if choose.random() < 0.5:
            made.direct_counter_entry.data.SetInParent()
    elif kind == 8:
        getattr(made, choose.choice(["meter_entry", "digest_entry", "extern_entry"])).SetInParent()
    elif kind < 13:
        state(choose, made)
    return made


def answered(call: Callable[[], Any]) -> Failure | None:
    """How a call ended; never by a fault of the agent."""
    try:
        call()
    except grpc.RpcError as e:
        found = of_error(e)
        assert found.code not in (code.UNAVAILABLE, code.DEADLINE_EXCEEDED, code.CANCELLED), found
        if found.code == code.UNKNOWN:
            assert found.details, found
            assert all(message for one, message in found.details if one != code.OK)
            assert all(one != code.INTERNAL for one, _ in found.details), found
        return found
    return None


@pytest.fixture
def alive(target: Target, primary: Controller) -> Any:
    """The primary; afterwards the same agent still works, and never lost its data plane."""
    pid = target.wanted.pid_file.read_text()
    yield primary
    assert target.wanted.pid_file.read_text() == pid
    with target.admin() as admin:
        assert admin.status()["dataplanes"]["dpdk"]["restarts"] == 0
    primary.set_pipeline(target.config())
    primary.insert(HOST)
    assert primary.read(HOST) == [HOST]


@pytest.mark.parametrize("seed", range(3))
def test_random_writes(alive: Controller, seed: int) -> None:
    choose = random.Random(seed)
    for _ in range(ROUNDS):
        updates = [
            p4.Update(type=choose.choice([0, 1, 1, 1, 2, 3]), entity=an_entity(choose))
            for _ in range(choose.randrange(8))
        ]
        atomicity = choose.choice(["CONTINUE_ON_ERROR", "ROLLBACK_ON_ERROR"])
        found = answered(lambda u=updates, a=atomicity: alive.write(*u, atomicity=a))  # type: ignore[misc]
        if found is not None:
            assert len(found.details) == len(updates)


@pytest.mark.parametrize("seed", range(3))
def test_random_reads(alive: Controller, seed: int) -> None:
    choose = random.Random(seed)
    for _ in range(ROUNDS):
        wanted = [an_entity(choose) for _ in range(choose.randrange(4))]
        found = answered(lambda w=wanted: alive.read(*w))  # type: ignore[misc]
        if found is not None:
            assert len(found.details) == len(wanted)


def mutated(choose: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(choose.randrange(1, 6)):
        position = choose.randrange(len(changed))
        match choose.randrange(4):
            case 0:
                changed[position] ^= 1 << choose.randrange(8)
            case 1:
                changed[position] = choose.randrange(256)
            case 2:
                del changed[position : position + choose.randrange(1, 9)]
            case _:
                changed[position:position] = choose.randbytes(choose.randrange(1, 9))
        changed = changed or bytearray(b"\0")
    return bytes(changed)


def raw(channel: grpc.Channel, name: str) -> Any:
    unary: Any = channel.unary_unary(f"{SERVICE}/{name}", bytes, bytes)
    return unary


@pytest.mark.parametrize("seed", range(3))
def test_mutated_writes(alive: Controller, seed: int) -> None:
    choose = random.Random(seed)
    rule = entry(
        program.ACL,
        [ternary(1, 5, 0xFF), exact(3, 6), optional(4, 80), lpm(5, 0x80000, 1)],
        program.FORWARD,
        [1],
        priority=3,
    )
    request = alive.identify(p4.WriteRequest())
    request.updates.extend([update("INSERT", HOST), update("INSERT", rule), update("DELETE", HOST)])
    for _ in range(6):
        state(choose, request.updates.add(type=p4.Update.MODIFY).entity)
    data = request.SerializeToString()
    call = raw(alive.channel, "Write")
    for _ in range(ROUNDS):
        changed = mutated(choose, data)
        answered(lambda d=changed: call(d, timeout=20))  # type: ignore[misc]


def test_mutated_pipelines(target: Target, alive: Controller) -> None:
    """Of the artifact's manifest and structure; a mutated object is the data plane's to refuse."""
    choose = random.Random(5)
    config = target.config()
    artifact = config.p4_device_config
    cut = artifact.index(b"program.c") - 30
    for _ in range(100):
        config.p4_device_config = mutated(choose, artifact[:cut]) + artifact[cut:]
        found = answered(lambda: alive.set_pipeline(config, "VERIFY"))
        assert found is None or found.code == code.INVALID_ARGUMENT


@pytest.fixture
def cpu(target: Target, device: int) -> None:
    """The device has a port for controllers, so that packets of theirs are looked at."""
    with target.admin() as admin:
        admin.put_device(device, f"test-{device}", [client.Port(510, "cpu")])


def stream_message(choose: random.Random, device: int) -> Any:
    made = p4.StreamMessageRequest()
    match choose.randrange(6):
        case 0 | 1:
            made.packet.payload = choose.randbytes(choose.choice([0, 1, 60, 1500, 9000, 70_000]))
            for _ in range(choose.randrange(3)):
                number_of = choose.choice([0, 1, 1, 102, 7, (1 << 32) - 1])
                made.packet.metadata.add(metadata_id=number_of, value=number(choose))
        case 2:
            made.digest_ack.digest_id = choose.choice([program.SEEN, 0, 5])
            made.digest_ack.list_id = choose.choice([0, 1, (1 << 64) - 1])
        case 3:
            made.arbitration.device_id = choose.choice([0, device, device + 1])
            made.arbitration.role.name = choose.choice(["", "a", "b"])
            made.arbitration.role.id = choose.choice([0, 0, 0, 5])
            # Below the primary's, so that it stays primary.
            made.arbitration.election_id.low = 0
        case 4:
            made.other.type_url = "x"
        case _:
            pass
    return made


@pytest.mark.usefixtures("cpu")
def test_random_stream_messages(target: Target, device: int, alive: Controller) -> None:
    choose = random.Random(3)
    for _ in range(100):
        stream = Stream(target.channel)
        for _ in range(choose.randrange(1, 5)):
            stream.send(stream_message(choose, device))
        stream.close()


@pytest.mark.usefixtures("cpu")
def test_random_stream_messages_of_the_primary(device: int, alive: Controller) -> None:
    choose = random.Random(4)
    wanted = p4.Entity()
    wanted.digest_entry.digest_id = program.SEEN
    alive.insert(wanted)
    sent = [stream_message(choose, device) for _ in range(ROUNDS)]
    for message in sent:
        if message.WhichOneof("update") != "arbitration":
            alive.stream.send(message)
    # Each is looked at in its turn: this is answered when all before it were.
    alive.stream.arbitrate(device, alive.election_id)
    while (heard := alive.stream.responses.get(timeout=20)) is not None:
        if heard.WhichOneof("update") == "arbitration":
            assert heard.arbitration.status.code == code.OK
            return
        assert heard.error.message
        assert heard.error.canonical_code not in (code.OK, code.UNKNOWN, code.INTERNAL), heard
        assert heard.error.WhichOneof("details")
    raise AssertionError(alive.stream.ended)


@pytest.mark.usefixtures("cpu")
def test_mutated_stream_messages(target: Target, device: int, alive: Controller) -> None:
    """Each on a stream of its own, which the agent ends, or the client once it was answered."""
    choose = random.Random(6)
    chat: Any = target.channel.stream_stream(f"{SERVICE}/StreamChannel", bytes, bytes)
    for _ in range(ROUNDS // 2):
        data = mutated(choose, stream_message(choose, device).SerializeToString() or b"\0")
        found = answered(lambda d=data: list(chat(iter([d]), timeout=20)))  # type: ignore[misc]
        assert found is None or found.message
