"""The program as a whole: what it declares, and its blocks in the order in which the architecture
runs them.

Every instance carries the full name that the control plane knows it by; names of variables are
unique in the
program; they are words joined by dots, which a back end makes into what its language takes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import final

from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

ACCEPT = "accept"
REJECT = "reject"
# the two states that every parser has without declaring them


@final
@dataclass(frozen=True, slots=True)
class Variable:
    """Zero (Clear) when a packet arrives, or when the action or block that owns it starts."""

    name: str
    type: types.Type
    span: Span


@final
@dataclass(frozen=True, slots=True)
class Annotation:
    name: str
    text: str  # what stands in the brackets, unquoted if it is one string; empty if nothing


@final
@dataclass(frozen=True, slots=True)
class Parameter:
    """Of an action, filled by the control plane; a Var of this name reads and (for this run) writes
    it.
    """

    name: str  # of the variable, unique in the program
    control_name: str  # as P4Info says
    type: types.Scalar


@final
@dataclass(frozen=True, slots=True)
class Action:
    name: str  # unique in the program
    control_name: str  # as P4Info says; two actions share it if tables bind arguments differently
    parameters: tuple[Parameter, ...]
    variables: tuple[Variable, ...]  # used in this action only
    body: st.Body
    span: Span


class MatchKind(enum.StrEnum):
    EXACT = "exact"
    LPM = "lpm"
    TERNARY = "ternary"
    RANGE = "range"
    OPTIONAL = "optional"
    SELECTOR = "selector"


@final
@dataclass(frozen=True, slots=True)
class Key:
    expression: ex.Expression  # Bits or Bool
    kind: MatchKind
    control_name: str  # the field's name in P4Info
    span: Span


@final
@dataclass(frozen=True, slots=True)
class AnyValue:
    """`_` or `default`: every value is in it."""


@final
@dataclass(frozen=True, slots=True)
class Exactly:
    value: int


@final
@dataclass(frozen=True, slots=True)
class Masked:
    """Values v with v & mask == value; value has no bit outside the mask. A prefix is a mask of
    leading ones.
    """

    value: int
    mask: int


@final
@dataclass(frozen=True, slots=True)
class Between:
    low: int
    high: int  # included


Keyset = AnyValue | Exactly | Masked | Between
# numbers as the type of what is matched has them (negative ones if it is signed), but in Masked the
# bits of them


@final
@dataclass(frozen=True, slots=True)
class ActionCall:
    action: str  # Action.name
    arguments: tuple[int, ...]  # of the control plane's parameters, Bool as 0 or 1


@final
@dataclass(frozen=True, slots=True)
class Entry:
    keysets: tuple[Keyset, ...]  # one a key
    call: ActionCall
    priority: int  # the higher wins; 0 where the table needs none
    span: Span


@final
@dataclass(frozen=True, slots=True)
class TableAction:
    action: str  # Action.name
    default_only: bool = False
    table_only: bool = False


@final
@dataclass(frozen=True, slots=True)
class Table:
    name: str
    keys: tuple[Key, ...]  # none: the default action always runs
    actions: tuple[TableAction, ...]
    default_action: ActionCall  # a table always has one
    const_default: bool
    size: int  # most entries
    entries: tuple[Entry, ...]
    const_entries: bool
    direct_counter: str | None  # Counter.name
    annotations: tuple[Annotation, ...]
    span: Span
    direct_meter: str | None = None  # Meter.name


class CounterUnit(enum.StrEnum):
    PACKETS = "packets"
    BYTES = "bytes"
    BOTH = "both"


@final
@dataclass(frozen=True, slots=True)
class Counter:
    name: str
    unit: CounterUnit
    size: int  # cells; of a direct counter the table's size
    table: str | None  # of a direct counter: the table that owns it
    automatic: bool  # a direct counter counts whenever an entry of its table is hit, without Count
    span: Span


class MeterUnit(enum.StrEnum):
    PACKETS = "packets"
    BYTES = "bytes"


@final
@dataclass(frozen=True, slots=True)
class Meter:
    """Cells with two rates and three colours, which the control plane configures; one without
    configuration is green.
    """

    name: str
    unit: MeterUnit
    size: int  # cells; of a direct meter the table's size
    table: str | None  # of a direct meter: the table that owns it
    span: Span


@final
@dataclass(frozen=True, slots=True)
class DigestField:
    name: str  # members' names as P4Info has them, joined by dots; see Digest
    type: types.Scalar


@final
@dataclass(frozen=True, slots=True)
class Digest:
    """What SendDigest tells the control plane: scalars, in the order of P4Info's type.

    A header's members stand behind a bool, `$valid$`; members of a tuple are named by position.
    """

    name: str
    fields: tuple[DigestField, ...]
    span: Span


@final
@dataclass(frozen=True, slots=True)
class HeaderField:
    name: str  # as P4Info has it; of padding as the program has it
    width_bits: int


@final
@dataclass(frozen=True, slots=True)
class ControllerHeader:
    """What stands in front of packets that go to or come from a controller, in order."""

    name: str  # packet_in, packet_out
    fields: tuple[HeaderField, ...]
    span: Span


@final
@dataclass(frozen=True, slots=True)
class Register:
    """State that outlives packets: cells that are zero at first."""

    name: str
    type: types.Scalar
    size: int  # cells
    span: Span


@final
@dataclass(frozen=True, slots=True)
class Goto:
    state: str


@final
@dataclass(frozen=True, slots=True)
class SelectCase:
    keysets: tuple[Keyset, ...]  # one a subject
    state: str


@final
@dataclass(frozen=True, slots=True)
class Select:
    """The state of the first case that all subjects match; NoMatch and `reject` if none does."""

    subjects: tuple[ex.Expression, ...]  # Bits or Bool
    cases: tuple[SelectCase, ...]


@final
@dataclass(frozen=True, slots=True)
class State:
    name: str
    body: st.Body
    transition: Goto | Select
    span: Span


class OnReject(enum.StrEnum):
    CONTINUE = "continue"  # the next block runs, with the error where the program can see it
    DROP = "drop"  # the packet is dropped and counted as malformed


@final
@dataclass(frozen=True, slots=True)
class Parser:
    """The first state is the start. `error` (bit<8>) is zero (NoError) until something fails.

    States may form cycles: the back end bounds the number of steps (ParserTimeout).
    """

    name: str
    states: tuple[State, ...]
    variables: tuple[Variable, ...]  # used in this block only
    error: ex.Place
    on_reject: OnReject
    span: Span


class Role(enum.StrEnum):
    """What a control is to its architecture."""

    VERIFY_CHECKSUM = "verify_checksum"
    INGRESS = "ingress"
    EGRESS = "egress"
    COMPUTE_CHECKSUM = "compute_checksum"
    DEPARSER = "deparser"


@final
@dataclass(frozen=True, slots=True)
class Control:
    role: Role
    name: str
    variables: tuple[Variable, ...]  # used in this block only, not by actions or keys of tables
    body: st.Body
    span: Span


@final
@dataclass(frozen=True, slots=True)
class Program:
    """`metadata` is the variable of the architecture's own struct (v1model: standard_metadata),
    through which program
    and architecture speak to each other; its members are those that the architecture declares.
    """

    name: str  # of the source file, without its ending
    architecture: str  # v1model
    types: tuple[types.Header | types.Struct, ...]  # a type stands behind those that it contains
    errors: tuple[str, ...]  # by code; 0 is NoError
    variables: tuple[Variable, ...]  # shared by blocks and actions
    metadata: str
    actions: tuple[Action, ...]
    tables: tuple[Table, ...]
    counters: tuple[Counter, ...]
    parser: Parser
    controls: tuple[Control, ...]  # in the order in which they run
    span: Span
    registers: tuple[Register, ...] = ()
    meters: tuple[Meter, ...] = ()
    digests: tuple[Digest, ...] = ()
    controller_headers: tuple[ControllerHeader, ...] = ()

    def control(self, role: Role) -> Control:
        """The control of that role; v1model has one of each."""
        return next(c for c in self.controls if c.role is role)

    def table(self, name: str) -> Table:
        return next(t for t in self.tables if t.name == name)

    def action(self, name: str) -> Action:
        return next(a for a in self.actions if a.name == name)
