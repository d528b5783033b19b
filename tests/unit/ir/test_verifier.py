"""Each rule of the IR, broken once: the verifier says so, and says nothing else."""

from __future__ import annotations

import dataclasses

import pytest

from p4kube_core import errors
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types, verifier
from p4kube_core.compiler.ir.expressions import BinaryOp, CastKind, UnaryOp
from tests.unit.ir import sample
from tests.unit.ir.sample import (
    B8,
    B16,
    B32,
    FLAG,
    I8,
    PARSER,
    PROGRAM,
    SPAN,
    TABLE,
    WORD,
    A,
    B,
    H,
    S,
    V,
    number,
)

LEAST = number(0, types.Bits(64))


def test_the_sample_is_valid() -> None:
    assert verifier.verify(PROGRAM) == ()
    verifier.check(PROGRAM, "nothing")


def test_every_finding_is_reported_at_once() -> None:
    wrong = sample.with_ingress(
        st.Leave(SPAN, "nowhere"),
        st.ApplyTable(SPAN, "ingress.none"),
    )
    with pytest.raises(errors.InvariantViolated) as caught:
        verifier.check(wrong, "a test")
    assert "after a test" in str(caught.value)
    assert "nowhere" in str(caught.value)
    assert "ingress.none" in str(caught.value)


VALUES = [
    (ex.Const(B8, 256), "the constant 256 is no bit<8>"),
    (ex.Const(I8, 128), "the constant 128 is no int<8>"),
    (ex.Const(types.BOOL, 2), "the constant 2 is no bool"),
    (ex.Var(B8, "unknown"), "no variable 'unknown' here"),
    (ex.Var(B16, "word"), "the variable 'word' is bit<32>, found bit<16>"),
    (ex.Member(B8, H, "z"), "h_t has no member 'z'"),
    (ex.Member(B16, H, "a"), "the member 'a' is bit<8>, found bit<16>"),
    (ex.Member(B8, ex.Index(sample.HEADER, H, number(0)), "a"), "an element of h_t as h_t"),
    (
        ex.Member(B8, ex.Index(sample.HEADER, S, number(0, I8)), "a"),
        "an index of type int<8>",
    ),
    (ex.NextIndex(B32, H), "nextIndex of h_t as bit<32>"),
    (ex.NextIndex(B8, S), "nextIndex of h_t[4] as bit<8>"),
    (ex.IsValid(types.BOOL, S), "wanted a header to be valid, found h_t[4]"),
    (ex.PacketLength(B16), "the packet's length is bit<32>, found bit<16>"),
    (ex.Unary(B8, UnaryOp.NOT, A), "! of bit<8> as bit<8>"),
    (ex.Unary(types.BOOL, UnaryOp.NEGATE, FLAG), "- of bool as bool"),
    (ex.Binary(B8, BinaryOp.ADD, A, B), "bit<8> + bit<16> as bit<8>"),
    (ex.Binary(B16, BinaryOp.ADD, A, A), "bit<8> + bit<8> as bit<16>"),
    (ex.Binary(B8, BinaryOp.SHL, A, number(1, I8)), "bit<8> << int<8> as bit<8>"),
    (ex.Binary(types.BOOL, BinaryOp.LT, FLAG, FLAG), "bool < bool as bool"),
    (ex.Binary(types.BOOL, BinaryOp.EQ, H, H), "h_t == h_t as bool"),
    (ex.Binary(types.BOOL, BinaryOp.LOGICAL_AND, A, FLAG), "bit<8> && bool as bool"),
    (ex.Concat(B16, A, FLAG), "bit<8> joined with bool"),
    (ex.Concat(B16, A, B), "bit<8> joined with bit<16> as bit<16>"),
    (ex.Slice(B8, A, 8, 1), "bits 8 to 1 of bit<8>"),
    (ex.Slice(B8, A, 3, 0), "bits 3 to 0 as bit<8>"),
    (ex.Slice(types.Bits(1), FLAG, 0, 0), "a slice of bool"),
    (ex.Cast(B16, CastKind.TRUNCATE, A), "truncate from bit<8> to bit<16>"),
    (ex.Cast(B8, CastKind.ZERO_EXTEND, B), "zext from bit<16> to bit<8>"),
    (ex.Cast(B16, CastKind.SIGN_EXTEND, A), "sext from bit<8> to bit<16>"),
    (ex.Cast(B8, CastKind.REINTERPRET, A), "reinterpret from bit<8> to bit<8>"),
    (ex.Cast(B8, CastKind.FROM_BOOL, FLAG), "from_bool from bool to bit<8>"),
    (ex.Cast(types.BOOL, CastKind.TO_BOOL, A), "to_bool from bit<8> to bool"),
    (ex.Mux(B8, A, A, A), "a choice by bit<8>"),
    (ex.Mux(B8, FLAG, A, B), "a choice of bit<8> and bit<16> as bit<8>"),
]


