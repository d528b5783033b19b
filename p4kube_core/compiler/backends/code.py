"""Lines of C on their way out: indentation, and #line directives back to the P4 source."""

from __future__ import annotations

from typing import Final, final

from p4kube_core.compiler.frontend.source import Span

OWN_FILE: Final = "program.c"
_OWN_LINE: Final = "\0"  # stands for a #line directive that says where it is itself


@final
class Code:
    """Collects lines; `text()` gives the file."""

    __slots__ = ("_depth", "_lines", "_place")

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0
        # File and line that C has for the next line; None: this file's own.
        self._place: tuple[str, int] | None = None

    def line(self, text: str = "") -> None:
        self._lines.append("\t" * self._depth + text if text else "")
        if self._place is not None:
            self._place = (self._place[0], self._place[1] + 1)

    def lines(self, *texts: str) -> None:
        for text in texts:
            self.line(text)

    def open(self, text: str = "") -> None:
        """A line that ends in an opening brace; what follows is indented."""
        self.line(f"{text} {{".lstrip())
        self._depth += 1

    def turn(self, text: str) -> None:
        """Close and open again: `} else {`."""
        self._depth -= 1
        self.line(f"}} {text} {{")
        self._depth += 1

    def close(self, after: str = "") -> None:
        self._depth -= 1
        self.line(f"}}{after}")

    def label(self, text: str) -> None:
        """A label, one step out."""
        self._depth -= 1
        self.line(f"{text}:")
        self._depth += 1

    def function(self, head: str, comment: str = "") -> None:
        """Open a function of this file's own."""
        self.line()
        self.own()
        if comment:
            self.line(f"/* {comment.replace('*/', '* /')} */")
        self.line(head)
        self.line("{")
        self._depth += 1

    def at(self, span: Span) -> None:
        """What follows comes from that place; nothing is said if C already thinks so."""
        if span.source.is_system:
            return
        place = span.source.presumed_place(span.start)
        if place == self._place:
            return
        if self._lines and self._lines[-1].startswith("#line "):
            self._lines.pop()  # nothing came of that place
        name = place[0].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        self._lines.append(f'#line {place[1]} "{name}"')
        self._place = place

    def own(self) -> None:
        """What follows is not the program's."""
        if self._place is not None:
            self._lines.append(_OWN_LINE)
            self._place = None

    def mark(self) -> int:
        """This place, for `insert`; nothing may be inserted before it meanwhile."""
        self.own()
        return len(self._lines)

    def insert(self, mark: int, *lines: str) -> None:
        self._lines[mark:mark] = lines

    def text(self) -> str:
        numbered = (
            f'#line {number} "{OWN_FILE}"' if line == _OWN_LINE else line
            for number, line in enumerate(self._lines, start=2)
        )
        return "\n".join(numbered) + "\n"
