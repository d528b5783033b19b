"""What `p4kube bench pipeline` compares does the same to every packet."""

import importlib.util
import os
import pathlib
import subprocess
import types

import pytest

RUN = pathlib.Path(__file__).parents[3] / "bench/pipeline/run.py"


def has_dpdk() -> bool:
    command = ["pkg-config", "--exists", "libdpdk"]
    try:
        return subprocess.run(command, check=False).returncode == 0
    except FileNotFoundError:
        return False


def load() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("bench_pipeline_run", RUN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.needs_dpdk
@pytest.mark.skipif(not has_dpdk(), reason="libdpdk is not installed")
def test_compiled_p4_forwards_like_swx_and_like_c_by_hand(tmp_path: pathlib.Path) -> None:
    bench = load()
    settings = bench.settings_from(dict(os.environ) | {"XDG_CACHE_HOME": str(tmp_path)})
    program = tmp_path / "l3.so"
    program.write_bytes(bench.translate(settings.toolchain))
    binary = bench.build(settings.cache)
    # It compares all packets before it measures, and fails where one differs.
    bench.succeed([binary, "1", "32", "4096", program], tmp_path)
