"""Data planes and programs for the tests of the daemon."""

from __future__ import annotations

import fcntl
import os
import pathlib
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.dataplane.daemon import dataplane

PROGRAMS = pathlib.Path(__file__).parent / "programs"
Program = Callable[..., pathlib.Path]


@pytest.hookimpl(tryfirst=True)  # xdist's own reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if pathlib.Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.needs_dpdk)
            item.add_marker(pytest.mark.needs_root)
            # A module's tests share a process and what it compiled; modules may run side by side.
            item.add_marker(pytest.mark.xdist_group(f"daemon-{item.path.stem}"))


@pytest.fixture(scope="session", params=["release", "asan"])
def variant(request: pytest.FixtureRequest) -> str:
    """Every test runs on both builds."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    target = "all" if request.param == "release" else "asan"
    with (dataplane.DPDK / "Makefile").open() as makefile:
        fcntl.flock(makefile, fcntl.LOCK_EX)  # tests in several processes build once
        subprocess.run(
            ["make", "-s", "-C", dataplane.DPDK, target], check=True, stdout=subprocess.DEVNULL
        )
    return str(request.param)


@pytest.fixture(scope="session")
def program(variant: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Compile programs/NAME.c, with options; under AddressSanitizer where the daemon is."""
    directory = tmp_path_factory.mktemp("programs")

    def compile_one(name: str, *options: str) -> pathlib.Path:
        object_path = directory / f"{name}{abs(hash(options))}.so"
        sanitize = ["-fsanitize=address"] if variant == "asan" else []
        if not object_path.exists():
            subprocess.run(
                [
                    *("cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"),
                    *(*sanitize, *options, "-I", str(dataplane.DPDK / "runtime")),
                    *("-o", str(object_path), str(PROGRAMS / f"{name}.c")),
                ],
                check=True,
            )
        return object_path

    return compile_one


@pytest.fixture
def dp(variant: str, tmp_path: pathlib.Path) -> Iterator[dataplane.Dataplane]:
    """A data plane without ports; the test fails if it does not stop cleanly."""
    process = dataplane.Dataplane(tmp_path, "--mbufs", "2048", variant=variant)
    try:
        yield process
    except BaseException:
        process.kill()
        raise
    code = process.stop()
    assert code == 0, process.text()
    assert not process.path.exists()
    assert not (tmp_path / "dpdk").exists()
