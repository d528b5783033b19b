"""How often a loop turns at most: never fewer than it does, and no more where that can be told."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from p4kube_core.compiler import driver
from p4kube_core.compiler.frontend.source import Source
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir.expressions import BinaryOp
from p4kube_core.compiler.midend import turns
from tests.golden.ir.test_ir import DEFAULTS, SKELETON
from tests.unit.ir import sample
from tests.unit.ir.interpreter import Run, nothing

MOST = 600
SPAN = sample.SPAN
TYPES = some.builds(types.Bits, some.integers(2, 6), some.booleans())
TESTS = [BinaryOp.LT, BinaryOp.LE, BinaryOp.GT, BinaryOp.GE, BinaryOp.NE]


def loop(
    of: types.Bits, op: BinaryOp, start: int, step: int, bound: int, down: bool, swapped: bool
) -> ir.Program:
    """Ingress counts in `word` how often a loop turns."""
    counter = ex.Var(of, "counter")
    sides = (ex.Const(of, types.wrapped(of, bound)), counter)
    test = ex.Binary(types.BOOL, op, *(sides if swapped else sides[::-1]))
    moved = ex.Binary(
        of, BinaryOp.SUB if down else BinaryOp.ADD, counter, ex.Const(of, types.wrapped(of, step))
    )
    leave = st.If(SPAN, folding.unary(ex.UnaryOp.NOT, test), (st.Leave(SPAN, "l"),))
    count = st.Assign(
        SPAN, sample.WORD, folding.binary(BinaryOp.ADD, sample.WORD, sample.number(1, sample.B32))
    )
    body = (leave, count, st.Assign(SPAN, counter, moved))
    program = sample.with_ingress(
        st.Assign(SPAN, counter, ex.Const(of, types.wrapped(of, start))),
        st.Loop(SPAN, "l", body, MOST),
    )
    return dataclasses.replace(
        program, variables=(*program.variables, ir.Variable("counter", of, SPAN))
    )


def turned(program: ir.Program) -> int:
    run = Run(program, b"")
    for of in program.variables:
        run.variables[of.name] = nothing(of.type)
    run.run(program.control(ir.Role.INGRESS).body)
    word: int = run.variables["word"]
    return word


def limit(program: ir.Program) -> int:
    (found,) = (s for c in program.controls for s in st.walk(c.body) if isinstance(s, st.Loop))
    return found.limit


@settings(deadline=None)
@given(
    TYPES,
    some.sampled_from(TESTS),
    *[some.integers(0, 63)] * 3,
    some.booleans(),
    some.booleans(),
)
def test_a_loop_turns_as_often_as_before_and_never_more_than_said(
    of: types.Bits, op: BinaryOp, start: int, step: int, bound: int, down: bool, swapped: bool
) -> None:
    program = loop(of, op, start, step, bound, down, swapped)
    limited = turns.limit(program)
    assert turned(limited) == turned(program) <= limit(limited) or limit(limited) == 1


def limits(text: str, locals_: str = "") -> list[int]:
    found: dict[str, ir.Program] = {}
    source = SKELETON % {**DEFAULTS, "apply": text, "locals": locals_}
    driver.compile(Source("in.p4", source), after=found.__setitem__)
    bodies = [c.body for c in found["turns"].controls]
    return [s.limit for body in bodies for s in st.walk(body) if isinstance(s, st.Loop)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("for (bit<8> i = 0; i < 10; i = i + 1) { hdr.h.a = i; }", [10]),
        ("for (bit<8> i = 3; i <= 10; i = i + 2) { hdr.h.a = i; }", [4]),
        ("for (bit<8> i = 9; i > 0; i = i - 1) { hdr.h.a = i; }", [9]),
        ("for (bit<8> i = 0; i != 6; i = i + 2) { hdr.h.a = i; }", [3]),
        ("for (bit<8> i = 0; i < hdr.h.b; i = i + 1) { hdr.h.a = i; }", [255]),
        ("for (bit<16> i = 0; i < (bit<16>)hdr.h.b; i = i + 1) { hdr.h.a = 1; }", [255]),
        ("for (bit<8> i in 0 .. hdr.h.b) { hdr.h.a = i; }", [256]),
        ("for (bit<32> i in 1 .. 4) { hdr.h.a = 1; }", [4]),
        # It may come round: the standard says that it does not end then.
        ("for (bit<8> i = 0; i <= hdr.h.b; i = i + 1) { hdr.h.a = i; }", [65536]),
        ("for (bit<8> i = 0; i < 255; i = i + 3) { hdr.h.a = i; }", [65536]),
        # Something else moves the counter.
        ("for (bit<8> i = 0; i < 9; i = i + 1) { i = hdr.h.b; }", [65536]),
        (
            """for (bit<8> i = 0; i < 4; i = i + 1) { for (bit<8> j = i; j < 8; j = j + 1) {
                hdr.h.a = j; if (j == 5) { break; } if (i == 2) { continue; } hdr.h.b = i;
            } }""",
            [4, 8],
        ),
    ],
)
def test_limits_of_loops_as_people_write_them(text: str, wanted: list[int]) -> None:
    assert limits(text) == wanted


def test_an_action_may_move_the_counter() -> None:
    declared = """
        bit<8> i = 0;
        action back() { i = 0; }
        table t { key = { hdr.h.a: exact; } actions = { back; NoAction; } }
    """
    assert limits("for (i = 0; i < 9; i = i + 1) { t.apply(); }", declared) == [65536]
