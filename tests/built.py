"""What tests compile from C, kept in .build/tests between runs: gcc took most of their time."""

from __future__ import annotations

import functools
import hashlib
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
KEPT: Final = ROOT / ".build" / "tests"
HEADERS: Final = ROOT / "p4kube_core" / "dataplane"


def build(name: str, command: Sequence[str], sources: Iterable[Path | str]) -> Path:
    """Compile and link `sources`, or what was made before of the same text by the same command.

    Args:
        name: file name of what is made; C that is text rather than a file is a `str`.
        command: the compiler and its flags.
        sources: files, or C itself.
    Raises:
        AssertionError: the compiler refused; with what it said.
    """
    pieces = [s.read_text() if isinstance(s, Path) else s for s in sources]
    beside = {p.parent for p in sources if isinstance(p, Path)}
    parts = (_headers(), tuple(sorted(_text(d) for d in beside)), tuple(command), tuple(pieces))
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
    made = KEPT / digest / name
    if not made.exists():
        _make(made, command, sources)
    return made


def _make(made: Path, command: Sequence[str], sources: Iterable[Path | str]) -> None:
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent) as scratch:
        files = []
        for number, source in enumerate(sources):
            file = source if isinstance(source, Path) else Path(scratch, f"{number}.c")
            if isinstance(source, str):
                file.write_text(source)
            files.append(str(file))
        fresh = Path(scratch, "made")
        done = subprocess.run(
            [*command, *files, "-o", str(fresh)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command[:3])} ...\n{done.stdout}"
        fresh.replace(made)  # whole or not at all, also with two test processes


@functools.cache
def _headers() -> str:
    """What any of it may include of ours."""
    return "".join(p.read_text() for p in sorted(HEADERS.rglob("*.h")))


@functools.cache
def _text(directory: Path) -> str:
    return "".join(p.read_text() for p in sorted(directory.glob("*.h")))
