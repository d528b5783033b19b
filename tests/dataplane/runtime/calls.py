"""The runtime's inline functions from Python."""

from __future__ import annotations

import ctypes
import functools
from ctypes import POINTER, c_bool, c_char_p, c_int64, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Final

from p4kube_core.compiler.backends import toolchain
from tests import built

HERE: Final = Path(__file__).parent
CC: Final = ("cc", "-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", f"-I{toolchain.RUNTIME}")

_CALLS: Final = {
    "meter_new": (c_void_p, []),
    "meter_write": (None, [c_void_p, c_bool, *[c_uint64] * 4]),
    "meter_read": (c_bool, [c_void_p, POINTER(c_uint64)]),
    "meter_colour": (c_uint32, [c_void_p, c_uint64, c_uint64]),
    "meter_filled": (c_uint64, [c_uint64, c_uint64]),
    "ring_new": (c_void_p, [c_uint64, c_uint64]),
    "ring_free": (None, [c_void_p]),
    "ring_put": (c_bool, [c_void_p, c_uint32, c_char_p, c_uint32]),
    "ring_take": (c_int64, [c_void_p, POINTER(c_uint32), c_char_p]),
}


@functools.cache
def library() -> ctypes.CDLL:
    command = (*CC, "-O2", "-fPIC", "-shared")
    loaded = ctypes.CDLL(str(built.build("libcalls.so", command, [HERE / "calls.c"])))
    for name, (result, arguments) in _CALLS.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def contend() -> Path:
    command = (*CC, "-O1", "-fsanitize=thread", "-pthread")
    return built.build("contend", command, [HERE / "contend.c"])
