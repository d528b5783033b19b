"""Semantic types of P4_16: what an expression has after checking; no names are looked up here.

Types that P4 declares (header, struct, enum, extern, ...) compare by name and type arguments, since
a program declares each name once at its top level; all others compare by structure. Typedefs are
never seen here: they are replaced by what they stand for. `type` declarations stay distinct
(`NewType`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

from p4kube_core.compiler.frontend.ast.declarations import Direction as Direction  # noqa: PLC0414


@final
class Basic(enum.Enum):
    """Types without parts, by how P4 writes them."""

    UNKNOWN = "unknown"  # of what is wrong: agrees with everything, so one fault gives one message
    VOID = "void"
    BOOL = "bool"
    STRING = "string"
    ERROR = "error"
    MATCH_KIND = "match_kind"
    INTEGER = "int"  # arbitrary precision, compile-time only
    DEFAULT = "..."  # takes the type of its place
    INVALID = "{#}"  # before its place gives it a header or header union type
    DONT_CARE = "_"  # the type argument `_`, and the keysets `_` and `default`
    STATE = "state"  # of the name of a parser state

    def __str__(self) -> str:
        return self.value


@final
@dataclass(frozen=True, slots=True)
class Bit:
    width: int  # bits, at least 0

    def __str__(self) -> str:
        return f"bit<{self.width}>"


@final
@dataclass(frozen=True, slots=True)
class Int:
    width: int  # bits, at least 1

    def __str__(self) -> str:
        return f"int<{self.width}>"


@final
@dataclass(frozen=True, slots=True)
class Varbit:
    width: int  # most bits that it can hold

    def __str__(self) -> str:
        return f"varbit<{self.width}>"


@final
@dataclass(frozen=True, slots=True)
class Enum:
    name: str
    members: tuple[str, ...] = field(compare=False)  # in order of declaration
    declaration: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return self.name


@final
@dataclass(frozen=True, slots=True)
class SerialEnum:
    """An enum with an underlying type."""

    name: str
    underlying: Bit | Int
    members: tuple[str, ...] = field(compare=False)  # in order of declaration
    declaration: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return self.name


@final
@dataclass(frozen=True, slots=True)
class NewType:
    """A `type` declaration; casts to and from `underlying` are explicit."""

    name: str
    underlying: Type
    declaration: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return self.name


@final
@dataclass(frozen=True, slots=True)
class TypeVar:
    """A type parameter; `owner` tells apart those of equal name."""

    name: str
    owner: str

    def __str__(self) -> str:
        return self.name


@final
@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: Type
    declaration: Any = field(default=None, compare=False, repr=False)


@final
@dataclass(frozen=True, slots=True)
class Header:
    name: str
    arguments: tuple[Type, ...]
    fields: tuple[Field, ...] = field(compare=False)
    declaration: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return applied(self.name, self.arguments)


@final
@dataclass(frozen=True, slots=True)
class Union:
    """A header union."""

    name: str
    arguments: tuple[Type, ...]
    fields: tuple[Field, ...] = field(compare=False)
    declaration: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return applied(self.name, self.arguments)


@final
@dataclass(frozen=True, slots=True)
class Struct:
    name: str
    arguments: tuple[Type, ...]
    fields: tuple[Field, ...] = field(compare=False)
    declaration: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return applied(self.name, self.arguments)


@final
@dataclass(frozen=True, slots=True)
class Record:
    """Type of `{a = 1, b = 2}` before its place gives it a struct or header type."""

    fields: tuple[Field, ...]
    rest: bool = False  # ends in `...`

    def __str__(self) -> str:
        inner = ", ".join(f"{f.name} = {f.type}" for f in self.fields)
        return f"{{{inner}{', ...' if self.rest else ''}}}"


@final
@dataclass(frozen=True, slots=True)
class Sequence:
    """Type of `{1, 2}` before its place gives it a tuple, list, struct, header or stack type."""

    elements: tuple[Type, ...]
    rest: bool = False  # ends in `...`

    def __str__(self) -> str:
        return f"{{{', '.join(map(str, self.elements))}{', ...' if self.rest else ''}}}"


@final
@dataclass(frozen=True, slots=True)
class Tuple:
    elements: tuple[Type, ...]

    def __str__(self) -> str:
        return f"tuple<{', '.join(map(str, self.elements))}>"


@final
@dataclass(frozen=True, slots=True)
class List:
    element: Type

    def __str__(self) -> str:
        return f"list<{self.element}>"


@final
@dataclass(frozen=True, slots=True)
class Stack:
    """A header stack or, of any other element, an array."""

    element: Type
    size: int

    def __str__(self) -> str:
        return f"{self.element}[{self.size}]"


@final
@dataclass(frozen=True, slots=True)
class Set:
    """Type of a keyset: a value set, range or mask of `element`."""

    element: Type

    def __str__(self) -> str:
        return f"set<{self.element}>"


@final
@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    direction: Direction
    type: Type
    default: Any = field(default=None, compare=False)  # ast expression or None
    optional: bool = field(default=False, compare=False)  # carries @optional
    declaration: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.direction} {self.type} {self.name}".lstrip()


@final
@dataclass(frozen=True, slots=True)
class Extern:
    name: str
    arguments: tuple[Type, ...]
    declaration: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return applied(self.name, self.arguments)


@final
@dataclass(frozen=True, slots=True)
class Parser:
    """A parser or parser type; `is_object` tells a parser with a body from a type declaration."""

    name: str
    arguments: tuple[Type, ...]
    type_parameters: tuple[TypeVar, ...] = field(compare=False)
    parameters: tuple[Parameter, ...] = field(compare=False)
    constructor: tuple[Parameter, ...] = field(default=(), compare=False)
    is_object: bool = field(default=False, compare=False)
    declaration: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return applied(self.name, self.arguments)


@final
@dataclass(frozen=True, slots=True)
class Control:
    """A control or control type; `is_object` tells one with a body from a type declaration."""

    name: str
    arguments: tuple[Type, ...]
    type_parameters: tuple[TypeVar, ...] = field(compare=False)
    parameters: tuple[Parameter, ...] = field(compare=False)
    constructor: tuple[Parameter, ...] = field(default=(), compare=False)
    is_object: bool = field(default=False, compare=False)
    declaration: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return applied(self.name, self.arguments)


@final
@dataclass(frozen=True, slots=True)
class Package:
    name: str
    arguments: tuple[Type, ...]
    type_parameters: tuple[TypeVar, ...] = field(compare=False)
    constructor: tuple[Parameter, ...] = field(compare=False)
    declaration: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return applied(self.name, self.arguments)


@final
@dataclass(frozen=True, slots=True)
class Action:
    name: str
    parameters: tuple[Parameter, ...]
    declaration: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"action {self.name}({', '.join(map(str, self.parameters))})"


@final
@dataclass(frozen=True, slots=True)
class Function:
    """A function, an extern function, or a method; `result` of a constructor is its extern type."""

    name: str
    type_parameters: tuple[TypeVar, ...]
    parameters: tuple[Parameter, ...]
    result: Type
    declaration: Any = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.result} {self.name}({', '.join(map(str, self.parameters))})"


@final
@dataclass(frozen=True, slots=True)
class Table:
    name: str
    declaration: Any = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"table {self.name}"


@final
@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What `table.apply()` gives: hit, miss, action_run."""

    table: Table

    def __str__(self) -> str:
        return f"result of {self.table.name}.apply()"


