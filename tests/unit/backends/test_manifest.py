"""The manifest: P4Info's ids on the data plane's layout; the artifact's digest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from p4kube_core.compiler import artifact as digests
from p4kube_core.compiler import driver
from p4kube_core.compiler.backends.dpdk import target
from p4kube_core.model import artifact

PROGRAM = """
#include <core.p4>
#include <v1model.p4>
header h_t { bit<32> a; bit<16> b; bit<8> c; }
struct headers_t { h_t h; }
struct metadata_t { }
parser p(packet_in packet, out headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    state start { packet.extract(hdr.h); transition accept; }
}
control v(inout headers_t hdr, inout metadata_t m) { apply { } }
control i(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) {
    direct_counter(CounterType.packets_and_bytes) hits;
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
    apply { t.apply(); fixed.apply(); }
}
control e(inout headers_t hdr, inout metadata_t m, inout standard_metadata_t sm) { apply { } }
control c(inout headers_t hdr, inout metadata_t m) { apply { } }
control d(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.h); } }
V1Switch(p(), v(), i(), e(), c(), d()) main;
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[target.Generated, driver.Compiled]:
    path = tmp_path_factory.mktemp("manifest") / "made.p4"
    path.write_text(PROGRAM)
    compiled = driver.compile(path)
    return target.generate(compiled.program, compiled.p4info(), "p4kube test"), compiled


def test_tables_join_layout_and_ids(made: tuple[target.Generated, driver.Compiled]) -> None:
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


def test_parameters_are_placed(made: tuple[target.Generated, driver.Compiled]) -> None:
    (action,) = (a for a in made[0].manifest.actions if a.name == "i.set")
    assert [(p.name, p.width, p.offset, p.bytes) for p in action.params] == [
        ("port", 9, 0, 2),
        ("x", 20, 2, 3),
    ]


def test_a_table_tells_what_the_program_brings(
    made: tuple[target.Generated, driver.Compiled],
) -> None:
    generated, _ = made
    table = generated.manifest.tables[1]
    index = next(a.index for a in generated.manifest.actions if a.name == "i.set")
    assert table.const
    assert table.const_default
    assert table.default == index.to_bytes(2, "big") + bytes.fromhex("0001 000002")
    assert table.entries == (b"\x05" + index.to_bytes(2, "big") + bytes.fromhex("0003 000004"),)


def test_the_digest_is_of_the_content_and_stands_in_the_c(
    made: tuple[target.Generated, driver.Compiled],
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
    made: tuple[target.Generated, driver.Compiled], tmp_path: Path
) -> None:
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / "made.p4"
    path.write_text(PROGRAM)
    compiled = driver.compile(path)
    other = target.generate(compiled.program, compiled.p4info(), "p4kube test")
    lines = [line for line in other.c.splitlines() if str(tmp_path) in line]
    assert lines
    assert all(line.startswith("#line ") for line in lines)
