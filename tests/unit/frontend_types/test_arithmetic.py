"""Compile-time arithmetic against Python's integers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4kube_core.compiler.frontend import ast, checker_values, types

Operator = ast.BinaryOperator
WIDTHS = st.integers(1, 200)
VALUES = st.integers(-(2**210), 2**210)
FIXED = st.one_of(WIDTHS.map(types.Bit), WIDTHS.map(types.Int))


def limits(of: types.Bit | types.Int) -> tuple[int, int]:
    if isinstance(of, types.Bit):
        return 0, 2**of.width - 1
    return -(2 ** (of.width - 1)), 2 ** (of.width - 1) - 1


@given(VALUES, FIXED)
def test_wrapping_keeps_the_low_bits(value: int, of: types.Bit | types.Int) -> None:
    low, high = limits(of)
    wrapped = checker_values.wrap(value, of)
    assert low <= wrapped <= high
    assert (wrapped - value) % 2**of.width == 0


@given(VALUES, VALUES, FIXED, st.sampled_from(["+", "-", "*", "&", "|", "^"]))
def test_operators_agree_with_integers(
    a: int, b: int, of: types.Bit | types.Int, operator: str
) -> None:
    a, b = checker_values.wrap(a, of), checker_values.wrap(b, of)
    exact = {"+": a + b, "-": a - b, "*": a * b, "&": a & b, "|": a | b, "^": a ^ b}[operator]
    found = checker_values.arithmetic(Operator(operator), a, b, of)
    assert found == checker_values.wrap(exact, of)


@given(VALUES, VALUES, FIXED)
def test_saturation_ends_at_the_limits(a: int, b: int, of: types.Bit | types.Int) -> None:
    low, high = limits(of)
    a, b = checker_values.wrap(a, of), checker_values.wrap(b, of)
    assert checker_values.arithmetic(Operator.ADD_SATURATING, a, b, of) == max(
        low, min(high, a + b)
    )


@given(VALUES, st.integers(0, 300), FIXED)
def test_shifts_move_bits_out(a: int, amount: int, of: types.Bit | types.Int) -> None:
    a = checker_values.wrap(a, of)
    left = checker_values.shift(Operator.SHIFT_LEFT, a, amount, of)
    assert left == checker_values.wrap(a << amount, of)
    assert checker_values.shift(Operator.SHIFT_RIGHT, a, amount, of) == a >> amount


@given(VALUES, VALUES, WIDTHS, WIDTHS)
def test_concatenation_is_a_shift_and_an_or(a: int, b: int, high: int, low: int) -> None:
    left, right = types.Bit(high), types.Int(low)
    a, b = checker_values.wrap(a, left), checker_values.wrap(b, right)
    found = checker_values.concatenate(a, left, b, right, types.Bit(high + low))
    assert found == (a << low) + b % 2**low


@pytest.mark.parametrize(("a", "b"), [(1, 0), (-1, 2), (1, -2)])
def test_division_that_is_not_defined(a: int, b: int) -> None:
    with pytest.raises(checker_values.Undefined):
        checker_values.arithmetic(Operator.DIVIDE, a, b, types.INTEGER)


@pytest.mark.parametrize(("a", "amount"), [(1, -1), (1, 1 << 40)])
def test_shifts_that_are_not_defined(a: int, amount: int) -> None:
    with pytest.raises(checker_values.Undefined):
        checker_values.shift(Operator.SHIFT_LEFT, a, amount, types.INTEGER)
