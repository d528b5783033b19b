"""The C compiler and what is kept of its work."""

from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.compiler.backends.dpdk import object as objects
from p4kube_core.compiler.backends.toolchain import Toolchain

ONE = "int answer(void) { return 42; }\n"


def test_a_second_build_needs_no_compiler(tmp_path: Path) -> None:
    cc = tmp_path / "cc"
    cc.write_text('#!/bin/sh\necho >> $(dirname $0)/calls\nexec cc "$@"\n')
    cc.chmod(0o755)
    toolchain = Toolchain(compiler=str(cc), cache=tmp_path / "cache")
    first = objects.build(ONE, toolchain)
    assert first.startswith(b"\x7fELF")
    assert objects.build(ONE, toolchain) == first
    assert (tmp_path / "calls").read_text().count("\n") == 1
    objects.build(ONE.replace("42", "43"), toolchain)
    assert (tmp_path / "calls").read_text().count("\n") == 2


def test_the_processor_is_part_of_the_key_of_native_objects(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    objects.build(ONE, Toolchain(cache=cache))
    objects.build(ONE, Toolchain(cache=cache, native=True))
    assert len(list(cache.glob("*.so"))) == 2


def test_no_compiler_is_said_so() -> None:
    with pytest.raises(errors.MachineError, match=r"P4K0590.*no-such-cc"):
        objects.build(ONE, Toolchain(compiler="no-such-cc"))


def test_c_that_is_refused_is_our_fault() -> None:
    with pytest.raises(errors.InvariantViolated, match="refuses the generated C"):
        objects.build("int x = y;\n", Toolchain())


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert objects.build(ONE, Toolchain(cache=blocked / "cache")).startswith(b"\x7fELF")


def test_the_environment_names_compiler_and_cache() -> None:
    toolchain = Toolchain.from_environment({"CC": "clang", "XDG_CACHE_HOME": "/c"})
    assert toolchain == Toolchain("clang", False, Path("/c/p4kube/objects"))
    assert Toolchain.from_environment({"HOME": "/h"}).compiler == "cc"
