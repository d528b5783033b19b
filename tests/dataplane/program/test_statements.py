"""What statements do to a packet; the programs are IR made by hand."""

from __future__ import annotations

import struct

import pytest

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types
from tests.dataplane.program import targets
from tests.unit.backends import handmade as h
from tests.unit.backends import routers

LABEL = types.Header(
    "label_t",
    (
        types.Member("value", types.Bits(20)),
        types.Member("class", types.Bits(3)),
        types.Member("bottom", types.Bits(1)),
        types.Member("ttl", types.Bits(8)),
    ),
)
STACK = types.Stack(LABEL, 3)
TUNNEL = types.Header("tunnel_t", (types.Member("id", types.Bits(16)),))
HEADERS = types.Struct(
    "headers",
    (
        types.Member("ethernet", h.ETHERNET),
        types.Member("tunnel", TUNNEL),
        types.Member("labels", STACK),
    ),
)
HDR = ir.Variable("hdr", HEADERS, h.SPAN)
ETHERNET_BYTES = bytes(range(12)) + b"\x08\x00"


def hdr(*names: str) -> ex.Place:
    return h.path(HDR, *names)


def load(program: ir.Program) -> targets.Loaded:
    return targets.load(program)


def to_port(number: int) -> st.Assign:
    return h.assign(h.meta("egress_spec"), h.const(number, 9))


def element(index: ex.Expression) -> ex.Index:
    return ex.Index(LABEL, hdr("labels"), index)


def extract_ethernet() -> ir.State:
    return h.state("start", (st.Extract(h.SPAN, hdr("ethernet")),))


EMIT_ALL = (
    st.Emit(h.SPAN, hdr("ethernet")),
    st.Emit(h.SPAN, hdr("tunnel")),
    *(st.Emit(h.SPAN, element(h.const(i, 32))) for i in range(3)),
)


def ipv4(target: int, ttl: int = 64, payload: bytes = b"payload") -> bytes:
    length = 20 + len(payload)
    head = struct.pack(">BBHHHBBHII", 0x45, 0, length, 7, 0, ttl, 17, 0, 0x01020304, target)
    return ETHERNET_BYTES + head + payload


def checksum_holds(packet: bytes) -> bool:
    total: int = sum(struct.unpack(">10H", packet[14:34]))
    return (total & 0xFFFF) + (total >> 16) == 0xFFFF


@pytest.fixture
def router() -> targets.Loaded:
    program = load(routers.router())
    assert program.insert(0, struct.pack(">IHHI", 0x0A000000, 8, 1, 5)) == 0
    mac = bytes([2, 0, 0, 0, 0, 9])
    assert program.insert(1, struct.pack(">IHH", 5, 2, 300) + b"\xaa" * 6 + mac) == 0
    return program


def test_a_routed_packet_changes_only_what_the_action_says(router: targets.Loaded) -> None:
    packet = ipv4(0x0A010203)
    out = router.send(packet)
    assert out.port == 300
    assert out.data[:12] == bytes([2, 0, 0, 0, 0, 9]) + b"\xaa" * 6
    assert out.data[22] == 63
    assert checksum_holds(out.data)
    assert out.data[34:] == b"payload"
    assert router.drops() == {}


def test_what_has_no_route_is_dropped_by_ingress(router: targets.Loaded) -> None:
    assert router.send(ipv4(0x0B000000)).dropped
    assert router.drops() == {"ingress": 1}


def test_every_truncation_is_dropped_as_malformed_or_passed_whole(router: targets.Loaded) -> None:
    packet = ipv4(0x0A010203, payload=b"")
    for size in range(len(packet)):
        assert router.send(packet[:size]).dropped, size
    assert router.drops() == {"malformed": len(packet)}
    assert not router.send(packet).dropped


def test_a_header_made_valid_is_put_in_front() -> None:
    program = load(
        h.program(
            (HDR,),
            (extract_ethernet(),),
            (
                st.SetValid(h.SPAN, hdr("tunnel"), True),
                h.assign(hdr("tunnel", "id"), h.const(0xBEEF, 16)),
                to_port(2),
            ),
            deparser=EMIT_ALL,
        )
    )
    out = program.send(ETHERNET_BYTES + b"rest")
    assert (out.port, out.data) == (2, ETHERNET_BYTES + b"\xbe\xefrest")
    assert program.send(ETHERNET_BYTES, headroom=2).data == ETHERNET_BYTES + b"\xbe\xef"


@pytest.mark.dpdk_alone  # the kernel makes room
@pytest.mark.parametrize("headroom", [0, 1])
def test_growth_beyond_the_headroom_is_refused(headroom: int) -> None:
    program = load(
        h.program(
            (HDR,),
            (extract_ethernet(),),
            (st.SetValid(h.SPAN, hdr("tunnel"), True), to_port(2)),
            deparser=EMIT_ALL,
        )
    )
    out = program.send(ETHERNET_BYTES, headroom=headroom)
    assert out.dropped
    assert out.data == ETHERNET_BYTES
    assert program.drops() == {"no_room": 1}


