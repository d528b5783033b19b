"""C types and literals of IR types; p4k_program.h says how values are held in them."""

from __future__ import annotations

from typing import Final

from p4kube_core import errors
from p4kube_core.compiler.ir import types

WIDEST_BITS: Final = 128
_HOLDERS: Final = (8, 16, 32, 64, 128)  # widths that a C integer has


def held_bits(width: int) -> int:
    """Width of the C integer that holds so many bits."""
    for held in _HOLDERS:
        if width <= held:
            return held
    raise errors.InvariantViolated(f"a value of {width} bits reached the printing of C")


def is_exact(width: int) -> bool:
    """Whether a C integer has exactly this width, so that it wraps by itself."""
    return width in _HOLDERS


def c_type(of: types.Scalar) -> str:
    if isinstance(of, types.Bool):
        return "bool"
    held = held_bits(of.width)
    if held == 128:
        return "p4k_i128" if of.signed else "p4k_u128"
    return f"int{held}_t" if of.signed else f"uint{held}_t"


def unsigned_type(width: int) -> str:
    return c_type(types.Bits(width))


def literal(value: int, of: types.Scalar) -> str:
    """A constant whose C type behaves as that of the value: an int for up to 16 bits."""
    if isinstance(of, types.Bool):
        return "true" if value else "false"
    if of.signed:
        return _signed_literal(value, of.width)
    return unsigned_literal(value, of.width)


def unsigned_literal(value: int, width: int) -> str:
    held = held_bits(width)
    if held == 128:
        low = value & ((1 << 64) - 1)
        return f"P4K_U128({_digits(value >> 64)}ULL, {_digits(low)}ULL)"
    suffix = {8: "", 16: "", 32: "U", 64: "ULL"}[held]
    return f"{_digits(value)}{suffix}"


def mask(width: int) -> str:
    """All ones of a width."""
    if width > 64:
        return f"p4k_mask_wide({width})"
    return unsigned_literal((1 << width) - 1, width)


def mask_of_word(width: int) -> str:
    """All ones of a width up to 64, as a uint64_t."""
    return f"{_digits((1 << width) - 1)}ULL"


def _digits(value: int) -> str:
    return str(value) if value < 16 else f"0x{value:x}"


def _signed_literal(value: int, width: int) -> str:
    held = held_bits(width)
    if held == 128:
        bits = unsigned_literal(value & ((1 << 128) - 1), 128)
        return f"(p4k_i128){bits}"
    # The least value of a type cannot be written as a negated literal of that type.
    if value == -(1 << (held - 1)) and held >= 32:
        return f"INT{held}_MIN"
    suffix = "LL" if held == 64 else ""
    text = f"{abs(value)}{suffix}"
    return f"(-{text})" if value < 0 else text
