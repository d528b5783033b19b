"""Pure expressions as C.

What is printed for a value of up to 16 bits has that value and is of its C type or an int; of more
bits it has exactly the C type of its width (see values.c_type). Unsigned values have no bit above
their width, signed ones are extended by their sign. Every rule here keeps that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, assert_never, final

from p4kube_core import errors
from p4kube_core.compiler.backends import places, values, walk
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import types

_Op = ex.BinaryOp

_COMPARISONS: Final = ex.EQUALITIES | ex.ORDERINGS
_OPPOSITES: Final = {
    _Op.EQ: _Op.NE,
    _Op.NE: _Op.EQ,
    _Op.LT: _Op.GE,
    _Op.GE: _Op.LT,
    _Op.GT: _Op.LE,
    _Op.LE: _Op.GT,
}
_JOINED: Final = frozenset({_Op.LOGICAL_AND, _Op.LOGICAL_OR, _Op.OR, _Op.AND, _Op.XOR})


@final
@dataclass(frozen=True, slots=True)
class Text:
    """C, and what stands at its top: an operator, `cast`, or nothing."""

    c: str
    top: str = ""

    @property
    def closed(self) -> str:
        """Fit to be an operand of anything with one operand, or a cast's."""
        return f"({self.c})" if self.top not in ("", "cast") else self.c

    @property
    def operand(self) -> str:
        """Fit to be an operand of two."""
        return f"({self.c})" if self.top not in ("", "cast") else self.c


def _binary(left: Text, op: str, right: Text, joins: bool = False) -> Text:
    def side(text: Text) -> str:
        if joins and text.top == op:
            return text.c
        if op in ("&&", "||") and text.top in ("==", "!=", "<", "<=", ">", ">="):
            return text.c
        return text.operand

    return Text(f"{side(left)} {op} {side(right)}", op)


def _call(name: str, *arguments: str) -> Text:
    return Text(f"{name}({', '.join(arguments)})")


def cast(c_type: str, text: Text) -> Text:
    if text.top == "cast" and text.c.startswith(f"({c_type})"):
        return text
    return Text(f"({c_type}){text.closed}", "cast")


@final
@dataclass(frozen=True, slots=True)
class Source:
    """Where a number stands in the packet: `at` is C's address of its header, which is zeros if the
    header is not there.
    """

    at: str
    offset_bits: int


@final
@dataclass(frozen=True, slots=True)
class Steady:
    """A number that is read from the packet, since no statement writes it."""

    source: Source
    reader: str  # the function that reads it
    type: types.Scalar


