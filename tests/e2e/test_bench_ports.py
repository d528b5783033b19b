"""`p4kube bench ports` runs, and nothing stays behind. Never how fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.ports import run
from p4kube_core.cli.demo import hosts

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk, pytest.mark.xdist_group("bench")]


def test_both_ways_into_the_data_plane_are_measured() -> None:
    with tempfile.TemporaryDirectory(prefix="p4kt-") as place:
        file = Path(place) / "figures.json"
        command = [sys.executable, "-m", "p4kube_core.cli.main", "bench", "ports"]
        with subprocess.Popen(
            [*command, "--rounds", "1", "--json", str(file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": place},
        ) as process:
            _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        found = json.loads(file.read_text())
        for measure in found["measures"].values():
            assert set(measure["rounds"]) == set(run.candidates())
        assert all(min(values) > 0 for values in found["measures"]["TCP"]["rounds"].values())
        assert not list(hosts.NAMESPACES.glob(f"p4kb{process.pid}-*"))
        assert [path.name for path in Path(place).iterdir()] == [file.name]
