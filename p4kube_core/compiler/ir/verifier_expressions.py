"""The rules that expressions keep; each function gives what is broken, as sentences."""

from __future__ import annotations

from collections.abc import Iterator

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import types
from p4kube_core.compiler.ir.expressions import CastKind, UnaryOp
from p4kube_core.compiler.ir.verifier_scope import Scope

_WORD = types.Bits(32)


def fits(of: types.Type, value: int) -> bool:
    """The value is one of the type's."""
    match of:
        case types.Bits():
            low, high = types.bounds(of)
            return low <= value <= high
        case types.Bool():
            return value in (0, 1)
        case _:
            return False


def named_types(of: types.Type) -> Iterator[str]:
    """Declared types that a type is or is made of directly."""
    match of:
        case types.Header() | types.Struct():
            yield of.name
        case types.Stack():
            yield from named_types(of.element)
        case _:
            pass


def place(scope: Scope, of: ex.Place) -> Iterator[str]:
    yield from expression(scope, of)


def expression(scope: Scope, of: ex.Expression) -> Iterator[str]:
    """What is wrong with an expression and all under it."""
    for operand in ex.operands(of):
        yield from expression(scope, operand)
    yield from _node(scope, of)


def _node(scope: Scope, of: ex.Expression) -> Iterator[str]:
    match of:
        case ex.Const():
            if not fits(of.type, of.value):
                yield f"the constant {of.value} is no {of.type}"
        case ex.Var():
            yield from _variable(scope, of)
        case ex.Member():
            yield from _member(of)
        case ex.Index():
            yield from _index(of)
        case ex.NextIndex():
            if not isinstance(of.stack.type, types.Stack) or of.type != _WORD:
                yield f"nextIndex of {of.stack.type} as {of.type}"
        case ex.IsValid():
            if not isinstance(of.header.type, types.Header):
                yield f"wanted a header to be valid, found {of.header.type}"
        case ex.PacketLength():
            if of.type != _WORD:
                yield f"the packet's length is bit<32>, found {of.type}"
        case _:
            yield from _operator(of)


_Operator = ex.Unary | ex.Binary | ex.Concat | ex.Slice | ex.Cast | ex.Mux


def _operator(of: _Operator) -> Iterator[str]:
    match of:
        case ex.Unary():
            wants_bool = of.op is UnaryOp.NOT
            if of.type != of.operand.type or isinstance(of.type, types.Bool) != wants_bool:
                yield f"{of.op} of {of.operand.type} as {of.type}"
        case ex.Binary():
            yield from _binary(of)
        case ex.Concat():
            yield from _concat(of)
        case ex.Slice():
            yield from _slice(of)
        case ex.Cast():
            yield from _cast(of)
        case ex.Mux():
            if not isinstance(of.condition.type, types.Bool):
                yield f"a choice by {of.condition.type}"
            if not of.then.type == of.otherwise.type == of.type:
                yield f"a choice of {of.then.type} and {of.otherwise.type} as {of.type}"


def _variable(scope: Scope, of: ex.Var) -> Iterator[str]:
    known = scope.variables.get(of.name)
    if known is None:
        yield f"no variable {of.name!r} here"
    elif known != of.type:
        yield f"the variable {of.name!r} is {known}, found {of.type}"


def _member(of: ex.Member) -> Iterator[str]:
    found = types.member(of.base.type, of.name)
    if found is None:
        yield f"{of.base.type} has no member {of.name!r}"
    elif found.type != of.type:
        yield f"the member {of.name!r} is {found.type}, found {of.type}"


def _index(of: ex.Index) -> Iterator[str]:
    if not isinstance(of.base.type, types.Stack) or of.base.type.element != of.type:
        yield f"an element of {of.base.type} as {of.type}"
    if not isinstance(of.index.type, types.Bits) or of.index.type.signed:
        yield f"an index of type {of.index.type}"


def _binary(of: ex.Binary) -> Iterator[str]:
    left, right = of.left.type, of.right.type
    shown = f"{left} {of.op} {right} as {of.type}"
    if of.op in ex.LOGICALS:
        good = left == right == of.type == types.BOOL
    elif of.op in ex.SHIFTS:
        good = left == of.type and isinstance(left, types.Bits)
        good = good and isinstance(right, types.Bits) and not right.signed
    elif of.op in ex.EQUALITIES:
        comparable = isinstance(left, types.Bits | types.Bool | types.Varbit)
        good = left == right and comparable and of.type == types.BOOL
    elif of.op in ex.ORDERINGS:
        good = left == right and isinstance(left, types.Bits) and of.type == types.BOOL
    else:
        good = left == right == of.type and isinstance(left, types.Bits)
    if not good:
        yield shown


def _concat(of: ex.Concat) -> Iterator[str]:
    left, right = of.left.type, of.right.type
    if not isinstance(left, types.Bits) or not isinstance(right, types.Bits):
        yield f"{left} joined with {right}"
    elif of.type != types.Bits(left.width + right.width, left.signed):
        yield f"{left} joined with {right} as {of.type}"


def _slice(of: ex.Slice) -> Iterator[str]:
    if not isinstance(of.operand.type, types.Bits):
        yield f"a slice of {of.operand.type}"
    elif not 0 <= of.low <= of.high < of.operand.type.width:
        yield f"bits {of.high} to {of.low} of {of.operand.type}"
    elif of.type != types.Bits(of.high - of.low + 1):
        yield f"bits {of.high} to {of.low} as {of.type}"


def _cast(of: ex.Cast) -> Iterator[str]:
    to, source = of.type, of.operand.type
    good = False
    match of.kind:
        case CastKind.FROM_BOOL:
            good = to == types.Bits(1) and source == types.BOOL
        case CastKind.TO_BOOL:
            good = to == types.BOOL and source == types.Bits(1)
        case _ if isinstance(to, types.Bits) and isinstance(source, types.Bits):
            good = _changes_width_or_sign(of.kind, to, source)
    if not good:
        yield f"{of.kind} from {source} to {to}"


def _changes_width_or_sign(kind: CastKind, to: types.Bits, source: types.Bits) -> bool:
    match kind:
        case CastKind.TRUNCATE:
            return to.width < source.width and to.signed == source.signed
        case CastKind.ZERO_EXTEND:
            return to.width > source.width and not to.signed and not source.signed
        case CastKind.SIGN_EXTEND:
            return to.width > source.width and to.signed and source.signed
        case CastKind.REINTERPRET:
            return to.width == source.width and to.signed != source.signed
        case _:
            return False