@final
@dataclass(frozen=True, slots=True)
class Printer:
    """Prints the expressions of one program."""

    storage: places.Storage
    length: str  # what PacketLength is in C
    steady: Mapping[str, Steady]  # by path

    def show(self, e: ex.Expression) -> str:
        """Not an operand of anything."""
        return self.text(e).c

    def operand(self, e: ex.Expression) -> str:
        """Fit to be an operand of two."""
        return self.text(e).operand

    def text(self, e: ex.Expression) -> Text:
        match e:
            case ex.Const():
                return Text(values.literal(e.value, e.type))
            case ex.Var() | ex.Member() | ex.Index():
                return self._place(e)
            case ex.NextIndex():
                return Text(f"{self.spot(e.stack).text}.next")
            case ex.IsValid():
                spot = self.spot(e.header)
                return _guarded(spot, Text(f"{spot.text}.valid"), "false")
            case ex.PacketLength():
                return Text(self.length)
            case ex.Unary():
                return self._unary(e)
            case ex.Binary():
                return self._binary(e)
            case ex.Concat():
                return self._concat(e)
            case ex.Slice():
                return self._slice(e)
            case ex.Cast():
                return self._cast(e)
            case ex.Mux():
                condition, then = self.text(e.condition), self.text(e.then)
                otherwise = self.text(e.otherwise)
                # Both sides are of one C type, or ints.
                return Text(f"{condition.operand} ? {then.operand} : {otherwise.operand}", "?")
            case _:
                assert_never(e)

    def negated(self, e: ex.Expression) -> str:
        """Not `e`, which is a Bool."""
        if isinstance(e, ex.Binary) and isinstance(e.left.type, types.Varbit):
            return f"!{self.text(e).closed}"
        if isinstance(e, ex.Unary) and e.op is ex.UnaryOp.NOT:
            return self.show(e.operand)
        if isinstance(e, ex.Binary) and e.op in _OPPOSITES:
            return _binary(self.text(e.left), _OPPOSITES[e.op].value, self.text(e.right)).c
        return f"!{self.text(e).closed}"

    def spot(self, place: ex.Place) -> places.Spot:
        return self.storage.spot(place, self.operand)

    def source(self, e: ex.Expression) -> Source | None:
        """Where the number stands in the packet, if it does."""
        steady = self._steady(e)
        return None if steady is None else steady.source

    def _steady(self, e: ex.Expression) -> Steady | None:
        # An index would make it one of several headers; those are never steady.
        return self.steady.get(walk.path_of(e)) if isinstance(e, ex.Member) else None

    def _place(self, place: ex.Place) -> Text:
        steady = self._steady(place)
        if steady is not None:
            return _call(steady.reader, steady.source.at)
        spot = self.spot(place)
        if spot.apart or not isinstance(place.type, types.Bits | types.Bool):
            raise errors.InvariantViolated(f"a {place.type} stands where a number is wanted")
        return _guarded(spot, Text(spot.text), values.literal(0, place.type))

    def bits(self, e: ex.Expression, width: int) -> Text:
        return bits(self.text(e), scalar(e.type), width)

    # Operators.

    def _unary(self, e: ex.Unary) -> Text:
        operand = self.text(e.operand)
        if e.op is ex.UnaryOp.NOT:
            return Text(f"!{operand.closed}", "-")
        of = e.type
        assert isinstance(of, types.Bits)
        if e.op is ex.UnaryOp.COMPLEMENT and of.signed:
            return cast(values.c_type(of), Text(f"~{operand.closed}", "-"))
        if of.signed:
            return _sign(of, Text(f"-{cast(_wide(of), operand).c}", "-"))
        sign = "-" if e.op is ex.UnaryOp.NEGATE else "~"
        return _wrap(of, Text(f"{sign}{operand.closed}", "-"))

    def _binary(self, e: ex.Binary) -> Text:
        op = e.op
        if op in ex.SHIFTS:
            return self._shift(e)
        if isinstance(e.left.type, types.Varbit):
            return self._varbits_equal(e)
        left, right = self.text(e.left), self.text(e.right)
        if op in _COMPARISONS or op in ex.LOGICALS:
            return _binary(left, op.value, right, joins=op in ex.LOGICALS)
        of = e.type
        if not isinstance(of, types.Bits):
            raise errors.InvariantViolated(f"operator {op} on {of}")
        if op in _JOINED:
            # Bits above the width stay as they are: zero, or all of the sign.
            return _binary(left, op.value, right, joins=True)
        if op in (_Op.ADD_SAT, _Op.SUB_SAT):
            return _saturating(of, op, left, right)
        if op in (_Op.DIV, _Op.MOD):
            return _division(of, op, left, right)
        if op is _Op.MUL and of.width > 64:
            # Not every target has products of so many bits.
            return cut(of, _call("p4k_mul_wide", cast(_wide(of), left).c, cast(_wide(of), right).c))
        if of.signed:
            wide = _wide(of)
            return _sign(of, _binary(cast(wide, left), op.value, cast(wide, right)))
        if op is _Op.MUL and values.held_bits(of.width) == 16:
            # The product of two shorts as ints would overflow.
            left = cast("uint32_t", left)
        return _wrap(of, _binary(left, op.value, right))

    def _varbits_equal(self, e: ex.Binary) -> Text:
        sides: list[str] = []
        for side in (e.left, e.right):
            assert isinstance(side, ex.Var | ex.Member | ex.Index)
            spot = self.spot(side)
            bits = _guarded(spot, Text(f"{spot.text}.bits"), "0U")
            sides += [bits.c, f"{spot.text}.bytes"]
        equal = _call("p4k_varbits_equal", *sides)
        return equal if e.op is _Op.EQ else Text(f"!{equal.c}", "-")

    def _shift(self, e: ex.Binary) -> Text:
        of, by_type = e.type, e.right.type
        assert isinstance(of, types.Bits)
        assert isinstance(by_type, types.Bits)
        left = self.text(e.left)
        if isinstance(e.right, ex.Const):
            return self._shift_by(e, of, left, e.right.value)
        by = self.text(e.right).c
        suffix = "_wide" if of.width > 64 or by_type.width > 64 else ""
        if e.op is _Op.SHR:
            name = "p4k_sar" if of.signed else "p4k_shr"
            return cast(values.c_type(of), _call(name + suffix, left.c, by))
        if not of.signed:
            return _wrap(of, _call(f"p4k_shl{suffix}", left.c, by), of_word=True)
        wide = "p4k_u128" if suffix else "uint64_t"
        return _sign(of, _call(f"p4k_shl{suffix}", cast(wide, left).c, by))

    def _shift_by(self, e: ex.Binary, of: types.Bits, left: Text, by: int) -> Text:
        amount = Text(str(min(by, of.width - 1)))
        if e.op is _Op.SHR and (of.signed or by < of.width):
            return _binary(left, ">>", amount)
        if by >= of.width:
            return Text(values.literal(0, of))
        if of.signed:
            return _sign(of, _binary(cast(_wide(of), left), "<<", amount))
        return _wrap(of, _binary(left, "<<", amount))

    def _concat(self, e: ex.Concat) -> Text:
        left, right = e.left.type, e.right.type
        width = e.type.width
        low = right.width if isinstance(right, types.Bits) else 1
        high = _binary(self.bits(e.left, width), "<<", Text(str(low)))
        # Up to 16 bits C has shifted an int, which holds them.
        joined = _binary(high, "|", self.bits(e.right, width))
        if isinstance(left, types.Bits) and e.type.signed:
            return _sign(e.type, cast(_wide(e.type), joined))
        return cast(values.c_type(e.type), joined) if width <= 16 else joined

    def _slice(self, e: ex.Slice) -> Text:
        of = e.operand.type
        assert isinstance(of, types.Bits)
        text = self.text(e.operand)
        if of.signed:
            text = cast(values.unsigned_type(of.width), text)
        if e.low:
            text = _binary(text, ">>", Text(str(e.low)))
        if of.signed or e.high < of.width - 1:
            return narrow(e.type, text)
        return text if _same(of, e.type) else cast(values.c_type(e.type), text)

    def _cast(self, e: ex.Cast) -> Text:
        text, of, to = self.text(e.operand), scalar(e.operand.type), e.type
        match e.kind:
            case ex.CastKind.FROM_BOOL:
                return cast("uint8_t", text)
            case ex.CastKind.TO_BOOL:
                return _binary(text, "!=", Text("0"))
            case ex.CastKind.ZERO_EXTEND | ex.CastKind.SIGN_EXTEND:
                assert isinstance(to, types.Bits)
                return text if _same(of, to) or to.width <= 16 else cast(values.c_type(to), text)
            case ex.CastKind.TRUNCATE | ex.CastKind.REINTERPRET:
                assert isinstance(to, types.Bits)
                return cut(to, text)
            case _:
                assert_never(e.kind)


