"""What this machine must offer before a data plane is started; asked before anything is touched."""

from __future__ import annotations

import os
from pathlib import Path

from p4kube_core import errors
from p4kube_core.agent import settings


def require_dataplane(target: str = "dpdk") -> None:
    """See that the data plane of a target can run here.

    Raises:
        errors.MachineError: not root, or the data plane has not been built.
    """
    path = settings.program_of(target)
    if os.geteuid() != 0:
        raise errors.MachineError(
            f"want root to run the data plane, running as user {os.geteuid()}: try sudo"
        )
    if not os.access(path, os.X_OK):
        raise errors.MachineError(f"no data plane at {path}: run `make build`")


def require_same_network(state: Path) -> None:
    """See that an agent that runs already is where we are: it sees the same interfaces.

    Raises:
        errors.MachineError: it, or a data plane of it, runs in another network namespace.
    """
    held = settings.Settings(state=state)
    dataplanes = (held.dataplane(target).pid_file for target in settings.TARGETS)
    for pid_file in (held.pid_file, *dataplanes):
        try:
            pid = pid_file.read_text(encoding="ascii").strip()
            theirs = Path(f"/proc/{pid}/ns/net").readlink()
        except OSError:
            continue  # it does not run
        if theirs != Path("/proc/self/ns/net").readlink():
            raise errors.MachineError(
                f"{pid_file.stem} of {state} runs in another network namespace (process {pid}); "
                "use another --state for this one"
            )
