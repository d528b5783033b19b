"""Statements of the IR: all that has an effect, structured, each with its place in the source.

Extract, Advance, Lookahead, Verify and SetNextIndex stand in parsers only. They may fail: then the
parser's error place is set to the code named and the parser goes to `reject`, leaving the target
unchanged.
`Emit` stands in a deparser only; `ApplyTable` and `Exit` in controls and (Exit) actions.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex


class HashAlgorithm(enum.StrEnum):
    CSUM16 = "csum16"  # RFC 1071, as a header holds it (complemented); data padded to 16 bits
    XOR16 = "xor16"  # of 16-bit words, the data padded behind
    CRC16 = "crc16"
    CRC16_CUSTOM = "crc16_custom"
    CRC32 = "crc32"
    CRC32_CUSTOM = "crc32_custom"
    IDENTITY = "identity"  # the first 8 bytes, the data padded behind to whole bytes


@final
@dataclass(frozen=True, slots=True)
class Assign:
    """`target = value`. A value of header, struct, stack or varbit type is a place and is copied
    whole (validity and
    nextIndex included). Writing a member of an invalid header, or beyond a stack's end, does
    nothing.
    """

    span: Span
    target: ex.Place
    value: ex.Expression


@final
@dataclass(frozen=True, slots=True)
class Clear:
    """Make all of a place zero: numbers 0, booleans false, headers invalid, nextIndex 0, varbits
    empty.
    """

    span: Span
    target: ex.Place


@final
@dataclass(frozen=True, slots=True)
class SetValid:
    """Make a header valid (one that was not has zero in all members then) or invalid."""

    span: Span
    header: ex.Place
    valid: bool


@final
@dataclass(frozen=True, slots=True)
class Push:
    """push_front: move elements up by `count`; the first `count` become invalid; nextIndex grows,
    at most to the size.
    """

    span: Span
    stack: ex.Place
    count: int


@final
@dataclass(frozen=True, slots=True)
class Pop:
    """pop_front: move elements down by `count`; the last `count` become invalid; nextIndex shrinks,
    at least to 0.
    """

    span: Span
    stack: ex.Place
    count: int


@final
@dataclass(frozen=True, slots=True)
class SetNextIndex:
    """Set a stack's nextIndex (bit<32>). StackOutOfBounds beyond the size is checked by a Verify
    before.
    """

    span: Span
    stack: ex.Place
    value: ex.Expression


@final
@dataclass(frozen=True, slots=True)
class Extract:
    """Read a header from the packet, make it valid and advance.

    PacketTooShort if the packet ends before. `varbit_bits` (Bits, at most 32 wide) is the size of
    the header's varbit,
    present exactly if it has one: HeaderTooShort if more than fits, ParserInvalidArgument if not a
    multiple of 8
    bits.
    """

    span: Span
    header: ex.Place
    varbit_bits: ex.Expression | None = None


@final
@dataclass(frozen=True, slots=True)
class Advance:
    """Skip `bits` (bit<32>) of the packet. PacketTooShort, or ParserInvalidArgument if not a
    multiple of 8.
    """

    span: Span
    bits: ex.Expression


@final
@dataclass(frozen=True, slots=True)
class Lookahead:
    """Read a place (scalar, header or struct of fixed width) from the packet without advancing.
    PacketTooShort.
    """

    span: Span
    target: ex.Place


@final
@dataclass(frozen=True, slots=True)
class Verify:
    """Fail with the error code `error` (bit<8>) unless `condition` holds."""

    span: Span
    condition: ex.Expression
    error: ex.Expression


@final
@dataclass(frozen=True, slots=True)
class Emit:
    """Append a header to the packet if it is valid. Structs and stacks have been taken apart."""

    span: Span
    header: ex.Place


@final
@dataclass(frozen=True, slots=True)
class If:
    span: Span
    condition: ex.Expression
    then: Body
    otherwise: Body = ()


@final
@dataclass(frozen=True, slots=True)
class Case:
    values: tuple[int, ...]
    body: Body


@final
@dataclass(frozen=True, slots=True)
class Switch:
    """Run the body of the one case that has the value of `subject` (Bits), else `otherwise`; no
    fall-through.
    """

    span: Span
    subject: ex.Expression
    cases: tuple[Case, ...]
    otherwise: Body = ()


@final
@dataclass(frozen=True, slots=True)
class Block:
    """Run `body`; a Leave of this label anywhere in it ends it. Labels are unique in the
    program.
    """

    span: Span
    label: str
    body: Body


@final
@dataclass(frozen=True, slots=True)
class Loop:
    """Run `body` again and again until a Leave of this label; at most `limit` times."""

    span: Span
    label: str
    body: Body
    limit: int


@final
@dataclass(frozen=True, slots=True)
class Leave:
    """Go on behind the enclosing Block or Loop of that label."""

    span: Span
    label: str


@final
@dataclass(frozen=True, slots=True)
class Return:
    """End the action or control at hand."""

    span: Span


@final
@dataclass(frozen=True, slots=True)
class Exit:
    """End the control at hand, out of an action too. (Not the packet: later blocks still run.)"""

    span: Span


@final
@dataclass(frozen=True, slots=True)
class ApplyTable:
    """Look up a table with its keys as they are now and run the action of the entry, or the default
    action.

    `hit` (Bool) and `action_run` (bit<32>, position in the table's `actions`) are set before the
    action runs.
    """

    span: Span
    table: str
    hit: ex.Place | None = None
    action_run: ex.Place | None = None


@final
@dataclass(frozen=True, slots=True)
class Count:
    """Add a packet and its bytes to cell `index` of a counter; beyond its size nothing happens.

    Of a direct counter (in an action only, `index` None) the cell is that of the entry just found.
    """

    span: Span
    counter: str
    index: ex.Expression | None


@final
@dataclass(frozen=True, slots=True)
class Hash:
    """Compute a hash over `data` joined, most significant bit first, into `result` (Bits).

    Data are scalars and varbits. With `payload` what follows the parsed headers in the packet comes
    after.
    """

    span: Span
    algorithm: HashAlgorithm
    data: tuple[ex.Expression, ...]
    payload: bool
    result: ex.Place


@final
@dataclass(frozen=True, slots=True)
class Random:
    """Draw a number from `low` to `high`, both included (bit<64>) and all as likely, into `result`
    (bit<64>). Nothing is said of the number where `low` is above `high`.
    """

    span: Span
    low: ex.Expression
    high: ex.Expression
    result: ex.Place


@final
@dataclass(frozen=True, slots=True)
class ReadRegister:
    """Set `result` (of the register's type) to a cell; zero beyond the register's size."""

    span: Span
    register: str
    index: ex.Expression  # Bits, at most 64 wide
    result: ex.Place


@final
@dataclass(frozen=True, slots=True)
class WriteRegister:
    """Set a cell to `value` (of the register's type); beyond the size nothing happens."""

    span: Span
    register: str
    index: ex.Expression  # Bits, at most 64 wide
    value: ex.Expression


@final
@dataclass(frozen=True, slots=True)
class RunMeter:
    """Meter the packet by cell `index` and set `result` (bit<8>): 0 green, 1 yellow, 2 red. Beyond
    the meter's size the packet is green and nothing else happens.

    Of a direct meter (in an action only, `index` None) the cell is that of the entry just found.
    """

    span: Span
    meter: str
    index: ex.Expression | None  # Bits, at most 64 wide
    result: ex.Place


@final
@dataclass(frozen=True, slots=True)
class SendDigest:
    """Tell the control plane; one value for each of the digest's fields."""

    span: Span
    digest: str
    values: tuple[ex.Expression, ...]


Statement = (
    Assign | Clear | SetValid | Push | Pop | SetNextIndex
    | Extract | Advance | Lookahead | Verify | Emit
    | If | Switch | Block | Loop | Leave | Return | Exit
    | ApplyTable | Count | Hash | Random | ReadRegister | WriteRegister | RunMeter | SendDigest
)  # fmt: skip

Body = tuple[Statement, ...]

DEFAULT_LOOP_LIMIT = 1 << 16


def bodies(of: Statement) -> tuple[Body, ...]:
    """The bodies directly under a statement."""
    match of:
        case If():
            return (of.then, of.otherwise)
        case Switch():
            return (*(case.body for case in of.cases), of.otherwise)
        case Block() | Loop():
            return (of.body,)
        case _:
            return ()


def walk(body: Body) -> Iterator[Statement]:
    """Every statement of a body, outer ones first."""
    for statement in body:
        yield statement
        for inner in bodies(statement):
            yield from walk(inner)


def reads(of: Statement) -> tuple[ex.Expression, ...]:
    """Expressions whose value the statement itself (not its bodies) takes, in order of evaluation.

    An index inside a place that is written counts as read too: see `writes`.
    """
    match of:
        case Assign():
            return (of.value,)
        case SetNextIndex():
            return (of.value,)
        case Extract():
            return () if of.varbit_bits is None else (of.varbit_bits,)
        case Advance():
            return (of.bits,)
        case Verify():
            return (of.condition, of.error)
        case Emit():
            return (of.header,)
        case If():
            return (of.condition,)
        case Switch():
            return (of.subject,)
        case Count() | RunMeter():
            return () if of.index is None else (of.index,)
        case SendDigest():
            return of.values
        case Hash():
            return of.data
        case Random():
            return (of.low, of.high)
        case ReadRegister():
            return (of.index,)
        case WriteRegister():
            return (of.index, of.value)
        case Push() | Pop():
            return (of.stack,)
        case _:
            return ()


def writes(of: Statement) -> tuple[ex.Place, ...]:
    """Places that the statement itself (not its bodies, nor actions run by a table) writes."""
    match of:
        case Assign() | Clear() | Lookahead():
            return (of.target,)
        case SetValid() | Extract():
            return (of.header,)
        case Push() | Pop() | SetNextIndex():
            return (of.stack,)
        case Hash() | Random() | ReadRegister() | RunMeter():
            return (of.result,)
        case ApplyTable():
            return tuple(p for p in (of.hit, of.action_run) if p is not None)
        case _:
            return ()
