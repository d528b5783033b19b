"""Rates, sizes and times as people write them: 10Mbit/s, 500 packets/s, 64KiB, 10s."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, final

_SCALES: Final = {
    "": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
}  # fmt: skip
_NUMBER: Final = r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*"
_AMOUNT: Final = re.compile(
    _NUMBER + r"(?P<scale>[kKMGT]|[KMGT]i)?(?P<unit>bit|B|\s*packets?)(?P<rate>/s)?"
)
_TIME: Final = re.compile(_NUMBER + r"(?P<unit>us|ms|s|min|h)")
_UNITS_OF_TIME: Final = {
    "us": Fraction(1, 10**6), "ms": Fraction(1, 1000), "s": Fraction(1), "min": Fraction(60),
    "h": Fraction(3600),
}  # fmt: skip

RATE: Final = "a rate such as 10Mbit/s, 1.5MB/s or 500 packets/s"
SIZE: Final = "a size such as 64KiB, 1.5MB or 20 packets"
TIME: Final = "a time such as 500ms, 10s or 5min"


class BadForm(ValueError):
    """The text is none of the forms; the message says what was wanted and found."""


@final
@dataclass(frozen=True, slots=True)
class Amount:
    """Whole bytes or packets (rounded down), or so many per second."""

    value: int
    packets: bool  # else bytes


def rate(text: str) -> Amount:
    """Read a rate per second; bits become bytes.

    Raises:
        BadForm: it is none, or less than one byte or packet.
    """
    return _amount(text, RATE, per_second=True)


def size(text: str) -> Amount:
    """Read a number of bytes or packets; raises as `rate`."""
    return _amount(text, SIZE, per_second=False)


def time_s(text: str) -> Fraction:
    """Read a time, in seconds; raises as `rate`."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise BadForm(f"want {TIME}, got {text!r}")
    return Fraction(found["number"]) * _UNITS_OF_TIME[found["unit"]]


def shown_rate(value: int, packets: bool) -> str:
    """A rate per second as `rate` reads it, to six digits."""
    return _scaled(value, "packets/s") if packets else _scaled(8 * value, "bit/s")


def shown_size(value: int, packets: bool) -> str:
    """A number of bytes or packets as `size` reads it, to six digits."""
    if not packets and value and value % 1024 == 0:
        scale = "Mi" if value % (1 << 20) == 0 else "Ki"
        return f"{value // _SCALES[scale]}{scale}B"
    return _scaled(value, "packets" if packets else "B")


def _scaled(value: int, unit: str) -> str:
    scale = next((s for s in ("G", "M", "k") if value >= _SCALES[s]), "")
    space = " " if unit.startswith("packets") and not scale else ""
    return f"{value / _SCALES[scale]:g}{space}{scale}{unit}"


def _amount(text: str, wanted: str, per_second: bool) -> Amount:
    found = _AMOUNT.fullmatch(text.strip())
    if found is None or bool(found["rate"]) is not per_second:
        raise BadForm(f"want {wanted}, got {text!r}")
    if found["unit"] == "bit" and not per_second:
        raise BadForm(f"want {wanted}, got {text!r}: bits are for rates")
    exact = Fraction(found["number"]) * _SCALES[found["scale"] or ""]
    value = int(exact / 8 if found["unit"] == "bit" else exact)
    packets = found["unit"].strip().startswith("packet")
    if value < 1:
        raise BadForm(f"want at least 1 {'packet' if packets else 'byte'}, got {text!r}")
    return Amount(value, packets)
