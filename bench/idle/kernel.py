"""What the BPF maps and programs of a process take in the kernel, as the kernel says.

A process holds the maps of its programs; those of the devices are in them, maps in maps.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MAPS_OF_MAPS: Final = ("12", "13")  # BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH_OF_MAPS


def held_bytes(pid: int) -> int:
    """Each map and program once, however often it is open or found."""
    sizes: dict[tuple[str, str], int] = {}
    for file in Path(f"/proc/{pid}/fdinfo").iterdir():
        fields = said(file)
        for kind in ("map_id", "prog_id"):
            if kind in fields and (kind, fields[kind]) not in sizes:
                sizes[kind, fields[kind]] = int(fields["memlock"])
                if fields.get("map_type") in MAPS_OF_MAPS:
                    sizes |= _inner(int(fields["map_id"]))
    return sum(sizes.values())


def said(path: Path) -> dict[str, str]:
    """The `name: value` lines of a file of /proc; nothing when it is gone."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _inner(map_id: int) -> dict[tuple[str, str], int]:
    sizes: dict[tuple[str, str], int] = {}
    outer = _library().bpf_map_get_fd_by_id(map_id)
    if outer < 0:
        return sizes
    for inner_id in _values(outer):
        inner = _library().bpf_map_get_fd_by_id(inner_id)
        if inner >= 0:
            sizes["map_id", str(inner_id)] = int(
                said(Path(f"/proc/self/fdinfo/{inner}"))["memlock"]
            )
            os.close(inner)
    os.close(outer)
    return sizes


def _values(outer: int) -> Iterator[int]:
    """Ids of the maps in a map; every key is four bytes."""
    key, value = ctypes.c_uint32(), ctypes.c_uint32()
    before = None
    while _library().bpf_map_get_next_key(outer, before, ctypes.byref(key)) == 0:
        if _library().bpf_map_lookup_elem(outer, ctypes.byref(key), ctypes.byref(value)) == 0:
            yield value.value
        before = ctypes.byref(key)


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL("libbpf.so.1")
