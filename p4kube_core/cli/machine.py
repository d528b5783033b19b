"""What this machine must offer before a data plane is started; asked before anything is touched."""

from __future__ import annotations

import os
from pathlib import Path

from p4kube_core import errors
from p4kube_core.agent import settings


def require_dataplane(path: Path = settings.DEFAULT_DATAPLANE) -> None:
    """See that a data plane can run here.

    Raises:
        errors.MachineError: not root, or the data plane has not been built.
    """
    if os.geteuid() != 0:
        raise errors.MachineError(
            f"want root to run the data plane, running as user {os.geteuid()}: try sudo"
        )
    if not os.access(path, os.X_OK):
        raise errors.MachineError(f"no data plane at {path}: run `make build`")


def require_same_network(state: Path) -> None:
    """See that a data plane that runs already is where we are: it sees the same interfaces.

    Raises:
        errors.MachineError: it runs in another network namespace.
    """
    try:
        pid = (state / "dataplane.pid").read_text(encoding="ascii").strip()
        theirs = Path(f"/proc/{pid}/ns/net").readlink()
    except OSError:
        return  # none runs
    if theirs != Path("/proc/self/ns/net").readlink():
        raise errors.MachineError(
            f"the data plane of {state} runs in another network namespace (process {pid}); "
            "use another --state for this one"
        )
