"""As much of libbpf as benchmarks want, by ctypes."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

from p4kube_core import errors

_POINTERS: Final = (
    "bpf_object__open_file",
    "bpf_object__find_map_by_name",
    "bpf_object__find_program_by_name",
)


class _TestRun(ctypes.Structure):
    """struct bpf_test_run_opts."""

    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("data_in", ctypes.c_char_p),
        ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_void_p),
        ("ctx_out", ctypes.c_void_p),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("repeat", ctypes.c_int),
        ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    )


@functools.cache
def _library() -> ctypes.CDLL:
    loaded = ctypes.CDLL("libbpf.so.1", use_errno=True)
    for name in _POINTERS:
        getattr(loaded, name).restype = ctypes.c_void_p
    return loaded


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise errors.MachineError(f"{what}: {os.strerror(ctypes.get_errno() or -result)}")
    return result


@contextmanager
def opened(kind: str, number: int) -> Iterator[int | None]:
    """A descriptor of a `prog` or a `map` by its id; None where there is none (any more)."""
    descriptor: int = _library()[f"bpf_{kind}_get_fd_by_id"](number)
    try:
        yield descriptor if descriptor >= 0 else None
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def inner_maps(outer: int) -> Iterator[int]:
    """Ids of the maps in a map of maps, whose keys have four bytes."""
    key, value = ctypes.c_uint32(), ctypes.c_uint32()
    before = None
    while _library().bpf_map_get_next_key(outer, before, ctypes.byref(key)) == 0:
        if _library().bpf_map_lookup_elem(outer, ctypes.byref(key), ctypes.byref(value)) == 0:
            yield value.value
        before = ctypes.byref(key)


def run(program: int, packet: bytes, repeat: int = 1) -> tuple[int, bytes, int]:
    """Run a program on a packet, and again on what has become of it.

    Returns:
        What it answered, the packet, and how long a run took on average, in ns.
    """
    room = ctypes.create_string_buffer(len(packet) + 256)
    options = _TestRun(
        sz=ctypes.sizeof(_TestRun),
        data_in=packet,
        data_size_in=len(packet),
        data_out=ctypes.cast(room, ctypes.c_void_p),
        data_size_out=len(room),
        repeat=repeat,
    )
    _checked(_library().bpf_prog_test_run_opts(program, ctypes.byref(options)), "a test run")
    return options.retval, room.raw[: options.data_size_out], options.duration


@final
class Object:
    """A loaded object file; unloaded when this process ends."""

    def __init__(self, path: Path) -> None:
        self._object = ctypes.c_void_p(_library().bpf_object__open_file(str(path).encode(), None))
        _checked(_library().bpf_object__load(self._object), f"{path} cannot be loaded")

    def program(self, name: str) -> int:
        found = _library().bpf_object__find_program_by_name(self._object, name.encode())
        return _checked(_library().bpf_program__fd(ctypes.c_void_p(found)), name)

    def put(self, map_name: str, key: bytes, value: bytes) -> None:
        found = _library().bpf_object__find_map_by_name(self._object, map_name.encode())
        descriptor = _checked(_library().bpf_map__fd(ctypes.c_void_p(found)), map_name)
        done = _library().bpf_map_update_elem(descriptor, key, value, ctypes.c_uint64(0))
        _checked(done, f"an entry of {map_name}")
