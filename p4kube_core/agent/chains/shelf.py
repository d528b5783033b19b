"""Values by name in a directory, each in a file that is whole or not there.

A file is one frame of a journal (agent/journal.py), put in its place by a rename: what was
acknowledged is there after a crash of the process, and what was being written is not.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, final

from p4kube_core.agent import form
from p4kube_core.agent.journal import frame, frames
from p4kube_core.agent.refusal import INTERNAL, Refusal

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
            fresh.unlink(missing_ok=True)
            raise Refusal(INTERNAL, f"{fresh} cannot be written: {e.strerror}") from e

    def remove(self, name: str) -> None:
        """Keep nothing under a name; fine where nothing is."""
        (self._directory / name).unlink(missing_ok=True)

    def values(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """All that is kept, in order of name. What cannot be read is put aside."""
        for path in sorted(self._directory.glob("*")):
            if path.suffix == _FRESH:
                path.unlink()
            elif path.suffix != _UNREADABLE:
                try:
                    bodies, _ = frames(path.read_bytes())
                    yield path.name, json.loads(b"".join(bodies))
                except (OSError, ValueError) as e:
                    log.error("put an unreadable file aside: file=%s: %s", path, e)
                    path.replace(path.with_name(path.name + _UNREADABLE))

    def put_aside(self, name: str, why: object) -> None:
        """Have a value out of the way that means nothing to us."""
        log.error("put aside what cannot be taken up: %s/%s: %s", self._directory.name, name, why)
        path = self._directory / name
        path.replace(path.with_name(name + _UNREADABLE))
