"""docs/ebpf-kernels.md says what the objects of the catalogue ask of the kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.compiler import driver
from p4kube_core.compiler.backends.ebpf import features

ROOT = Path(__file__).parents[3]
NAMES = ("firewall", "l2fwd", "portfwd")


@pytest.fixture(scope="module")
def objects() -> dict[str, bytes]:
    paths = {name: ROOT / "p4nf" / name / f"{name}.p4" for name in NAMES}
    return {n: driver.build(p, target="ebpf").artifact.object for n, p in paths.items()}


def test_the_page_is_current(objects: dict[str, bytes]) -> None:
    assert (ROOT / "docs" / "ebpf-kernels.md").read_text() == features.page(objects)


def test_nothing_is_younger_than_the_oldest_kernel(objects: dict[str, bytes]) -> None:
    for name, elf in objects.items():
        for _, what, version in features.rows(features.uses(elf)):
            assert version <= features.OLDEST, (name, what)


def test_maps_are_found_in_the_object(objects: dict[str, bytes]) -> None:
    kinds = {features.MAPS[n][0] for n in features.uses(objects["firewall"]).maps}
    assert kinds == {"HASH", "ARRAY", "PROG_ARRAY", "PERCPU_ARRAY", "ARRAY_OF_MAPS"}


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(errors.InvariantViolated):
        features.uses(b"\x7fELF\x01\x01" + bytes(100))


def test_a_helper_of_unknown_age_is_refused() -> None:
    with pytest.raises(errors.InvariantViolated, match="181"):
        features.rows(features.Uses(frozenset({181}), frozenset(), frozenset()))