def test_a_header_made_invalid_is_taken_out() -> None:
    extract = (st.Extract(h.SPAN, hdr("ethernet")), st.Extract(h.SPAN, hdr("tunnel")))
    program = load(
        h.program(
            (HDR,),
            (h.state("start", extract),),
            (st.SetValid(h.SPAN, hdr("tunnel"), False), to_port(2)),
            deparser=EMIT_ALL,
        )
    )
    assert program.send(ETHERNET_BYTES + b"IDrest").data == ETHERNET_BYTES + b"rest"


def test_an_invalid_header_reads_as_zero_and_keeps_nothing() -> None:
    program = load(
        h.program(
            (HDR,),
            (extract_ethernet(),),
            (
                h.assign(hdr("tunnel", "id"), h.const(77, 16)),
                h.assign(
                    h.meta("egress_spec"),
                    ex.Cast(types.Bits(9), ex.CastKind.TRUNCATE, hdr("tunnel", "id")),
                ),
            ),
            deparser=EMIT_ALL,
        )
    )
    assert program.send(ETHERNET_BYTES).port == 0


def labels_program(ingress: st.Body) -> targets.Loaded:
    """Parses labels up to the one at the bottom into the stack."""
    following = ex.NextIndex(types.Bits(32), hdr("labels"))
    last = ex.Binary(types.Bits(32), ex.BinaryOp.SUB, following, h.const(1, 32))
    one_more = ex.Binary(types.Bits(32), ex.BinaryOp.ADD, following, h.const(1, 32))
    bottom = ex.Member(types.Bits(1), element(last), "bottom")
    inside = ex.Binary(types.BOOL, ex.BinaryOp.LT, following, h.const(3, 32))
    loop = h.state(
        "label",
        (
            st.Verify(h.SPAN, inside, h.const(3, 8)),
            st.Extract(h.SPAN, element(following)),
            st.SetNextIndex(h.SPAN, hdr("labels"), one_more),
        ),
        ir.Select(
            (bottom,),
            (
                ir.SelectCase((ir.Exactly(0),), "label"),
                ir.SelectCase((ir.Exactly(1),), ir.ACCEPT),
            ),
        ),
    )
    start = h.state("start", (st.Extract(h.SPAN, hdr("ethernet")),), "label")
    return load(h.program((HDR,), (start, loop), ingress, deparser=EMIT_ALL))


def label(value: int, bottom: int) -> bytes:
    return (value << 12 | bottom << 8 | 64).to_bytes(4, "big")


THREE = label(1, 0) + label(2, 0) + label(3, 1)


def test_a_stack_is_parsed_to_its_bottom_and_put_back() -> None:
    program = labels_program((to_port(1),))
    assert program.send(ETHERNET_BYTES + THREE + b"ip").data == ETHERNET_BYTES + THREE + b"ip"


def test_more_labels_than_the_stack_holds_set_the_error() -> None:
    program = labels_program(
        (
            h.assign(
                h.meta("egress_spec"),
                ex.Cast(types.Bits(9), ex.CastKind.ZERO_EXTEND, h.meta("parser_error")),
            ),
        )
    )
    out = program.send(ETHERNET_BYTES + label(0, 0) + THREE)
    assert out.port == 3
    assert out.data == ETHERNET_BYTES + label(0, 0) + THREE


def test_a_label_is_popped() -> None:
    program = labels_program((st.Pop(h.SPAN, hdr("labels"), 1), to_port(1)))
    assert program.send(ETHERNET_BYTES + THREE).data == ETHERNET_BYTES + THREE[4:]


def test_a_label_is_pushed_and_the_last_falls_off() -> None:
    front = element(h.const(0, 32))
    program = labels_program(
        (
            st.Push(h.SPAN, hdr("labels"), 1),
            st.SetValid(h.SPAN, front, True),
            h.assign(ex.Member(types.Bits(20), front, "value"), h.const(9, 20)),
            to_port(1),
        )
    )
    wanted = ETHERNET_BYTES + (9 << 12).to_bytes(4, "big") + THREE[:8]
    assert program.send(ETHERNET_BYTES + THREE + b"x").data == wanted + b"x"


def test_beyond_a_stack_reads_zero_and_writes_nothing() -> None:
    index = ex.Cast(types.Bits(32), ex.CastKind.ZERO_EXTEND, h.meta("ingress_port"))
    place = ex.Member(types.Bits(8), element(index), "ttl")
    program = labels_program(
        (
            h.assign(place, h.const(5, 8)),
            h.assign(h.meta("egress_spec"), ex.Cast(types.Bits(9), ex.CastKind.ZERO_EXTEND, place)),
        )
    )
    out = program.send(ETHERNET_BYTES + THREE, port=1)
    assert (out.port, out.data[18:22]) == (5, label(2, 0)[:3] + b"\5")
    out = program.send(ETHERNET_BYTES + THREE, port=3)
    assert (out.port, out.data) == (0, ETHERNET_BYTES + THREE)


