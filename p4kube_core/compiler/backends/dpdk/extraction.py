"""What a parser takes from the packet, as C: extract, advance, lookahead, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from p4kube_core import errors
from p4kube_core.compiler.backends import expressions, varbits, walk
from p4kube_core.compiler.backends.dpdk import wire
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

if TYPE_CHECKING:
    from p4kube_core.compiler.backends.dpdk.statements import Writer


def write(writer: Writer, of: st.Extract | st.Advance | st.Lookahead | st.Verify) -> None:
    """One statement; where it fails it jumps to the parser's end, with the error set."""
    match of:
        case st.Verify():
            writer.unit.code.open(f"if ({writer.unit.printer.negated(of.condition)})")
            writer.fail(writer.show(of.error))
            writer.unit.code.close()
        case st.Extract():
            _extract(writer, of)
        case st.Advance():
            _advance(writer, of)
        case st.Lookahead():
            _lookahead(writer, of)
        case _:
            assert_never(of)


def _require(writer: Writer, size: str) -> None:
    writer.unit.code.line(f"if (!p4k_holds(&cursor, {size}))")
    writer.unit.code.line(f"\t{writer.fail_with('PacketTooShort')}")


def _extract(writer: Writer, of: st.Extract) -> None:
    unit, header = writer.unit, of.header.type
    assert isinstance(header, types.Header)
    if of.varbit_bits is not None:
        _extract_varying(writer, of, of.varbit_bits)
        return
    size = wire.size_bytes(header)
    _require(writer, str(size))
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
    _require(writer, "size")
    load = unit.function("load", header.name)
    writer.guarded(unit.printer.spot(of.header), f"{load}(&{{}}, cursor.at, bits / 8);")
    code.line("cursor.at += size;")
    code.close()


def _advance(writer: Writer, of: st.Advance) -> None:
    code = writer.unit.code
    if isinstance(of.bits, ex.Const) and of.bits.value % 8 == 0:
        _require(writer, str(of.bits.value // 8))
        code.line(f"cursor.at += {of.bits.value // 8};")
        return
    bits = writer.unit.printer.operand(of.bits)
    code.line(f"if ({bits} % 8 != 0)")
    code.line(f"\t{writer.fail_with('ParserInvalidArgument')}")
    _require(writer, f"{bits} / 8")
    code.line(f"cursor.at += {bits} / 8;")


def _lookahead(writer: Writer, of: st.Lookahead) -> None:
    to = of.target.type
    _require(writer, str(wire.size_bytes(to)))
    spot = writer.unit.printer.spot(of.target)
    match to:
        case types.Bits() | types.Bool():
            writer.guarded(spot, f"{{}} = {wire.load_leaf(to, 0, 'cursor.at')};")
        case types.Header():
            load = writer.unit.function("load", to.name)
            writer.guarded(spot, f"{load}(&{{}}, cursor.at);")
        case types.Struct() | types.Stack():
            peek(writer, of.target, 0, "cursor.at")
        case _:
            raise errors.InvariantViolated(f"a lookahead of {to}")


def peek(writer: Writer, target: ex.Place, offset: int, at: str) -> int:
    """Read from that many bits behind `at`, C for a pointer; returns the offset of what follows."""
    of = target.type
    match of:
        case types.Struct() | types.Header():
            if isinstance(of, types.Header):
                writer.guarded(writer.unit.printer.spot(target), "{}.valid = true;")
            for m in of.members:
                offset = peek(writer, ex.Member(m.type, target, m.name), offset, at)
            return offset
        case types.Stack():
            for i in range(of.size):
                element = ex.Index(of.element, target, ex.Const(types.Bits(32), i))
                offset = peek(writer, element, offset, at)
            return offset
        case _:
            text = wire.load_leaf(expressions.scalar(of), offset, at)
            writer.store(target, text)
            return offset + types.width_bits(of)