@pytest.mark.parametrize(("value", "message"), VALUES, ids=[m for _, m in VALUES])
def test_expressions(value: ex.Expression, message: str) -> None:
    assert messages(sample.with_value(value)) == [message]


CONTROL = [
    (st.Assign(SPAN, A, B), "bit<16> is assigned to bit<8>"),
    (st.SetValid(SPAN, S, True), "wanted a header, found h_t[4]"),
    (st.Push(SPAN, H, 1), "wanted a stack, found h_t"),
    (st.Pop(SPAN, S, -1), "wanted a count of at least 0, found -1"),
    (st.Extract(SPAN, H), "Extract stands outside of a parser"),
    (st.Emit(SPAN, H), "Emit stands outside of a deparser"),
    (st.If(SPAN, A, ()), "wanted a bool as condition, found bit<8>"),
    (st.Switch(SPAN, FLAG, ()), "a switch on bool"),
    (st.Switch(SPAN, A, (st.Case((256,), ()),)), "the case 256 is no bit<8>"),
    (
        st.Switch(SPAN, A, (st.Case((1,), ()), st.Case((1,), ()))),
        "two cases of a switch have one value",
    ),
    (st.Switch(SPAN, A, (st.Case((), ()),)), "a case without value"),
    (st.Loop(SPAN, "l", (), 0), "a loop wants a limit of at least 1"),
    (st.Leave(SPAN, "l"), "no block 'l' around to leave"),
    (
        st.Block(SPAN, "l", (st.Block(SPAN, "l", ()),)),
        "the label 'l' is used twice",
    ),
    (st.ApplyTable(SPAN, "t"), "no table 't'"),
    (st.ApplyTable(SPAN, "ingress.t", hit=A), "hit is bool, found bit<8>"),
    (st.ApplyTable(SPAN, "ingress.t", action_run=A), "action_run is bit<32>, found bit<8>"),
    (st.Count(SPAN, "none", WORD), "no counter 'none'"),
    (st.Count(SPAN, "ingress.count", FLAG), "an index of type bool"),
    (
        st.Count(SPAN, "ingress.direct", WORD),
        "an index is wanted exactly for counters of no table ('ingress.direct')",
    ),
    (
        st.Count(SPAN, "ingress.direct", None),
        "a direct counter counts outside of an action",
    ),
    (
        st.Hash(SPAN, st.HashAlgorithm.CSUM16, (A,), False, FLAG),
        "wanted bits for a hash, found bool",
    ),
    (st.Hash(SPAN, st.HashAlgorithm.CSUM16, (H,), False, B), "a hash over h_t"),
    (st.ReadRegister(SPAN, "none", WORD, B), "no register 'none'"),
    (
        st.WriteRegister(SPAN, "ingress.seen", WORD, A),
        "the register 'ingress.seen' holds bit<16>, found bit<8>",
    ),
    (
        st.ReadRegister(SPAN, "ingress.seen", FLAG, B),
        "wanted an index of at most 64 bits, found bool",
    ),
    (st.RunMeter(SPAN, "none", WORD, A), "no meter 'none'"),
    (st.RunMeter(SPAN, "ingress.meter", WORD, B), "a colour is bit<8>, found bit<16>"),
    (
        st.RunMeter(SPAN, "ingress.meter", FLAG, A),
        "wanted an index of at most 64 bits, found bool",
    ),
    (
        st.RunMeter(SPAN, "ingress.rates", WORD, A),
        "an index is wanted exactly for meters of no table ('ingress.rates')",
    ),
    (st.RunMeter(SPAN, "ingress.rates", None, A), "a direct meter runs outside of an action"),
    (st.SendDigest(SPAN, "none", (A,)), "no digest 'none'"),
    (
        st.SendDigest(SPAN, "learn_t", (B, A)),
        "the digest 'learn_t' is of bit<8>, bit<16>, found bit<16>, bit<8>",
    ),
    (st.Random(SPAN, LEAST, LEAST, A), "wanted bit<64> for a random number, found bit<8>"),
]


