"""What a test may need, and whether it is here; with CI=true, what is missing is a failure."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parent.parent
DATAPLANE = ROOT / "p4kube_core/dataplane/dpdk/build/release/p4kube-dataplane"
CNI_PLUGINS = Path("/usr/lib/cni")
GUEST = Path(os.environ.get("P4KUBE_GUEST", ROOT / ".build/guest"))
SHELL_PYTHON = Path(os.environ.get("P4KUBE_SHELL_PYTHON", ROOT / ".build/shell/bin/python"))

# No test fails on time.
hypothesis.settings.register_profile("p4kube", deadline=None)
hypothesis.settings.load_profile("p4kube")


def _missing(marker: str) -> str | None:
    """Why a marked test cannot run here; None if it can."""
    match marker:
        case "needs_root" if os.geteuid() != 0:
            return "needs root"
        case "needs_dpdk" if not os.access(DATAPLANE, os.X_OK):
            return "needs DPDK and the built data plane: make build"
        case "needs_qemu" if shutil.which("qemu-system-x86_64") is None:
            return "needs qemu-system-x86_64"
        case "needs_qemu" if not (GUEST / "complete").exists():
            return "needs a kernel to boot: make guest"
        case "needs_cni" if not (CNI_PLUGINS / "bridge").exists():
            return f"needs the plug-ins in {CNI_PLUGINS}: apt install containernetworking-plugins"
        case "needs_shell" if not SHELL_PYTHON.exists():
            return "needs p4runtime-shell in its own environment: make shell"
        case _:
            return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    reasons = [
        reason
        for marker in ("needs_root", "needs_dpdk", "needs_qemu", "needs_cni", "needs_shell")
        if item.get_closest_marker(marker) and (reason := _missing(marker))
    ]
    if not reasons:
        return
    if os.environ.get("CI") == "true":
        pytest.fail("; ".join(reasons), pytrace=False)
    pytest.skip("; ".join(reasons))


@pytest.fixture(scope="session")
def shell_python() -> Path:
    """The Python of the environment that p4runtime-shell lives in."""
    return SHELL_PYTHON
