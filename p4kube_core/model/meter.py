"""What a meter is told: two rates, three colours (RFC 2698), as in P4Runtime's MeterConfig."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Rates:
    """In bytes or packets, as the meter counts; rates are per second."""

    cir: int  # committed: what keeps to it is green
    cburst: int
    pir: int  # peak: what keeps to it, but not to the committed one, is yellow; all else red
    pburst: int
