"""What the BPF maps and programs of a process take in the kernel, as the kernel says.

A process holds the maps of its programs; those of the devices are in them, maps in maps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench import libbpf

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
    with libbpf.opened("map", map_id) as outer:
        for inner_id in libbpf.inner_maps(outer) if outer is not None else ():
            with libbpf.opened("map", inner_id) as inner:
                if inner is not None:
                    fields = said(Path(f"/proc/self/fdinfo/{inner}"))
                    sizes["map_id", str(inner_id)] = int(fields["memlock"])
    return sizes
