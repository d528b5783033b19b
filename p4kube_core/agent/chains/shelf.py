"""Values by name in a directory, each in a file that is whole or not there.

A file is one frame of a journal (agent/journal.py), put in its place by a rename: what was
acknowledged is there after a crash of the process, and what was being written is not.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar, final

from p4kube_core.agent import form
from p4kube_core.agent.journal import frame, frames
from p4kube_core.agent.refusal import DATA_LOSS, INTERNAL, Refusal

T = TypeVar("T")

log = logging.getLogger(__name__)

_FRESH: Final = ".new"
_UNREADABLE: Final = ".unreadable"


@final
class Shelf:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, name: str, value: Mapping[str, Any]) -> None:
        """Keep a value under a name, in place of the one that was.

        Raises:
            Refusal: it cannot be written, as when the disk is full.
        """
        fresh = self._directory / (name + _FRESH)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_bytes(frame(form.packed(value)))
            fresh.replace(self._directory / name)
        except OSError as e:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise Refusal(INTERNAL, f"{fresh} cannot be written: {e.strerror}") from e

    def remove(self, name: str) -> None:
        """Keep nothing under a name; fine where nothing is.

        Raises:
            Refusal: it cannot be removed, as when nothing may be written.
        """
        path = self._directory / name
        try:
            path.unlink(missing_ok=True)
        except OSError as e:
            raise Refusal(INTERNAL, f"{path} cannot be removed: {e.strerror}") from e

    def values(self, read: Callable[[Mapping[str, Any]], T]) -> Iterator[tuple[str, T | Refusal]]:
        """All that is kept, by name and in its order, as what `read` makes of it.

        In place of what cannot be read, why: its file stays, perhaps for an agent of another
        version.

        Args:
            read: may raise Refusal, KeyError or TypeError.
        """
        for path in sorted(self._directory.glob("*")):
            if path.suffix == _FRESH:
                path.unlink()
            elif path.suffix != _UNREADABLE:
                yield path.name, self._read(path, read)

    def _read(self, path: Path, read: Callable[[Mapping[str, Any]], T]) -> T | Refusal:
        try:
            data = path.read_bytes()
            bodies, whole = frames(data)
            if not bodies or whole < len(data):
                raise Refusal(DATA_LOSS, f"it is cut off, or not of our making: {len(data)} bytes")
            return read(json.loads(b"".join(bodies)))
        except Refusal as e:
            why = e.message
        except (OSError, ValueError, KeyError, TypeError) as e:
            why = str(e) or repr(e)
        kind = path.parent.name.removesuffix("s")
        message = f"want {kind} {path.name} in {path}, which cannot be read: {why}"
        log.error("left a file that cannot be read: %s", message)
        return Refusal(DATA_LOSS, message)

    def put_aside(self, name: str) -> None:
        """Have a value out of the way that means nothing to us."""
        path = self._directory / name
        path.replace(path.with_name(name + _UNREADABLE))
