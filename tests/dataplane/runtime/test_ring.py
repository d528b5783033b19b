"""The ring of events, against a list, and with a thread at each end."""

from __future__ import annotations

import ctypes
import subprocess
from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as some

from tests.dataplane.runtime import calls

SIZE = 256
HEAD = 16  # bytes of an event in front of its data
WORDS = some.integers(0, (1 << 61) - 1)


def bytes_of(data: bytes) -> int:
    return (HEAD + len(data) + 7) // 8 * 8


@settings(deadline=None)
@given(WORDS, some.lists(some.one_of(some.none(), some.binary(max_size=300)), max_size=80))
def test_what_was_put_is_taken_in_order_and_what_has_no_room_is_not_there(
    first: int, steps: list[bytes | None]
) -> None:
    library = calls.library()
    ring = library.ring_new(SIZE, first * 8)
    held: deque[tuple[int, bytes]] = deque()
    index, room = ctypes.c_uint32(), ctypes.create_string_buffer(SIZE)
    for number, data in enumerate(steps):
        if data is None:
            length = library.ring_take(ring, index, room)
            if not held:
                assert length == -1
                continue
            assert (index.value, room.raw[:length]) == held.popleft()
            continue
        fits = sum(bytes_of(d) for _, d in held) + bytes_of(data) <= SIZE
        assert library.ring_put(ring, number, data, len(data)) == fits
        if fits:
            held.append((number, data))
    library.ring_free(ring)


def test_a_consumer_in_another_thread_gets_every_event_whole() -> None:
    done = subprocess.run([calls.contend(), "ring"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
