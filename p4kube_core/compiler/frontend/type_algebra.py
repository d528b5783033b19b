"""Pure functions over semantic types: substitution of type variables, widths, fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from p4kube_core.compiler.frontend.types import (
    BOOL,
    Action,
    Bit,
    Control,
    Extern,
    Field,
    Function,
    Header,
    Int,
    List,
    NewType,
    Package,
    Parameter,
    Parser,
    Record,
    Sequence,
    SerialEnum,
    Set,
    Stack,
    Struct,
    Tuple,
    Type,
    TypeVar,
    Union,
    Varbit,
)

Substitution = Mapping[TypeVar, Type]


def substitute(of: Type, by: Substitution) -> Type:
    """Replace the type variables that `by` knows, at any depth."""
    if not by:
        return of
    match of:
        case TypeVar():
            return by.get(of, of)
        case Header() | Union() | Struct():
            if not of.arguments:
                return of
            return dataclasses.replace(
                of, arguments=_all(of.arguments, by), fields=substitute_fields(of.fields, by)
            )
        case Record():
            return dataclasses.replace(of, fields=substitute_fields(of.fields, by))
        case Tuple():
            return Tuple(_all(of.elements, by))
        case Sequence():
            return Sequence(_all(of.elements, by), of.rest)
        case List():
            return List(substitute(of.element, by))
        case Set():
            return Set(substitute(of.element, by))
        case Stack():
            return Stack(substitute(of.element, by), of.size)
        case Extern():
            return dataclasses.replace(of, arguments=_all(of.arguments, by)) if of.arguments else of
        case Parser() | Control() | Package() | Action() | Function():
            return _substitute_callable(of, by)
        case _:
            return of


def substitute_fields(fields: tuple[Field, ...], by: Substitution) -> tuple[Field, ...]:
    return tuple(Field(f.name, substitute(f.type, by), f.declaration) for f in fields)


def substitute_parameters(
    parameters: tuple[Parameter, ...], by: Substitution
) -> tuple[Parameter, ...]:
    if not by:
        return parameters
    return tuple(dataclasses.replace(p, type=substitute(p.type, by)) for p in parameters)


def _all(types: tuple[Type, ...], by: Substitution) -> tuple[Type, ...]:
    return tuple(substitute(t, by) for t in types)


def _substitute_callable(
    of: Parser | Control | Package | Action | Function, by: Substitution
) -> Type:
    match of:
        case Parser() | Control():
            return dataclasses.replace(
                of,
                arguments=_all(of.arguments, by),
                parameters=substitute_parameters(of.parameters, by),
                constructor=substitute_parameters(of.constructor, by),
            )
        case Package():
            return dataclasses.replace(
                of,
                arguments=_all(of.arguments, by),
                constructor=substitute_parameters(of.constructor, by),
            )
        case Action():
            return dataclasses.replace(of, parameters=substitute_parameters(of.parameters, by))
        case Function():
            return dataclasses.replace(
                of,
                parameters=substitute_parameters(of.parameters, by),
                result=substitute(of.result, by),
            )


def underlying(of: Type) -> Type:
    """What a `type` or an enum with an underlying type is made of; any other type is itself."""
    while True:
        match of:
            case NewType():
                of = of.underlying
            case SerialEnum():
                return of.underlying
            case _:
                return of


def width_bits(of: Type) -> int | None:
    """Fixed width in bits (stacks and structs: the sum); None where there is none.

    A varbit counts as its greatest width.
    """
    if of is BOOL:
        return 1
    match of:
        case Bit() | Int() | Varbit():
            return of.width
        case SerialEnum() | NewType():
            return width_bits(underlying(of))
        case Header() | Struct() | Record():
            return _sum([width_bits(f.type) for f in of.fields])
        case Union():
            widths = [width_bits(f.type) for f in of.fields]
            return None if None in widths else max((w for w in widths if w is not None), default=0)
        case Tuple():
            return _sum([width_bits(e) for e in of.elements])
        case Stack():
            width = width_bits(of.element)
            return None if width is None else width * of.size
        case _:
            return None


def _sum(widths: list[int | None]) -> int | None:
    return None if None in widths else sum(w for w in widths if w is not None)


def field_of(of: Type, name: str) -> Field | None:
    """The field of that name of a header, union, struct or record; None if it has none."""
    if isinstance(of, Header | Union | Struct | Record):
        return next((f for f in of.fields if f.name == name), None)
    return None
