"""From generated C to a shared object: runs the C compiler, and keeps what it made."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

from p4kube_core.compiler.backends import toolchain as toolchains
from p4kube_core.compiler.backends.toolchain import RUNTIME, Toolchain, headers_digest

FLAGS: Final = (
    "-std=gnu11",
    "-O3",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-Werror",
)

toolchain = Toolchain.from_environment


def build(c: str, toolchain: Toolchain) -> bytes:
    """Compile generated C to a shared object; from the cache if it is there.

    Raises:
        errors.MachineError: no C compiler (P4K0590), or it does not answer.
        errors.InvariantViolated: it refuses what we generated.
    """
    command = _command(toolchain)
    kept = None
    if toolchain.cache is not None:
        processor = _processor() if toolchain.native else b""
        compiler = toolchains.compiler_key(command)
        key = toolchains.key(c, compiler, platform.machine(), processor)
        kept = toolchain.cache / f"{key}.so"
    return toolchains.build(c, command, kept)


def _command(toolchain: Toolchain) -> tuple[str, ...]:
    # Without popcnt the look-up of prefixes would call a library; DPDK wants these processors too.
    baseline = ("-march=x86-64-v2",) if platform.machine() == "x86_64" else ()
    native = ("-march=native",) if toolchain.native else baseline
    saw = f'-DP4K_HEADERS="{headers_digest()}"'
    found = toolchains.find(toolchain.compiler, "cc", "CC")
    return (*found, *FLAGS, *native, saw, f"-I{RUNTIME}")


def _processor() -> bytes:
    """The model and flags of this machine's first processor, as the kernel names them."""
    try:
        lines = Path("/proc/cpuinfo").read_bytes().split(b"\n\n", 1)[0].splitlines()
    except OSError:
        return platform.processor().encode()
    kept = (b"vendor_id", b"cpu family", b"model", b"stepping", b"flags", b"Features", b"CPU part")
    return b"\n".join(line for line in lines if line.startswith(kept))
