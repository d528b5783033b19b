"""From generated C to a BPF object: runs clang, and keeps what it made."""

from __future__ import annotations

import dataclasses
import hashlib
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from p4kube_core import errors
from p4kube_core.compiler.backends.dpdk import object as objects

RUNTIME: Final = Path(__file__).parents[3] / "dataplane" / "ebpf" / "runtime"
"""Directory of the headers that generated C includes; what both targets have is in dpdk's."""

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


def toolchain(environ: Mapping[str, str]) -> objects.Toolchain:
    """Read P4KUBE_CLANG (a name on PATH, or a path) and where objects are kept."""
    of = objects.Toolchain.from_environment(environ)
    return dataclasses.replace(of, compiler=environ.get("P4KUBE_CLANG") or "clang", native=False)


def build(c: str, of: objects.Toolchain) -> bytes:
    """Compile generated C to an ELF object; from the cache if it is there.

    Raises:
        errors.MachineError: no clang (P4K0590), or it does not answer.
        errors.InvariantViolated: it refuses what we generated.
    """
    command = _command(of)
    if of.cache is None:
        return _compile(c, command)
    kept = of.cache / f"{_cache_key(c, command)}.o"
    try:
        return kept.read_bytes()
    except OSError:
        pass  # not there, or not readable: then it is made again
    made = _compile(c, command)
    objects.keep(kept, made)
    return made


def _compile(c: str, command: tuple[str, ...]) -> bytes:
    return objects.compile_c(c, command)


def _command(of: objects.Toolchain) -> tuple[str, ...]:
    name, *arguments = of.compiler.split() or ["clang"]
    found = shutil.which(name)
    if found is None:
        raise errors.MachineError(
            f"error[P4K0590]: want clang to make the object, found no {name!r} on PATH: "
            "install clang, or name another in P4KUBE_CLANG"
        )
    # The kernel's headers want asm/types.h, which Debian keeps by machine.
    machine = f"/usr/include/{platform.machine()}-linux-gnu"
    ours = (f"-I{RUNTIME}", f"-I{objects.RUNTIME}")
    return (found, *arguments, *FLAGS, *ours, "-idirafter", machine, "-c")


def _cache_key(c: str, command: tuple[str, ...]) -> str:
    """All that the object depends on: C, headers, flags, compiler."""
    compiler = Path(command[0]).stat()
    parts = [c.encode(), "\0".join(command).encode()]
    parts.append(f"{compiler.st_size} {compiler.st_mtime_ns}".encode())
    parts.append(objects.headers_digest().encode())
    parts.extend(header.read_bytes() for header in sorted(RUNTIME.glob("*.h")))
    joined = b"".join(hashlib.sha256(part).digest() for part in parts)
    return hashlib.sha256(joined).hexdigest()
