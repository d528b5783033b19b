"""From generated C to a shared object: runs the C compiler, and keeps what it made."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from p4kube_core import errors

RUNTIME: Final = Path(__file__).parents[3] / "dataplane" / "dpdk" / "runtime"
"""Directory of the headers that generated C includes."""

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
TIMEOUT_S: Final = 300.0
_DIAGNOSTICS_SHOWN: Final = 20  # lines of the C compiler's output in a message


@final
@dataclass(frozen=True, slots=True)
class Toolchain:
    """Which C compiler, for which processor, and where its work is kept."""

    compiler: str = "cc"  # name on PATH, or a path; words after it are arguments
    native: bool = False  # for this machine's processor alone
    cache: Path | None = None  # None: nothing is kept

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Toolchain:
        """Read CC, XDG_CACHE_HOME and P4KUBE_NATIVE (1: for this machine's processor alone)."""
        base = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME", "/root"), ".cache"))
        return cls(
            compiler=environ.get("CC") or "cc",
            native=environ.get("P4KUBE_NATIVE") == "1",
            cache=Path(base, "p4kube", "objects"),
        )


toolchain = Toolchain.from_environment


def build(c: str, toolchain: Toolchain) -> bytes:
    """Compile generated C to a shared object; from the cache if it is there.

    Raises:
        errors.MachineError: no C compiler (P4K0590), or it does not answer.
        errors.InvariantViolated: it refuses what we generated.
    """
    command = _command(toolchain)
    if toolchain.cache is None:
        return compile_c(c, command)
    kept = toolchain.cache / f"{_cache_key(c, command, toolchain)}.so"
    try:
        return kept.read_bytes()
    except OSError:
        pass  # not there, or not readable: then it is made again
    made = compile_c(c, command)
    keep(kept, made)
    return made


def _command(toolchain: Toolchain) -> tuple[str, ...]:
    name, *arguments = toolchain.compiler.split() or ["cc"]
    found = shutil.which(name)
    if found is None:
        raise errors.MachineError(
            f"error[P4K0590]: want a C compiler to make the object, found no {name!r} on PATH: "
            "install gcc, or name another in CC"
        )
    # Without popcnt the look-up of prefixes would call a library; DPDK wants these processors too.
    baseline = ("-march=x86-64-v2",) if platform.machine() == "x86_64" else ()
    native = ("-march=native",) if toolchain.native else baseline
    saw = f'-DP4K_HEADERS="{headers_digest()}"'
    return (found, *arguments, *FLAGS, *native, saw, f"-I{RUNTIME}")


def headers_digest() -> str:
    """SHA-256 over the runtime's headers; the data plane takes programs that saw its own alone."""
    headers = b"".join(header.read_bytes() for header in sorted(RUNTIME.glob("*.h")))
    return hashlib.sha256(headers).hexdigest()


def compile_c(c: str, command: tuple[str, ...]) -> bytes:
    """Run the compiler on C; the same errors as `build`."""
    with tempfile.TemporaryDirectory(prefix="p4kube-object-") as directory:
        made = Path(directory, "program.so")
        try:
            run = subprocess.run(
                [*command, "-x", "c", "-", "-o", str(made)],
                input=c.encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=directory,  # so that a P4 file named in #line is not read for its text
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as e:
            raise errors.MachineError(
                f"error[P4K0590]: want the object within {TIMEOUT_S:.0f} s, {command[0]} still runs"
            ) from e
        except OSError as e:
            raise errors.MachineError(f"error[P4K0590]: cannot run {command[0]}: {e}") from e
        if run.returncode != 0:
            said = run.stdout.decode(errors="replace").splitlines()[:_DIAGNOSTICS_SHOWN]
            raise errors.InvariantViolated(
                f"{command[0]} refuses the generated C (exit status {run.returncode}):\n"
                + "\n".join(said)
            )
        return made.read_bytes()


def _cache_key(c: str, command: tuple[str, ...], toolchain: Toolchain) -> str:
    """All that the object depends on: C, headers, flags, compiler; with native the processor."""
    parts = [c.encode(), "\0".join(command).encode(), platform.machine().encode()]
    compiler = Path(command[0]).stat()
    parts.append(f"{compiler.st_size} {compiler.st_mtime_ns}".encode())
    if toolchain.native:
        parts.append(_processor())
    joined = b"".join(hashlib.sha256(part).digest() for part in parts)
    return hashlib.sha256(joined).hexdigest()


def _processor() -> bytes:
    """The model and flags of this machine's first processor, as the kernel names them."""
    try:
        lines = Path("/proc/cpuinfo").read_bytes().split(b"\n\n", 1)[0].splitlines()
    except OSError:
        return platform.processor().encode()
    kept = (b"vendor_id", b"cpu family", b"model", b"stepping", b"flags", b"Features", b"CPU part")
    return b"\n".join(line for line in lines if line.startswith(kept))


def keep(kept: Path, made: bytes) -> None:
    """Write whole or not at all: several processes may do so at once. A full disk is no error."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=kept.parent, prefix=".object-")
    except OSError:
        return
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(made)
        Path(temporary).replace(kept)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
