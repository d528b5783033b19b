"""Configurations of meters between P4Runtime's messages and packed cells; pure.

A packed configuration is four numbers of 8 bytes, big-endian: committed rate and burst, peak rate
and burst. The data plane's form (docs/seams.md, "The control socket") has a byte before them that
says whether there is one.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from p4kube_core.agent.refusal import INVALID_ARGUMENT, UNIMPLEMENTED, Refusal

_CONFIG: Final = struct.Struct(">QQQQ")
CONFIG_BYTES: Final = _CONFIG.size
CELL_BYTES: Final = 1 + CONFIG_BYTES
_UNSET: Final = bytes(CELL_BYTES)


def packed(name: str, config: Any) -> bytes:
    """Pack a p4.v1.MeterConfig of the meter of that name.

    Raises:
        Refusal: what no meter can be told.
    """
    for what in ("cir", "cburst", "pir", "pburst"):
        if getattr(config, what) < 0:
            raise Refusal(
                INVALID_ARGUMENT,
                f"meter {name}: want {what} of at least 0, got {getattr(config, what)}",
            )
    if config.eburst:
        raise Refusal(
            UNIMPLEMENTED,
            f"meter {name}: want eburst 0, since it has two rates (RFC 2698); got {config.eburst}",
        )
    if config.cir > config.pir:
        raise Refusal(
            INVALID_ARGUMENT,
            f"meter {name}: want cir of at most pir, got cir {config.cir}, pir {config.pir}",
        )
    return _CONFIG.pack(config.cir, config.cburst, config.pir, config.pburst)


def fill(config: Any, held: bytes) -> None:
    """Write a packed configuration into a p4.v1.MeterConfig."""
    config.cir, config.cburst, config.pir, config.pburst = _CONFIG.unpack(held)


def cell(held: bytes | None) -> bytes:
    """A configuration, or none, as the data plane takes it."""
    return _UNSET if held is None else b"\1" + held


def check_no_counts(name: str, message: Any) -> None:
    """Refuse counts of colours, which this target's meters do not keep.

    Raises:
        Refusal: UNIMPLEMENTED.
    """
    if message.HasField("counter_data"):
        raise Refusal(UNIMPLEMENTED, f"meter {name}: it keeps no counts of colours")
