"""Text becomes tokens, each with its place."""

from __future__ import annotations

import pytest

from p4kube_core.compiler.frontend import lexer
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from p4kube_core.compiler.frontend.source import Source


def texts(text: str) -> list[str]:
    return [t.text for t in lexer.tokens_between(Source("x", text), 0, len(text), Diagnostics())]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a|+|=b", ["a", "|+|=", "b"]),
        ("a |-| b", ["a", "|-|", "b"]),
        ("a&&&b&&c&d", ["a", "&&&", "b", "&&", "c", "&", "d"]),
        ("x[3+:4]", ["x", "[", "3", "+:", "4", "]"]),
        ("1..2 ...", ["1", "..", "2", "..."]),
        ("a>>=b", ["a", ">", ">=", "b"]),
        ("T<T<a>>", ["T", "<", "T", "<", "a", ">", ">"]),
        ("a<<=1<<2", ["a", "<<=", "1", "<<", "2"]),
        ("a/b /* c */ / d // e\n/ f", ["a", "/", "b", "/", "d", "/", "f"]),
        ("/***/a/* * / **/b", ["a", "b"]),
        ("a \\\n b", ["a", "b"]),
        ("// comment \\\n goes on\nb", ["b"]),
        ('"a \\" b" "c"', ['"a \\" b"', '"c"']),
        ("_ _a a_1", ["_", "_a", "a_1"]),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert texts(text) == tokens


def test_place_of_each_token() -> None:
    text = "ab\n  /* x\n */ cd\r\n\tef"
    found = lexer.tokens_between(Source("f.p4", text), 0, len(text), None)
    assert [str(t.span) for t in found] == ["f.p4:1:1", "f.p4:3:5", "f.p4:4:2"]
    assert [t.span.text for t in found] == ["ab", "cd", "ef"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0", (0, None, False, 10)),
        ("007", (7, None, False, 10)),
        ("1_000", (1000, None, False, 10)),
        ("0xFF_ff", (0xFFFF, None, False, 16)),
        ("0Xab", (0xAB, None, False, 16)),
        ("8w0b1010_1010", (0xAA, 8, False, 2)),
        ("4s7", (7, 4, True, 10)),
        ("16s0o17", (15, 16, True, 8)),
        ("9w0d12", (12, 9, False, 10)),
    ],
)
def test_integers(text: str, parts: tuple[int, int | None, bool, int]) -> None:
    assert lexer.integer_parts(text) == parts


@pytest.mark.parametrize("text", ["0x", "8w0b_", "0x_"])
def test_integers_without_digits(text: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        lexer.integer_parts(text)


def test_integers_of_absurd_length() -> None:
    with pytest.raises(ValueError, match="more than"):
        lexer.integer_parts("0x" + "f" * (lexer.MAX_DIGITS + 1))
