"""Checksums and segments, apart from any interface."""

from __future__ import annotations

import pathlib
import subprocess

from tests.dataplane.daemon import conftest, dataplane


def test_long_packets_are_cut_right(tmp_path: pathlib.Path) -> None:
    flags = subprocess.run(
        ["pkg-config", "--cflags", "libdpdk"], capture_output=True, text=True, check=True
    ).stdout.split()
    binary = tmp_path / "offload_test"
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    daemon = dataplane.DPDK / "daemon"
    includes = ["-I", str(daemon), "-I", str(dataplane.DPDK.parent / "control")]
    sources = [str(conftest.PROGRAMS / "offload_test.c"), str(daemon / "offload.c")]
    subprocess.run(
        ["cc", "-std=gnu11", "-O1", "-g", *sanitize, *flags, *includes, "-o", binary, *sources],
        check=True,
    )
    done = subprocess.run([binary], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("ok\n", 0), done.stderr
