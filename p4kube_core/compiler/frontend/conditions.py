"""The value of an #if expression: integers only, as the C preprocessor has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, final

from p4kube_core.compiler.frontend import lexer
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.source import Span

MAX_DEPTH: Final = 100
_MAX_BITS: Final = 64  # beyond it a shift cannot be meant
_SUFFIX: Final = re.compile(r"[uUlL]{1,3}\Z")


class ConditionError(Exception):
    """The expression has no value; says why and where."""

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.span = span


_LEVELS: Final[tuple[frozenset[str], ...]] = tuple(
    frozenset(level.split())
    for level in ("||", "&&", "|", "^", "&", "== !=", "< > <= >=", "<< >>", "+ -", "* / %")
)
_OPERATIONS: Final[Mapping[str, Callable[[int, int], int]]] = {
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "&": lambda a, b: a & b,
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
    "<<": lambda a, b: a << min(max(b, 0), _MAX_BITS),
    ">>": lambda a, b: a >> max(b, 0),
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    # C rounds towards zero.
    "/": lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1),
    "%": lambda a, b: abs(a) % abs(b) * (-1 if a < 0 else 1),
}


def value_of(tokens: list[Token], directive: Span) -> int:
    """Evaluate macro-expanded tokens; names that are left count as 0.

    Raises:
        ConditionError: no expression, or one without a value.
    """
    reader = _Reader(tokens, directive)
    value = reader.conditional(0, True)
    if reader.position < len(tokens):
        rest = tokens[reader.position]
        raise ConditionError(f"{rest.text!r} does not belong in the condition", rest.span)
    return value


@final
class _Reader:
    def __init__(self, tokens: list[Token], directive: Span) -> None:
        self.tokens = tokens
        self.position = 0
        self.place = tokens[-1].span if tokens else directive

    def peek(self) -> str:
        """The text of the next token, with touching `>` taken together; empty at the end."""
        if self.position >= len(self.tokens):
            return ""
        token = self.tokens[self.position]
        if token.kind == ">" and self.position + 1 < len(self.tokens):
            after = self.tokens[self.position + 1]
            if after.kind == ">" and after.start == token.end:
                return ">>"
        return token.text if token.kind != lexer.STRING else '"'

    def take(self, text: str) -> bool:
        if self.peek() != text:
            return False
        self.position += 2 if text == ">>" else 1
        return True

    def conditional(self, depth: int, live: bool) -> int:
        if depth > MAX_DEPTH:
            raise ConditionError("condition is nested too deeply", self.place)
        value = self.binary(0, depth, live)
        if not self.take("?"):
            return value
        then = self.conditional(depth + 1, live and value != 0)
        if not self.take(":"):
            raise ConditionError("':' wanted in the condition", self.place)
        otherwise = self.conditional(depth + 1, live and value == 0)
        return then if value else otherwise

    def binary(self, level: int, depth: int, live: bool) -> int:
        if level == len(_LEVELS):
            return self.unary(depth, live)
        left = self.binary(level + 1, depth, live)
        while (operator := self.peek()) in _LEVELS[level]:
            self.take(operator)
            if operator == "||":
                right = self.binary(level + 1, depth, live and left == 0)
                left = int(left != 0 or right != 0)
            elif operator == "&&":
                right = self.binary(level + 1, depth, live and left != 0)
                left = int(left != 0 and right != 0)
            else:
                right = self.binary(level + 1, depth, live)
                left = self.operate(operator, left, right, live)
        return left

    def operate(self, operator: str, left: int, right: int, live: bool) -> int:
        if operator in ("/", "%") and right == 0:
            if live:
                raise ConditionError("division by zero in the condition", self.place)
            return 0
        value = _OPERATIONS[operator](left, right)
        return (value + (1 << 63)) % (1 << 64) - (1 << 63)

    def unary(self, depth: int, live: bool) -> int:
        if depth > MAX_DEPTH:
            raise ConditionError("condition is nested too deeply", self.place)
        if self.take("("):
            value = self.conditional(depth + 1, live)
            if not self.take(")"):
                raise ConditionError("')' wanted in the condition", self.place)
            return value
        for operator in "!-+~":
            if self.take(operator):
                value = self.unary(depth + 1, live)
                return {"!": int(not value), "-": -value, "+": value, "~": ~value}[operator]
        return self.primary()

    def primary(self) -> int:
        if self.position >= len(self.tokens):
            raise ConditionError("value wanted in the condition, nothing found", self.place)
        token = self.tokens[self.position]
        self.position += 1
        if token.kind == lexer.INTEGER:
            return self.number(token)
        if token.text == "true":
            return 1
        if token.text.isidentifier():
            return 0
        raise ConditionError(f"value wanted in the condition, found {token.text!r}", token.span)

    def number(self, token: Token) -> int:
        text = token.text
        if self.position < len(self.tokens):
            suffix = self.tokens[self.position]
            if suffix.start == token.end and _SUFFIX.match(suffix.text):
                self.position += 1
        octal = len(text) > 1 and text.isdigit() and text[0] == "0"
        try:
            return int(text, 8) if octal else lexer.integer_parts(text)[0]
        except ValueError as e:
            raise ConditionError(f"{text!r} is no number: {e}", token.span) from e
