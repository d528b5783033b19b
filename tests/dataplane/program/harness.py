"""Runs compiled programs without DPDK: the C harness from Python."""

from __future__ import annotations

import ctypes
import functools
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from p4kube_core.compiler.backends import toolchain
from tests import built

HERE: Final = Path(__file__).parent
RUNTIME: Final = toolchain.RUNTIME
DROPPED: Final = 0xFFFF
HEADROOM: Final = 128
_ROOM: Final = 65536

CC: Final = (
    "cc",
    "-std=gnu11",
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Werror",
    f"-I{RUNTIME}",
    f"-I{HERE}",
)
PROGRAM_FLAGS: Final = ("-fPIC", "-shared", "-march=x86-64-v2")
SANITIZED: Final = (
    "-O1",
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
)


def runtime_sources() -> list[Path]:
    return sorted(RUNTIME.glob("p4k_*.c"))


def run(command: Sequence[str]) -> str:
    """Run to the end; what it said, or an assertion with it."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command[:3])} ...\n{done.stdout}"
    return done.stdout


@functools.cache
def library() -> ctypes.CDLL:
    command = (*CC, "-O2", "-fPIC", "-shared", "-march=x86-64-v2", "-ldl")
    made = built.build("libharness.so", command, [HERE / "harness.c", *runtime_sources()])
    loaded = ctypes.CDLL(str(made))
    loaded.harness_open.restype = ctypes.c_void_p
    loaded.harness_open.argtypes = [ctypes.c_char_p]
    loaded.harness_free.argtypes = [ctypes.c_void_p]
    loaded.harness_insert.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_char_p]
    loaded.harness_set_default.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint,
        ctypes.c_uint16,
        ctypes.c_char_p,
    ]
    for name in ("harness_drops", "harness_packets", "harness_bytes"):
        getattr(loaded, name).restype = ctypes.c_uint64
    loaded.harness_drops.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    loaded.harness_packets.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint32]
    loaded.harness_bytes.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint32]
    loaded.harness_slot.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_char_p]
    loaded.harness_slot.restype = ctypes.c_uint32
    loaded.harness_run.restype = ctypes.c_uint
    loaded.harness_run.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint,
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.c_uint32,
        ctypes.c_uint32,
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.POINTER(ctypes.c_uint32),
    ]
    loaded.harness_meter.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint,
        ctypes.c_uint32,
        *[ctypes.c_uint64] * 4,
    ]
    loaded.harness_time.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
    loaded.harness_lost.restype = ctypes.c_uint64
    loaded.harness_lost.argtypes = [ctypes.c_void_p]
    loaded.harness_digest.restype = ctypes.c_int64
    loaded.harness_digest.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    return loaded


def build(c: str, flags: tuple[str, ...]) -> Path:
    """A shared object of generated C, warnings being errors."""
    return built.build("program.so", (*CC, *PROGRAM_FLAGS, *flags), [c])


@dataclass(frozen=True, slots=True)
class Out:
    """What became of a packet."""

    port: int
    data: bytes

    @property
    def dropped(self) -> bool:
        return self.port == DROPPED


class Program:
    """One loaded program with tables of its own."""

    _harness: int | None = None

    def __init__(self, c: str, flags: tuple[str, ...] = ("-O3",)) -> None:
        self._library = library()
        self._harness = self._library.harness_open(str(build(c, flags)).encode())
        assert self._harness

    def close(self) -> None:
        if self._harness:
            self._library.harness_free(self._harness)
            self._harness = None

    def __del__(self) -> None:
        self.close()

    def insert(self, table: int, record: bytes) -> int:
        result: int = self._library.harness_insert(self._harness, table, record)
        return result

    def set_default(self, table: int, action: int, data: bytes) -> int:
        result: int = self._library.harness_set_default(self._harness, table, action, data)
        return result

    def drops(self) -> dict[str, int]:
        """Those that are not zero, by reason."""
        reasons = ("malformed", "ingress", "egress", "no_room")
        counts = (self._library.harness_drops(self._harness, i) for i in range(len(reasons)))
        return {reason: n for reason, n in zip(reasons, counts, strict=True) if n}

    def counter(self, counter: int, index: int) -> tuple[int, int]:
        """Packets and bytes."""
        packets: int = self._library.harness_packets(self._harness, counter, index)
        size: int = self._library.harness_bytes(self._harness, counter, index)
        return packets, size

    def meter(self, meter: int, index: int, cir: int, cburst: int, pir: int, pburst: int) -> None:
        """Give a cell rates a second and bursts, in packets or bytes."""
        self._library.harness_meter(self._harness, meter, index, cir, cburst, pir, pburst)

    def set_time(self, now_ns: int) -> None:
        self._library.harness_time(self._harness, now_ns)

    def digest(self) -> tuple[int, bytes] | None:
        """Index and data of the next digest that was sent, if there is one; data as long as any."""
        room = ctypes.create_string_buffer(_ROOM)
        index = self._library.harness_digest(self._harness, room)
        return None if index < 0 else (index, room.raw)

    def lost(self) -> int:
        """Digests that found no room."""
        lost: int = self._library.harness_lost(self._harness)
        return lost

    def slot(self, table: int, record: bytes) -> int:
        slot: int = self._library.harness_slot(self._harness, table, record)
        return slot

    def send(self, data: bytes, port: int = 1, headroom: int = HEADROOM, tailroom: int = 0) -> Out:
        out = ctypes.create_string_buffer(_ROOM)
        length = ctypes.c_uint32()
        egress = self._library.harness_run(
            self._harness, port, data, len(data), headroom, tailroom, out, _ROOM, length
        )
        return Out(egress, out.raw[: length.value])
