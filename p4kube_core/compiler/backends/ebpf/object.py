"""From generated C to a BPF object: runs clang, and keeps what it made."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from p4kube_core.compiler.backends import toolchain as toolchains
from p4kube_core.compiler.backends.toolchain import Toolchain

RUNTIME: Final = Path(__file__).parents[3] / "dataplane" / "ebpf" / "runtime"
"""Directory of the headers that generated C includes; those of toolchain.RUNTIME too."""

FLAGS: Final = (
    "-std=gnu11",
    "-O2",
    "-g",
    "-target",
    "bpf",
    "-mcpu=v3",
    "-ffreestanding",
    "-fno-strict-aliasing",
    "-Wall",
    "-Wextra",
    "-Werror",
    # What a program leaves unused, or compares with itself, is its own affair.
    "-Wno-unused-parameter",
    "-Wno-unused-but-set-variable",
    "-Wno-unused-label",
    "-Wno-tautological-compare",
)
"""-mcpu=v3 wants kernel 5.1; -g makes BTF, which maps are defined by."""


def toolchain(environ: Mapping[str, str]) -> Toolchain:
    """Read P4KUBE_CLANG (a name on PATH, or a path) and where objects are kept."""
    of = Toolchain.from_environment(environ)
    return dataclasses.replace(of, compiler=environ.get("P4KUBE_CLANG") or "clang", native=False)


def build(c: str, of: Toolchain) -> bytes:
    """Compile generated C to an ELF object; from the cache if it is there.

    Raises:
        errors.MachineError: no clang (P4K0590), or it does not answer.
        errors.InvariantViolated: it refuses what we generated.
    """
    command = _command(of)
    kept = None
    if of.cache is not None:
        headers = (toolchains.headers_digest(), toolchains.headers_digest(RUNTIME))
        key = toolchains.key(c, toolchains.compiler_key(command), *headers)
        kept = of.cache / f"{key}.o"
    return toolchains.build(c, command, kept)


def _command(of: Toolchain) -> tuple[str, ...]:
    # The kernel's headers want asm/types.h, which Debian keeps by machine.
    machine = f"/usr/include/{platform.machine()}-linux-gnu"
    ours = (f"-I{RUNTIME}", f"-I{toolchains.RUNTIME}")
    found = toolchains.find(of.compiler, "clang", "P4KUBE_CLANG")
    return (*found, *FLAGS, *ours, "-idirafter", machine, "-c")
