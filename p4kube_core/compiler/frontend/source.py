"""Source texts and places in them; a place carries its text, so that an error can show its line."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import final


@final
@dataclass(frozen=True, slots=True)
class LineMarker:
    """What a #line directive says: the line after `offset` counts as `line` of file `name`."""

    offset: int  # first offset it holds for
    line: int  # 1-based, of the line at `offset`
    name: str


@final
class Source:
    """One text that P4 was read from. Two sources are equal only if they are the same object."""

    __slots__ = ("_line_starts", "is_system", "markers", "name", "text")

    def __init__(self, name: str, text: str, is_system: bool = False) -> None:
        self.name = name  # path as the user wrote it, or <...> for a text without file
        self.text = text
        self.is_system = is_system  # one of our own architecture files
        self.markers: list[LineMarker] = []  # in order of offset; the preprocessor adds to it
        self._line_starts: list[int] | None = None

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    @property
    def line_starts(self) -> list[int]:
        """Offset of each line's first character, in order."""
        if self._line_starts is None:
            starts = [0]
            position = self.text.find("\n")
            while position >= 0:
                starts.append(position + 1)
                position = self.text.find("\n", position + 1)
            self._line_starts = starts
        return self._line_starts

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset in this text, both 1-based, without regard to #line."""
        starts = self.line_starts
        index = bisect.bisect_right(starts, offset) - 1
        return index + 1, offset - starts[index] + 1

    def line_text(self, line: int) -> str:
        """One line (1-based) without its end; empty beyond the last."""
        starts = self.line_starts
        if not 1 <= line <= len(starts):
            return ""
        end = starts[line] - 1 if line < len(starts) else len(self.text)
        return self.text[starts[line - 1] : end].rstrip("\r")

    def presumed_place(self, offset: int) -> tuple[str, int]:
        """File name and line as #line directives would have them."""
        line, _ = self.line_and_column(offset)
        for marker in reversed(self.markers):
            if marker.offset <= offset:
                marked, _ = self.line_and_column(marker.offset)
                return marker.name, marker.line + line - marked
        return self.name, line


@final
@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a source: offsets in characters, `end` excluded; lines and columns 1-based."""

    source: Source = field(repr=False)
    start: int
    end: int

    @property
    def file(self) -> str:
        return self.source.presumed_place(self.start)[0]

    @property
    def line(self) -> int:
        return self.source.presumed_place(self.start)[1]

    @property
    def column(self) -> int:
        return self.source.line_and_column(self.start)[1]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def to(self, last: Span) -> Span:
        """The stretch from this one's start to the other's end; this one if the files differ."""
        if last.source is not self.source or last.end < self.start:
            return self
        return Span(self.source, self.start, last.end)

    def __str__(self) -> str:
        file, line = self.source.presumed_place(self.start)
        return f"{file}:{line}:{self.column}"


BUILT_IN: Span = Span(Source("<built in>", "", is_system=True), 0, 0)
