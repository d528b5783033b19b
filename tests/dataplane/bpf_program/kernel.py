"""Runs compiled programs in the kernel (BPF_PROG_TEST_RUN), with the interface of harness.py."""

from __future__ import annotations

import ctypes
import dataclasses
import itertools
import mmap
import os
import struct
from collections.abc import Iterator
from typing import Final

from p4kube_core.compiler.backends import layout, values
from p4kube_core.compiler.backends.ebpf import maps
from p4kube_core.compiler.backends.ebpf import object as objects
from p4kube_core.compiler.backends.ebpf import program as programs
from p4kube_core.compiler.ir import program as ir
from tests import built
from tests.dataplane.bpf_program import libbpf
from tests.dataplane.program import harness
from tests.dataplane.runtime import calls

MASKS: Final = 128
PORTS: Final = 512
SLOTS: Final = 256
LEVELS: Final = 8
COLLECT: Final = 5
DROPS: Final = len(programs.DROPS)
_SLOT: Final = 3  # the device's, among those that a loaded program may have
_SHORTEST: Final = 60  # the kernel takes no packet that ends within its Ethernet or IP header
_PASSED: Final = 0
_CELL_BYTES: Final = 16
_CELLS: Final = 4096
METER_BYTES: Final = 104


def build(c: str) -> bytes:
    of = dataclasses.replace(objects.toolchain(os.environ), cache=built.KEPT)
    return objects.build(c, of)


