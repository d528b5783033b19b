"""The manifest: P4Info's ids on the data plane's layout; the artifact's digest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from p4kube_core.compiler import artifact as digests
from p4kube_core.compiler import driver
from p4kube_core.compiler.backends.dpdk import target
from p4kube_core.compiler.backends.generated import Generated
from p4kube_core.model import artifact

PROGRAM = """
#include <core.p4>
#include <v1model.p4>
@controller_header("packet_in") header in_t { bit<9> port; @padding bit<7> pad; bit<32> why; }
header h_t { bit<32> a; bit<16> b; bit<8> c; }
struct headers_t { h_t h; }
struct metadata_t { }
parser p(packet_in packet, out headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    state start { packet.extract(hdr.h); transition accept; }
}
control v(inout headers_t hdr, inout metadata_t m) { apply { } }
control i(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    direct_counter(CounterType.packets_and_bytes) hits;
    meter(8, MeterType.bytes) flows;
    direct_meter<bit<2>>(MeterType.packets) rates;
    register<bit<48>>(16) macs;
    action set(bit<9> port, bit<20> x) { sm.egress_spec = port; hdr.h.b = x[15:0]; }
    action drop() { mark_to_drop(sm); }
    table t {
        key = { hdr.h.a: lpm; hdr.h.c: exact @name("kind"); }
        actions = { set; @defaultonly drop; @tableonly NoAction; }
        default_action = drop();
        counters = hits;
        size = 100;
    }
    table fixed {
        key = { hdr.h.c: exact; }
        actions = { set; NoAction; }
        const default_action = set(1, 2);
        const entries = { 5: set(3, 4); }
    }
    table ranked {
        key = { hdr.h.b: range; hdr.h.c: optional; }
        actions = { set; NoAction; }
        meters = rates;
        const entries = { (7 .. 9, 1): set(1, 2); }
    }
    apply {
        bit<8> colour;
        t.apply();
        fixed.apply();
        ranked.apply();
        flows.execute_meter(1, colour);
        macs.write(0, 1);
        digest(1, {hdr.h.b, colour == 2});
        digest(1, hdr.h);
    }
}
control e(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) { apply { } }
control c(inout headers_t hdr, inout metadata_t m) { apply { } }
control d(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.h); } }
V1Switch(p(), v(), i(), e(), c(), d()) main;
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Generated, driver.Compiled]:
    path = tmp_path_factory.mktemp("manifest") / "made.p4"
    path.write_text(PROGRAM)
    compiled = driver.compile(path)
    return target.generate(compiled.program, compiled.p4info(), "p4kube test"), compiled


def test_tables_join_layout_and_ids(made: tuple[Generated, driver.Compiled]) -> None:
    generated, compiled = made
    table = generated.manifest.tables[0]
    info = next(t for t in compiled.p4info().tables if t.preamble.name == "i.t")
    ids = {f.name: f.id for f in info.match_fields}
    assert (table.id, table.kind, table.size) == (info.preamble.id, "lpm", 100)
    assert table.fields == (
        artifact.MatchField(ids["kind"], "kind", "exact", 8, 0, 1),
        artifact.MatchField(ids["hdr.h.a"], "hdr.h.a", "lpm", 32, 1, 4),
    )
    names = [generated.manifest.actions[i].name for i in table.actions]
    assert names == ["i.set", "i.drop", "NoAction"]
    assert [generated.manifest.actions[i].name for i in table.default_only] == ["i.drop"]
    assert [generated.manifest.actions[i].name for i in table.table_only] == ["NoAction"]
    assert (table.key_bytes, table.data_bytes, table.direct_counter) == (5, 5, 0)
    assert not table.const


def test_parameters_are_placed(made: tuple[Generated, driver.Compiled]) -> None:
    (action,) = (a for a in made[0].manifest.actions if a.name == "i.set")
    assert [(p.name, p.width, p.offset, p.bytes) for p in action.params] == [
        ("port", 9, 0, 2),
        ("x", 20, 2, 3),
    ]


