"""Values of P4 fields as P4Runtime's bytestrings, both ways; no I/O, no P4Info."""

from __future__ import annotations


def to_bytes(value: int, width: int) -> bytes:
    """Encode an unsigned value of a bit<width> field.

    Args:
        value: 0 <= value < 2**width.
        width: field width in bits, at least 1.

    Returns:
        The shortest big-endian string, never empty.

    Raises:
        ValueError: the value does not fit the width.

    Source: P4Runtime 1.5.0, "Bytestrings".
    """
    if width < 1 or value < 0 or value >> width:
        raise ValueError(f"value {value:#x} does not fit bit<{width}>")
    return value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")


def from_bytes(data: bytes, width: int) -> int:
    """Decode a bytestring of a bit<width> field; leading zeros are taken, as a receiver must.

    Raises:
        ValueError: the string is empty, or its value does not fit the width.
    """
    if not data:
        raise ValueError("the string is empty")
    value = int.from_bytes(data, "big")
    if value >> width:
        raise ValueError(f"value {value:#x} does not fit bit<{width}>")
    return value


def prefix_mask(prefix_bits: int, width: int) -> int:
    """Mask of a prefix of 0 to `width` bits, counted from the most significant."""
    return ((1 << prefix_bits) - 1) << (width - prefix_bits)
