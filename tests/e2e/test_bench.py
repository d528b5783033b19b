"""`p4kube bench` runs, what it compares filters alike, and nothing stays behind. Never how fast."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.pod import run, sites
from p4kube_core import errors
from p4kube_core.cli.demo import hosts

pytestmark = [pytest.mark.needs_root, pytest.mark.xdist_group("bench")]

COMMAND = (sys.executable, "-m", "p4kube_core.cli.main", "bench")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for temporary files that is ours alone, with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="p4kt-") as made:
        yield Path(made)


@pytest.mark.skipif(shutil.which("nft") is None, reason="needs nftables: make test installs it")
def test_every_way_between_two_pods_is_measured_after_it_was_seen_to_filter_alike(
    place: Path,
) -> None:
    files = [place / name for name in ("figures.json", "figures.svg")]
    options = ["--rounds", "1", "--seconds", "1", "--json", files[0], "--plot", files[1]]
    with subprocess.Popen(
        [*COMMAND, "pod", *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(place)},
    ) as process:
        output, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    found = json.loads(files[0].read_text())
    for measure in found["measures"].values():
        assert set(measure["rounds"]) == set(run.candidates("ebpf"))
        assert all(values and min(values) > 0 for values in measure["rounds"].values())
    assert output.count("wanted at") == len(found["goals"]) == len(run.GOALS)
    assert not list(hosts.NAMESPACES.glob(f"p4kb{process.pid}-*"))
    assert sorted(place.iterdir()) == files


def test_both_programs_of_the_kernel_do_the_same_to_every_packet(place: Path) -> None:
    figures = place / "figures.json"
    options = ["--target", "ebpf", "--rounds", "1", "--json", str(figures)]
    done = subprocess.run(
        [*COMMAND, "pipeline", *options], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "forwarded, the same by both" in done.stdout
    (measure,) = json.loads(figures.read_text())["measures"].values()
    assert set(measure["rounds"]) == {"nothing", "hand-written", "p4kube"}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [(run.WIRE, "port 5203 denied"), (run.ROUTING, None)],
)
def test_one_that_does_not_filter_is_not_measured(name: str, wrong: str | None) -> None:
    with sites.site("x", sites.routing) as place:
        if wrong is None:
            run.check(name, place)
            return
        with pytest.raises(errors.MachineError, match=wrong):
            run.check(name, place)
