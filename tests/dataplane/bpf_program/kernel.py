"""Runs compiled programs in the kernel (BPF_PROG_TEST_RUN), with the interface of harness.py."""

from __future__ import annotations

import dataclasses
import os
import struct
from typing import Final

from p4kube_core.compiler.backends import layout
from p4kube_core.compiler.backends.ebpf import object as objects
from p4kube_core.compiler.backends.ebpf import program as programs
from p4kube_core.compiler.ir import program as ir
from tests import built
from tests.dataplane.bpf_program import libbpf
from tests.dataplane.program import harness

MASKS: Final = 128
PORTS: Final = 512
COLLECT: Final = 5
_SHORTEST: Final = 60  # the kernel takes no packet that ends within its Ethernet or IP header
_PASSED: Final = 0


def build(c: str) -> bytes:
    of = dataclasses.replace(objects.toolchain(os.environ), cache=built.KEPT)
    return objects.build(c, of)


class Program:
    """One program with maps of its own, and a copy for each port that a packet comes from."""

    def __init__(self, program: ir.Program, test: bool = True) -> None:
        self._test = test
        self._layout = layout.lay_out(program)
        self._data = build(programs.write(programs.make(program)))
        self._copies: dict[int, libbpf.Object] = {}
        self._first = self.copy(1)
        self._slots: dict[tuple[int, bytes], int] = {}
        self._tuples: dict[tuple[int, bytes], tuple[int, int]] = {}
        self._masks: dict[int, int] = {}
        for table in self._layout.tables:
            if table.kind is layout.TableKind.TERNARY:
                size = 12 + table.key_bytes
                self._masks[table.index] = libbpf.make_array(size, MASKS)
                self._first.update(
                    f"masks_{table.index}", bytes(4), struct.pack("=i", self._masks[table.index])
                )
            self.set_default(table.index, table.default_action, table.default_data)
            for entry in table.table.entries:
                action = self._layout.action(entry.call.action)
                assert self.insert(table.index, layout.record(table, action, entry)) == 0
        for port in range(PORTS):
            self.exit(port, COLLECT, 0)

    def exit(self, port: int, kind: int, interface: int) -> None:
        """Where packets go that leave by a P4 port; kind and index as in p4k_bpf.h."""
        self._first.update("exits", struct.pack("=I", port), struct.pack("=II", kind, interface))

    def copy(self, port: int) -> libbpf.Object:
        if port not in self._copies:
            settings = struct.pack("=II", port, self._test)
            first = self._copies.get(1)
            self._copies[port] = libbpf.Object(self._data, settings, first)
        return self._copies[port]

    def close(self) -> None:
        for copy in self._copies.values():
            copy.close()
        self._copies = {}
        for masks in self._masks.values():
            os.close(masks)
        self._masks = {}

    def __del__(self) -> None:
        if hasattr(self, "_masks"):
            self.close()

    def set_default(self, table: int, action: int, data: bytes) -> int:
        of = self._layout.tables[table]
        entry = struct.pack("=IIHH", of.table.size, 0, action, 0) + data
        self._first.update(f"default_{table}", bytes(4), entry.ljust(12 + of.data_bytes, b"\0"))
        return 0

    def insert(self, table: int, record: bytes) -> int:
        of = self._layout.tables[table]
        key, rest = record[: of.key_bytes], record[of.key_bytes :]
        priority = 0
        match of.kind:
            case layout.TableKind.EXACT:
                identity = packed = key
            case layout.TableKind.LPM:
                (length,) = struct.unpack(">H", rest[:2])
                identity, rest = key + rest[:2], rest[2:]
                packed = struct.pack("=I", length) + key
            case layout.TableKind.TERNARY:
                mask = rest[: of.key_bytes]
                (priority,) = struct.unpack(">I", rest[of.key_bytes : of.key_bytes + 4])
                identity, rest = key + rest[: of.key_bytes + 4], rest[of.key_bytes + 4 :]
                packed = struct.pack("=I", self._tuple(table, mask, priority)) + key
        if (table, identity) in self._slots:
            return -17
        slot = len(self._slots)
        self._slots[table, identity] = slot
        (action,) = struct.unpack(">H", rest[:2])
        entry = struct.pack("=IIHH", slot, priority, action, 0) + rest[2:]
        size = 12 + of.data_bytes
        ternary = of.kind is layout.TableKind.TERNARY
        held = self._first.look_up(f"table_{table}", packed, size) if ternary else None
        if held is None or struct.unpack("=I", held[4:8])[0] < priority:
            self._first.update(f"table_{table}", packed, entry)
        return 0

    def _tuple(self, table: int, mask: bytes, priority: int) -> int:
        """Number of a mask; all masks are written in descending order of highest priority."""
        of = {m: v for (t, m), v in self._tuples.items() if t == table}
        number, highest = of.get(mask, (len(of) + 1, 0))
        self._tuples[table, mask] = of[mask] = (number, max(highest, priority))
        ordered = sorted(of.items(), key=lambda item: -item[1][1])
        for index, (bits, (tuple_number, most)) in enumerate(ordered):
            value = struct.pack("=III", tuple_number, 1, most) + bits
            libbpf.update(self._masks[table], struct.pack("=I", index), value)
        return number

    def drops(self) -> dict[str, int]:
        """Those that are not zero, by reason."""
        counts = (self._first.words("drops", i, 1)[0] for i in range(len(programs.DROPS)))
        return {reason: n for reason, n in zip(programs.DROPS, counts, strict=True) if n}

    def counter(self, counter: int, index: int) -> tuple[int, int]:
        """Packets and bytes."""
        packets, size = self._first.words(f"counter_{counter}", index, 2)
        return packets, size

    def slot(self, table: int, record: bytes) -> int:
        of = self._layout.tables[table]
        more = {"exact": 0, "lpm": 2, "ternary": of.key_bytes + 4}[of.kind]
        return self._slots.get((table, record[: of.key_bytes + more]), of.table.size)

    def send(self, data: bytes, port: int = 1, headroom: int = 0, tailroom: int = 0) -> harness.Out:
        """Room around the packet is the kernel's affair."""
        del headroom, tailroom
        context = bytearray(libbpf.CONTEXT_BYTES)
        struct.pack_into("=I", context, libbpf.CB_AT + 16, len(data))
        padded = data.ljust(_SHORTEST, b"\0")
        retval, out, after, _ = self.copy(port).run(padded, bytes(context), 65536)
        (length,) = struct.unpack_from("=I", after, libbpf.CB_AT + 16)
        if retval != _PASSED:
            return harness.Out(harness.DROPPED, out[:length])
        (mark,) = struct.unpack_from("=I", after, libbpf.MARK_AT)
        return harness.Out(mark, out[:length])

    def time_ns(self, data: bytes, repeat: int = 100_000, port: int = 1) -> int:
        """Nanoseconds a run, as the kernel says; the packet is changed over and over."""
        context = bytearray(libbpf.CONTEXT_BYTES)
        struct.pack_into("=I", context, libbpf.CB_AT + 16, len(data))
        return self.copy(port).run(data, bytes(context), 65536, repeat)[3]