def scalar(of: types.Type) -> types.Scalar:
    if not isinstance(of, types.Bits | types.Bool):
        raise errors.InvariantViolated(f"a {of} stands where a number is wanted")
    return of


def bits(text: Text, of: types.Scalar, width: int) -> Text:
    """A value's bits, without copies of its sign, in the unsigned type of at least `width` bits."""
    c_type = values.unsigned_type(width)
    if isinstance(of, types.Bits) and of.signed:
        unsigned = cast(c_type, text)
        if of.width < values.held_bits(width):
            return Text(f"{unsigned.c} & {values.mask(of.width)}", "&")
        return unsigned
    return text if values.c_type(of) == c_type else cast(c_type, text)


def _guarded(spot: places.Spot, text: Text, otherwise: str) -> Text:
    if not spot.guards:
        return text
    if "false" in spot.guards:
        return Text(otherwise)
    if otherwise == "false":
        return Text(" && ".join((*spot.guards, text.c)), "&&")
    return Text(f"{condition(spot.guards)} ? {text.c} : {otherwise}", "?")


def condition(guards: tuple[str, ...]) -> str:
    """All of them, fit to stand before a `?`."""
    return f"({' && '.join(guards)})"


def _same(a: types.Scalar, b: types.Scalar) -> bool:
    return values.c_type(a) == values.c_type(b)


def _wide(of: types.Bits) -> str:
    """The unsigned type that signed values of a width are computed in."""
    return "p4k_u128" if of.width > 64 else "uint64_t"


def _wrap(of: types.Bits, text: Text, of_word: bool = False) -> Text:
    """Cut an unsigned result of C's int, or of the value's own C type, to its width."""
    c_type = values.c_type(of)
    if values.is_exact(of.width):
        return cast(c_type, text) if of.width <= 16 or of_word else text
    return narrow(of, text)


def narrow(to: types.Bits, text: Text) -> Text:
    """Cut a value of any wider C type to an unsigned one."""
    c_type = values.c_type(to)
    if values.is_exact(to.width):
        return cast(c_type, text)
    return cast(c_type, Text(f"{text.operand} & {values.mask(to.width)}", "&"))


def cut(to: types.Bits, text: Text) -> Text:
    """The lowest bits of a number of any C type, as a value of that type."""
    return _sign_narrow(to, text) if to.signed else narrow(to, text)


def _sign_narrow(to: types.Bits, text: Text) -> Text:
    return _sign(to, cast(_wide(to), text))


def _sign(of: types.Bits, text: Text) -> Text:
    """Cut a result of the wide unsigned type to a signed value."""
    c_type = values.c_type(of)
    if values.is_exact(of.width):
        return cast(c_type, text)
    name = "p4k_signed_wide" if of.width > 64 else "p4k_signed"
    return cast(c_type, _call(name, text.c, str(of.width)))


def _saturating(of: types.Bits, op: ex.BinaryOp, left: Text, right: Text) -> Text:
    name = "p4k_sat_add" if op is _Op.ADD_SAT else "p4k_sat_sub"
    arguments = [left.c, right.c]
    if of.signed:
        name += "_signed"
    if of.signed or op is _Op.ADD_SAT:
        arguments.append(str(of.width))
    if of.width > 64:
        name += "_wide"
    return cast(values.c_type(of), _call(name, *arguments))


def _division(of: types.Bits, op: ex.BinaryOp, left: Text, right: Text) -> Text:
    name = "p4k_div" if op is _Op.DIV else "p4k_mod"
    if of.signed:
        name += "_signed"
    if of.width > 64:
        name += "_wide"
    text = _call(name, left.c, right.c)
    if of.signed and op is _Op.DIV:
        return _sign(of, cast(_wide(of), text))
    return cast(values.c_type(of), text)
