"""Whatever parses is checked to an end: facts or diagnostics, never an exception."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p4kube_core.compiler.frontend import lexer
from p4kube_core.compiler.frontend.source import Source
from tests.unit.frontend_syntax import programs
from tests.unit.frontend_types import checking, test_facts

TEXTS = (programs.SAMPLE, test_facts.PROGRAM)
TOKENS = [
    [t.text + " " for t in lexer.tokens_between(Source("s", text), 0, len(text), None)]
    for text in TEXTS
]
NAMES = [[i for i, t in enumerate(tokens) if t.strip().isidentifier()] for tokens in TOKENS]
SOON = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def answered(text: str) -> None:
    _, diagnostics = checking.check(text)
    for diagnostic in diagnostics.sorted():
        assert str(diagnostic)


def lines(tokens: list[str]) -> str:
    """The tokens; directives need lines of their own, so includes are put in front."""
    return "#include <core.p4>\n#include <v1model.p4>\n" + "".join(tokens)


@SOON
@given(st.data())
def test_names_in_places_of_others(data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(TEXTS) - 1))
    tokens = list(TOKENS[which])
    for _ in range(data.draw(st.integers(1, 5))):
        to, by = (data.draw(st.sampled_from(NAMES[which])) for _ in range(2))
        tokens[to] = tokens[by]
    answered(lines(tokens))


@SOON
@given(st.data())
def test_words_dropped_moved_or_repeated(data: st.DataObject) -> None:
    tokens = list(TOKENS[data.draw(st.integers(0, len(TEXTS) - 1))])
    at = data.draw(st.integers(0, len(tokens) - 1))
    size = data.draw(st.integers(1, 12))
    moved = tokens[at : at + size]
    if data.draw(st.booleans()):
        del tokens[at : at + size]
    to = data.draw(st.integers(0, len(tokens)))
    tokens[to:to] = moved
    answered(lines(tokens))
