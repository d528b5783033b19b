"""Programs that a benchmark runs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Final

from p4kube_core import errors

TIMEOUT_S: Final = 120.0


def succeed(command: list[Any], directory: str | Path) -> str:
    """Run a command.

    Returns:
        What it printed.
    Raises:
        errors.MachineError: it failed, or took longer than TIMEOUT_S.
    """
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        raise errors.MachineError(f"cannot run {command[0]}: {e}") from e
    if done.returncode != 0:
        raise errors.MachineError(f"{command[0]} failed:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout
