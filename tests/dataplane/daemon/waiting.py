"""Waiting for what happens in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def until(ask: Callable[[], Answer], patience_s: float = 20) -> Answer:
    """The first answer that is not empty or false; the last one if patience ends."""
    give_up = time.monotonic() + patience_s
    while not (answer := ask()) and time.monotonic() < give_up:
        time.sleep(0.01)
    return answer
