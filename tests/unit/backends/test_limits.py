"""What target dpdk refuses, with code and place."""

from __future__ import annotations

import dataclasses

import pytest

from p4kube_core import errors
from p4kube_core.compiler.backends.dpdk import limits
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types
from tests.unit.backends import handmade as h
from tests.unit.backends import routers

START = h.state("start", ())
WIDE = ir.Variable("wide", types.Bits(129), h.SPAN)
TEXT = types.Header("text_t", (types.Member("text", types.Varbit(80)),))
TEXT_VARIABLE = ir.Variable("text", TEXT, h.SPAN)
ODD = types.Header("odd_t", (types.Member("half", types.Bits(4)),))
ODD_VARIABLE = ir.Variable("odd", ODD, h.SPAN)
X = ir.Variable("x", types.Bits(32), h.SPAN)
LONG = ir.DigestField("x", types.Bits(128))
SIGNED = ir.Variable("x", types.Bits(32, signed=True), h.SPAN)


def table(*kinds: ir.MatchKind, size: int = 1, of: ir.Variable = X) -> ir.Table:
    return ir.Table(
        name="t",
        keys=tuple(ir.Key(h.path(of), kind, f"x{i}", h.SPAN) for i, kind in enumerate(kinds)),
        actions=(),
        default_action=ir.ActionCall("NoAction", ()),
        const_default=False,
        size=size,
        entries=(),
        const_entries=False,
        direct_counter=None,
        annotations=(),
        span=h.SPAN,
    )


def hashed(algorithm: st.HashAlgorithm) -> st.Body:
    return (st.Hash(h.SPAN, algorithm, (h.path(X),), False, h.path(X)),)


digested = (
    st.Hash(h.SPAN, st.HashAlgorithm.CRC32, (h.path(TEXT_VARIABLE, "text"),), False, h.path(X)),
)


@pytest.mark.parametrize(
    ("code", "program"),
    [
        ("P4K0502", h.program((WIDE,), (START,))),
        ("P4K0508", h.program((TEXT_VARIABLE,), (START,), digested)),
        ("P4K0504", h.program((SIGNED,), (START,), tables=(table(ir.MatchKind.RANGE, of=SIGNED),))),
        (
            "P4K0505",
            h.program((X,), (START,), tables=(table(ir.MatchKind.LPM, ir.MatchKind.LPM),)),
        ),
        (
            "P4K0507",
            h.program((X,), (START,), tables=(table(ir.MatchKind.EXACT, size=1 << 30),)),
        ),
        (
            "P4K0507",
            dataclasses.replace(
                h.program((X,), (START,)),
                meters=(ir.Meter("m", ir.MeterUnit.BYTES, 1 << 25, None, h.SPAN),),
            ),
        ),
        (
            "P4K0507",
            dataclasses.replace(
                h.program((X,), (START,)), digests=(ir.Digest("d", (LONG,) * 65, h.SPAN),)
            ),
        ),
        ("P4K0508", h.program((X,), (START,), hashed(st.HashAlgorithm.CRC32_CUSTOM))),
        (
            "P4K0510",
            h.program(
                (ODD_VARIABLE,),
                (h.state("start", (st.Extract(h.SPAN, h.path(ODD_VARIABLE)),)),),
            ),
        ),
    ],
)
def test_refused_with_code_and_place(code: str, program: ir.Program) -> None:
    with pytest.raises(errors.UnsupportedByTarget, match=rf"made.p4:1:1: error\[{code}\]"):
        limits.check(program)


def test_everything_else_is_taken() -> None:
    limits.check(routers.router())
    assert limits.warnings(routers.router()) == ()


def test_multicast_is_warned_of() -> None:
    body = (h.assign(h.meta("mcast_grp"), h.const(1, 16)),)
    (warning,) = limits.warnings(h.program((), (START,), body))
    assert warning.code == "P4K0520"
