"""P4Data: values that are not keys or parameters, as registers hold them; pure."""

from __future__ import annotations

from typing import Any

from p4kube_core.agent.refusal import INVALID_ARGUMENT, OUT_OF_RANGE, Refusal


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
    data.bitstring = value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")
