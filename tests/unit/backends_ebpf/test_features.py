"""docs/ebpf-kernels.md says what the objects of the catalogue ask of the kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.compiler import driver
from p4kube_core.compiler.backends.ebpf import features
from tests.unit.backends_ebpf.test_limits import program

ROOT = Path(__file__).parents[3]
NAMES = ("firewall", "l2fwd", "portfwd", "rate-limiter", "telemetry")


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
    kinds = {features.MAPS[n][0] for n in features.uses(objects["telemetry"]).maps}
    assert "RINGBUF" in kinds


def test_a_meter_asks_for_atomics_and_memory_of_functions(tmp_path: Path) -> None:
    path = program(
        tmp_path,
        locals="direct_meter<bit<8>>(MeterType.bytes) m; action a() { m.read(hdr.h.a); }"
        " table t { key = { hdr.h.b: exact; } actions = { a; } meters = m; default_action = a(); }",
        ingress="t.apply(); digest(1, hdr.h.a);",
    )
    found = features.uses(driver.build(path, target="ebpf").artifact.object)
    assert {
        "atomics that say what was there",
        "functions that are given memory, verified by themselves",
        "arrays that control maps (BPF_F_MMAPABLE)",
    } <= found.features
    assert {features.HELPERS[n][0] for n in found.helpers} >= {
        "bpf_ringbuf_reserve",
        "bpf_ringbuf_submit",
        "bpf_ktime_get_ns",
    }


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(errors.InvariantViolated):
        features.uses(b"\x7fELF\x01\x01" + bytes(100))


def test_a_helper_of_unknown_age_is_refused() -> None:
    with pytest.raises(errors.InvariantViolated, match="181"):
        features.rows(features.Uses(frozenset({181}), frozenset(), frozenset()))