class Program:
    """One program, loaded as for tests, with the maps of one device."""

    def __init__(self, program: ir.Program) -> None:
        self._layout = layout.lay_out(program)
        self._data = build(programs.write(programs.make(program)))
        self._loaded = libbpf.Object(self._data, struct.pack("=I", 1))
        self._slots: dict[tuple[int, bytes], int] = {}
        self._tuples: dict[tuple[int, bytes], tuple[int, int]] = {}
        self._own: dict[str, int] = {}  # the device's maps
        self._events: list[bytes] = []
        self._defaults: dict[int, bytes] = {}
        self._generations = itertools.count(1)
        for name, outer in self._loaded.maps.items():
            kind, _, number = name.partition("_")
            if kind in ("table", "masks", "counter", "meter", "register"):
                self._own[name] = self._make_own(kind, int(number), outer)
        for table in self._layout.tables:
            self.set_default(table.index, table.default_action, table.default_data)
            for entry in () if maps.are_in_code(table) else table.table.entries:
                action = self._layout.action(entry.call.action)
                assert self.insert(table.index, layout.record(table, action, entry)) == 0
        for port in range(PORTS):
            self.exit(port, COLLECT, port)

    def _make_own(self, kind: str, number: int, outer: int) -> int:
        key, value, entries, place = 4, _CELL_BYTES, _CELLS, _SLOT
        make = libbpf.make_array
        if kind == "counter":
            direct = {table.counter for table in self._layout.tables}
            if number in direct:
                place, make, entries = _SLOT * LEVELS, libbpf.make_inner_array, _CELLS
            else:
                entries = self._layout.counters[number].size
        elif kind == "meter":
            direct = {table.meter for table in self._layout.tables}
            if number in direct:
                place, make = _SLOT * LEVELS, libbpf.make_mapped_inner_array
            else:
                make, entries = libbpf.make_mapped_array, self._layout.meters[number].size
            value = METER_BYTES
        elif kind == "register":
            register = self._layout.registers[number]
            value = values.held_bits(layout.width_bits(register.type)) // 8
            make, entries = libbpf.make_mapped_array, register.size
        elif kind == "masks":
            value, entries = 12 + self._layout.tables[number].key_bytes, MASKS
        else:
            table = self._layout.tables[number]
            value, entries = _value_bytes(table), max(table.table.size, 1)
            if table.ranges:
                entries *= 64  # each is several
            key = table.key_bytes + 4 * (table.kind is not layout.TableKind.EXACT)
            lpm = table.kind is layout.TableKind.LPM
            make = libbpf.make_trie if lpm else libbpf.make_hash
        own = make(key, value, entries)
        libbpf.update(outer, struct.pack("=I", place), struct.pack("=i", own))
        return own

    def exit(self, port: int, kind: int, to: int) -> None:
        """Where packets go that leave by a P4 port; kind and what it leads to as in p4k_bpf.h."""
        place = struct.pack("=I", _SLOT << 16 | port)
        self._loaded.update("exits", place, struct.pack("=Q", kind << 60 | to))

    def close(self) -> None:
        self._loaded.close()
        for own in self._own.values():
            os.close(own)
        self._own = {}

    def __del__(self) -> None:
        if hasattr(self, "_own"):
            self.close()

    def set_default(self, table: int, action: int, data: bytes) -> int:
        of = self._layout.tables[table]
        stride = (12 + of.data_bytes + 7) // 8 * 8
        entry = (struct.pack("=IIHH", 0, 0, action, 0) + data).ljust(stride, b"\0")
        self._defaults[table] = bytes(stride) + entry
        self._changed(table)
        return 0

    def _changed(self, table: int) -> None:
        """Tell packets to search again."""
        both = struct.pack("=II", 1, next(self._generations)) + self._defaults[table]
        self._loaded.update(f"default_{table}", struct.pack("=I", _SLOT), both)

    def insert(self, table: int, record: bytes) -> int:
        of = self._layout.tables[table]
        key, rest = record[: of.key_bytes], record[of.key_bytes :]
        priority = 0
        match of.kind:
            case layout.TableKind.EXACT:
                identity, keys = key, [key]
            case layout.TableKind.LPM:
                (length,) = struct.unpack(">H", rest[:2])
                identity, rest = key + rest[:2], rest[2:]
                keys = [struct.pack("=I", length) + key]
            case layout.TableKind.TERNARY:
                mask = rest[: of.key_bytes]
                (priority,) = struct.unpack(">I", rest[of.key_bytes : of.key_bytes + 4])
                identity, rest = key + rest[: of.key_bytes + 4], rest[of.key_bytes + 4 :]
                keys = [
                    struct.pack("=I", self._tuple(table, m, priority)) + k
                    for k, m in _without_ranges(of, key, mask)
                ]
        if (table, identity) in self._slots:
            return -17
        slot = len(self._slots)
        self._slots[table, identity] = slot
        (action,) = struct.unpack(">H", rest[:2])
        entry = struct.pack("=IIHH", slot + 1, priority, action, 0) + rest[2:]
        own = self._own[f"table_{table}"]
        for packed in keys:
            held = None
            if of.kind is layout.TableKind.TERNARY:
                held = libbpf.look_up(own, packed, _value_bytes(of))
            if held is None or struct.unpack("=I", held[4:8])[0] < priority:
                libbpf.update(own, packed, entry.ljust(_value_bytes(of), b"\0"))
        self._changed(table)
        return 0

    def _tuple(self, table: int, mask: bytes, priority: int) -> int:
        """Number of a mask; all masks are written in descending order of highest priority."""
        of = {m: v for (t, m), v in self._tuples.items() if t == table}
        number, highest = of.get(mask, (len(of) + 1, 0))
        self._tuples[table, mask] = of[mask] = (number, max(highest, priority))
        ordered = sorted(of.items(), key=lambda item: -item[1][1])
        for index, (bits, (tuple_number, most)) in enumerate(ordered):
            value = struct.pack("=III", tuple_number, 1, most) + bits
            libbpf.update(self._own[f"masks_{table}"], struct.pack("=I", index), value)
        return number

    def drops(self) -> dict[str, int]:
        """Those that are not zero, by reason."""
        counts = (self._loaded.words("drops", _SLOT * DROPS + i, 1)[0] for i in range(DROPS))
        return {reason: n for reason, n in zip(programs.DROPS, counts, strict=True) if n}

    def counter(self, counter: int, index: int) -> tuple[int, int]:
        """Packets and bytes; of a direct one by the entry's slot, or the table's size."""
        sizes = {t.counter: t.table.size for t in self._layout.tables}
        if counter in sizes:
            index = 0 if index == sizes[counter] else index + 1
        own = self._own[f"counter_{counter}"]
        packets, size = struct.unpack(
            "=QQ", libbpf.look_up(own, struct.pack("=I", index), 16) or bytes(16)
        )
        return packets, size

    def meter(self, meter: int, index: int, cir: int, cburst: int, pir: int, pburst: int) -> None:
        """Give a cell rates a second and bursts; of a direct one by the entry's slot."""
        sizes = {t.meter: t.table.size for t in self._layout.tables}
        if meter in sizes:
            index = 0 if index == sizes[meter] else index + 1
        own = self._own[f"meter_{meter}"]
        with mmap.mmap(own, METER_BYTES * (index + 1)) as memory:
            cell = (ctypes.c_char * METER_BYTES).from_buffer(memory, METER_BYTES * index)
            calls.library().meter_write(ctypes.addressof(cell), True, cir, cburst, pir, pburst)
            del cell

    def digest(self) -> tuple[int, bytes] | None:
        """Index and data of the next digest that was sent, if there is one."""
        if not self._events:
            self._events = libbpf.drain(self._loaded.maps["events"])
        if not self._events:
            return None
        device, kind, index, length = struct.unpack("=4I", self._events[0][:16])
        data = self._events.pop(0)[16 : 16 + length]
        assert (device, kind, len(data)) == (_SLOT, 1, self._layout.digests[index].data_bytes)
        return index, data

    def lost(self) -> int:
        """Events that found no room."""
        (count,) = self._loaded.words("lost_events", _SLOT, 1)
        return count

    def slot(self, table: int, record: bytes) -> int:
        of = self._layout.tables[table]
        more = {"exact": 0, "lpm": 2, "ternary": of.key_bytes + 4}[of.kind]
        return self._slots.get((table, record[: of.key_bytes + more]), of.table.size)

    def send(self, data: bytes, port: int = 1, headroom: int = 0, tailroom: int = 0) -> harness.Out:
        """Room around the packet is the kernel's affair."""
        del headroom, tailroom
        padded = data.ljust(_SHORTEST, b"\0")
        retval, out, after, _ = self._loaded.run(padded, _context(port, len(data)), 65536)
        (length,) = struct.unpack_from("=I", after, libbpf.CB_AT + 16)
        if retval != _PASSED:
            return harness.Out(harness.DROPPED, out[:length])
        (mark,) = struct.unpack_from("=I", after, libbpf.MARK_AT)
        return harness.Out(mark, out[:length])

    def time_ns(self, data: bytes, repeat: int = 100_000, port: int = 1) -> int:
        """Nanoseconds a run, as the kernel says; the packet is changed over and over."""
        return self._loaded.run(data, _context(port, len(data)), 65536, repeat)[3]


