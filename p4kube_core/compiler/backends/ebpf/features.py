"""What compiled objects ask of the kernel: helpers, kinds of map, features, and who brought them.

Made from the objects themselves, read as ELF; run as a module it prints docs/ebpf-kernels.md.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from p4kube_core import errors

OLDEST: Final = (5, 15)
"""Kernel that every object must hold on."""

HELPERS: Final[Mapping[int, tuple[str, tuple[int, int]]]] = {
    1: ("bpf_map_lookup_elem", (3, 19)),
    5: ("bpf_ktime_get_ns", (4, 1)),
    9: ("bpf_skb_store_bytes", (4, 1)),
    11: ("bpf_l4_csum_replace", (4, 1)),
    12: ("bpf_tail_call", (4, 2)),
    18: ("bpf_skb_vlan_push", (4, 3)),
    19: ("bpf_skb_vlan_pop", (4, 3)),
    23: ("bpf_redirect", (4, 4)),
    26: ("bpf_skb_load_bytes", (4, 5)),
    28: ("bpf_csum_diff", (4, 6)),
    32: ("bpf_skb_change_type", (4, 8)),
    38: ("bpf_skb_change_tail", (4, 9)),
    43: ("bpf_skb_change_head", (4, 10)),
    50: ("bpf_skb_adjust_room", (4, 13)),
    132: ("bpf_ringbuf_submit", (5, 8)),
    131: ("bpf_ringbuf_reserve", (5, 8)),
    130: ("bpf_ringbuf_output", (5, 8)),
    155: ("bpf_redirect_peer", (5, 10)),
    7: ("bpf_get_prandom_u32", (4, 1)),
}
"""By number, as in the kernel's uapi/linux/bpf.h; the version is the first with it."""

MAPS: Final[Mapping[int, tuple[str, tuple[int, int]]]] = {
    1: ("HASH", (3, 19)),
    2: ("ARRAY", (3, 19)),
    3: ("PROG_ARRAY", (4, 2)),
    6: ("PERCPU_ARRAY", (4, 6)),
    11: ("LPM_TRIE", (4, 11)),
    12: ("ARRAY_OF_MAPS", (4, 12)),
    27: ("RINGBUF", (5, 8)),
}

_JUMP, _JUMP32 = 0x05, 0x06
_CALL: Final = 0x85
_INNER_MAP: Final = 1 << 12
_MMAPABLE: Final = 1 << 10
_ATOMICS: Final = (0xC3, 0xDB)  # of 32 and 64 bits
_FETCH: Final = 1
_PTR, _ARRAY, _STRUCT, _FUNC, _FUNC_PROTO = 2, 3, 4, 12, 13  # kinds of type
_GLOBAL: Final = 1
_CONTEXT: Final = b"__sk_buff"
_SUBPROGRAM: Final = 1  # src_reg of a call of a function of the object
_FEATURES: Final[Mapping[str, tuple[int, int]]] = {
    "32-bit jumps (-mcpu=v3)": (5, 1),
    "loops": (5, 3),
    "functions that are verified by themselves": (5, 6),
    "tail calls beside functions (x86-64; arm64: 6.0)": (5, 10),
    "read-only data known to the verifier": (5, 2),
    "functions that are given memory, verified by themselves": (5, 12),
    "atomics that say what was there": (5, 12),
    "arrays that control maps (BPF_F_MMAPABLE)": (5, 5),
    "arrays of any size in an outer map (BPF_F_INNER_MAP)": (5, 10),
}


@final
@dataclass(frozen=True, slots=True)
class Uses:
    """Of one object or several."""

    helpers: frozenset[int]
    maps: frozenset[int]
    features: frozenset[str]


@final
@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    kind: int
    flags: int
    data: bytes


def _sections(elf: bytes) -> Iterator[_Section]:
    """Of a little-endian ELF64 file."""
    if elf[:6] != b"\x7fELF\x02\x01":
        raise errors.InvariantViolated("want an object of BPF, found something else")
    (table,) = struct.unpack_from("<Q", elf, 40)
    size, count, names = struct.unpack_from("<HHH", elf, 58)
    headers = [struct.unpack_from("<IIQQQQIIQQ", elf, table + i * size) for i in range(count)]
    strings = headers[names][4]
    for header in headers:
        start = strings + header[0]
        name = elf[start : elf.index(b"\0", start)].decode()
        yield _Section(name, header[1], header[2], elf[header[4] : header[4] + header[5]])


def uses(elf: bytes) -> Uses:
    """What one object uses.

    Raises:
        errors.InvariantViolated: no such object, or its BTF is not what clang writes.
    """
    helpers: set[int] = set()
    features: set[str] = set()
    maps: frozenset[int] = frozenset()
    for section in _sections(elf):
        if section.name == ".BTF":
            types = _Types(section.data)
            maps = frozenset(types.map_numbers(b"type"))
            flags = frozenset(types.map_numbers(b"map_flags"))
            if any(f & _INNER_MAP for f in flags):
                features.add("arrays of any size in an outer map (BPF_F_INNER_MAP)")
            if any(f & _MMAPABLE for f in flags):
                features.add("arrays that control maps (BPF_F_MMAPABLE)")
            if types.has_function_of_memory():
                features.add("functions that are given memory, verified by themselves")
        elif section.name == ".rodata":
            features.add("read-only data known to the verifier")
        elif section.kind == 1 and section.flags & 4:  # PROGBITS that is executed
            _read_code(section.data, helpers, features)
    if 12 in helpers and "functions that are verified by themselves" in features:
        features.add("tail calls beside functions (x86-64; arm64: 6.0)")
    return Uses(frozenset(helpers), maps, frozenset(features))


