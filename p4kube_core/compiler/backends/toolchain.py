"""The C compiler: which one, running it, and keeping what it made."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from p4kube_core import errors

RUNTIME: Final = Path(__file__).parents[2] / "dataplane" / "dpdk" / "runtime"
"""Directory of the headers that generated C includes: all of target dpdk's, and what both share."""

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


def headers_digest(directory: Path = RUNTIME) -> str:
    """SHA-256 over a runtime's headers; a data plane takes programs that saw its own alone."""
    headers = b"".join(header.read_bytes() for header in sorted(directory.glob("*.h")))
    return hashlib.sha256(headers).hexdigest()


def find(compiler: str, what: str, variable: str) -> tuple[str, ...]:
    """The compiler's path, and its arguments.

    Raises:
        errors.MachineError: it is not there (P4K0590).
    """
    name, *arguments = compiler.split() or [what]
    found = shutil.which(name)
    if found is None:
        raise errors.MachineError(
            f"error[P4K0590]: want {what} to make the object, found no {name!r} on PATH: "
            f"install it, or name another in {variable}"
        )
    return (found, *arguments)


def compiler_key(command: tuple[str, ...]) -> str:
    """Changes with the compiler and what it is told."""
    compiler = Path(command[0]).stat()
    return "\0".join((*command, str(compiler.st_size), str(compiler.st_mtime_ns)))


def build(c: str, command: tuple[str, ...], kept: Path | None) -> bytes:
    """Compile generated C; or what is kept there, where it is kept otherwise.

    Raises:
        errors.MachineError: the compiler does not run, or does not answer (P4K0590).
        errors.InvariantViolated: it refuses what we generated.
    """
    if kept is None:
        return _compile(c, command)
    try:
        return kept.read_bytes()
    except OSError:
        pass  # not there, or not readable: then it is made again
    made = _compile(c, command)
    _keep(kept, made)
    return made


def key(*parts: str | bytes) -> str:
    """A name for what is made of these alone."""
    each = (part.encode() if isinstance(part, str) else part for part in parts)
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in each)).hexdigest()


def _compile(c: str, command: tuple[str, ...]) -> bytes:
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


def _keep(kept: Path, made: bytes) -> None:
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