@final
@dataclass(frozen=True, slots=True)
class ActionRun:
    """Type of `table.apply().action_run`."""

    table: Table

    def __str__(self) -> str:
        return f"action_run of {self.table.name}"


@final
@dataclass(frozen=True, slots=True)
class TypeName:
    """What the name of a type has where an expression may stand (`E` in `E.member`)."""

    type: Type

    def __str__(self) -> str:
        return f"type {self.type}"


Type: TypeAlias = (
    Basic | Bit | Int | Varbit | Enum | SerialEnum | NewType | TypeVar
    | Header | Union | Struct | Record | Sequence | Tuple | List | Stack | Set
    | Extern | Parser | Control | Package | Action | Function | Table | ApplyResult | ActionRun
    | TypeName
)  # fmt: skip

Aggregate: TypeAlias = Header | Union | Struct


UNKNOWN = Basic.UNKNOWN
VOID = Basic.VOID
BOOL = Basic.BOOL
STRING = Basic.STRING
ERROR = Basic.ERROR
MATCH_KIND = Basic.MATCH_KIND
INTEGER = Basic.INTEGER
DEFAULT = Basic.DEFAULT
INVALID = Basic.INVALID
DONT_CARE = Basic.DONT_CARE
STATE = Basic.STATE


def applied(name: str, arguments: tuple[Type, ...]) -> str:
    """The name with its type arguments, as P4 writes it."""
    return f"{name}<{', '.join(map(str, arguments))}>" if arguments else name
