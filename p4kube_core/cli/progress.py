"""Saying on stderr what takes long, to people at a terminal and to logs alike."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

QUIET_S: Final = 2.0  # what is done by then is not talked about


@contextmanager
def step(what: str) -> Iterator[None]:
    """Announce a piece of work once it has taken more than two seconds, and that it is done."""
    started = time.monotonic()
    ended = threading.Event()
    terminal = sys.stderr.isatty()

    def talk() -> None:
        if ended.wait(QUIET_S):
            return
        _write(f"{what} ..." + ("" if terminal else "\n"))
        while terminal and not ended.wait(1.0):
            _write(f"\r{what} ... {time.monotonic() - started:.0f} s")

    teller = threading.Thread(target=talk, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
        taken = time.monotonic() - started
        if taken > QUIET_S:
            start = "\r" if terminal else ""
            _write(f"{start}{what}: {taken:.1f} s" + (" " * 8 if terminal else "") + "\n")


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        pass  # nobody listens
