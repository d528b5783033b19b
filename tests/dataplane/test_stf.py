"""The packet tests of the catalogue's functions and of our own programs, on the real data plane."""

from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core.cli import main as cli

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk]

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = sorted([*ROOT.glob("p4nf/*/*.p4"), *Path(__file__).parent.glob("programs/*.p4")])
CASES = [(target, p) for target in ("dpdk", "ebpf") for p in PROGRAMS]


@pytest.mark.parametrize(("target", "program"), CASES, ids=lambda v: getattr(v, "stem", v))
def test_packets(target: str, program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beside = program.parent == Path(__file__).parent / "programs"
    scripts = [program.with_suffix(".stf")] if beside else sorted(program.parent.glob("*.stf"))
    assert scripts
    status = cli.main(["test", str(program), *map(str, scripts), "--target", target])
    out = capsys.readouterr().out
    assert status == 0, out
    passed, failed = (int(word) for word in out.splitlines()[-1].split() if word.isdecimal())
    assert passed >= 7 * len(scripts)
    assert failed == 0


def test_a_packet_that_differs_fails_and_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "wrong.stf"
    script.write_text(
        "add macs mac:2 forward(port:2)\n"
        "packet 1 000000000002 000000000001 88b5\n"
        "expect 2 000000000002 000000000003 88b5 $\n"
        "packet 1 000000000002 000000000001 88b5\n"
        "expect 3\n"
        "check_counter stations packets == 3\n"
        "add nothing x:1 y()\n"
    )
    status = cli.main(["test", str(ROOT / "p4nf/l2fwd/l2fwd.p4"), str(script)])
    out = capsys.readouterr().out
    assert status == 1
    assert out == (
        f"{script}:3: expected on port 2: 14 bytes; came: 14 bytes\n"
        "    expected: 00000000000200000000000388b5 $\n"
        "    came:     00000000000200000000000188b5\n"
        "                                     ^\n"
        f"{script}:4: expected no further packet on port 2; came: 14 bytes\n"
        "    00000000000200000000000188b5\n"
        f"{script}:5: expected on port 3: a packet; nothing came\n"
        f"{script}:6: expected packets == 3; counted: 2\n"
        f"{script}:7: no table 'nothing'; there are: ingress.groups_to, ingress.macs, "
        "ingress.unknown_to\n"
        "0 passed, 5 failed\n"
    )
