"""What a parser takes from the packet, as C: extract, advance, lookahead, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from p4kube_core import errors
from p4kube_core.compiler.backends import expressions, wire
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

if TYPE_CHECKING:
    from p4kube_core.compiler.backends.statements import Writer


def write(writer: Writer, of: st.Extract | st.Advance | st.Lookahead | st.Verify) -> None:
    """One statement; where it fails it jumps to the parser's end, with the error set."""
    match of:
        case st.Verify():
            writer.unit.code.open(f"if ({writer.unit.printer.negated(of.condition)})")
            writer.fail(writer.show(of.error))
            writer.unit.code.close()
        case st.Extract():
            writer.unit.dialect.extract(writer, of)
        case st.Advance():
            _advance(writer, of)
        case st.Lookahead():
            _lookahead(writer, of)
        case _:
            assert_never(of)


def require(writer: Writer, size: str) -> None:
    """Fail unless so many bytes are left."""
    writer.unit.code.line(f"if (!{writer.unit.dialect.holds(size)})")
    writer.unit.code.line(f"\t{writer.fail_with('PacketTooShort')}")


def _advance(writer: Writer, of: st.Advance) -> None:
    code, dialect = writer.unit.code, writer.unit.dialect
    if isinstance(of.bits, ex.Const) and of.bits.value % 8 == 0:
        size = str(of.bits.value // 8)
    else:
        bits = writer.unit.printer.operand(of.bits)
        code.line(f"if ({bits} % 8 != 0)")
        code.line(f"\t{writer.fail_with('ParserInvalidArgument')}")
        size = f"{bits} / 8"
    require(writer, size)
    code.line(dialect.skip(size))


def _lookahead(writer: Writer, of: st.Lookahead) -> None:
    to = of.target.type
    require(writer, str(wire.size_bytes(to)))
    here = writer.unit.dialect.here
    spot = writer.unit.printer.spot(of.target)
    match to:
        case types.Bits() | types.Bool():
            writer.guarded(spot, f"{{}} = {wire.load_leaf(to, 0, here)};")
        case types.Header():
            load = writer.unit.function("load", to.name)
            writer.guarded(spot, f"{load}(&{{}}, {here});")
        case types.Struct() | types.Stack():
            peek(writer, of.target, 0, here)
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
