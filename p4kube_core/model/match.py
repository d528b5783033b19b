"""What a key or an argument is said to be, as people write it: in STF, YAML and parameters.

Only the form is read here. What fits a field (its width, its match type) is the program's to say.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, final


@final
@dataclass(frozen=True, slots=True)
class Exactly:
    value: int


@final
@dataclass(frozen=True, slots=True)
class Masked:
    """Bits outside the mask are zero in `value`."""

    value: int
    mask: int
    written: int | None = None
    """Bits that were written out, where they were: above them a field must be zero, as in 0x*1."""


@final
@dataclass(frozen=True, slots=True)
class Prefixed:
    value: int
    length: int  # bits, from the field's highest


@final
@dataclass(frozen=True, slots=True)
class Between:
    low: int
    high: int  # included


@final
@dataclass(frozen=True, slots=True)
class Anything:
    pass


Match = Exactly | Masked | Prefixed | Between | Anything

_MAC: Final = re.compile(r"[0-9a-fA-F]{1,2}([:-][0-9a-fA-F]{1,2}){5}")
_NUMBER: Final = re.compile(r"([0-9]+)|0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]([0-7]+)")
_STARRED: Final = re.compile(r"0[xX][0-9a-fA-F*_]+|0[bB][01*_]+")
FORMS: Final = "a number, 0x or 0b digits, an IPv4, IPv6 or MAC address"


class BadForm(ValueError):
    """The text is none of the forms; the message says what was wanted and found."""


def parse(text: str | int | bool) -> Match:
    """Read one value.

    Numbers (decimal, 0x, 0b), addresses, `value/length`, `value&&&mask`, `low..high` (or
    `low->high`), `*`, and digits of which some are `*`.

    Raises:
        BadForm: none of these.
    """
    if isinstance(text, int):
        if text < 0:
            raise BadForm(f"want a value of at least 0, got {text}")
        return Exactly(int(text))
    text = text.strip()
    if text in {"*", "any"}:
        return Anything()
    if "&&&" in text:
        value, _, mask = text.partition("&&&")
        bits = number(mask)
        return Masked(number(value) & bits, bits)
    for between in ("->", ".."):
        if between in text:
            low, _, high = text.partition(between)
            return Between(number(low), number(high))
    if "/" in text:
        value, _, length = text.partition("/")
        return _prefixed(value.strip(), length.strip(), text)
    if "*" in text and _STARRED.fullmatch(text):
        return _starred(text)
    return Exactly(number(text))


def number(text: str | int) -> int:
    """Read a plain value: a number or an address.

    Raises:
        BadForm: neither.
    """
    if isinstance(text, int):
        return text
    text = text.strip()
    digits = text.replace("_", "")
    if match := _NUMBER.fullmatch(digits):
        for group, base in zip(match.groups(), (10, 16, 2, 8), strict=True):
            if group is not None:
                return int(group, base)
    if _MAC.fullmatch(text):
        return int("".join(part.zfill(2) for part in re.split("[:-]", text)), 16)
    try:
        return int(ipaddress.ip_address(text))
    except ValueError:
        raise BadForm(f"want {FORMS}, got {text!r}") from None


def _prefixed(value: str, length: str, text: str) -> Match:
    # 10.0.0.0/255.0.0.0 says a mask by its bits.
    if not length.isdecimal():
        mask = number(length)
        return Masked(number(value) & mask, mask)
    if int(length) > 4096:
        raise BadForm(f"want a prefix length in bits after '/', got {text!r}")
    return Prefixed(number(value), int(length))


def _starred(text: str) -> Masked:
    """Digits of which some are `*`: a nibble each after 0x, a bit each after 0b."""
    bits = 4 if text[1] in "xX" else 1
    base = 16 if bits == 4 else 2
    value = mask = 0
    for digit in text[2:].replace("_", ""):
        care = 0 if digit == "*" else (1 << bits) - 1
        value = value << bits | (0 if digit == "*" else int(digit, base))
        mask = mask << bits | care
    return Masked(value, mask, bits * len(text[2:].replace("_", "")))
