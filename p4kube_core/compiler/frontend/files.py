"""Finds and reads the files that a program includes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

from p4kube_core.compiler.frontend.source import Source

MAX_FILE_SIZE: Final = 8 * 1024 * 1024  # bytes
ARCHITECTURES: Final = (
    Path(__file__).parent.parent / "arch"
)  # our declarations of core, v1model, ...


@final
@dataclass(frozen=True, slots=True)
class Found:
    source: Source
    path: Path


@final
@dataclass(slots=True)
class Finder:
    """Looks beside the includer (for "x"), in the include folders, then among our own files."""

    include_dirs: tuple[Path, ...]
    # Only files below these folders and our own may be read; None: any. For programs of people
    # who may not read what the compiler may.
    confined_to: tuple[Path, ...] | None = None
    _read: dict[Path, Source] = field(default_factory=dict)

    def find(self, name: str, includer: Path | None) -> Found | str:
        """The file of that name, or a sentence that says why there is none.

        Args:
            includer: the file whose folder is looked in first; None for <x>.
        """
        if "\0" in name or not name:
            return "file wanted after #include, found an empty name"
        folders = [includer.parent] if includer is not None else []
        folders += [*self.include_dirs, ARCHITECTURES]
        for folder in folders:
            path = folder / name
            try:
                if path.is_file() and self.allows(path):
                    return self.read(path)
            except OSError:
                continue
        where = "".join(f"{folder}, " for folder in folders[:-1])
        return f"no file {name!r}; looked in {where}P4Kube's architectures"

    def allows(self, path: Path) -> bool:
        if self.confined_to is None:
            return True
        actual = path.resolve()
        folders = (*self.confined_to, ARCHITECTURES)
        return any(actual.is_relative_to(folder.resolve()) for folder in folders)

    def read(self, path: Path) -> Found | str:
        if path not in self._read:
            is_system = path.is_relative_to(ARCHITECTURES)
            name = f"<{path.relative_to(ARCHITECTURES)}>" if is_system else str(path)
            text = read_text(path)
            if isinstance(text, OSError):
                return f"cannot read {str(path)!r}: {text.strerror or text}"
            self._read[path] = Source(name, text, is_system)
        return Found(self._read[path], path)


def read_text(path: Path) -> str | OSError:
    """A file's text, or why it cannot be had. Bytes that are no UTF-8 become U+FFFD."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_SIZE + 1)
    except OSError as e:
        return e
    if len(data) > MAX_FILE_SIZE:
        return OSError(f"it has more than {MAX_FILE_SIZE} bytes")
    return data.decode("utf-8", errors="replace")
