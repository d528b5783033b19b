"""What target ebpf refuses, in the program's terms."""

from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.compiler import driver
from p4kube_core.compiler.backends.ebpf import limits, window

PROGRAM = """
#include <core.p4>
#include <v1model.p4>
header data_t { bit<8> a; bit<32> b; bit<128> c; }
%(declarations)s
struct headers_t { data_t h; %(headers)s }
struct metadata_t { %(metadata)s }
parser p(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    state start { packet.extract(hdr.h); %(parser)s transition accept; }
}
control v(inout headers_t hdr, inout metadata_t meta) { apply { } }
control i(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    %(locals)s
    apply { sm.egress_spec = 1; %(ingress)s }
}
control e(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) { apply { } }
control c(inout headers_t hdr, inout metadata_t meta) { apply { %(compute)s } }
control d(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.h); } }
V1Switch(p(), v(), i(), e(), c(), d()) main;
"""
PARTS = ("declarations", "headers", "metadata", "parser", "locals", "ingress", "compute")


def program(tmp_path: Path, **parts: str) -> Path:
    path = tmp_path / "program.p4"
    path.write_text(PROGRAM % {**dict.fromkeys(PARTS, ""), **parts})
    return path


KEYS = " ".join(f'hdr.h.c: ternary @name("k{n}");' for n in range(32))

TABLE = f"table t {{ key = {{ {KEYS} }} actions = {{ NoAction; }} }}"
MANY = " ".join(f"bit<128> x{n};" for n in range(17))
WITH_PAYLOAD = "update_checksum_with_payload(true, { hdr.h.a }, hdr.h.b, HashAlgorithm.crc32);"

REFUSALS = [
    (
        {"locals": TABLE, "ingress": "t.apply();"},
        "P4K0507",
        "at most 508 bytes of key in i.t, found 512",
    ),
    (
        {"declarations": f"header big_t {{ {MANY} }}", "headers": "big_t big;",
         "parser": "packet.extract(hdr.big);"},
        "P4K0507",
        "at most 256 bytes of header",
    ),
    (
        {"declarations": "header odd_t { varbit<2048> v; }", "headers": "odd_t odd;",
         "parser": "packet.extract(hdr.odd, 32w8);"},
        "P4K0503",
        "a varbit of at most 1024 bits",
    ),
    (
        {"compute": WITH_PAYLOAD},
        "P4K0508",
        "takes no payload into crc32",
    ),
    (
        {"declarations": "header v_t { varbit<64> v; }", "headers": "v_t v;",
         "ingress": "hash(hdr.h.b, HashAlgorithm.crc32, 32w0, {hdr.v.v}, 32w9);"},
        "P4K0508",
        "takes no varbit into crc32 yet",
    ),
    (
        {"locals": "meter(4194304, MeterType.bytes) m;"},
        "P4K0507",
        "at most 1048576 cells in i.m, found 4194304",
    ),
    (
        {"ingress": "for (bit<8> i = 0; i < hdr.h.a; i = i + 1) {"
         " for (bit<8> j = 0; j < hdr.h.a; j = j + 1) { hdr.h.b = hdr.h.b + 1; } }"},
        "P4K0511",
        "this one turns up to 65025 times, with those in it",
    ),
    (
        {"metadata": "bit<129> x;", "ingress": "meta.x = meta.x + 1; hdr.h.a = meta.x[7:0];"},
        "P4K0502",
        "at most 128 bits",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "code", "message"), REFUSALS)
def test_refusals_say_what_and_where(
    tmp_path: Path, parts: dict[str, str], code: str, message: str
) -> None:
    compiled = driver.compile(program(tmp_path, **parts)).program
    with pytest.raises(errors.UnsupportedByTarget) as refused:
        limits.check(compiled)
    text = str(refused.value)
    assert f"error[{code}]" in text
    assert message in text
    assert text.startswith(f"{tmp_path / 'program.p4'}:")


def test_the_window_is_the_longest_path(tmp_path: Path) -> None:
    compiled = driver.compile(program(tmp_path)).program
    assert window.size_bytes(compiled.parser) == 21


def test_a_path_of_unknown_length_has_no_window(tmp_path: Path) -> None:
    parser = "packet.advance((bit<32>)hdr.h.a);"
    compiled = driver.compile(program(tmp_path, parser=parser)).program
    assert window.size_bytes(compiled.parser) is None


def test_an_unknown_target_is_a_wrong_word(tmp_path: Path) -> None:
    compiled = driver.compile(program(tmp_path))
    with pytest.raises(errors.UserError, match="dpdk, ebpf"):
        driver.generate(compiled, "smartnic")


def test_a_loop_of_unknown_turns_is_warned_of(tmp_path: Path) -> None:
    ingress = "for (bit<32> i in 0 .. hdr.h.b) { hdr.h.a = hdr.h.a + 1; }"
    compiled = driver.compile(program(tmp_path, ingress=ingress)).program
    (warning,) = limits.warnings(compiled)
    assert (warning.code, warning.message) == ("P4K0521", "target ebpf ends a loop after 512 turns")


def test_a_loop_that_ends_soon_enough_is_no_matter(tmp_path: Path) -> None:
    ingress = """
        for (bit<8> i = 0; i < 60; i = i + 1) {
            for (bit<8> j = i; j < 60; j = j + 1) { hdr.h.b = hdr.h.b + 1; }
        }
    """
    compiled = driver.compile(program(tmp_path, ingress=ingress)).program
    limits.check(compiled)
    assert limits.warnings(compiled) == ()
