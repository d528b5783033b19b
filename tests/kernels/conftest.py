"""Kernels that can be booted here, by release."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import GUEST


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kernel" in metafunc.fixturenames:
        roots = [root for root in (GUEST / "root", GUEST / "older") if (root / "boot").is_dir()]
        names = [next((root / "boot").glob("vmlinuz-*")).name[8:] for root in roots]
        metafunc.parametrize("kernel", roots, ids=names)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")
