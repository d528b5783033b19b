"""What a parser extracts, as C: from a packet that is contiguous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p4kube_core.compiler.backends import extraction, varbits, walk, wire
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

if TYPE_CHECKING:
    from p4kube_core.compiler.backends.statements import Writer


def write(writer: Writer, of: st.Extract) -> None:
    unit, header = writer.unit, of.header.type
    assert isinstance(header, types.Header)
    if of.varbit_bits is not None:
        _extract_varying(writer, of, of.varbit_bits)
        return
    size = wire.size_bytes(header)
    extraction.require(writer, str(size))
    load = unit.function("load", header.name)
    writer.guarded(unit.printer.spot(of.header), f"{load}(&{{}}, cursor.at);")
    head = unit.heads.get(walk.path_of(of.header))
    if head is not None:
        unit.code.line(f"s->{head} = cursor.at;")
    unit.code.line(f"cursor.at += {size};")


def _extract_varying(writer: Writer, of: st.Extract, size_bits: ex.Expression) -> None:
    unit, code, header = writer.unit, writer.unit.code, of.header.type
    assert isinstance(header, types.Header)
    found = varbits.varying(header)
    assert found is not None
    code.open()
    code.line(f"const uint32_t bits = {writer.show(size_bits)};")
    code.line(f"const uint64_t size = {varbits.fixed_bits(header) // 8} + (uint64_t)bits / 8;")
    code.line()
    code.line(f"if (bits > {types.width_bits(found.member.type)})")
    code.line(f"\t{writer.fail_with('HeaderTooShort')}")
    code.line("if (bits % 8 != 0)")
    code.line(f"\t{writer.fail_with('ParserInvalidArgument')}")
    extraction.require(writer, "size")
    load = unit.function("load", header.name)
    writer.guarded(unit.printer.spot(of.header), f"{load}(&{{}}, cursor.at, bits / 8);")
    code.line("cursor.at += size;")
    code.close()