def test_a_table_tells_what_the_program_brings(
    made: tuple[Generated, driver.Compiled],
) -> None:
    generated, _ = made
    table = generated.manifest.tables[1]
    index = next(a.index for a in generated.manifest.actions if a.name == "i.set")
    assert table.const
    assert table.const_default
    assert table.default == index.to_bytes(2, "big") + bytes.fromhex("0001 000002")
    assert table.entries == (b"\x05" + index.to_bytes(2, "big") + bytes.fromhex("0003 000004"),)


def test_ranges_and_optional_fields_are_of_a_ternary_table(
    made: tuple[Generated, driver.Compiled],
) -> None:
    table = made[0].manifest.tables[2]
    assert (table.kind, [(f.name, f.match) for f in table.fields]) == (
        "ternary",
        [("hdr.h.b", "range"), ("hdr.h.c", "optional")],
    )
    assert [entry.hex() for entry in table.entries] == [
        "0007 01 0009 ff 00000001 0000 0001 000002".replace(" ", "")
    ]


def test_meters_and_registers_have_the_ids_of_p4info(
    made: tuple[Generated, driver.Compiled],
) -> None:
    manifest, info = made[0].manifest, made[1].p4info()
    (meter,), (direct,), (register,) = info.meters, info.direct_meters, info.registers
    assert manifest.meters == (
        artifact.Meter(0, meter.preamble.id, "i.flows", "bytes", 8, None),
        artifact.Meter(1, direct.preamble.id, "i.rates", "packets", 1024, 2),
    )
    assert [t.direct_meter for t in manifest.tables] == [None, None, 1]
    assert manifest.registers == (artifact.Register(0, register.preamble.id, "i.macs", 48, 16),)


def test_digests_are_their_fields_in_p4infos_order(
    made: tuple[Generated, driver.Compiled],
) -> None:
    first, second = made[1].p4info().digests
    listed = artifact.DigestField("f0", 16, 0, 2), artifact.DigestField("f1", 1, 2, 1)
    header = [("$valid$", 1, 0, 1), ("a", 32, 1, 4), ("b", 16, 5, 2), ("c", 8, 7, 1)]
    assert made[0].manifest.digests == (
        artifact.Digest(0, first.preamble.id, first.preamble.name, 3, listed),
        artifact.Digest(
            1, second.preamble.id, "h_t", 8, tuple(artifact.DigestField(*f) for f in header)
        ),
    )


def test_a_header_for_controllers_has_bit_offsets_and_its_padding_no_id(
    made: tuple[Generated, driver.Compiled],
) -> None:
    assert made[0].manifest.controller_headers == (
        artifact.ControllerHeader(
            "packet_in",
            6,
            (
                artifact.HeaderField(1, "port", 9, 0),
                artifact.HeaderField(0, "pad", 7, 9),
                artifact.HeaderField(3, "why", 32, 16),
            ),
        ),
    )


def test_the_digest_is_of_the_content_and_stands_in_the_c(
    made: tuple[Generated, driver.Compiled],
) -> None:
    generated, compiled = made
    again = target.generate(compiled.program, compiled.p4info(), "p4kube test")
    assert again == generated
    assert generated.c.count(generated.manifest.digest) == 1
    renamed = dataclasses.replace(generated.manifest, name="other")
    c = generated.c.replace(generated.manifest.digest, "@digest@")
    assert digests.digest_of(generated.manifest, generated.p4info, c) == generated.manifest.digest
    assert digests.digest_of(renamed, generated.p4info, c) != generated.manifest.digest


def test_nothing_of_the_machine_is_in_the_c(
    made: tuple[Generated, driver.Compiled], tmp_path: Path
) -> None:
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / "made.p4"
    path.write_text(PROGRAM)
    compiled = driver.compile(path)
    other = target.generate(compiled.program, compiled.p4info(), "p4kube test")
    lines = [line for line in other.c.splitlines() if str(tmp_path) in line]
    assert lines
    assert all(line.startswith("#line ") for line in lines)
