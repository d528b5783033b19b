"""As much of libbpf as the tests of BPF objects want, by ctypes."""

from __future__ import annotations

import ctypes
import functools
import os
import struct
from typing import Final

_POINTERS: Final = (
    "ring_buffer__new",
    "bpf_object__open_mem",
    "bpf_object__next_map",
    "bpf_object__find_map_by_name",
    "bpf_object__find_program_by_name",
)
CONTEXT_BYTES: Final = 192  # struct __sk_buff
MARK_AT: Final = 8
CB_AT: Final = 48  # of five words


class _TestRun(ctypes.Structure):
    """struct bpf_test_run_opts."""

    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("data_in", ctypes.c_char_p),
        ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_char_p),
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
def library() -> ctypes.CDLL:
    loaded = ctypes.CDLL("libbpf.so.1", use_errno=True)
    for name in _POINTERS:
        getattr(loaded, name).restype = ctypes.c_void_p
    loaded.bpf_map__name.restype = ctypes.c_char_p
    return loaded


def cpus() -> int:
    number: int = library().libbpf_num_possible_cpus()
    return number


class Refused(Exception):
    """The kernel did not take it; what it said is on standard error."""


def _checked(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno() or -result
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


class Object:
    """A loaded object."""

    def __init__(self, data: bytes, settings: bytes) -> None:
        lib = library()
        self._object = ctypes.c_void_p(
            lib.bpf_object__open_mem(data, ctypes.c_size_t(len(data)), None)
        )
        if not self._object:
            raise Refused("open")
        self.maps: dict[str, int] = {}
        handles: list[tuple[str, ctypes.c_void_p]] = []
        at = lib.bpf_object__next_map(self._object, None)
        while at:
            handle = ctypes.c_void_p(at)
            name = lib.bpf_map__name(handle).decode()
            if name.endswith(".rodata"):
                lib.bpf_map__set_initial_value(handle, settings, ctypes.c_size_t(len(settings)))
            else:
                handles.append((name, handle))
            at = lib.bpf_object__next_map(self._object, handle)
        if lib.bpf_object__load(self._object):
            lib.bpf_object__close(self._object)
            raise Refused("load")
        self.maps = {name: lib.bpf_map__fd(handle) for name, handle in handles}
        program = lib.bpf_object__find_program_by_name(self._object, b"p4k_program")
        self.program = lib.bpf_program__fd(ctypes.c_void_p(program))

    def close(self) -> None:
        if self._object:
            library().bpf_object__close(self._object)
            self._object = ctypes.c_void_p()

    def update(self, name: str, key: bytes, value: bytes) -> None:
        update(self.maps[name], key, value)

    def words(self, name: str, index: int, count: int) -> list[int]:
        """So many 64-bit words of a per-CPU cell, summed over the CPUs."""
        data = look_up(self.maps[name], struct.pack("=I", index), 8 * count * cpus())
        if data is None:
            return [0] * count
        numbers = struct.unpack(f"={count * cpus()}Q", data)
        return [sum(numbers[i::count]) for i in range(count)]

    def run(
        self, data: bytes, context: bytes, room: int, repeat: int = 1
    ) -> tuple[int, bytes, bytes, int]:
        """What the program returned, the packet and context after it, and nanoseconds a run."""
        out = ctypes.create_string_buffer(room)
        after = ctypes.create_string_buffer(CONTEXT_BYTES)
        opts = _TestRun(
            sz=ctypes.sizeof(_TestRun),
            data_in=data,
            data_size_in=len(data),
            data_out=ctypes.cast(out, ctypes.c_void_p),
            data_size_out=room,
            ctx_in=context,
            ctx_size_in=len(context),
            ctx_out=ctypes.cast(after, ctypes.c_void_p),
            ctx_size_out=CONTEXT_BYTES,
            repeat=repeat,
        )
        _checked(library().bpf_prog_test_run_opts(self.program, ctypes.byref(opts)), "run")
        retval = ctypes.c_int32(opts.retval).value
        return retval, out.raw[: opts.data_size_out], after.raw, opts.duration


def update(map_fd: int, key: bytes, value: bytes) -> None:
    result = library().bpf_map_update_elem(map_fd, key, value, ctypes.c_uint64(0))
    _checked(result, "update")


def look_up(map_fd: int, key: bytes, size: int) -> bytes | None:
    room = ctypes.create_string_buffer(size)
    return None if library().bpf_map_lookup_elem(map_fd, key, room) else room.raw


_Sample = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t
)


def drain(ring_fd: int) -> list[bytes]:
    """All records of a ring buffer, which is empty then."""
    found: list[bytes] = []

    def take(_: int | None, data: ctypes._Pointer[ctypes.c_char], size: int) -> int:
        found.append(ctypes.string_at(data, size))
        return 0

    called = _Sample(take)
    lib = library()
    ring = ctypes.c_void_p(lib.ring_buffer__new(ring_fd, called, None, None))
    assert ring
    lib.ring_buffer__consume(ring)
    lib.ring_buffer__free(ring)
    return found


class _MapOptions(ctypes.Structure):
    """struct bpf_map_create_opts."""

    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("btf", ctypes.c_uint32 * 4),
        ("inner_map_fd", ctypes.c_uint32),
        ("map_flags", ctypes.c_uint32),
        ("more", ctypes.c_uint64 * 2),
    )


_HASH, _ARRAY, _TRIE = 1, 2, 11
_NO_PREALLOC, _MMAPABLE, _INNER_MAP = 1, 0x400, 0x1000


def _make(kind: int, flags: int, key: int, value: int, entries: int) -> int:
    opts = _MapOptions(sz=ctypes.sizeof(_MapOptions), map_flags=flags)
    made = library().bpf_map_create(kind, b"p4k_test", key, value, entries, ctypes.byref(opts))
    return _checked(made, "create")


make_hash = functools.partial(_make, _HASH, _NO_PREALLOC)
make_trie = functools.partial(_make, _TRIE, _NO_PREALLOC)
make_array = functools.partial(_make, _ARRAY, 0)
make_inner_array = functools.partial(_make, _ARRAY, _INNER_MAP)
make_mapped_array = functools.partial(_make, _ARRAY, _MMAPABLE)
make_mapped_inner_array = functools.partial(_make, _ARRAY, _MMAPABLE | _INNER_MAP)
"""Bytes of key and value, and entries; the new map's descriptor."""
