"""P4Data: values that are not keys or parameters, as registers and digests have them; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from p4kube_core.agent.refusal import INVALID_ARGUMENT, OUT_OF_RANGE, UNIMPLEMENTED, Refusal


def number(where: str, data: Any, width_bits: int) -> int:
    """Read a p4.v1.P4Data that is one number.

    Raises:
        Refusal: another sort of value, or too wide.
    """
    sort = data.WhichOneof("data")
    if sort == "bool" and width_bits == 1:
        return int(data.bool)
    if sort != "bitstring":
        raise Refusal(INVALID_ARGUMENT, f"{where}: want a bitstring, got {sort or 'no data'}")
    value = int.from_bytes(data.bitstring, "big")
    if not data.bitstring or value >> width_bits:
        found = f"0x{data.bitstring.hex()}" if data.bitstring else "an empty string"
        raise Refusal(OUT_OF_RANGE, f"{where}: want a value of bit<{width_bits}>, got {found}")
    return value


def fill_number(data: Any, value: int) -> None:
    """Write a number into a p4.v1.P4Data, in the fewest bytes."""
    data.bitstring = _bytes(value)


def fill(data: Any, spec: Any, types: Any, leaves: Iterator[tuple[int, int]]) -> None:
    """Write the next of `leaves` into a p4.v1.P4Data shaped by its type.

    Args:
        spec: p4.config.v1.P4DataTypeSpec.
        types: p4.config.v1.P4TypeInfo, which names refer to.
        leaves: width in bits and value of each scalar, in order.
    Raises:
        Refusal: a type that digests do not hold here.
    """
    match spec.WhichOneof("type_spec"):
        case "bitstring":
            fill_number(data, next(leaves)[1])
        case "bool":
            data.bool = bool(next(leaves)[1])
        case "serializable_enum":
            data.enum_value = _bytes(next(leaves)[1])
        case "new_type":
            original = types.new_types[spec.new_type.name].original_type
            fill(data, original, types, leaves)
        case "tuple":
            data.tuple.SetInParent()
            for member in spec.tuple.members:
                fill(data.tuple.members.add(), member, types, leaves)
        case "struct":
            data.struct.SetInParent()
            for member in types.structs[spec.struct.name].members:
                fill(data.struct.members.add(), member.type_spec, types, leaves)
        case "header":
            # The data plane tells of a header whether it is there before its members.
            data.header.is_valid = bool(next(leaves)[1])
            for _ in types.headers[spec.header.name].members:
                value = next(leaves)[1]
                if data.header.is_valid:
                    data.header.bitstrings.append(_bytes(value))
        case other:
            raise Refusal(UNIMPLEMENTED, f"a digest holds no {other}")


def _bytes(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")
