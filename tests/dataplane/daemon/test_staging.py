"""A device that is made and filled aside takes another's place under traffic."""

from __future__ import annotations

import struct
import threading
from typing import Any

import pytest

from tests.dataplane.daemon import conftest, dataplane
from tests.dataplane.daemon.test_tables import EXACT, RANGE, TERNARY, A, B, exact, frame

PORTS = 3  # the counter of switch.c that is of no table
SAME: dict[str, Any] = {
    "tables": [[EXACT, EXACT], [TERNARY, TERNARY]],
    "counters": [[PORTS, PORTS]],
}


@pytest.fixture
def switch(dp: dataplane.Dataplane, program: conftest.Program) -> dataplane.Dataplane:
    stage(dp, program, 1, exact(A, 2))
    dp.rings(1, 1, 2, 3)
    return dp


def stage(dp: dataplane.Client, program: conftest.Program, device: int, *records: bytes) -> None:
    dp.call("device_add", id=device, object=str(program("switch")), name=f"switch {device}")
    answer, _ = dp.call(
        "entries_write",
        b"".join(records),
        device=device,
        table=EXACT,
        mode="insert",
        count=len(records),
    )
    assert answer["failed"] == []


def counts(dp: dataplane.Client) -> dict[bytes, int]:
    """Packets by destination."""
    _, blob = dp.call("entries_read", device=1, table=EXACT)
    return {
        blob[i : i + 6]: struct.unpack_from("!Q", blob, i + 10)[0] for i in range(0, len(blob), 26)
    }


def test_no_packet_meets_a_device_that_is_not_filled(
    switch: dataplane.Dataplane, program: conftest.Program
) -> None:
    """20 programs after each other under traffic: every packet finds its entry and is counted."""
    staging = dataplane.Client(switch.path)
    done = threading.Event()

    def replace() -> None:
        try:
            for staged in range(100, 120):
                stage(staging, program, staged, exact(B, 3), exact(A, 2))
                staging.call("device_replace", id=1, **{"from": staged}, counts=SAME)
        finally:
            done.set()

    thread = threading.Thread(target=replace)
    thread.start()
    sent = 0
    try:
        while not done.is_set():
            switch.inject("r1", *[frame(A)] * 200)
            sent += 200
    finally:
        thread.join()
        staging.close()
    assert len(switch.collect("r2")) == sent
    assert list(switch.devices()) == [1]
    assert switch.devices()[1]["name"] == "switch 1"
    assert counts(switch) == {A: sent, B: 0}
    _, blob = switch.call("counter_read", device=1, counter=PORTS, first=1, count=1)
    assert struct.unpack("!QQ", blob) == (sent, sent * len(frame(A)))


def test_counts_go_on_for_the_same_entries_with_the_same_action(
    switch: dataplane.Dataplane, program: conftest.Program
) -> None:
    switch.inject("r1", frame(A), frame(A), frame(bytes(6)))
    other_action = struct.pack("!6sHH", A, 0, 0)
    stage(switch, program, 2, other_action, exact(B, 2))
    switch.call("device_replace", id=1, **{"from": 2}, counts=SAME)
    assert counts(switch) == {A: 0, B: 0}
    _, blob = switch.call("default_read", device=1, table=TERNARY)
    assert struct.unpack_from("!Q", blob, 4) == (1,)
    stage(switch, program, 2, exact(A, 2))
    switch.call("device_replace", id=1, **{"from": 2})
    _, blob = switch.call("default_read", device=1, table=TERNARY)
    assert struct.unpack_from("!Q", blob, 4) == (0,)


@pytest.mark.parametrize(
    ("staged", "kept", "code"),
    [
        (1, {}, "invalid"),
        (9, {}, "not_found"),
        (3, {}, "invalid"),
        (2, {"tables": [[EXACT, TERNARY]]}, "invalid"),
        (2, {"tables": [[TERNARY, RANGE]]}, "invalid"),
        (2, {"tables": [[9, 9]]}, "invalid"),
        (2, {"tables": [[0]]}, "invalid"),
        (2, {"tables": [5]}, "invalid"),
        (2, {"counters": [[PORTS, 0]]}, "invalid"),
        (2, {"counters": [[-1, PORTS]]}, "invalid"),
    ],
)
def test_what_cannot_take_the_place_changes_nothing(
    switch: dataplane.Dataplane,
    program: conftest.Program,
    staged: int,
    kept: dict[str, Any],
    code: str,
) -> None:
    """Device 3 has a port; 1 is the device itself, and 9 is not there."""
    stage(switch, program, 2, exact(A, 3))
    stage(switch, program, 3, exact(A, 3))
    switch.call("port_add", name="z", kind="ring")
    switch.call("wire", device=3, port=1, name="z")
    with pytest.raises(dataplane.RefusedError) as refused:
        switch.call("device_replace", id=1, **{"from": staged}, counts=kept)
    assert refused.value.code == code
    switch.inject("r1", frame(A))
    assert switch.collect("r2") == [frame(A)]
    assert sorted(switch.devices()) == [1, 2, 3]
