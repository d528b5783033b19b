"""Macro definitions and their expansion; works on tokens, reads no files.

Source: the C standard (ISO/IEC 9899:2018), "Macro replacement", which P4's preprocessor follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, final

from p4kube_core.compiler.frontend import lexer, syntax_codes
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from p4kube_core.compiler.frontend.lexer import Token
from p4kube_core.compiler.frontend.source import Source, Span

MAX_TOKENS: Final = 500_000  # in one program, after expansion
_VARIADIC: Final = "__VA_ARGS__"


@final
@dataclass(frozen=True, slots=True)
class Macro:
    name: str
    parameters: tuple[str, ...] | None  # None: not function-like
    variadic: bool  # the last parameter is __VA_ARGS__
    body: tuple[Token, ...]
    span: Span | None  # of its name; None for one from the command line or built in

    def same_as(self, other: Macro) -> bool:
        return (
            self.parameters == other.parameters
            and self.variadic == other.variadic
            and [t.text for t in self.body] == [t.text for t in other.body]
        )


class TooManyTokens(Exception):
    """Expansion went beyond MAX_TOKENS."""


@final
@dataclass(slots=True)
class Macros:
    """The macros defined at this point, and what they expand to."""

    diagnostics: Diagnostics
    defined: dict[str, Macro] = field(default_factory=dict)
    produced: int = 0  # tokens that expansions have made so far

    def expand(self, tokens: Iterable[Token]) -> list[Token]:
        """Replace every macro in the tokens.

        Raises:
            TooManyTokens: the result would be larger than any program is.
        """
        defined = self.defined
        output: list[Token] = []
        pending = list(tokens)
        pending.reverse()
        while pending:
            token = pending.pop()
            text = token.text
            if text not in defined or text in token.hidden or token.kind == lexer.STRING:
                if text in ("__LINE__", "__FILE__") and token.kind == lexer.IDENTIFIER:
                    token = _place_token(token)
                output.append(token)
                continue
            macro = defined[text]
            if macro.parameters is None:
                hidden = token.hidden | {text}
                body = self._substitute(macro, {}, token, hidden)
            else:
                if not pending or pending[-1].kind != "(":
                    output.append(token)
                    continue
                call = self._arguments(macro, token, pending)
                if call is None:
                    continue
                arguments, closing = call
                hidden = (token.hidden & closing.hidden) | {text}
                body = self._substitute(macro, arguments, token, hidden)
            self.produced += len(body) + 1
            if self.produced > MAX_TOKENS:
                raise TooManyTokens
            body.reverse()
            pending.extend(body)
        return output

    def _arguments(
        self, macro: Macro, name: Token, pending: list[Token]
    ) -> tuple[dict[str, list[Token]], Token] | None:
        """Take the parenthesised arguments off `pending`; None, said why, if they do not fit."""
        assert macro.parameters is not None
        arguments: list[list[Token]] = [[]]
        depth = 0
        while pending:
            token = pending.pop()
            if token.kind == "(":
                depth += 1
                if depth == 1:
                    continue
            elif token.kind == ")":
                depth -= 1
                if depth == 0:
                    return self._bind(macro, name, arguments, token)
            elif (
                token.kind == ","
                and depth == 1
                and not (macro.variadic and len(arguments) >= len(macro.parameters))
            ):
                arguments.append([])
                continue
            arguments[-1].append(token)
        self.diagnostics.error(
            syntax_codes.OPEN_CALL, f"call of macro {macro.name!r} has no closing ')'", name.span
        )
        return None

    def _bind(
        self, macro: Macro, name: Token, arguments: list[list[Token]], closing: Token
    ) -> tuple[dict[str, list[Token]], Token] | None:
        assert macro.parameters is not None
        wanted = len(macro.parameters)
        if wanted == 0 and arguments == [[]]:
            arguments = []
        if macro.variadic and len(arguments) == wanted - 1:
            arguments.append([])
        if len(arguments) != wanted:
            self.diagnostics.error(
                syntax_codes.MACRO_ARGUMENTS,
                f"macro {macro.name!r} takes {wanted} argument(s), {len(arguments)} given",
                name.span,
            )
            return None
        return dict(zip(macro.parameters, arguments, strict=True)), closing

    def _substitute(
        self, macro: Macro, arguments: dict[str, list[Token]], at: Token, hidden: frozenset[str]
    ) -> list[Token]:
        body = macro.body
        output: list[Token] = []
        expanded: dict[str, list[Token]] = {}
        i = 0
        while i < len(body):
            token = body[i]
            following = body[i + 1].kind if i + 1 < len(body) else ""
            argument = arguments.get(token.text) if token.kind != lexer.STRING else None
            if token.kind == "#" and i + 1 < len(body) and body[i + 1].text in arguments:
                text = stringified(arguments[body[i + 1].text])
                output.append(Token(lexer.STRING, text, at.source, at.start, at.end))
                i += 1
            elif token.kind == "##" and output and i + 1 < len(body):
                right = arguments.get(body[i + 1].text)
                parts = [body[i + 1].moved(at, hidden)] if right is None else right
                if parts:
                    output.extend([*self._pasted(output.pop(), parts[0], at), *parts[1:]])
                i += 1
            elif argument is None:
                output.append(token.moved(at, token.hidden | hidden))
            elif following == "##":
                # An operand of ## is not expanded; an empty one still needs something to paste to.
                output.extend(argument or [Token(lexer.OTHER, "", at.source, at.start, at.end)])
            else:
                if token.text not in expanded:
                    expanded[token.text] = self.expand(argument)
                output.extend(expanded[token.text])
            i += 1
        if len(output) + self.produced > MAX_TOKENS:
            raise TooManyTokens
        return [_hide(t, hidden) for t in output if t.text]

    def _pasted(self, left: Token, right: Token, at: Token) -> list[Token]:
        text = left.text + right.text
        made = lexer.tokens_between(Source("<pasted>", text), 0, len(text), None)
        if len(made) != 1 or made[0].kind == lexer.OTHER:
            self.diagnostics.error(
                syntax_codes.PASTING,
                f"pasting {left.text!r} and {right.text!r} makes no token",
                at.span,
            )
            return [left, right]
        return [made[0].moved(at, left.hidden & right.hidden)]


def _hide(token: Token, names: frozenset[str]) -> Token:
    if names <= token.hidden:
        return token
    copy = Token(token.kind, token.text, token.source, token.start, token.end)
    copy.hidden = token.hidden | names
    return copy


def _place_token(token: Token) -> Token:
    span = token.span
    if token.text == "__LINE__":
        text = str(span.line)
        return Token(lexer.INTEGER, text, token.source, token.start, token.end)
    return Token(lexer.STRING, f'"{span.file}"', token.source, token.start, token.end)


def spelt(tokens: list[Token]) -> str:
    """The tokens as text, with one blank where there was any between them."""
    parts: list[str] = []
    last: Token | None = None
    for token in tokens:
        if last is not None and (last.source is not token.source or last.end != token.start):
            parts.append(" ")
        parts.append(token.text)
        last = token
    return "".join(parts)


def stringified(tokens: list[Token]) -> str:
    text = spelt(tokens).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def parse_definition(
    tokens: list[Token], diagnostics: Diagnostics, directive: Span
) -> Macro | None:
    """A macro from what stands after #define; None, said why, if it is none."""
    if not tokens or not tokens[0].text.isidentifier() or tokens[0].text == "defined":
        place = tokens[0].span if tokens else directive
        diagnostics.error(syntax_codes.BAD_DEFINE, "#define needs a name", place)
        return None
    name = tokens[0]
    called = len(tokens) > 1 and tokens[1].kind == "(" and tokens[1].start == name.end
    if not called:
        return Macro(name.text, None, False, tuple(tokens[1:]), name.span)
    parameters: list[str] = []
    i = 2
    while i < len(tokens) and tokens[i].kind != ")":
        if tokens[i].kind == "...":
            parameters.append(_VARIADIC)
        elif tokens[i].text.isidentifier() and tokens[i].text not in parameters:
            parameters.append(tokens[i].text)
        else:
            break
        i += 1
        if i < len(tokens) and tokens[i].kind == "," and parameters[-1] != _VARIADIC:
            i += 1
    if i >= len(tokens) or tokens[i].kind != ")":
        place = tokens[min(i, len(tokens) - 1)].span
        message = f"parameters of macro {name.text!r} must be names between ( and )"
        diagnostics.error(syntax_codes.BAD_DEFINE, message, place)
        return None
    variadic = bool(parameters) and parameters[-1] == _VARIADIC
    return Macro(name.text, tuple(parameters), variadic, tuple(tokens[i + 1 :]), name.span)
