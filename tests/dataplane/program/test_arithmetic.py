"""Arithmetic of every width, signed or not, against Python's integers."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from p4kube_core.compiler.backends.dpdk import program as programs
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types
from tests.dataplane.program import harness, targets
from tests.unit.backends import handmade as h
from tests.unit.backends import meaning

WIDTHS = range(1, 129)
BATCH = 8  # widths in one object
OPERANDS = ("a", "b", "c")
_ARITHMETIC = [op for op in ex.BinaryOp if op not in ex.EQUALITIES | ex.ORDERINGS | ex.LOGICALS]
_TESTS = [*ex.EQUALITIES, *ex.ORDERINGS]
_TESTS.sort()


class Trees:
    """Random expressions over variables a_W and b_W of each type, and c, a bit<8>."""

    def __init__(self, seed: int, widths: list[int]) -> None:
        self.random = random.Random(seed)
        self.widths = widths

    def bits(self, of: types.Bits, depth: int) -> ex.Expression:
        if depth == 0:
            return self.leaf(of)
        pick = self.random.randrange(10)
        if pick < 6:
            return self.binary(of, self.random.choice(_ARITHMETIC), depth)
        if pick == 6:
            op = self.random.choice([ex.UnaryOp.NEGATE, ex.UnaryOp.COMPLEMENT])
            return ex.Unary(of, op, self.bits(of, depth - 1))
        if pick == 7:
            return ex.Mux(
                of, self.truth(depth - 1), self.bits(of, depth - 1), self.bits(of, depth - 1)
            )
        if pick == 8:
            return self.cast(of, depth)
        return self.cut_or_joined(of, depth)

    def leaf(self, of: types.Bits) -> ex.Expression:
        if self.random.randrange(4) == 0:
            low, high = types.bounds(of)
            edges = [low, high, 0, min(1, high), self.random.randint(low, high)]
            return ex.Const(of, self.random.choice(edges))
        return ex.Var(of, variable(self.random.choice("ab"), of))

    def binary(self, of: types.Bits, op: ex.BinaryOp, depth: int) -> ex.Expression:
        left = self.bits(of, depth - 1)
        if op in ex.SHIFTS:
            if self.random.randrange(2):
                return ex.Binary(of, op, left, h.const(self.random.randrange(of.width + 2), 32))
            return ex.Binary(of, op, left, ex.Var(types.Bits(8), "c"))
        return ex.Binary(of, op, left, self.bits(of, depth - 1))

    def truth(self, depth: int) -> ex.Expression:
        of = self.some_type()
        return ex.Binary(
            types.BOOL,
            self.random.choice(_TESTS),
            self.bits(of, max(depth - 1, 0)),
            self.bits(of, max(depth - 1, 0)),
        )

    def some_type(self) -> types.Bits:
        return types.Bits(self.random.choice(self.widths), bool(self.random.randrange(2)))

    def cast(self, to: types.Bits, depth: int) -> ex.Expression:
        if self.random.randrange(3) == 0:
            other = types.Bits(to.width, not to.signed)
            return ex.Cast(to, ex.CastKind.REINTERPRET, self.bits(other, depth - 1))
        of = types.Bits(self.random.choice(self.widths), to.signed)
        if of.width == to.width:
            return self.bits(to, depth - 1)
        if of.width > to.width:
            kind = ex.CastKind.TRUNCATE
        else:
            kind = ex.CastKind.SIGN_EXTEND if to.signed else ex.CastKind.ZERO_EXTEND
        return ex.Cast(to, kind, self.bits(of, depth - 1))

    def cut_or_joined(self, of: types.Bits, depth: int) -> ex.Expression:
        wider = [w for w in self.widths if w > of.width]
        if not of.signed and wider and self.random.randrange(2):
            operand = self.bits(
                types.Bits(self.random.choice(wider), bool(self.random.randrange(2))), depth - 1
            )
            low = self.random.randrange(types.width_bits(operand.type) - of.width + 1)
            return ex.Slice(of, operand, low + of.width - 1, low)
        pairs = [w for w in self.widths if of.width - w in self.widths]
        if not pairs:
            return self.binary(of, self.random.choice(_ARITHMETIC), depth)
        left = self.random.choice(pairs)
        right = types.Bits(of.width - left, bool(self.random.randrange(2)))
        return ex.Concat(
            of, self.bits(types.Bits(left, of.signed), depth - 1), self.bits(right, depth - 1)
        )


def variable(letter: str, of: types.Bits) -> str:
    return f"{letter}_{'i' if of.signed else 'u'}{of.width}"


def trees(widths: list[int], seed: int) -> Iterator[ex.Expression]:
    """Every operator at every width, then random ones that nest."""
    made = Trees(seed, widths)
    for width in widths:
        for signed in (False, True):
            of = types.Bits(width, signed)
            a, b = (ex.Var(of, variable(letter, of)) for letter in "ab")
            for op in _ARITHMETIC:
                yield made.binary(of, op, 1)
                right: ex.Expression = ex.Var(types.Bits(8), "c") if op in ex.SHIFTS else b
                yield ex.Binary(of, op, a, right)
            for op in _TESTS:
                yield ex.Binary(types.BOOL, op, a, b)
            for unary in (ex.UnaryOp.NEGATE, ex.UnaryOp.COMPLEMENT):
                yield ex.Unary(of, unary, a)
            for _ in range(2):
                yield made.bits(of, 3)


def calculator(widths: list[int], expressions: list[ex.Expression]) -> ir.Program:
    """A program that answers a packet of operands with the values of all expressions."""
    kinds = [types.Bits(w, signed) for w in widths for signed in (False, True)]
    inputs = [(variable(letter, of), of) for letter in "ab" for of in kinds]
    inputs.append(("c", types.Bits(8)))
    operands = padded("operands_t", [types.Member(name, of) for name, of in inputs])
    results = padded(
        "results_t", [types.Member(f"r{i}", e.type) for i, e in enumerate(expressions)]
    )
    given = ir.Variable("given", operands, h.SPAN)
    answer = ir.Variable("answer", results, h.SPAN)
    variables = [ir.Variable(name, of, h.SPAN) for name, of in inputs]
    body: list[st.Statement] = [h.assign(h.path(v), h.path(given, v.name)) for v in variables]
    body.append(st.SetValid(h.SPAN, h.path(answer), True))
    body += [h.assign(h.path(answer, f"r{i}"), e) for i, e in enumerate(expressions)]
    return h.program(
        (given, answer, *variables),
        (h.state("start", (st.Extract(h.SPAN, h.path(given)),)),),
        tuple(body),
        deparser=(st.Emit(h.SPAN, h.path(answer)),),
    )


def padded(name: str, members: list[types.Member]) -> types.Header:
    spare = -sum(types.width_bits(m.type) for m in members) % 8
    if spare:
        members = [*members, types.Member("spare", types.Bits(spare))]
    return types.Header(name, tuple(members))


def packed(values: list[tuple[int, int]]) -> bytes:
    """Numbers with their widths, one behind the other."""
    total, bits = 0, 0
    for number, width in values:
        total = total << width | number & ((1 << width) - 1)
        bits += width
    spare = -bits % 8
    return (total << spare).to_bytes((bits + spare) // 8, "big")


EDGES = [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 127, 128]


@pytest.mark.parametrize("first", WIDTHS[::BATCH])
def test_packets_carry_what_the_integers_say(first: int) -> None:
    compare([w for w in range(first, first + BATCH) if w in WIDTHS], first, ("-O1",))


def test_nothing_is_computed_that_c_leaves_undefined() -> None:
    compare(EDGES, 1000, ("-O1", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"))


def compare(widths: list[int], seed: int, flags: tuple[str, ...]) -> None:
    expressions = list(trees(widths, seed))
    c = programs.write(programs.make(calculator(widths, expressions)))
    compare_with(harness.Program(c, flags), widths, expressions, seed)


def compare_with(
    program: targets.Loaded, widths: list[int], expressions: list[ex.Expression], seed: int
) -> None:
    rng = random.Random(seed)
    for _ in range(40):
        given: dict[str, int] = {}
        inputs: list[tuple[int, int]] = []
        for letter in "ab":
            for of in (types.Bits(w, signed) for w in widths for signed in (False, True)):
                low, high = types.bounds(of)
                edges = [0, low, high, min(1, high), max(-1, low), rng.randint(low, high)]
                given[variable(letter, of)] = rng.choice(edges)
                inputs.append((given[variable(letter, of)], of.width))
        given["c"] = rng.choice([0, 1, 7, rng.randrange(256)])
        sent = program.send(packed([*inputs, (given["c"], 8)]), headroom=65000)
        wanted = [(meaning.value(e, given), types.width_bits(e.type)) for e in expressions]
        if sent.data != packed(wanted):
            explain(expressions, wanted, sent.data, given)


def explain(
    expressions: list[ex.Expression],
    wanted: list[tuple[int, int]],
    data: bytes,
    given: dict[str, int],
) -> None:
    """Fail with the first expression, from behind, that differs."""
    got = int.from_bytes(data, "big") >> (-sum(w for _, w in wanted) % 8)
    for e, (number, width) in reversed(list(zip(expressions, wanted, strict=True))):
        every = (1 << width) - 1
        assert got & every == number & every, (e, given)
        got >>= width
