"""Entries by name to P4Runtime's messages and back; names by any unique suffix."""

from __future__ import annotations

from typing import Any

import pytest

from p4kube_core import protos
from p4kube_core.agent.p4data import Shape
from p4kube_core.model.meter import Rates
from p4kube_core.switch import messages, schema
from p4kube_core.switch.values import (
    CounterData,
    CounterEntry,
    DirectCounterEntry,
    DirectMeterEntry,
    Entity,
    Exact,
    Kind,
    Lpm,
    MeterEntry,
    OptionalMatch,
    Range,
    RegisterEntry,
    TableEntry,
    Ternary,
    Update,
)
from tests.unit.agent import program

SCHEMA = schema.from_p4info(program.p4info(program.manifest()))
HOST = TableEntry(
    "ingress.hosts",
    {"hdr.ipv4.dst": Exact(1), "meta.port": Exact(0)},
    action="ingress.forward",
    params={"port": 511},
    metadata=b"m",
)
RULE = TableEntry(
    "ingress.acl",
    {
        "hdr.ipv4.src": Ternary(0x0A000000, 0xFF000000),
        "hdr.ipv4.protocol": Exact(6),
        "meta.port": OptionalMatch(80),
        "hdr.ipv4.dst": Lpm(0x80000, 1),
    },
    priority=5,
    action="ingress.drop",
)
ENTITIES: list[Entity] = [
    HOST,
    RULE,
    TableEntry("ingress.routes", {"meta.vrf": Exact(5)}, action="NoAction"),
    TableEntry("ingress.hosts", default=True, action="ingress.drop", counter=CounterData(1, 2)),
    CounterEntry("ingress.ports", 0, CounterData(3, 4)),
    DirectCounterEntry(TableEntry("ingress.hosts", HOST.matches), CounterData()),
    TableEntry(
        "ingress.spans",
        {"hdr.tcp.dst": Range(80, 90)},
        priority=1,
        action="NoAction",
        rates=Rates(1, 2, 3, 4),
    ),
    MeterEntry("ingress.shaper", 3, Rates(5, 6, 7, 8)),
    MeterEntry("ingress.shaper", 3),
    DirectMeterEntry(
        TableEntry("ingress.spans", {"hdr.tcp.dst": Range(80, 90)}, 1), Rates(5, 6, 7, 8)
    ),
    RegisterEntry("ingress.cells", 3, 4095),
]


@pytest.mark.parametrize("entity", ENTITIES)
def test_what_goes_out_comes_back(entity: Entity) -> None:
    assert messages.entity_value(SCHEMA, messages.entity_message(SCHEMA, entity)) == entity


def test_names_may_be_suffixes() -> None:
    short = TableEntry(
        "hosts",
        {"dst": Exact(1), "port": Exact(0)},
        action="forward",
        params={"port": 511},
        metadata=b"m",
    )
    assert messages.entity_message(SCHEMA, short) == messages.entity_message(SCHEMA, HOST)


def test_dont_care_is_left_out() -> None:
    entry = TableEntry(
        "acl",
        {"ipv4.src": Ternary(5, 0), "protocol": Exact(6), "ipv4.dst": Lpm(0, 0)},
        priority=1,
        action="drop",
    )
    message = messages.entity_message(SCHEMA, entry).table_entry
    assert [match.field_id for match in message.match] == [3]


def test_bits_outside_of_mask_and_prefix_are_dropped() -> None:
    entry = TableEntry(
        "acl",
        {"ipv4.src": Ternary(0x0A0000FF, 0xFF000000), "ipv4.dst": Lpm(0x80001, 1)},
        priority=1,
    )
    first, second = messages.entity_message(SCHEMA, entry).table_entry.match
    assert first.ternary.value == b"\x0a\0\0\0"
    assert second.lpm.value == b"\x08\0\0"


def test_exact_and_prefix_values_of_a_ternary_field() -> None:
    whole = TableEntry("acl", {"ipv4.src": Exact(7)}, priority=1)
    assert messages.entity_message(SCHEMA, whole).table_entry.match[0].ternary.mask == b"\xff" * 4
    half = TableEntry("acl", {"ipv4.src": Lpm(0x0A010203, 16)}, priority=1)
    match = messages.entity_message(SCHEMA, half).table_entry.match[0].ternary
    assert (match.value, match.mask) == (b"\x0a\x01\0\0", b"\xff\xff\0\0")


def test_update_has_its_kind() -> None:
    message = messages.update_message(SCHEMA, Update(Kind.DELETE, HOST))
    assert message.type == protos.p4runtime.Update.DELETE


