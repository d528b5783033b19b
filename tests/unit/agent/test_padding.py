"""Padding in the header of a PacketIn, which P4Info lists though it means nothing."""

from __future__ import annotations

import dataclasses

from p4kube_core import protos
from p4kube_core.agent import packets, pipeline
from p4kube_core.model.artifact import ControllerHeader, HeaderField
from tests.unit.agent import program

FIELDS = (HeaderField(1, "port", 9, 0), HeaderField(0, "unused", 7, 9))


def packet_in(*listed: tuple[int, str]) -> list[tuple[int, bytes]]:
    """The metadata of a packet for controllers, where P4Info lists these."""
    header = ControllerHeader("packet_in", 2, FIELDS)
    config = program.config(dataclasses.replace(program.manifest(), controller_headers=(header,)))
    del config.p4info.controller_packet_metadata[:]
    known = config.p4info.controller_packet_metadata.add()
    known.preamble.name = "packet_in"
    for number, name in listed:
        known.metadata.add(id=number, name=name)
    made = pipeline.load(config)
    message = protos.p4runtime.PacketIn()
    held = packets.header(made.manifest, "packet_in")
    packets.fill_packet_in(message, held, (3 << 7 | 5).to_bytes(2, "big") + b"rest")
    assert message.payload == b"rest"
    return [(one.metadata_id, one.value) for one in message.metadata]


def test_a_controller_that_wants_all_metadata_of_p4info_in_a_packet_gets_them() -> None:
    assert packet_in((1, "port"), (2, "unused")) == [(1, b"\3"), (2, b"\5")]


def test_padding_that_p4info_does_not_list_is_not_told() -> None:
    assert packet_in((1, "port")) == [(1, b"\3")]
