"""Whatever the text, the front end answers with a tree or with diagnostics, and soon."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p4kube_core.compiler.frontend import ast, lexer, parser
from p4kube_core.compiler.frontend.diagnostics import Diagnostics
from p4kube_core.compiler.frontend.source import Source
from tests.unit.frontend_syntax import programs

TOKENS = [
    t.text + (" " if t.text.isidentifier() else "")
    for t in lexer.tokens_between(Source("s", programs.SAMPLE), 0, len(programs.SAMPLE), None)
]
SOON = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def answered(text: str) -> Diagnostics:
    diagnostics = Diagnostics()
    source = Source("fuzz.p4", text)
    tree = parser.parse_program(source, (), {}, diagnostics)
    assert isinstance(tree, ast.Program)
    for diagnostic in diagnostics.sorted():
        assert str(diagnostic)
    return diagnostics


def test_the_sample_parses() -> None:
    assert answered(programs.SAMPLE).render() == ""


@SOON
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    answered(text)


@SOON
@given(st.lists(st.sampled_from(programs.WORDS), max_size=80))
def test_any_words(words: list[str]) -> None:
    answered(" ".join(words))


@SOON
@given(st.data())
def test_a_program_with_words_taken_out_put_in_or_moved(data: st.DataObject) -> None:
    tokens = list(TOKENS)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(tokens) - 1))
        match data.draw(st.sampled_from(["drop", "repeat", "swap", "insert", "cut"])):
            case "drop":
                del tokens[at]
            case "repeat":
                tokens[at:at] = tokens[at : at + 5]
            case "swap":
                other = data.draw(st.integers(0, len(tokens) - 1))
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case "insert":
                tokens.insert(at, data.draw(st.sampled_from(programs.WORDS)))
            case "cut":
                del tokens[at : at + 20]
        tokens = tokens or [";"]
    answered(" ".join(tokens))


@SOON
@given(st.data())
def test_a_program_with_characters_changed(data: st.DataObject) -> None:
    text = programs.SAMPLE
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        insert = data.draw(st.text(max_size=3))
        text = text[:at] + insert + text[at + data.draw(st.integers(0, 3)) :]
    answered(text)
