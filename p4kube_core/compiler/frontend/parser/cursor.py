"""Where the parser stands, which names are types there, and how it gets over errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar, final

from p4kube_core.compiler.frontend import lexer, syntax_codes
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.source import Span

T = TypeVar("T")

# Blocks, types and expressions within each other; later stages recurse as deep as a tree is.
MAX_DEPTH: Final = 400
# Operators in one expression, of which the left operand nests.
MAX_HEIGHT: Final = 400

MAX_SHOWN: Final = 60  # characters of a token that is not what was wanted

_DECLARATIONS: Final = """
    action const control enum extern header header_union match_kind package parser struct typedef @
"""
_STARTS_DECLARATION: Final = frozenset(_DECLARATIONS.split())


class SyntaxFault(Exception):
    """The text does not fit the grammar; caught and reported by the nearest list of items."""

    def __init__(
        self, message: str, span: Span, hint: str | None = None, code: str = syntax_codes.SYNTAX
    ) -> None:
        super().__init__(message)
        self.span = span
        self.hint = hint
        self.code = code


@final
class Cursor:
    """A position in a list of tokens of which the last is an end token."""

    __slots__ = (
        "depth",
        "diagnostics",
        "height",
        "in_angles",
        "index",
        "kind",
        "kinds",
        "no_call",
        "no_cast",
        "scopes",
        "tokens",
    )

    def __init__(self, tokens: list[Token], diagnostics: Diagnostics) -> None:
        self.tokens = tokens
        self.kinds = [t.kind for t in tokens]
        self.index = 0
        self.kind = self.kinds[0]  # of the token to come
        self.diagnostics = diagnostics
        self.scopes: list[dict[str, bool]] = [{}]  # is this name a type? innermost last
        self.depth = 0
        self.height = 0  # of the expression parsed last
        self.in_angles = False  # a `>` ends the expression
        # What was tried in vain need not be tried again, else nested trials take exponential time.
        self.no_call: set[int] = set()  # indices of `<` that begin no type arguments
        self.no_cast: set[int] = set()  # indices of `(` that begin no cast

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
        index = self.index
        self.index = index + 1
        self.kind = self.kinds[index + 1]
        return self.tokens[index]

    def back_to(self, index: int) -> None:
        self.index = index
        self.kind = self.kinds[index]

    def peek(self, ahead: int = 1) -> str:
        """The kind of a later token; the end's if there is none."""
        index = self.index + ahead
        return self.kinds[index] if index < len(self.kinds) else lexer.END

    def accept(self, kind: str) -> bool:
        if self.kind != kind:
            return False
        self.advance()
        return True

    def expect(self, kind: str, after: str) -> Token:
        """Take a token of that kind.

        Args:
            after: what it should follow, for the message.
        """
        if self.kind == kind:
            return self.advance()
        raise self.fault(f"{kind!r} wanted after {after}")

    def semicolon(self, after: str) -> None:
        """Take a `;`; one missing at a line's end is reported and then taken for granted."""
        if self.kind == ";":
            self.advance()
            return
        fault = self.fault(f"';' wanted after {after}")
        if fault.span.start < self.token.start or self.kind == "}":
            self.report(fault)
        else:
            raise fault

    def name(self, what: str) -> Token:
        """Take a name; words that are keywords in other places only will do."""
        if self.kind == lexer.IDENTIFIER or self.kind in lexer.CONTEXTUAL:
            return self.advance()
        hint = None
        if self.kind in lexer.KEYWORDS:
            hint = f"{self.kind!r} is a keyword of P4"
        raise self.fault(f"{what} wanted", hint)

    @property
    def at_name(self) -> bool:
        return self.kind == lexer.IDENTIFIER or self.kind in lexer.CONTEXTUAL

    def found(self) -> str:
        token = self.token
        if token.kind == lexer.END:
            return lexer.END
        shown = token.text if len(token.text) <= MAX_SHOWN else f"{token.text[:MAX_SHOWN]}..."
        return repr(shown)

    def fault(self, wanted: str, hint: str | None = None) -> SyntaxFault:
        """What was wanted, and what stands here instead."""
        token = self.token
        span = token.span
        if self.index > 0:
            before = self.tokens[self.index - 1]
            between = token.source.text[before.end : token.start]
            if before.source is token.source and "\n" in between:
                # What is missing is missing at the end of the line before.
                span = Span(before.source, before.end, before.end)
        return SyntaxFault(f"{wanted}, found {self.found()}", span, hint)

    def span_from(self, first: Token) -> Span:
        """From a token to the one taken last."""
        last = self.tokens[self.index - 1]
        if last.source is first.source and last.end >= first.end:
            return Span(first.source, first.start, last.end)
        return Span(first.source, first.start, first.end)

    def enter(self) -> None:
        """Go one level down; to be paired with leave(), unless a fault is raised."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            message = f"program is nested more than {MAX_DEPTH} deep here"
            raise SyntaxFault(message, self.token.span, code=syntax_codes.TOO_DEEP)

    def leave(self) -> None:
        self.depth -= 1

    def grow(self, height: int) -> int:
        """The height of a node above one of the given height."""
        if height >= MAX_HEIGHT:
            message = f"expression has more than {MAX_HEIGHT} operators within each other here"
            hint = "name parts of it as variables"
            raise SyntaxFault(message, self.token.span, hint, code=syntax_codes.TOO_DEEP)
        return height + 1

    # --- names

    def declare(self, name: str, is_type: bool) -> None:
        self.scopes[-1][name] = is_type

    def is_type(self, name: str) -> bool | None:
        """Does the name stand for a type here? None if it was not declared."""
        for scope in reversed(self.scopes):
            found = scope.get(name)
            if found is not None:
                return found
        return None

    # --- errors

    def report(self, fault: SyntaxFault) -> None:
        self.diagnostics.error(fault.code, str(fault), fault.span, fault.hint)

    def items(self, parse_item: Callable[[Cursor], T], end: str) -> list[T]:
        """Parse items up to a token of kind `end`, which is left. Faults cost one item each."""
        found: list[T] = []
        depth, scopes, in_angles = self.depth, len(self.scopes), self.in_angles
        while self.kind != end and self.kind != lexer.END:
            first = self.index
            try:
                found.append(parse_item(self))
            except SyntaxFault as fault:
                self.report(fault)
                self.depth, self.in_angles = depth, in_angles
                del self.scopes[scopes:]
                self.resume(first, end)
        return found

    def resume(self, first: int, end: str) -> None:
        """Go on behind the item that began at `first` and in which a fault was found."""
        kinds = self.kinds
        passed = kinds[first : self.index]
        open_braces = passed.count("{") - passed.count("}")
        while self.kind != lexer.END:
            kind = self.kind
            if kind == "{":
                open_braces += 1
            elif kind == "}":
                open_braces -= 1
                if open_braces < 0 and end == "}":
                    return
                if open_braces <= 0:
                    self.advance()
                    self.accept(";")
                    return
            elif kind == ";" and open_braces <= 0:
                self.advance()
                return
            elif (
                end == lexer.END
                and open_braces <= 0
                and self.index > first
                and kind in _STARTS_DECLARATION
                and self.begins_line()
            ):
                return
            self.advance()

    def begins_line(self) -> bool:
        token = self.token
        before = self.tokens[self.index - 1]
        return (
            before.source is not token.source or "\n" in token.source.text[before.end : token.start]
        )
