"""Nothing that a test of the agent started outlives it, also when it fails half-way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def ended(tmp_path: Path) -> Iterator[None]:
    yield
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if f"{tmp_path}/".encode() in path.read_bytes():
                os.kill(int(path.parent.name), signal.SIGKILL)
