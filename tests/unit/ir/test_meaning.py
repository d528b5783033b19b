"""What happens to packets: each construct as P4 says, and the same before and after the passes."""

from __future__ import annotations

import functools
import random
from pathlib import Path

import pytest

from p4kube_core.compiler import driver
from p4kube_core.compiler.frontend.source import Source
from p4kube_core.compiler.ir import program as ir
from tests.unit.ir.interpreter import Run

ROOT = Path(__file__).parents[3]
FUNCTIONS = sorted(ROOT.glob("p4nf/*/*.p4"))

SKELETON = """\
#include <core.p4>
#include <v1model.p4>
header pair_t { bit<8> a; bit<8> b; }
header byte_t { bit<8> x; }
header_union either_t { pair_t pair; byte_t byte; }
struct headers_t { pair_t h; byte_t[3] s; either_t u; }
struct meta_t { bit<8> m; }
%(top)s
parser parse(packet_in packet, out headers_t hdr, inout meta_t meta,
             inout standard_metadata_t standard) {
    %(parser)s
}
control verify_sums(inout headers_t hdr, inout meta_t meta) { apply { } }
control ingress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t standard) {
    %(locals)s
    apply { %(apply)s }
}
control egress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t standard) {
    apply { }
}
control update_sums(inout headers_t hdr, inout meta_t meta) { apply { } }
control deparse(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr); } }
V1Switch(parse(), verify_sums(), ingress(), egress(), update_sums(), deparse()) main;
"""
TWO_BYTES = "state start { packet.extract(hdr.h); transition accept; }"


def stages(text: str) -> dict[str, ir.Program]:
    """The program after the lowering and after each pass."""
    found: dict[str, ir.Program] = {}
    driver.compile(Source("in.p4", text), after=found.__setitem__)
    return found


def outcomes(
    packet: str, apply: str, parser: str = TWO_BYTES, top: str = "", declared: str = ""
) -> str:
    """The packet that comes out, as hexadecimal; it must be one, whatever passes have run."""
    text = SKELETON % {"top": top, "parser": parser, "locals": declared, "apply": apply}
    found = {Run(p, bytes.fromhex(packet)).through() for p in stages(text).values()}
    assert len(found) == 1, found
    result = found.pop()
    return "dropped" if result is None else result[1].hex()


NEXT = "bit<8> next(inout bit<8> n) { n = n + 1; return n; }"
EFFECT = "bool effect(inout bit<8> n, in bool r) { n = n + 0x10; return r; }"
SWAP = "void swap(inout bit<8> x, inout bit<8> y) { bit<8> t = x; x = y; y = t; }"