REFUSED = [
    (
        TableEntry("acll"),
        (
            "no table 'acll'; there are: ingress.acl, ingress.always, ingress.fixed, "
            "ingress.hosts, ingress.routes, ingress.spans, ingress.wide; did you mean 'acl'?"
        ),
    ),
    (
        TableEntry("acl", {"dst": Exact(1)}),
        "field of ingress.acl 'dst' could be any of: hdr.ipv4.dst, hdr.ipv6.dst",
    ),
    (
        TableEntry("hosts", {"hdr.ipv4.dst": Exact(1 << 32)}),
        "ingress.hosts, field hdr.ipv4.dst: value 0x100000000 does not fit bit<32>",
    ),
    (
        TableEntry("hosts", {"hdr.ipv4.dst": Ternary(1, 1)}),
        "ingress.hosts, field hdr.ipv4.dst: want exact of 32 bits, got Ternary(value=1, mask=1)",
    ),
    (
        TableEntry("routes", {"hdr.ipv4.dst": Lpm(1, 33)}),
        "ingress.routes, field hdr.ipv4.dst: want lpm of 32 bits, got Lpm(value=1, prefix_bits=33)",
    ),
    (
        TableEntry("hosts", {"hdr.ipv4.dst": Range(1, 2)}),
        "ingress.hosts, field hdr.ipv4.dst: want exact of 32 bits, got Range(low=1, high=2)",
    ),
    (
        TableEntry("hosts", action="forward"),
        "action ingress.forward: want a value of port, got none",
    ),
    (
        TableEntry("hosts", action="forward", params={"port": 512}),
        "action ingress.forward, parameter port: value 0x200 does not fit bit<9>",
    ),
    (
        TableEntry("hosts", action="deny"),
        (
            "no action of ingress.hosts 'deny'; there are: NoAction, ingress.drop, "
            "ingress.forward, ingress.rewrite"
        ),
    ),
    (
        TableEntry("hosts", action="drop", params={"port": 1}),
        "no parameter of ingress.drop 'port'; there are: none",
    ),
    (TableEntry(), "want a table's name, got none"),
    (CounterEntry("nope"), "no counter 'nope'; there are: ingress.ports"),
    (MeterEntry("nope"), "no meter 'nope'; there are: ingress.shaper"),
    (
        RegisterEntry("cells", 1, 4096),
        "register ingress.cells: value 0x1000 does not fit bit<12>",
    ),
    (RegisterEntry("cells", 1), "register ingress.cells: want a value, got none"),
    (RegisterEntry(), "want a register's name, got none"),
]


@pytest.mark.parametrize(("entity", "message"), REFUSED)
def test_refusals(entity: Entity, message: str) -> None:
    with pytest.raises((messages.InvalidEntry, schema.UnknownName)) as caught:
        messages.update_message(SCHEMA, Update(Kind.INSERT, entity))
    assert str(caught.value) == message


def test_reading_may_leave_parts_out() -> None:
    for entity in (
        TableEntry(),
        TableEntry("hosts"),
        CounterEntry(),
        TableEntry("acl", action="drop"),
    ):
        messages.entity_message(SCHEMA, entity)


@pytest.mark.parametrize("value", [0, 1, 0xFF, 0x7FFF, 0x8000, 0xFFFF])
@pytest.mark.parametrize("sort", ["bit", "int"])
def test_a_register_cell_is_the_same_number_for_client_and_agent(sort: str, value: int) -> None:
    """-1 of an int<16> is one byte on the wire, which is no 255."""
    known, info = _typed_registers()
    getattr(info.registers[0].type_spec.bitstring, sort).bitwidth = 16
    _same(schema.from_p4info(info), info, known, value, 16)


@pytest.mark.parametrize("value", [0, 1])
def test_a_register_of_bools_is_written_and_read(value: int) -> None:
    known, info = _typed_registers()
    info.registers[0].type_spec.bool.SetInParent()
    _same(schema.from_p4info(info), info, known, value, 1)
    with pytest.raises(messages.InvalidEntry, match="value 0x2 does not fit bool"):
        _write(schema.from_p4info(info), known, 2)


def _typed_registers() -> tuple[str, Any]:
    info = program.p4info(program.manifest())
    return info.registers[0].preamble.name, info


def _write(held: schema.Schema, register: str, value: int) -> Any:
    update = Update(Kind.MODIFY, RegisterEntry(register, 1, value))
    return messages.update_message(held, update).entity


def _same(held: schema.Schema, info: Any, register: str, value: int, width: int) -> None:
    shape = Shape(info.registers[0].type_spec, info.type_info)
    written = _write(held, register, value)
    assert shape.number(written.register_entry.data, width) == value
    told = protos.p4runtime.Entity.FromString(written.SerializeToString())
    shape.fill(told.register_entry.data, [(width, value)])
    assert messages.entity_value(held, told) == RegisterEntry(register, 1, value)
