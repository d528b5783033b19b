"""Where keys and parameters lie, and what an entry of the program's own is in bytes."""

from __future__ import annotations

from p4kube_core.compiler.backends import layout
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import types
from tests.unit.backends import handmade as h

X = ir.Variable("x", types.Bits(9), h.SPAN)
Y = ir.Variable("y", types.Bits(20), h.SPAN)
Z = ir.Variable("z", types.Bits(8, signed=True), h.SPAN)

SET = ir.Action(
    "set",
    "set",
    (ir.Parameter("p", "p", types.Bits(12)), ir.Parameter("q", "q", types.Bits(48))),
    (),
    (),
    h.SPAN,
)
NOP = ir.Action("NoAction", "NoAction", (), (), (), h.SPAN)


def key(variable: ir.Variable, kind: ir.MatchKind) -> ir.Key:
    return ir.Key(h.path(variable), kind, variable.name, h.SPAN)


def laid_out(*keys: ir.Key, entries: tuple[ir.Entry, ...] = ()) -> layout.Layout:
    table = ir.Table(
        name="t",
        keys=keys,
        actions=(ir.TableAction("set"), ir.TableAction("NoAction")),
        default_action=ir.ActionCall("NoAction", ()),
        const_default=False,
        size=8,
        entries=entries,
        const_entries=True,
        direct_counter=None,
        annotations=(),
        span=h.SPAN,
    )
    program = h.program((X, Y, Z), (h.state("start", ()),), actions=(NOP, SET), tables=(table,))
    return layout.lay_out(program)


def records(of: layout.Layout) -> list[bytes]:
    table = of.tables[0]
    return [layout.record(table, of.action(e.call.action), e) for e in table.table.entries]


def entry(*keysets: ir.Keyset, call: ir.ActionCall, priority: int = 0) -> ir.Entry:
    return ir.Entry(keysets, call, priority, h.SPAN)


def test_fields_are_right_aligned_in_whole_bytes() -> None:
    table = laid_out(key(X, ir.MatchKind.EXACT), key(Y, ir.MatchKind.EXACT)).tables[0]
    assert [(f.offset_bytes, f.size_bytes) for f in table.fields] == [(0, 2), (2, 3)]
    assert (table.key_bytes, table.key_words, table.data_bytes) == (5, 1, 8)
    assert table.kind is layout.TableKind.EXACT


def test_the_lpm_field_comes_last() -> None:
    table = laid_out(key(Y, ir.MatchKind.LPM), key(X, ir.MatchKind.EXACT)).tables[0]
    assert table.kind is layout.TableKind.LPM
    assert [(f.name, f.offset_bytes) for f in table.fields] == [("x", 0), ("y", 2)]


def test_an_exact_record() -> None:
    call = ir.ActionCall("set", (0xABC, 1))
    of = laid_out(
        key(X, ir.MatchKind.EXACT),
        key(Z, ir.MatchKind.EXACT),
        entries=(entry(ir.Exactly(0x101), ir.Exactly(-2), call=call),),
    )
    assert records(of) == [bytes.fromhex("0101 fe 0001 0abc 000000000001")]


def test_an_lpm_record_counts_all_bits_before_the_prefix_ends() -> None:
    of = laid_out(
        key(Y, ir.MatchKind.LPM),
        key(X, ir.MatchKind.EXACT),
        entries=(
            entry(ir.Masked(0xAB000, 0xFF000), ir.Exactly(1), call=ir.ActionCall("NoAction", ())),
        ),
    )
    # 16 bits of x, 4 bits that y is padded with, 8 bits of prefix
    assert records(of) == [bytes.fromhex("0001 0ab000 001c 0000") + bytes(8)]


def test_a_ternary_record() -> None:
    of = laid_out(
        key(Y, ir.MatchKind.TERNARY),
        key(X, ir.MatchKind.LPM),
        entries=(
            entry(ir.AnyValue(), ir.Exactly(3), call=ir.ActionCall("set", (1, 2)), priority=7),
        ),
    )
    wanted = "000000 0003 000000 01ff 00000007 0001 0001 000000000002"
    assert records(of) == [bytes.fromhex(wanted)]


def test_a_range_has_its_ends_in_key_and_mask() -> None:
    call = ir.ActionCall("NoAction", ())
    of = laid_out(
        key(X, ir.MatchKind.EXACT),
        key(Y, ir.MatchKind.RANGE),
        entries=(
            entry(ir.Exactly(1), ir.Between(5, 0xABCDE), call=call, priority=3),
            entry(ir.Exactly(2), ir.Exactly(7), call=call, priority=2),
            entry(ir.Exactly(3), ir.AnyValue(), call=call, priority=1),
        ),
    )
    (table,) = of.tables
    assert table.kind is layout.TableKind.TERNARY
    assert [(f.name, f.offset_bytes) for f in table.ranges] == [("y", 2)]
    assert records(of) == [
        bytes.fromhex("0001 000005 01ff 0abcde 00000003 0000") + bytes(8),
        bytes.fromhex("0002 000007 01ff 000007 00000002 0000") + bytes(8),
        bytes.fromhex("0003 000000 01ff 0fffff 00000001 0000") + bytes(8),
    ]


def test_an_optional_field_has_all_of_its_mask_or_nothing() -> None:
    call = ir.ActionCall("NoAction", ())
    of = laid_out(
        key(X, ir.MatchKind.OPTIONAL),
        key(Z, ir.MatchKind.OPTIONAL),
        entries=(entry(ir.Exactly(0x101), ir.AnyValue(), call=call, priority=4),),
    )
    (table,) = of.tables
    assert table.kind is layout.TableKind.TERNARY
    assert table.ranges == ()
    assert records(of) == [bytes.fromhex("0101 00 01ff 00 00000004 0000") + bytes(8)]


def test_default_data_is_padded_to_the_tables() -> None:
    table = laid_out(key(X, ir.MatchKind.EXACT)).tables[0]
    assert (table.default_action, table.default_data) == (0, bytes(8))
