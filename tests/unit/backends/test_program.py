"""The generated file as text."""

from __future__ import annotations

import re

from p4kube_core.compiler.backends.dpdk import program as programs
from p4kube_core.compiler.ir import statements as st
from tests.unit.backends import handmade as h
from tests.unit.backends import routers


def text() -> str:
    return programs.write(programs.make(routers.router()))


def test_equal_programs_give_equal_bytes() -> None:
    assert text() == text()


def test_only_what_changes_is_written_where_headers_stay() -> None:
    (deparser,) = re.findall(r"bool deparse\(.*?\n}", text(), re.DOTALL)
    stored = re.findall(r"p4k_store\((.*)\);", deparser)
    assert stored == [
        "at, 6, s->hdr_ethernet.dst",
        "at + 6, 6, s->hdr_ethernet.src",
        "at + 8, 1, (uint64_t)s->hdr_ipv4.ttl",
        "at + 10, 2, (uint64_t)s->hdr_ipv4.checksum",
    ]
    assert "p4k_make_room" not in deparser


def test_lines_lead_back_to_the_source_and_to_this_file() -> None:
    lines = text().splitlines()
    assert '#line 1 "made.p4"' in lines
    for number, line in enumerate(lines, start=1):
        if match := re.fullmatch(r'#line (\d+) "program.c"', line):
            assert int(match[1]) == number + 1


def test_a_program_without_tables_has_no_empty_arrays() -> None:
    c = programs.write(programs.make(h.program((), (h.state("start", ()),), (st.Return(h.SPAN),))))
    assert ".tables = NULL" in c
    assert "[] = {\n}" not in c
