"""Folding changes no meaning; what an operator means is said here with Python's integers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir.expressions import BinaryOp, CastKind, UnaryOp

WIDTHS = some.one_of(some.integers(1, 20), some.sampled_from([31, 32, 33, 63, 64, 65, 127, 128]))
BITS = some.builds(types.Bits, WIDTHS, some.booleans())
ARITHMETIC = [
    BinaryOp.ADD, BinaryOp.SUB, BinaryOp.MUL, BinaryOp.DIV, BinaryOp.MOD, BinaryOp.AND,
    BinaryOp.OR, BinaryOp.XOR, BinaryOp.ADD_SAT, BinaryOp.SUB_SAT,
]  # fmt: skip
COMPARISONS = sorted(ex.EQUALITIES | ex.ORDERINGS)


@some.composite
def pairs(draw: some.DrawFn) -> tuple[types.Bits, int, int]:
    of = draw(BITS)
    return of, draw(values(of)), draw(values(of))


def values(of: types.Bits) -> some.SearchStrategy[int]:
    low, high = types.bounds(of)
    near = [v for v in (low, low + 1, -1, 0, 1, 2, high - 1, high) if low <= v <= high]
    return some.one_of(some.sampled_from(near), some.integers(low, high))


def modulo(of: types.Bits, number: int) -> int:
    """The one value of the type that differs from the number by a multiple of two to the width."""
    low, _ = types.bounds(of)
    return (number - low) % (1 << of.width) + low


@given(pairs(), some.sampled_from(ARITHMETIC))
def test_arithmetic(pair: tuple[types.Bits, int, int], op: BinaryOp) -> None:
    of, a, b = pair
    low, high = types.bounds(of)
    quotient = 0 if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    meaning = {
        BinaryOp.ADD: modulo(of, a + b),
        BinaryOp.SUB: modulo(of, a - b),
        BinaryOp.MUL: modulo(of, a * b),
        BinaryOp.DIV: modulo(of, quotient),
        BinaryOp.MOD: 0 if b == 0 else modulo(of, a - b * quotient),
        BinaryOp.AND: modulo(of, a & b),
        BinaryOp.OR: modulo(of, a | b),
        BinaryOp.XOR: modulo(of, a ^ b),
        BinaryOp.ADD_SAT: min(max(a + b, low), high),
        BinaryOp.SUB_SAT: min(max(a - b, low), high),
    }[op]
    assert folding.binary(op, ex.Const(of, a), ex.Const(of, b)) == ex.Const(of, meaning)


@given(pairs(), some.integers(0, 200), some.booleans())
def test_shifts(pair: tuple[types.Bits, int, int], by: int, left: bool) -> None:
    of, a, _ = pair
    meaning = modulo(of, a * 2**by) if left else a // 2**by
    op = BinaryOp.SHL if left else BinaryOp.SHR
    amount = ex.Const(types.Bits(8), by)
    assert folding.binary(op, ex.Const(of, a), amount) == ex.Const(of, meaning)


@given(pairs(), some.sampled_from(COMPARISONS))
def test_comparisons(pair: tuple[types.Bits, int, int], op: BinaryOp) -> None:
    of, a, b = pair
    meaning = {
        BinaryOp.EQ: a == b, BinaryOp.NE: a != b, BinaryOp.LT: a < b,
        BinaryOp.LE: a <= b, BinaryOp.GT: a > b, BinaryOp.GE: a >= b,
    }[op]  # fmt: skip
    assert folding.binary(op, ex.Const(of, a), ex.Const(of, b)) == folding.truth(meaning)


@given(pairs())
def test_unary(pair: tuple[types.Bits, int, int]) -> None:
    of, a, _ = pair
    assert folding.unary(UnaryOp.NEGATE, ex.Const(of, a)) == ex.Const(of, modulo(of, -a))
    assert folding.unary(UnaryOp.COMPLEMENT, ex.Const(of, a)) == ex.Const(of, modulo(of, -a - 1))


@given(pairs(), BITS)
def test_casts(pair: tuple[types.Bits, int, int], to: types.Bits) -> None:
    of, a, _ = pair
    assert folding.cast(to, ex.Const(of, a)) == ex.Const(to, modulo(to, a))


@given(pairs(), pairs())
def test_concatenation(high: tuple[types.Bits, int, int], low: tuple[types.Bits, int, int]) -> None:
    joined = folding.concat(ex.Const(high[0], high[1]), ex.Const(low[0], low[1]))
    width = low[0].width
    of = types.Bits(high[0].width + width, high[0].signed)
    assert joined == ex.Const(of, modulo(of, high[1] * 2**width + low[1] % 2**width))


@given(pairs(), some.data())
def test_slices(pair: tuple[types.Bits, int, int], data: some.DataObject) -> None:
    of, a, _ = pair
    low = data.draw(some.integers(0, of.width - 1))
    high = data.draw(some.integers(low, of.width - 1))
    wanted = types.Bits(high - low + 1)
    found = folding.part(ex.Const(of, a), high, low)
    assert found == ex.Const(wanted, a // 2**low % 2 ** (high - low + 1))


# Trees: the same tree over constants, and over variables that are then put in, give one value.

B8 = types.Bits(8)
NAMES = ("x", "y", "z")
LEAVES = some.one_of(
    some.sampled_from(NAMES).map(lambda n: ex.Var(B8, n)),
    values(B8).map(lambda v: ex.Const(B8, v)),
)


def grown(parts: some.SearchStrategy[ex.Expression]) -> some.SearchStrategy[ex.Expression]:
    """bit<8> expressions over smaller ones."""
    comparison = some.builds(
        lambda op, a, b: ex.Binary(types.BOOL, op, a, b),
        some.sampled_from(COMPARISONS), parts, parts,
    )  # fmt: skip
    both = some.builds(
        lambda op, a, b: ex.Binary(types.BOOL, op, a, b),
        some.sampled_from(sorted(ex.LOGICALS)), comparison, comparison,
    )  # fmt: skip
    return some.one_of(
        some.builds(
            lambda op, a, b: ex.Binary(B8, op, a, b),
            some.sampled_from([*ARITHMETIC, BinaryOp.SHL, BinaryOp.SHR]), parts, parts,
        ),
        some.builds(
            lambda op, a: ex.Unary(B8, op, a),
            some.sampled_from([UnaryOp.NEGATE, UnaryOp.COMPLEMENT]), parts,
        ),
        some.builds(
            lambda c, a, b: ex.Mux(B8, ex.Unary(types.BOOL, UnaryOp.NOT, c), a, b),
            both, parts, parts,
        ),
        some.builds(
            lambda a, b: ex.Slice(B8, ex.Concat(types.Bits(16), a, b), 11, 4), parts, parts
        ),
        some.builds(
            lambda a: ex.Cast(
                B8, CastKind.TRUNCATE, ex.Cast(types.Bits(12), CastKind.ZERO_EXTEND, a)
            ),
            parts,
        ),
    )  # fmt: skip


TREES = some.recursive(LEAVES, grown, max_leaves=12)


def folded(of: ex.Expression, known: dict[str, int]) -> ex.Expression:
    if isinstance(of, ex.Var):
        return ex.Const(B8, known[of.name]) if of.name in known else of
    operands = tuple(folded(o, known) for o in ex.operands(of))
    return folding.rebuilt(of, operands) if operands else of


@given(TREES, some.fixed_dictionaries({n: values(B8) for n in NAMES}))
def test_folding_before_and_after_values_are_known(
    tree: ex.Expression, known: dict[str, int]
) -> None:
    at_once = folded(tree, known)
    assert isinstance(at_once, ex.Const)
    assert folded(folded(tree, {}), known) == at_once


@given(TREES)
def test_folding_twice_changes_nothing_more(tree: ex.Expression) -> None:
    once = folded(tree, {})
    assert folded(once, {}) == once
    assert once.type == tree.type