def _read_code(code: bytes, helpers: set[int], features: set[str]) -> None:
    for at in range(0, len(code), 8):
        opcode, registers, offset, number = struct.unpack_from("<BBhi", code, at)
        if opcode == _CALL and registers >> 4 == 0:
            helpers.add(number)
        elif opcode == _CALL and registers >> 4 == _SUBPROGRAM:
            features.add("functions that are verified by themselves")
        elif opcode in _ATOMICS and number & _FETCH:
            features.add("atomics that say what was there")
        elif opcode & 7 == _JUMP32:
            features.add("32-bit jumps (-mcpu=v3)")
        if opcode & 7 in (_JUMP, _JUMP32) and opcode != _CALL and offset < 0:
            features.add("loops")


_TAILS: Final = {1: 4, 3: 12, 14: 4, 17: 4}  # bytes behind a type of that kind
_EACH: Final = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}  # and by its count


@final
@dataclass(frozen=True, slots=True)
class _Type:
    kind: int
    name: bytes
    pairs: tuple[tuple[bytes, int], ...]  # names and types of members or parameters
    target: int  # the type that it points to or is made of
    count: int  # of an array: its length; of a function: its linkage


@final
class _Types:
    """The types of an object, as its BTF has them; numbered from 1."""

    def __init__(self, btf: bytes) -> None:
        (header,) = struct.unpack_from("<I", btf, 4)
        type_at, type_bytes, text_at, _ = struct.unpack_from("<IIII", btf, 8)
        self._text = btf[header + text_at :]
        self._all = list(self._read(btf[header + type_at : header + type_at + type_bytes]))

    def _name(self, at: int) -> bytes:
        return self._text[at : self._text.index(b"\0", at)]

    def _read(self, data: bytes) -> Iterator[_Type]:
        at = 0
        while at < len(data):
            name, info, target = struct.unpack_from("<III", data, at)
            kind, count = info >> 24 & 31, info & 0xFFFF
            at += 12
            pairs: tuple[tuple[bytes, int], ...] = ()
            if kind in (_STRUCT, 5, _FUNC_PROTO):
                places = range(at, at + _EACH[kind] * count, _EACH[kind])
                found = (struct.unpack_from("<II", data, p) for p in places)
                pairs = tuple((self._name(n), of) for n, of in found)
            at += _TAILS.get(kind, 0) + _EACH.get(kind, 0) * count
            if kind == _ARRAY:
                (count,) = struct.unpack_from("<I", data, at - 4)
            yield _Type(kind, self._name(name), pairs, target, count)

    def _pointed_to(self, number: int) -> _Type | None:
        of = self._all[number - 1] if number else None
        if of is None or of.kind != _PTR or not of.target:
            return None
        return self._all[of.target - 1]

    def map_numbers(self, wanted: bytes) -> Iterator[int]:
        """What maps say, as their kinds: the sizes of arrays that members of that name point to."""
        for of in self._all:
            for name, number in of.pairs if of.kind == _STRUCT else ():
                target = self._pointed_to(number) if name == wanted else None
                if target is not None and target.kind == _ARRAY:
                    yield target.count

    def has_function_of_memory(self) -> bool:
        """Whether a function of all files takes a pointer to something that is not the packet."""
        for of in self._all:
            if of.kind != _FUNC or of.count != _GLOBAL:
                continue
            for _, number in self._all[of.target - 1].pairs:
                target = self._pointed_to(number)
                if target is not None and target.name != _CONTEXT:
                    return True
        return False


def joined(found: Iterable[Uses]) -> Uses:
    every = list(found)
    return Uses(
        frozenset().union(*(u.helpers for u in every)),
        frozenset().union(*(u.maps for u in every)),
        frozenset().union(*(u.features for u in every)),
    )


def rows(of: Uses) -> list[tuple[str, str, tuple[int, int]]]:
    """Kind of thing, its name, the first kernel with it; the youngest first.

    Raises:
        errors.InvariantViolated: a helper or map that this module does not know.
    """
    unknown = (of.helpers - HELPERS.keys()) | (of.maps - MAPS.keys())
    if unknown:
        raise errors.InvariantViolated(f"helpers or maps of unknown age: {sorted(unknown)}")
    found = [("helper", *HELPERS[n]) for n in of.helpers]
    found += [("map", *MAPS[n]) for n in of.maps]
    found += [("program", name, _FEATURES[name]) for name in of.features]
    return sorted(found, key=lambda row: (tuple(-n for n in row[2]), row[0], row[1]))


_HEAD: Final = """# What compiled functions ask of the kernel

Made from the objects of {names} by `python -m p4kube_core.compiler.backends.ebpf.features`;
a test compares. Objects are made for kernels from {oldest} on.

| what | name | kernel | used by |
|---|---|---|---|
"""


def page(objects: Mapping[str, bytes]) -> str:
    """docs/ebpf-kernels.md for these objects, by the name of their function."""
    by_name = {name: uses(elf) for name, elf in sorted(objects.items())}
    lines = []
    for kind, name, version in rows(joined(by_name.values())):
        users = [n for n, u in by_name.items() if (kind, name, version) in rows(u)]
        who = "all" if len(users) == len(by_name) else ", ".join(users)
        lines.append(f"| {kind} | {name} | {version[0]}.{version[1]} | {who} |")
    oldest = f"{OLDEST[0]}.{OLDEST[1]}"
    return _HEAD.format(names=", ".join(by_name), oldest=oldest) + "\n".join(lines) + "\n"


def _main(programs: list[str]) -> None:
    from p4kube_core.compiler import driver

    built = {Path(p).stem: driver.build(Path(p), target="ebpf").artifact.object for p in programs}
    sys.stdout.write(page(built))


if __name__ == "__main__":
    _main(sys.argv[1:])