def test_parser_cycles_end() -> None:
    spin = h.state("start", (), "start")
    port = ex.Cast(types.Bits(9), ex.CastKind.ZERO_EXTEND, h.meta("parser_error"))
    program = load(h.program((HDR,), (spin,), (h.assign(h.meta("egress_spec"), port),)))
    assert program.send(b"abc").port == h.ERRORS.index("ParserTimeout")


def test_a_select_without_a_match_sets_the_error() -> None:
    select = ir.Select(
        (hdr("ethernet", "type"), hdr("ethernet", "dst")),
        (
            ir.SelectCase((ir.Masked(0x0100, 0xFF00), ir.AnyValue()), ir.ACCEPT),
            ir.SelectCase((ir.Between(0x900, 0x9FF), ir.Exactly(1)), ir.ACCEPT),
        ),
    )
    port = ex.Cast(types.Bits(9), ex.CastKind.ZERO_EXTEND, h.meta("parser_error"))
    program = load(
        h.program(
            (HDR,),
            (h.state("start", (st.Extract(h.SPAN, hdr("ethernet")),), select),),
            (h.assign(h.meta("egress_spec"), port),),
        )
    )
    one = (1).to_bytes(6, "big")
    assert program.send(one + bytes(6) + b"\x01\x77").port == 0
    assert program.send(one + bytes(6) + b"\x09\x77").port == 0
    assert program.send(bytes(12) + b"\x09\x77").port == h.ERRORS.index("NoMatch")
    assert program.send(one + bytes(6) + b"\x0a\x00").port == h.ERRORS.index("NoMatch")


def test_lookahead_and_advance() -> None:
    peek = ir.Variable("peek", types.Bits(12), h.SPAN)
    where = h.path(peek)
    eight = ex.Cast(types.Bits(32), ex.CastKind.ZERO_EXTEND, where)
    program = load(
        h.program(
            (HDR, peek),
            (
                h.state(
                    "start",
                    (
                        st.Lookahead(h.SPAN, where),
                        st.Advance(h.SPAN, eight),
                        st.Extract(h.SPAN, hdr("ethernet")),
                    ),
                ),
            ),
            (
                h.assign(
                    h.meta("egress_spec"),
                    ex.Cast(types.Bits(9), ex.CastKind.ZERO_EXTEND, h.meta("parser_error")),
                ),
            ),
            deparser=EMIT_ALL,
        )
    )
    out = program.send(b"\x02\x0f" + b"ab" + ETHERNET_BYTES)
    assert (out.port, out.data) == (0, ETHERNET_BYTES)
    assert program.send(b"\x02\x1f" + bytes(30)).port == h.ERRORS.index("ParserInvalidArgument")
    assert program.send(b"\xff\x8f" + bytes(30)).port == h.ERRORS.index("PacketTooShort")
    assert program.send(b"\x02").port == h.ERRORS.index("PacketTooShort")


def test_a_payload_checksum_covers_odd_ends() -> None:
    fields = (hdr("ethernet", "type"), h.const(0x11, 8))
    target = hdr("ethernet", "dst")
    program = load(
        h.program(
            (HDR,),
            (extract_ethernet(),),
            (st.Hash(h.SPAN, st.HashAlgorithm.CSUM16, fields, True, target), to_port(1)),
            deparser=EMIT_ALL,
        )
    )
    for size in range(20):
        payload = bytes(range(200, 200 + size))
        data = b"\x08\x00\x11" + payload
        data += b"\0" * (len(data) % 2)
        total = sum(struct.unpack(f">{len(data) // 2}H", data))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        out = program.send(ETHERNET_BYTES + payload)
        assert int.from_bytes(out.data[:6], "big") == total ^ 0xFFFF, size


@pytest.mark.parametrize(
    ("algorithm", "wanted"),
    [
        (st.HashAlgorithm.CRC32, 0xCBF43926),
        (st.HashAlgorithm.CRC16, 0xBB3D),
        (st.HashAlgorithm.IDENTITY, 0x333435363738),
        (st.HashAlgorithm.XOR16, 0x3132 ^ 0x3334 ^ 0x3536 ^ 0x3738 ^ 0x3900),
    ],
)
def test_hashes_of_a_well_known_text(algorithm: st.HashAlgorithm, wanted: int) -> None:
    text = tuple(h.const(byte, 8) for byte in b"123456789")
    program = load(
        h.program(
            (HDR,),
            (extract_ethernet(),),
            (st.Hash(h.SPAN, algorithm, text, False, hdr("ethernet", "dst")), to_port(1)),
            deparser=EMIT_ALL,
        )
    )
    assert int.from_bytes(program.send(ETHERNET_BYTES).data[:6], "big") == wanted
