"""What is wrong is said in one sentence, with the right status, and leaves nothing running."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.agent import settings
from p4kube_core.cli import machine
from p4kube_core.cli import main as cli
from tests.e2e.playing import FIREWALL, PING, Site

ROOT = Path(__file__).parent.parent.parent
BASIC = ROOT / "tests/dataplane/programs/basic.p4"
OWN = f"""\
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {{name: own}}
spec:
  program: {BASIC}
  tables:
    ingress.routes:
      entries:
        - {{match: {{hdr.ipv4.dst: 10.0.0.0/8}}, action: route, params: {{mac: 1, port: 2}}}}
  ports:
    - {{port: 1, interface: lo}}
"""


def said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str]:
    status = cli.main([str(word) for word in words])
    return status, capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("control c( {", "P4K02"),
        ("#include <core.p4>\nconst bit<8> a = b;\n", "P4K03"),
        ("#include <none.p4>\n", "P4K01"),
        ("\x00\x01", "P4K01"),
    ],
)
def test_a_wrong_program_gets_a_diagnostic_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, message: str
) -> None:
    path = tmp_path / "wrong.p4"
    path.write_text(source)
    status, err = said(capsys, "compile", path, "-o", tmp_path)
    assert status == 1
    assert err.startswith(f"{path}:")
    assert message in err
    assert "Traceback" not in err
    assert [p.name for p in tmp_path.iterdir()] == ["wrong.p4"]


def test_no_such_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, err = said(capsys, "compile", tmp_path / "none.p4")
    assert status == 1
    assert "none.p4" in err
    assert "no such file" in err.lower()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "COMMAND"),
        (["compile"], "PROG.p4"),
        (["compile", "a.p4", "--emit", "x"], "want some of p4info,c,object,ir,graph, got 'x'"),
        (["compile", "a.p4", "-D", "1x"], "want NAME or NAME=VALUE, got '1x'"),
        (["test", "a.p4", "--jobs", "0"], "want a number of at least 1, got '0'"),
        (["plya"], "invalid choice: 'plya'"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_no_script(capsys: pytest.CaptureFixture[str]) -> None:
    status, err = said(capsys, "test", BASIC, "none.stf")
    assert (status, err) == (1, "p4kube test: no such file: none.stf\n")


def test_a_program_that_is_not_there_is_what_is_missed_and_not_its_script(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, err = said(capsys, "test", "none.p4")
    assert (status, err) == (1, "p4kube test: no such file: none.p4\n")


def test_no_script_beside_the_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "alone.p4"
    program.write_text(BASIC.read_text())
    status, err = said(capsys, "test", program)
    assert status == 1
    assert "alone.stf (the default; or name a script behind" in err


def test_no_root(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    status, err = said(capsys, "test", BASIC)
    assert status == 3
    assert err == "p4kube test: want root to run the data plane, running as user 1000: try sudo\n"


def test_no_data_plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.DEFAULT_DPDK.is_relative_to(ROOT / "p4kube_core")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(settings, "DEFAULT_DPDK", tmp_path / "p4kube-dataplane")
    with pytest.raises(errors.MachineError, match="run `make build`"):
        machine.require_dataplane("dpdk")


@pytest.mark.needs_root
@pytest.mark.needs_dpdk
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ingress.routes", "ingress.rotes", "spec.tables.ingress.rotes.entries[0]: no table"),
        ("action: route", "action: rout", "did you mean 'route'?"),
        ("hdr.ipv4.dst", "hdr.ipv4.dest", "no field of ingress.routes 'hdr.ipv4.dest'"),
        ("port: 2", "port: 512", "parameter port: 0x200 is too wide for 9 bits, at most 0x1ff"),
        ("10.0.0.0/8", "10.0.0.0/33", "want a length of at most 32, got 33"),
        ("10.0.0.0/8", "10.0.0/8", "want a number, 0x or 0b digits, an IPv4, IPv6 or MAC address"),
        ("mac: 1, ", "", "ingress.route: want a value of mac"),
        ("port: 1, interface: lo", "interface: lo", "spec.ports[0]: want 'port', found nothing"),
        ("interface: lo", "interface: none0", "spec.ports[0]: no interface 'none0'"),
        ("- {match", "- {priority: 3, match", "takes no priority"),
        ("basic.p4", "none.p4", "no such file: "),
    ],
)
def test_a_wrong_function_is_refused_before_anything_is_touched(
    site: Site, old: str, new: str, message: str
) -> None:
    assert old in OWN
    site.manifest.write_text(OWN.replace(old, new))
    done = site.p4kube("play", site.manifest)
    assert done.returncode == 1, done.stderr
    assert message in done.stderr
    # A busy machine may have been told what takes so long.
    lines = [line for line in done.stderr.splitlines() if not line.startswith("compiling ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"p4kube play: {site.manifest}: ")
    assert site.processes == []
    assert list(site.state.iterdir()) == []


@pytest.mark.needs_root
@pytest.mark.needs_dpdk
def test_a_port_in_use_is_refused_and_what_runs_stays(site: Site, tmp_path: Path) -> None:
    site.firewall(PING)
    before = site.processes
    other = tmp_path / "other.yaml"
    other.write_text(FIREWALL.format(rules=PING).replace("e2e", "other"))
    done = site.p4kube("play", other)
    assert done.returncode == 1
    assert "spec.ports[0]: interface outside is in use by 'e2e'" in done.stderr
    assert site.processes == before
    assert "other" not in site.p4kube("status").stdout


@pytest.mark.needs_root
@pytest.mark.needs_dpdk
def test_interfaces_are_found_where_sys_is_of_another_namespace(site: Site) -> None:
    """As under `nsenter --net`."""
    site.manifest.write_text(FIREWALL.format(rules=PING))
    command = [sys.executable, "-m", "p4kube_core.cli.main", "play", "--dry-run"]
    command += ["--state", str(site.state), str(site.manifest)]
    done = site.middle.inside(lambda: subprocess.run(command, capture_output=True, text=True))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("e2e: can be played on target dpdk")


def test_a_binary_file_is_refused_in_few_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "program.p4"
    path.write_bytes(bytes(range(1, 32)) * 100)
    status, err = said(capsys, "compile", path, "-o", tmp_path)
    assert status == 1
    assert "this is no P4 program" in err
    assert err.count("error[") < 15
    assert all(c.isprintable() or c in "\n\t" for c in err)