@pytest.mark.parametrize(("statement", "message"), CONTROL, ids=[m for _, m in CONTROL])
def test_statements_of_controls(statement: st.Statement, message: str) -> None:
    assert messages(sample.with_ingress(statement)) == [message]


IN_PARSER = [
    (st.Extract(SPAN, S), "wanted a header, found h_t[4]"),
    (st.Extract(SPAN, V), "a size is given exactly for a header with a varbit"),
    (st.Extract(SPAN, H, WORD), "a size is given exactly for a header with a varbit"),
    (st.Extract(SPAN, V, FLAG), "wanted a size of at most 32 bits, found bool"),
    (st.Advance(SPAN, A), "wanted bit<32> to advance, found bit<8>"),
    (st.Lookahead(SPAN, V), "a lookahead of varying size"),
    (st.Verify(SPAN, FLAG, B), "wanted an error of bit<8>, found bit<16>"),
    (st.SetNextIndex(SPAN, S, A), "nextIndex is bit<32>, found bit<8>"),
    (st.ApplyTable(SPAN, "ingress.t"), "ApplyTable stands in a block of kind parser"),
    (st.Exit(SPAN), "Exit stands in a parser"),
]


@pytest.mark.parametrize(("statement", "message"), IN_PARSER, ids=[m for _, m in IN_PARSER])
def test_statements_of_parsers(statement: st.Statement, message: str) -> None:
    assert messages(sample.with_state(statement)) == [message]


def test_a_table_is_applied_in_an_action() -> None:
    found = messages(sample.with_action(st.ApplyTable(SPAN, "ingress.t")))
    assert found == ["ApplyTable stands in a block of kind action"]


def entry(keyset: ir.Keyset, action: str = "ingress.forward", *arguments: int) -> ir.Entry:
    return ir.Entry((keyset,), ir.ActionCall(action, arguments or (1,)), 1, SPAN)


TABLES = [
    ({"entries": (entry(ir.Exactly(256)),)}, "256 is no bit<8>"),
    ({"entries": (entry(ir.Between(0, 300)),)}, "300 is no bit<8>"),
    ({"entries": (entry(ir.Masked(4, 3)),)}, "a masked value has bits outside of its mask"),
    ({"entries": (entry(ir.Masked(0, 0x100)),)}, "the mask 0x100 does not fit bit<8>"),
    (
        {"entries": (dataclasses.replace(entry(ir.AnyValue()), keysets=()),)},
        "wanted 1 key sets, found 0",
    ),
    (
        {"entries": (entry(ir.AnyValue(), "ingress.other"),)},
        "the action 'ingress.other' is not in its list",
    ),
    (
        {"default_action": ir.ActionCall("ingress.forward", ())},
        "ingress.forward wants 1 arguments, found 0",
    ),
    (
        {"default_action": ir.ActionCall("ingress.forward", (1 << 16,))},
        "65536 is no bit<16> (port of ingress.forward)",
    ),
    (
        {"actions": (*TABLE.actions, ir.TableAction("ingress.other"))},
        "no action 'ingress.other'",
    ),
    (
        {"direct_counter": "ingress.count"},
        "the direct counter 'ingress.count' is not its own",
    ),
]


def test_the_direct_meter_of_a_table_is_its_own() -> None:
    table = dataclasses.replace(TABLE, direct_meter="ingress.meter")
    assert messages(sample.with_table(table)) == [
        "the direct meter 'ingress.meter' is not its own",
        "an action of its list runs the direct meter 'ingress.rates'",
    ]