CASES = [
    # (title, packet in, statements, packet out, further pieces)
    ("a header is emitted as it was changed", "0102ff", "hdr.h.b = 7;", "0107ff", {}),
    ("arithmetic wraps", "ff02", "hdr.h.a = hdr.h.a + 2;", "0102", {}),
    ("saturating arithmetic does not", "ff02", "hdr.h.a = hdr.h.a |+| 2;", "ff02", {}),
    ("an invalid header reads as zero", "0102", "hdr.h.a = hdr.s[0].x + 5;", "0502", {}),
    ("writing to an invalid header does nothing", "0102", "hdr.s[0].x = 5;", "0102", {}),
    ("beyond a stack's end there is zero", "ff02", "hdr.h.b = hdr.s[hdr.h.a].x;", "ff00", {}),
    (
        "a header made valid is zero at first",
        "0102",
        "hdr.s[1].setValid(); hdr.s[0].setValid(); hdr.s[0].x = 9;",
        "01020900",
        {},
    ),
    ("left before right", "0102", "hdr.h.a = hdr.h.b + next(hdr.h.b);", "0503", {"top": NEXT}),
    ("right after left", "0102", "hdr.h.a = next(hdr.h.b) + hdr.h.b;", "0603", {"top": NEXT}),
    (
        "&& stops at the first that fails",
        "0102",
        "if (effect(hdr.h.a, false) && effect(hdr.h.b, true)) { }",
        "1102",
        {"top": EFFECT},
    ),
    (
        "|| stops at the first that holds",
        "0102",
        "if (effect(hdr.h.a, true) || effect(hdr.h.b, true)) { }",
        "1102",
        {"top": EFFECT},
    ),
    (
        "only the chosen side of ?: has effects",
        "0102",
        "bool r = hdr.h.a == 1 ? effect(hdr.h.a, true) : effect(hdr.h.b, true);",
        "1102",
        {"top": EFFECT},
    ),
    ("inout arguments are swapped", "0102", "swap(hdr.h.a, hdr.h.b);", "0201", {"top": SWAP}),
    ("one place passed twice", "0102", "swap(hdr.h.a, hdr.h.a);", "0102", {"top": SWAP}),
    (
        "a structure is read before it is written",
        "0102",
        "hdr.h = {hdr.h.b, hdr.h.a};",
        "0201",
        {},
    ),
    ("a slice leaves the rest", "ff00", "hdr.h.a[5:2] = 0;", "c300", {}),
    (
        "a loop goes on and breaks off",
        "0000",
        (
            "for (bit<8> i = 0; i < 10; i = i + 1) {"
            " if (i == 2) { continue; } if (i == 5) { break; } hdr.h.a = hdr.h.a + i; }"
        ),
        "0800",
        {},
    ),
    ("a range has both ends", "0000", "for (bit<8> i in 254 .. 255) { hdr.h.a = hdr.h.a + 1; }",
     "0200", {}),
    (
        "a push moves headers up",
        "0102",
        "hdr.s[0] = {5}; hdr.s.push_front(1); hdr.s[0] = {6};",
        "01020605",
        {},
    ),
    ("a pop moves them down", "0102", "hdr.s[0] = {5}; hdr.s[1] = {6}; hdr.s.pop_front(1);",
     "010206", {}),
    (
        "a union has one valid member",
        "0102",
        "hdr.u.pair = {3, 4}; hdr.u.byte.setValid(); hdr.u.byte.x = 9;",
        "010209",
        {},
    ),
    ("exit ends the control", "0102", "hdr.h.a = 3; exit; hdr.h.b = 3;", "0302", {}),
    (
        "exit in an action ends the control",
        "0102",
        "t.apply(); hdr.h.b = 3;",
        "0502",
        {
            "declared": "action leave() { hdr.h.a = 5; exit; }"
            " table t { actions = { leave; } default_action = leave(); }"
        },
    ),
    (
        "return ends the action",
        "0102",
        "a(); hdr.h.b = 3;",
        "0503",
        {"declared": "action a() { hdr.h.a = 5; if (hdr.h.b == 2) { return; } hdr.h.a = 6; }"},
    ),
    (
        "entries by priority",
        "0102",
        "t.apply();",
        "0702",
        {
            "declared": "action set(bit<8> v) { hdr.h.a = v; } table t {"
            " key = { hdr.h.b: ternary; } actions = { set; } const entries = {"
            " 2 &&& 2: set(7); 2: set(8); _: set(9); } default_action = set(1); }"
        },
    ),
    (
        "the switch runs the case of the action",
        "0109",
        "switch (t.apply().action_run) { two: { hdr.h.a = 2; } one: { hdr.h.a = 3; } }",
        "0309",
        {
            "declared": "action one() { } action two() { } table t { key = { hdr.h.b: exact; }"
            " actions = { two; one; } const entries = { 9: one(); } default_action = two(); }"
        },
    ),
    ("a drop", "0102", "mark_to_drop(standard);", "dropped", {}),
    (
        "headers are extracted in turn into a stack",
        "01020304",
        "hdr.s[1].x = 0xff;",
        "01ff0304",
        {
            "parser": "state start { packet.extract(hdr.s.next);"
            " transition select(hdr.s.last.x) { 3: accept; default: start; } }"
        },
    ),
    (
        "a full stack rejects",
        "01020304",
        "if (standard.parser_error == error.StackOutOfBounds) { hdr.s[0].x = 0xee; }",
        "ee020304",
        {
            "parser": "state start { packet.extract(hdr.s.next);"
            " transition select(hdr.s.last.x) { 0xff: accept; default: start; } }"
        },
    ),
    (
        "what is looked at stays",
        "0102",
        "hdr.h.a = meta.m;",
        "0102",
        {
            "parser": "state start { meta.m = packet.lookahead<bit<8>>();"
            " packet.extract(hdr.h); transition accept; }"
        },
    ),
    (
        "a sub-parser reads on",
        "010203",
        "hdr.h.a = 9;",
        "090203",
        {
            "top": "parser one(packet_in p, out byte_t b) {"
            " state start { p.extract(b); transition accept; } }",
            "parser": "one() sub; state start { packet.extract(hdr.h);"
            " sub.apply(packet, hdr.s[0]); transition accept; }",
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("packet", "apply", "wanted", "pieces"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_packets(packet: str, apply: str, wanted: str, pieces: dict[str, str]) -> None:
    assert outcomes(packet, apply, **pieces) == wanted


def test_a_truncated_packet_is_dropped_unless_the_program_looks() -> None:
    careless = SKELETON % {"top": "", "parser": TWO_BYTES, "locals": "", "apply": ""}
    looking = "if (standard.parser_error != error.NoError) { hdr.h.setInvalid(); }"
    careful = SKELETON % {"top": "", "parser": TWO_BYTES, "locals": "", "apply": looking}
    assert Run(list(stages(careless).values())[-1], b"\1").through() is None
    assert Run(list(stages(careful).values())[-1], b"\1").through() == (0, b"\1")


@functools.cache
def of_function(path: Path) -> dict[str, ir.Program]:
    found: dict[str, ir.Program] = {}
    driver.compile(path, after=found.__setitem__)
    return found


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda p: p.stem)
def test_passes_keep_what_functions_do(path: Path) -> None:
    programs = list(of_function(path).values())
    chance = random.Random(path.stem)
    for _ in range(60):
        packet, port = some_packet(chance), chance.choice([1, 2])
        runs = [Run(p, packet, port) for p in (programs[0], programs[-1])]
        assert runs[0].through() == runs[1].through(), packet.hex()
        assert runs[0].counted == runs[1].counted


def some_packet(chance: random.Random) -> bytes:
    """Ethernet and often IP, some of it changed, now and then cut short."""
    kind = chance.choice(["0800", "86dd", "0806", "8100", "88cc"])
    ethernet = "020000000002" + "020000000001" + kind
    ipv4 = "45000028000100004006" + "0000" + "0a000001" + "0a000002"
    ipv6 = "6000000000143a40" + "20010db8" + "0" * 23 + "1" + "20010db8" + "0" * 23 + "2"
    rest = chance.choice([ipv4, ipv6, "0001080006040001"]) + "9c400050" + "00" * 24
    data = bytearray(bytes.fromhex(ethernet + rest))
    for _ in range(chance.choice([0, 0, 1, 3])):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.choice([len(data)] * 4 + [chance.randrange(len(data))])])
