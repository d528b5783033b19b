"""P4Data: values that are not keys or parameters, as registers and digests have them; pure.

A scalar is a number from 0 here, whatever its type: of an int<W> the W bits of two's complement, of
a bool 0 or 1, of an enum or an error the position of its member.

Source: P4Runtime 1.5.0, "P4Data in p4runtime.proto" and "Bytestrings".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, final

from p4kube_core.switch import codec


@final
class Untold(ValueError):
    """A type whose values are not told here."""


@final
class WrongSort(ValueError):
    """Another sort of data than the type has."""


@final
class OutOfRange(ValueError):
    """Data that are no value of the type."""


def fill(data: Any, spec: Any, types: Any, scalars: Iterator[int]) -> None:
    """Write the next of `scalars` into a p4.v1.P4Data shaped by its type.

    Args:
        spec: p4.config.v1.P4DataTypeSpec.
        types: p4.config.v1.P4TypeInfo, which names refer to.
        scalars: in order; of a header first whether it is there.

    Raises:
        Untold: of the type.
        ValueError: a scalar does not fit.
    """
    match spec.WhichOneof("type_spec"):
        case "bitstring":
            data.bitstring = _packed(spec.bitstring, next(scalars))
        case "bool":
            data.bool = bool(_fitting("bool", 1, next(scalars)))
        case "serializable_enum":
            data.enum_value = codec.to_bytes(next(scalars), _enum_width(spec, types))
        case "enum" | "error" as sort:
            members, position = _members(spec, types), next(scalars)
            if not 0 <= position < len(members):
                raise OutOfRange(f"value {position} is none of {len(members)} members")
            setattr(data, sort, members[position])
        case "new_type":
            fill(data, _original(spec, types), types, scalars)
        case "tuple":
            data.tuple.SetInParent()
            for member in spec.tuple.members:
                fill(data.tuple.members.add(), member, types, scalars)
        case "struct":
            data.struct.SetInParent()
            for member in types.structs[spec.struct.name].members:
                fill(data.struct.members.add(), member.type_spec, types, scalars)
        case "header":
            data.header.is_valid = bool(next(scalars))
            for member in types.headers[spec.header.name].members:
                bits = _packed(member.type_spec, next(scalars))
                if data.header.is_valid:
                    data.header.bitstrings.append(bits)
        case other:
            raise _untold(other)


def scalars(data: Any, spec: Any, types: Any) -> Iterator[int]:
    """The scalars of a p4.v1.P4Data, as `fill` takes them; 0 in a header that is not there.

    Raises:
        Untold: of the type.
        WrongSort, OutOfRange: the data are not of the type.
    """
    wanted = spec.WhichOneof("type_spec")
    if wanted == "new_type":
        yield from scalars(data, _original(spec, types), types)
        return
    sort = data.WhichOneof("data")
    if sort != {"serializable_enum": "enum_value"}.get(wanted, wanted):
        raise WrongSort(f"want a {wanted}, got {sort or 'no data'}")
    match wanted:
        case "bitstring":
            yield _number(spec.bitstring, data.bitstring)
        case "bool":
            yield int(data.bool)
        case "serializable_enum":
            yield _unsigned(data.enum_value, _enum_width(spec, types))
        case "enum" | "error":
            members, name = list(_members(spec, types)), getattr(data, wanted)
            if name not in members:
                raise OutOfRange(f"want one of {', '.join(members)}, got {name!r:.60}")
            yield members.index(name)
        case "tuple":
            inner = list(spec.tuple.members)
            for member, one in zip(data.tuple.members, inner, strict=True):
                yield from scalars(member, one, types)
        case "struct":
            inner = [member.type_spec for member in types.structs[spec.struct.name].members]
            for member, one in zip(data.struct.members, inner, strict=True):
                yield from scalars(member, one, types)
        case "header":
            held = types.headers[spec.header.name].members
            yield int(data.header.is_valid)
            if not data.header.is_valid:
                yield from (0 for _ in held)
                return
            for bits, member in zip(data.header.bitstrings, held, strict=True):
                yield _number(member.type_spec, bits)
        case other:
            raise _untold(other)


def _original(spec: Any, types: Any) -> Any:
    held = types.new_types[spec.new_type.name]
    if not held.HasField("original_type"):
        raise Untold(f"values of the translated type {spec.new_type.name} are not told")
    return held.original_type


def _members(spec: Any, types: Any) -> list[str]:
    if spec.WhichOneof("type_spec") == "error":
        return list(types.error.members)
    return [member.name for member in types.enums[spec.enum.name].members]


def _enum_width(spec: Any, types: Any) -> int:
    held = types.serializable_enums[spec.serializable_enum.name]
    width: int = held.underlying_type.bitwidth
    return width


def _packed(bits: Any, value: int) -> bytes:
    match bits.WhichOneof("type_spec"):
        case "bit":
            return codec.to_bytes(value, bits.bit.bitwidth)
        case "int":
            width = bits.int.bitwidth
            if _fitting(f"int<{width}>", width, value) >> width - 1:
                value -= 1 << width
            # One bit for the sign, of which ~value has none.
            size = ((value if value >= 0 else ~value).bit_length() + 8) // 8
            return value.to_bytes(size, "big", signed=True)
        case other:
            raise _untold(other)


def _number(bits: Any, data: bytes) -> int:
    match bits.WhichOneof("type_spec"):
        case "bit":
            return _unsigned(data, bits.bit.bitwidth)
        case "int":
            width: int = bits.int.bitwidth
            value: int = int.from_bytes(data, "big", signed=True)
            if not data or not -1 << width - 1 <= value < 1 << width - 1:
                raise _out_of_range(f"int<{width}>", data)
            return value & (1 << width) - 1
        case other:
            raise _untold(other)


def _unsigned(data: bytes, width: int) -> int:
    value = int.from_bytes(data, "big")
    if not data or value >> width:
        raise _out_of_range(f"bit<{width}>", data)
    return value


def _fitting(what: str, width: int, value: int) -> int:
    if value < 0 or value >> width:
        raise OutOfRange(f"value {value:#x} does not fit {what}")
    return value


def _out_of_range(what: str, data: bytes) -> OutOfRange:
    found = f"0x{data[:32].hex()}" if data else "an empty string"
    return OutOfRange(f"want a value of {what}, got {found}")


def _untold(sort: str | None) -> Untold:
    return Untold(f"values of type {sort or 'unknown'} are not told")