def _value_bytes(of: layout.TableLayout) -> int:
    """With ranges the key and mask as they were written follow, which nobody reads here."""
    return 12 + of.data_bytes + (2 * of.key_bytes if of.ranges else 0)


def _without_ranges(
    of: layout.TableLayout, key: bytes, mask: bytes
) -> Iterator[tuple[bytes, bytes]]:
    """The keys and masks that an entry with ranges stands for."""
    choices = []
    for field in of.ranges:
        at = slice(field.offset_bytes, field.offset_bytes + field.size_bytes)
        low, high = int.from_bytes(key[at], "big"), int.from_bytes(mask[at], "big")
        choices.append([(at, *p) for p in _prefixes(low, high, 8 * field.size_bytes)])
    for chosen in itertools.product(*choices):
        k, m = bytearray(key), bytearray(mask)
        for at, value, bits in chosen:
            size = at.stop - at.start
            k[at], m[at] = value.to_bytes(size, "big"), bits.to_bytes(size, "big")
        yield bytes(k), bytes(m)


def _prefixes(low: int, high: int, width: int) -> Iterator[tuple[int, int]]:
    """Values and masks of the prefixes that make up a range."""
    while low <= high:
        free = 0
        while free < width and not low >> free & 1 and low + (2 << free) - 1 <= high:
            free += 1
        yield low, (1 << width) - (1 << free)
        low += 1 << free


def _context(port: int, length: int) -> bytes:
    """cb[] of a packet: whose and where, interface, hook, hops, length."""
    context = bytearray(libbpf.CONTEXT_BYTES)
    struct.pack_into("=5I", context, libbpf.CB_AT, _SLOT << 16 | port, 0, 0, 0, length)
    return bytes(context)