def test_an_action_runs_the_direct_meter_of_another_table() -> None:
    other = dataclasses.replace(TABLE, name="ingress.u", direct_counter=None, direct_meter=None)
    wrong = dataclasses.replace(PROGRAM, tables=(TABLE, other))
    assert messages(wrong) == ["an action of its list runs the direct meter 'ingress.rates'"]


def test_a_direct_meter_belongs_to_a_table_that_is_not() -> None:
    meters = (sample.METER, dataclasses.replace(sample.RATES, table="gone"))
    found = messages(dataclasses.replace(PROGRAM, meters=meters))
    assert "belongs to no table: 'gone'" in found


@pytest.mark.parametrize(("change", "message"), TABLES, ids=[m for _, m in TABLES])
def test_tables(change: dict[str, object], message: str) -> None:
    table = dataclasses.replace(TABLE, **change)  # type: ignore[arg-type]
    assert messages(sample.with_table(table)) == [message]


def test_a_state_goes_nowhere() -> None:
    state = ir.State("start", (), ir.Goto("gone"), SPAN)
    wrong = dataclasses.replace(PARSER, states=(state,))
    assert messages(dataclasses.replace(PROGRAM, parser=wrong)) == ["goes to no state: 'gone'"]


def test_a_parser_without_states() -> None:
    wrong = dataclasses.replace(PARSER, states=())
    assert messages(dataclasses.replace(PROGRAM, parser=wrong)) == ["has no state"]


def test_the_error_is_no_code() -> None:
    wrong = dataclasses.replace(PARSER, error=B)
    found = messages(dataclasses.replace(PROGRAM, parser=wrong))
    assert found == ["the error wants bit<8>, found bit<16>"]


PROGRAMS = [
    ({"variables": (*PROGRAM.variables, PROGRAM.variables[0])}, "two of variable 'hdr'"),
    ({"actions": PROGRAM.actions * 2}, "two of action 'ingress.forward'"),
    ({"tables": PROGRAM.tables * 2}, "two of table 'ingress.t'"),
    ({"counters": (*PROGRAM.counters, sample.COUNT)}, "two of counter 'ingress.count'"),
    ({"meters": (*PROGRAM.meters, sample.METER)}, "two of meter 'ingress.meter'"),
    ({"digests": PROGRAM.digests * 2}, "two of digest 'learn_t'"),
    ({"errors": ("Other",)}, "error 0 is not NoError"),
    ({"metadata": "other"}, "no variable 'other' for the architecture's metadata"),
    ({"controls": (*PROGRAM.controls, sample.DEPARSER)}, "two controls have one role"),
    (
        {"types": (sample.HEADERS, sample.HEADER, sample.LONG, sample.METADATA)},
        "contains 'h_t', which does not come before it",
    ),
    (
        {"types": (*PROGRAM.types, types.Header("x", (types.Member("s", sample.STACK),)))},
        "contains a header",
    ),
    (
        {
            "types": (
                *PROGRAM.types,
                types.Header(
                    "x",
                    (types.Member("a", types.Varbit(8)), types.Member("b", types.Varbit(8))),
                ),
            )
        },
        "has two varbits",
    ),
]


@pytest.mark.parametrize(("change", "message"), PROGRAMS, ids=[m for _, m in PROGRAMS])
def test_programs(change: dict[str, object], message: str) -> None:
    wrong = dataclasses.replace(PROGRAM, **change)  # type: ignore[arg-type]
    assert message in messages(wrong)


def test_a_variable_of_another_block() -> None:
    own = ir.Variable("own", B8, SPAN)
    ingress = dataclasses.replace(sample.INGRESS, variables=(own,))
    deparser = dataclasses.replace(
        sample.DEPARSER, body=(st.Assign(SPAN, ex.Var(B8, "own"), number(1)),)
    )
    wrong = dataclasses.replace(PROGRAM, controls=(ingress, deparser))
    assert messages(wrong) == ["no variable 'own' here"]


def messages(of: ir.Program) -> list[str]:
    return [finding.message for finding in verifier.verify(of)]
