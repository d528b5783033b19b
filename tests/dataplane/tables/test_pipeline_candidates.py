"""What `p4kube bench pipeline` compares does the same to every packet."""

import os
import pathlib
import subprocess

import pytest

from bench import commands
from bench.pipeline import run


def has_dpdk() -> bool:
    command = ["pkg-config", "--exists", "libdpdk"]
    try:
        return subprocess.run(command, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.needs_dpdk
@pytest.mark.skipif(not has_dpdk(), reason="libdpdk is not installed")
def test_compiled_p4_forwards_like_swx_and_like_c_by_hand(tmp_path: pathlib.Path) -> None:
    settings = run.settings_from(dict(os.environ) | {"XDG_CACHE_HOME": str(tmp_path)})
    program = tmp_path / "l3.so"
    program.write_bytes(run.translate(settings.toolchain))
    binary = run.build(settings.cache)
    # It compares all packets before it measures, and fails where one differs.
    commands.succeed([binary, "1", "32", "4096", program], tmp_path)
