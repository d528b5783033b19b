"""Text to tokens, with one regular expression; knows nothing of macros or grammar.

Source: P4_16 language specification 1.2.5, "Lexical constructs".
"""

from __future__ import annotations

import re
from typing import Final, final

from p4kube_core.compiler.frontend import syntax_codes
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from p4kube_core.compiler.frontend.source import Source, Span

IDENTIFIER: Final = "identifier"
INTEGER: Final = "integer"
STRING: Final = "string"
END: Final = "end of file"
OTHER: Final = "character"  # one that begins no token of P4; kept for annotation bodies

_KEYWORDS: Final = """
    abstract action actions apply bit bool break const continue control default else entries enum
    error exit extern false for header header_union if in inout int key list match_kind out package
    parser priority return select state string struct switch table this transition true tuple type
    typedef value_set varbit void
"""
KEYWORDS: Final = frozenset(_KEYWORDS.split())
# Keywords only where the grammar expects them; elsewhere they are names.
CONTEXTUAL: Final = frozenset(
    ["actions", "apply", "entries", "key", "list", "priority", "state", "type"]
)

# Longest first. `>>` is no token: two `>` that touch are a shift, or close two type argument lists.
_OPERATORS: Final = (
    "|+|=", "|-|=",
    "&&&", "|+|", "|-|", "<<=", "...",
    "<<", "&&", "||", "==", "!=", ">=", "<=", "++", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
    "+:", "..", "##",
    *"+-*/%&|^~!<>=?:;,.()[]{}@#",
)  # fmt: skip

BLANK: Final = r"(?:[ \t\r\n\f\v]+|\\\r?\n|//(?:\\\r?\n|[^\n])*|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/)*+"
_BLANK: Final = re.compile(BLANK)
_TOKEN: Final = re.compile(
    BLANK
    + r"(?:([A-Za-z_][A-Za-z0-9_]*)"
    + r"|("
    + "|".join(r"/(?!\*)" if o == "/" else re.escape(o) for o in _OPERATORS)
    + r")"
    + r"|((?:[0-9]+[ws])?0[xX][0-9a-fA-F_]+|(?:[0-9]+[ws])?0[bB][01_]+|(?:[0-9]+[ws])?0[oO][0-7_]+"
    + r"|(?:[0-9]+[ws])?0[dD][0-9_]+|(?:[0-9]+[ws])?[0-9][0-9_]*)"
    + r'|("(?:[^"\\]|\\.)*+")'
    + r"|(\Z)"
    + r"|(.))",
    re.DOTALL,
)
# What _TOKEN's groups are, by number.
WORD_GROUP: Final = 1
OPERATOR_GROUP: Final = 2
NUMBER_GROUP: Final = 3
STRING_GROUP: Final = 4
END_GROUP: Final = 5
match_token: Final = _TOKEN.match

_NO_MACROS: Final[frozenset[str]] = frozenset()


@final
class Token:
    """A token and where it stands. For P4's keywords and operators, `kind` is the text itself."""

    __slots__ = ("end", "hidden", "kind", "source", "start", "text")

    def __init__(self, kind: str, text: str, source: Source, start: int, end: int) -> None:
        self.kind = kind
        self.text = text
        self.source = source
        self.start = start
        self.end = end
        self.hidden = _NO_MACROS  # macros whose expansion this came from, not to be expanded again

    def __repr__(self) -> str:
        return f"Token({self.kind!r}, {self.text!r})"

    @property
    def span(self) -> Span:
        return Span(self.source, self.start, self.end)

    def moved(self, to: Token, hidden: frozenset[str]) -> Token:
        """The same token as part of a macro's expansion that stands where `to` stands."""
        copy = Token(self.kind, self.text, to.source, to.start, to.end)
        copy.hidden = hidden
        return copy


def kind_of_word(text: str) -> str:
    if text in KEYWORDS:
        return text
    return "_" if text == "_" else IDENTIFIER


def tokens_between(
    source: Source, start: int, end: int, diagnostics: Diagnostics | None
) -> list[Token]:
    """All tokens of a stretch of text, without an end token.

    Args:
        diagnostics: told of what begins no token; None to keep silent about it.
    """
    tokens: list[Token] = []
    text = source.text
    position = start
    while True:
        match = match_token(text, position, end)
        assert match is not None
        group = match.lastindex or END_GROUP
        if group == END_GROUP:
            return tokens
        position = match.end()
        word = match[group]
        first = position - len(word)
        if group == WORD_GROUP:
            kind = kind_of_word(word)
        elif group == OPERATOR_GROUP:
            kind = word
        elif group == NUMBER_GROUP:
            kind = INTEGER
        elif group == STRING_GROUP:
            kind = STRING
        else:
            position = report_stray(source, first, end, diagnostics)
            kind = OTHER
            word = text[first:position]
        tokens.append(Token(kind, word, source, first, position))


def report_stray(source: Source, start: int, end: int, diagnostics: Diagnostics | None) -> int:
    """Say what is wrong with the text that no token begins with; return where to go on.

    A single character is not reported here: bodies of annotations may hold any.
    """
    text = source.text
    if text[start] == '"':
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop
        if diagnostics:
            where = Span(source, start, stop)
            diagnostics.error(
                syntax_codes.OPEN_STRING, "string literal has no closing quote", where
            )
        return stop
    if text.startswith("/*", start):
        if diagnostics:
            where = Span(source, start, start + 2)
            diagnostics.error(syntax_codes.OPEN_COMMENT, "comment has no closing */", where)
        return end
    return start + 1


def stray_character(token: Token, diagnostics: Diagnostics) -> None:
    """Report a token of kind OTHER where P4 has no place for one."""
    if len(token.text) == 1:
        shown = repr(token.text) if token.text.isprintable() else f"U+{ord(token.text):04X}"
        diagnostics.error(
            syntax_codes.STRAY_CHARACTER, f"no token of P4 begins with {shown}", token.span
        )


def integer_parts(text: str) -> tuple[int, int | None, bool, int]:
    """Value, width in bits (None: arbitrary precision), signed, and base of an integer literal.

    Raises:
        ValueError: digits are missing, or there are too many of them to be meant.
    """
    width: int | None = None
    signed = False
    for letter in "ws":
        head, found, tail = text.partition(letter)
        if found:
            width, signed, text = int(head), letter == "s", tail
            break
    digits = text.replace("_", "")
    base = {"x": 16, "d": 10, "o": 8, "b": 2}.get(digits[1:2].lower()) if digits[0] == "0" else None
    if base is not None:
        digits = digits[2:]
    if not digits:
        raise ValueError("digits are missing")
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"more than {MAX_DIGITS} digits")
    return int(digits, base or 10), width, signed, base or 10


MAX_DIGITS: Final = 4000  # Python itself refuses decimal numbers of more than 4300
