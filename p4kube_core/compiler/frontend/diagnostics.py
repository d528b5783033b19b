"""What the compiler has to say to the author of a program, and the place where it is collected.

Codes: P4K01xx lexical, 02xx syntax, 03xx names and types, 04xx mid-end, 05xx target limits.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import final

from p4kube_core import errors
from p4kube_core.compiler.frontend.source import Span

MAX_ERRORS = 200  # a run says no more than this; the rest is only counted
MAX_SHOWN = 200  # characters of a source line; of a longer one the part around the place


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@final
@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `message` is lower case without full stop: wanted, found, where."""

    severity: Severity
    code: str  # P4K and four digits
    message: str
    span: Span | None  # None: about the program as a whole
    hint: str | None = None

    @property
    def headline(self) -> str:
        place = f"{self.span}: " if self.span else ""
        return f"{place}{self.severity}[{self.code}]: {self.message}"

    def __str__(self) -> str:
        return render(self)


def render(diagnostic: Diagnostic) -> str:
    """The headline, then the source line with a caret under the place, then the hint."""
    lines = [diagnostic.headline]
    if diagnostic.span is not None:
        lines.extend(_excerpt(diagnostic.span))
    if diagnostic.hint:
        lines.append(f"  hint: {diagnostic.hint}")
    return "\n".join(lines)


def _excerpt(span: Span) -> list[str]:
    line, column = span.source.line_and_column(span.start)
    text = span.source.line_text(line)
    if not text.strip():
        return []
    if len(text) > MAX_SHOWN:
        first = max(0, column - 1 - MAX_SHOWN // 2)
        text = text[first : first + MAX_SHOWN]
        column -= first
    width = max(1, min(span.end - span.start, len(text) - column + 1))
    # Tabs are kept in the caret's line, so that it stands right whatever their width.
    indent = "".join("\t" if c == "\t" else " " for c in text[: column - 1])
    # What the file holds must not command the terminal.
    shown = "".join(
        c if c == "\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return [f"  {shown}", f"  {indent}{'^' * width}"]


@final
@dataclass(slots=True)
class Diagnostics:
    """Collects what is found, so that a run reports all of it and raises once."""

    found: list[Diagnostic] = field(default_factory=list)
    error_count: int = 0
    _seen: set[tuple[str, str, int, str]] = field(default_factory=set)

    def error(self, code: str, message: str, span: Span | None, hint: str | None = None) -> None:
        self.add(Diagnostic(Severity.ERROR, code, message, span, hint))

    def warn(self, code: str, message: str, span: Span | None, hint: str | None = None) -> None:
        self.add(Diagnostic(Severity.WARNING, code, message, span, hint))

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a finding, unless the same was said of the same place before."""
        span = diagnostic.span
        place = (span.source.name, span.start) if span else ("", -1)
        key = (diagnostic.code, *place, diagnostic.message)
        if key in self._seen:
            return
        self._seen.add(key)
        if diagnostic.severity is Severity.ERROR:
            self.error_count += 1
            if self.error_count > MAX_ERRORS:
                return
        self.found.append(diagnostic)

    @property
    def has_errors(self) -> bool:
        return self.error_count > 0

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.sorted() if d.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.sorted() if d.severity is Severity.WARNING)

    def sorted(self) -> tuple[Diagnostic, ...]:
        """All findings by place; files in the order in which they were first complained of."""
        files: dict[str, int] = {}
        for diagnostic in self.found:
            if diagnostic.span is not None:
                files.setdefault(diagnostic.span.source.name, len(files))

        def place(diagnostic: Diagnostic) -> tuple[int, int, str]:
            span = diagnostic.span
            if span is None:
                return (len(files), 0, diagnostic.code)
            return (files[span.source.name], span.start, diagnostic.code)

        return tuple(sorted(self.found, key=place))

    def raise_if_any(self) -> None:
        """Raise what is wrong, if anything is; warnings alone do not raise.

        Raises:
            errors.ProgramError: with every finding, warnings among them, in order of place.
        """
        if self.has_errors:
            raise errors.ProgramError(self.sorted())

    def render(self) -> str:
        return "\n".join(render(d) for d in self.sorted())


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like the given one, if any is like it at all."""
    candidates: Sequence[str] = sorted(set(known) - {word})
    folded = {c.lower(): c for c in candidates}
    if word.lower() in folded:
        return folded[word.lower()]
    matches = difflib.get_close_matches(word, candidates, n=1, cutoff=0.7)
    return matches[0] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint for an unknown name; None if nothing known is like it."""
    match = nearest(word, known)
    return f"did you mean {match!r}?" if match else None
