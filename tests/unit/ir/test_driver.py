"""The driver: what it refuses, in which order it works, and that importing it costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.compiler import driver
from p4kube_core.compiler.ir import printer
from tests.unit.ir import interpreter, test_meaning

L2FWD = Path(__file__).parents[3] / "p4nf/l2fwd/l2fwd.p4"


def test_every_pass_is_told_of_in_order() -> None:
    told: list[str] = []
    compiled = driver.compile(L2FWD, after=lambda name, _: told.append(name))
    assert told[0] == "lowering"
    assert told[-1] == "locality"
    assert compiled.program.name == "l2fwd"


def test_the_same_file_gives_the_same_program() -> None:
    first, second = (printer.program(driver.compile(L2FWD).program) for _ in range(2))
    assert first == second


def test_a_program_of_another_architecture_than_wanted() -> None:
    with pytest.raises(errors.ProgramError, match="for psa, found one for v1model"):
        driver.compile(L2FWD, architecture="psa")


def test_no_such_file() -> None:
    with pytest.raises(errors.ProgramError, match=r"none\.p4"):
        driver.compile(Path("none.p4"))


def test_defines_and_include_dirs_reach_the_preprocessor(tmp_path: Path) -> None:
    (tmp_path / "value.p4").write_text("const bit<8> VALUE = GIVEN;\n")
    text = test_meaning.SKELETON % {
        "top": '#include "value.p4"', "parser": test_meaning.TWO_BYTES, "locals": "",
        "apply": "hdr.h.a = VALUE;",
    }  # fmt: skip
    (tmp_path / "in").mkdir()
    program = tmp_path / "in/main.p4"
    program.write_text(text)
    compiled = driver.compile(program, [tmp_path], {"GIVEN": "7"})
    assert interpreter.Run(compiled.program, b"\1\2").through() == (0, b"\7\2")


def test_importing_the_driver_imports_no_stage() -> None:
    script = "import sys, p4kube_core.compiler.driver; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    heavy = ("frontend", "lowering", "ir", "midend", "backends", "p4info")
    loaded = set(done.stdout.split())
    assert not loaded & {f"p4kube_core.compiler.{name}" for name in heavy}
    assert "google.protobuf" not in loaded
