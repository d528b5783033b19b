"""Which types stand for which, implicitly and by a cast."""

from __future__ import annotations

import pytest

from p4kube_core.compiler.frontend import checker_conversions, checker_expressions, types
from p4kube_core.compiler.frontend.checker_types import may_nest
from p4kube_core.compiler.frontend.types import Bit, Int, Type

PORT = types.NewType("port_t", Bit(9))
KIND = types.SerialEnum("Kind", Bit(8), ("A",))
COLOUR = types.Enum("Colour", ("RED",))
FIELDS = (types.Field("a", Bit(8)), types.Field("b", types.BOOL))
PAIR = types.Struct("pair_t", (), FIELDS)
HEAD = types.Header("head_t", (), FIELDS)
ONE_BOOL = types.Sequence((types.INTEGER, types.BOOL))


@pytest.mark.parametrize(
    ("source", "target", "fits"),
    [
        (types.INTEGER, Bit(8), True),
        (types.INTEGER, Int(8), True),
        (types.INTEGER, PORT, True),
        (types.INTEGER, types.BOOL, False),
        (Bit(8), Bit(9), False),
        (Bit(8), Int(8), False),
        (KIND, Bit(8), True),
        (Bit(8), KIND, False),
        (KIND, Bit(9), False),
        (Bit(9), PORT, False),
        (ONE_BOOL, PAIR, True),
        (ONE_BOOL, HEAD, True),
        (ONE_BOOL, types.Tuple((Bit(4), types.BOOL)), True),
        (types.Sequence((types.INTEGER,)), PAIR, False),
        (types.Sequence((types.INTEGER,), rest=True), PAIR, True),
        (types.Tuple((Bit(8), types.BOOL)), PAIR, False),
        (types.Record((types.Field("b", types.BOOL),)), PAIR, False),
        (types.Record((types.Field("b", types.BOOL),), rest=True), PAIR, True),
        (types.Record((types.Field("c", types.BOOL),), rest=True), PAIR, False),
        (types.INVALID, HEAD, True),
        (types.INVALID, PAIR, False),
        (types.DEFAULT, PAIR, True),
        (types.DEFAULT, types.MATCH_KIND, False),
        (types.UNKNOWN, types.VOID, True),
    ],
    ids=str,
)
def test_implicit(source: Type, target: Type, fits: bool) -> None:
    assert checker_conversions.convertible(source, target) is fits


@pytest.mark.parametrize(
    ("source", "target", "fits"),
    [
        (Bit(8), Bit(4), True),
        (Int(8), Int(16), True),
        (Bit(8), Int(8), True),
        (Bit(8), Int(9), False),
        (Bit(1), types.BOOL, True),
        (types.BOOL, Bit(1), True),
        (Bit(2), types.BOOL, False),
        (Bit(8), types.INTEGER, True),
        (Bit(9), PORT, True),
        (PORT, Bit(9), True),
        (PORT, Bit(8), False),
        (Bit(8), KIND, True),
        (KIND, Bit(16), True),
        (COLOUR, Bit(8), False),
        (Bit(8), COLOUR, False),
        (PAIR, HEAD, False),
    ],
    ids=str,
)
def test_explicit(source: Type, target: Type, fits: bool) -> None:
    assert checker_expressions.castable(source, target) is fits


@pytest.mark.parametrize(
    ("outer", "inner", "legal"),
    [
        (HEAD, types.BOOL, True),
        (HEAD, types.ERROR, False),
        (HEAD, COLOUR, False),
        (HEAD, KIND, True),
        (HEAD, PAIR, True),
        (HEAD, HEAD, False),
        (PAIR, HEAD, True),
        (PAIR, types.ERROR, True),
        (PAIR, types.STRING, False),
        (types.Union("u", (), ()), Bit(8), False),
        (types.Union("u", (), ()), HEAD, True),
        (types.List(types.INTEGER), types.STRING, True),
        (types.Stack(HEAD, 2), types.Stack(HEAD, 2), False),
        (types.Stack(Bit(8), 2), types.Stack(Bit(8), 2), True),
    ],
    ids=str,
)
def test_nesting(outer: Type, inner: Type, legal: bool) -> None:
    assert may_nest(outer, inner) is legal
