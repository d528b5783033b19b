"""Programs on older kernels: each answers as this machine's does, to the last packet."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from p4kube_core.agent import settings
from p4kube_core.cli import compilation, main
from p4kube_core.compiler.backends.ebpf import features
from p4kube_core.model import artifact
from tests.conftest import ROOT
from tests.e2e.playing import eventually
from tests.kernels import guest_bpf, recorder

pytestmark = [
    pytest.mark.needs_root,
    pytest.mark.needs_dpdk,
    pytest.mark.needs_qemu,
    pytest.mark.xdist_group("kernels"),
]
PROGRAMS: Final = [
    *sorted(ROOT.glob("p4nf/*/*.p4")),
    # Of the language: what functions may not have.
    *(ROOT / f"tests/dataplane/programs/{name}.p4" for name in ("hashes", "meters", "registers")),
]
PATIENCE_S: Final = 60.0
_VOLATILE: Final = ("pid",)


def release(kernel: Path) -> tuple[int, int]:
    """Of an unpacked kernel."""
    name = next((kernel / "boot").glob("vmlinuz-*")).name.removeprefix("vmlinuz-")
    major, minor, *_ = name.split(".")
    return int(major), int(minor)


def newest(program: Path) -> tuple[int, int]:
    """The first kernel that has all that a program's object asks for."""
    made = compilation.artifact_of(program, "ebpf")
    return max(version for *_, version in features.rows(features.uses(made.object)))


def record(program: Path, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run a program's packet tests here, and write down what the data plane was asked and said."""
    directory.mkdir()
    daemon = directory / "p4kube-bpf"
    written = directory / "recording"
    daemon.write_text(
        f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tests.kernels.recorder "
        f'{guest_bpf.DAEMON} {written} "$@"\n'
    )
    daemon.chmod(0o755)
    recorded = functools.partial(settings.Settings, ebpf=(str(daemon),))
    monkeypatch.setattr(settings, "Settings", recorded)
    beside = program.with_suffix(".stf")
    scripts = [beside] if "tests" in program.parts else sorted(program.parent.glob("*.stf"))
    words = ["test", str(program), *map(str, scripts), "--target", "ebpf", "--jobs", "1"]
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


def test_an_older_kernel_takes_every_program_and_forwards_each_packet_alike(
    kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every one, that is, for which the kernel is not too old."""
    programs = [path for path in PROGRAMS if newest(path) <= release(kernel)]
    assert len(programs) > 3
    assert programs == PROGRAMS or release(kernel) < features.OLDEST
    recordings = {p.stem: record(p, tmp_path / p.stem, monkeypatch) for p in programs}
    files = {
        f"{written.parent.name}/{path.name}": path.read_bytes()
        for written in recordings.values()
        for path in written.parent.glob("*.o")
    }
    with guest_bpf.running(kernel, tmp_path, files) as guest:
        for name, written in recordings.items():
            assert replay(written, guest) > 0, name


WIRE: Final = """\
/bin/busybox unshare -n /bin/busybox sleep 100000 &
pod=$!
/bin/busybox sleep 1
/bin/busybox ip link add host0 type veth
/bin/busybox ip link set veth0 netns $pod
/bin/busybox ip address add 10.0.0.1/24 dev host0
/bin/busybox ip link set host0 up
in_pod="/bin/busybox nsenter -n -t $pod"
$in_pod /bin/busybox ip address add 10.0.0.2/24 dev veth0
$in_pod /bin/busybox ip link set veth0 up
while :; do
    if $in_pod /bin/busybox ping -c 1 -W 1 10.0.0.1 >/dev/null 2>&1
    then echo ping passes >/dev/console; else echo ping fails >/dev/console; fi
    /bin/busybox sleep 0.2
done &
"""


def ask(guest: Any, op: str, blob: bytes = b"", **fields: Any) -> dict[str, Any]:
    guest.sendall(recorder.frame_of({"op": op, **fields}, blob))
    answer = recorder.text_of(recorder.read_frame(guest))
    assert "error" not in answer, answer
    return answer


def test_on_an_older_kernel_a_function_stands_on_a_pods_wire(kernel: Path, tmp_path: Path) -> None:
    made = {
        name: compilation.artifact_of(ROOT / f"p4nf/{name}/{name}.p4", "ebpf")
        for name in ("firewall", "portfwd")
    }
    files = {f"{name}.o": one.object for name, one in made.items()}
    console = tmp_path / "console"

    def says(what: str) -> bool:
        """The next pings all end so, once those under way have ended."""

        def last() -> list[str]:
            lines = console.read_text(errors="replace").splitlines()
            return [line for line in lines if line.startswith("ping ")]

        before = len(last())
        return eventually(lambda: last()[before:][-2:] == [f"ping {what}"] * 2, PATIENCE_S)

    with guest_bpf.running(kernel, tmp_path, files, WIRE) as guest:
        assert says("passes")
        for number, (name, one) in enumerate(made.items(), start=1):
            manifest = artifact.manifest_json(one.manifest)
            ask(guest, "device_add", manifest, id=number, name=name, object=f"/{name}.o")
        for port, hook in ((1, "egress"), (2, "ingress")):
            ask(guest, "port_add", name=hook, kind="tc", interface="host0", hook=hook)
            ask(guest, "wire", device=1, port=port, name=hook)
        assert says("fails")  # nothing is allowed
        # A function that lets through what it does not forward takes the place of the firewall.
        for port, hook in ((1, "egress"), (2, "ingress")):
            ask(guest, "wire", device=2, port=port, name=hook)
        assert says("passes")
        # Behind it in a chain the firewall decides again.
        ask(guest, "port_add", name="a", kind="patch", peer="b")
        ask(guest, "port_add", name="b", kind="patch", peer="a")
        ask(guest, "wire", device=1, port=2, name="ingress")
        ask(guest, "wire", device=1, port=1, name="b")
        ask(guest, "wire", device=2, port=2, name="a")
        assert says("fails")
        for hook in ("egress", "ingress"):
            ask(guest, "port_remove", name=hook)
        assert says("passes")
