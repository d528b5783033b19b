"""The catalogue on older kernels: each answers as this machine's does, to the last packet."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from p4kube_core.agent import settings
from p4kube_core.cli import main
from tests.conftest import ROOT
from tests.kernels import guest_bpf, recorder

pytestmark = [
    pytest.mark.needs_root,
    pytest.mark.needs_dpdk,
    pytest.mark.needs_qemu,
    pytest.mark.xdist_group("kernels"),
]
FUNCTIONS: Final = sorted(path.name for path in (ROOT / "p4nf").iterdir() if path.is_dir())
_VOLATILE: Final = ("pid",)


def record(function: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run a function's packet tests here, and write down what the data plane was asked and said."""
    directory.mkdir()
    program = directory / "p4kube-bpf"
    written = directory / "recording"
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tests.kernels.recorder "
        f'{guest_bpf.DAEMON} {written} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(settings, "DEFAULT_EBPF", program)
    folder = ROOT / "p4nf" / function
    scripts = [str(path) for path in sorted(folder.glob("*.stf"))]
    words = ["test", str(folder / f"{function}.p4"), *scripts, "--target", "ebpf", "--jobs", "1"]
    assert main.main(words) == 0
    return written


def replay(written: Path, guest: Any) -> int:
    """Ask the guest the same; the number of packets that came out, all as they did here."""
    packets = 0
    for line in written.read_text().splitlines():
        request, expected = (bytes.fromhex(part) for part in json.loads(line))
        text = recorder.text_of(request)
        if text["op"] == "shutdown":
            continue
        if "object" in text:
            text["object"] = f"/{written.parent.name}/{text['object']}"
        guest.sendall(recorder.frame_of(text, recorder.blob_of(request)))
        answer = recorder.read_frame(guest)
        assert answer, f"no answer to {text}"
        assert _steady(answer) == _steady(expected), text
        assert recorder.blob_of(answer) == recorder.blob_of(expected), text
        packets += recorder.text_of(answer).get("count", 0) if text["op"] == "collect" else 0
    return packets


def _steady(answer: bytes) -> dict[str, Any]:
    return {k: v for k, v in recorder.text_of(answer).items() if k not in _VOLATILE}


def test_an_older_kernel_takes_every_function_and_forwards_each_packet_alike(
    kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = {name: record(name, tmp_path / name, monkeypatch) for name in FUNCTIONS}
    files = {
        f"{written.parent.name}/{path.name}": path.read_bytes()
        for written in recordings.values()
        for path in written.parent.glob("*.o")
    }
    with guest_bpf.running(kernel, tmp_path, files) as guest:
        for name, written in recordings.items():
            assert replay(written, guest) > 0, name
