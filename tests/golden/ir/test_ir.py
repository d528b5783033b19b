"""P4 in, IR out: after the lowering, and after all passes.

A case gives pieces of a v1model program, each in a section of its own; what it leaves out is small.
`before` in a case's title shows the IR as the lowering made it, before any pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.compiler import driver
from p4kube_core.compiler.frontend.source import Source
from p4kube_core.compiler.ir import printer
from p4kube_core.compiler.ir.program import Program
from tests.golden import reader
from tests.golden.conftest import Golden

HERE = Path(__file__).parent
PROGRAMS = [c for f in sorted(HERE.glob("*.txt")) for c in reader.cases(f)]

SKELETON = """\
#include <core.p4>
#include <v1model.p4>
header one_t { bit<8> a; bit<8> b; bit<16> c; }
header two_t { bit<32> d; }
header rest_t { bit<8> size; varbit<64> bytes; }
header_union either_t { one_t one; two_t two; }
%(top)s
struct headers_t { one_t h; one_t g; two_t[3] s; either_t u; rest_t v; }
struct meta_t { bit<8> m; bit<9> port; int<8> i; bool ok; }
parser parse(packet_in packet, out headers_t hdr, inout meta_t meta,
             inout standard_metadata_t standard) {
%(parser)s
}
control verify_sums(inout headers_t hdr, inout meta_t meta) { apply { %(verify)s } }
control ingress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t standard) {
%(locals)s
    apply {
%(apply)s
    }
}
control egress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t standard) {
    apply { }
}
control update_sums(inout headers_t hdr, inout meta_t meta) { apply { %(update)s } }
control deparse(packet_out packet, in headers_t hdr) { apply { %(deparse)s } }
V1Switch(parse(), verify_sums(), ingress(), egress(), update_sums(), deparse()) main;
"""
DEFAULTS = {
    "top": "",
    "parser": "state start { transition accept; }",
    "verify": "",
    "locals": "",
    "apply": "",
    "update": "",
    "deparse": "",
}


def text_of(case: reader.Case) -> str:
    if "p4" in case.sections:  # a whole program
        return case.sections["p4"]
    given = {k: v for k, v in case.sections.items() if k != "out"}
    assert given.keys() <= DEFAULTS.keys(), case.title
    return SKELETON % {**DEFAULTS, **given}


@pytest.mark.parametrize("case", PROGRAMS, ids=str)
def test_ir(case: reader.Case, golden: Golden) -> None:
    stages: dict[str, Program] = {}
    try:
        driver.compile(Source("in.p4", text_of(case)), after=stages.__setitem__)
    except errors.ProgramError as e:
        golden(case, str(e))
        return
    stage = "lowering" if case.title.startswith("before") else list(stages)[-1]
    shown = "\n\n".join(_parts(printer.program(stages[stage]), case))
    golden(case, shown)


_DECLARED = ("counter ", "meter ", "digest ", "controller header ", "action ", "table ")


def _parts(text: str, case: reader.Case) -> Iterator[str]:
    """What is declared, and the blocks that the case gives something for."""
    blocks = {
        "parser ": "parser", "verify_checksum ": "verify", "ingress ": "apply",
        "compute_checksum ": "update", "deparser ": "deparse",
    }  # fmt: skip
    for part in text.rstrip("\n").split("\n\n")[2:]:
        wanted = next((s for head, s in blocks.items() if part.startswith(head)), None)
        if part.startswith(_DECLARED) or wanted in case.sections:
            yield part
