"""The server's arbitration, scripted: who stands with what, and who is told what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4kube_core.agent.elections import MAX_STREAMS, Election
from p4kube_core.agent.refusal import Refusal

WORDS = {0: "primary", 6: "backup", 5: "vacant"}

SCRIPTS = {
    "one controller": "A stands 5 -> A primary 5",
    "lower is told alone": "A stands 5 -> A primary 5; B stands 3 -> B backup 5",
    "higher takes over": "A stands 5 -> A primary 5; B stands 7 -> A backup 7, B primary 7",
    "primary gone": "A stands 5 -> A primary 5; B stands 3 -> B backup 5; A leaves -> B vacant 5",
    "backup gone": "A stands 5 -> A primary 5; B stands 3 -> B backup 5; B leaves ->",
    "no one steps in by itself": (
        "A stands 5 -> A primary 5; B stands 3 -> B backup 5; A leaves -> B vacant 5; "
        "B stands 3 -> B vacant 5; B stands 5 -> B primary 5"
    ),
    "down by itself": (
        "A stands 5 -> A primary 5; B stands 3 -> B backup 5; "
        "A stands 2 -> A vacant 5, B vacant 5; B stands 6 -> A backup 6, B primary 6"
    ),
    "stays primary": (
        "A stands 5 -> A primary 5; B stands 3 -> B backup 5; "
        "A stands 5 -> B backup 5, A primary 5; A stands 6 -> B backup 6, A primary 6"
    ),
    "unset never wins": "A stands - -> A vacant -; B stands 0 -> A backup 0, B primary 0",
    "primary withdraws": "A stands 5 -> A primary 5; A stands - -> A vacant 5",
    "in use": "A stands 5 -> A primary 5; B stands 5 -> refused; C stands 4 -> C backup 5",
    "in use by a backup": (
        "A stands 5 -> A primary 5; B stands 3 -> B backup 5; A stands 3 -> refused"
    ),
    "unset twice": "A stands - -> A vacant -; B stands - -> B vacant -",
}


def play(script: str) -> str:
    election = Election()
    lines = []
    for step in script.split(";"):
        name, verb, *rest = step.partition("->")[0].split()
        stream = ord(name)
        try:
            if verb == "leaves":
                notices = election.leave(stream)
            else:
                notices = election.stand(stream, None if rest[0] == "-" else int(rest[0]))
                notices += election.settle()
            told = ", ".join(
                f"{chr(n.stream)} {WORDS[n.status]} {'-' if n.highest is None else n.highest}"
                for n in notices
            )
        except Refusal:
            told = "refused"
        lines.append(f"{' '.join((name, verb, *rest))} -> {told}".rstrip())
    return "; ".join(lines)


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(name: str) -> None:
    assert play(SCRIPTS[name]) == SCRIPTS[name]


def test_between_stand_and_settle_nobody_may_write() -> None:
    election = Election()
    election.stand(1, 5)
    election.settle()
    assert election.is_primary(5)
    election.stand(2, 6)
    assert not election.is_primary(5)
    assert not election.is_primary(6)
    election.settle()
    assert election.is_primary(6)


def test_others_are_told_when_the_successor_leaves_before_it_is_in_office() -> None:
    election = Election()
    election.stand(1, 5)
    election.settle()
    assert [(n.stream, WORDS[n.status]) for n in election.stand(2, 7)] == [(1, "backup")]
    assert [(n.stream, WORDS[n.status]) for n in election.leave(2)] == [(1, "vacant")]
    assert election.settle() == []
    assert election.primary is None


def test_limit_of_streams() -> None:
    election = Election()
    for stream in range(MAX_STREAMS):
        election.stand(stream, None)
    with pytest.raises(Refusal, match="32 controllers"):
        election.stand(99, None)
    election.stand(0, 1)


STEPS = st.lists(
    st.tuples(st.integers(0, 4), st.one_of(st.none(), st.integers(0, 6), st.just("leave"))),
    max_size=30,
)


@given(STEPS)
def test_at_most_one_primary_and_it_has_the_highest_id(
    steps: list[tuple[int, int | str | None]],
) -> None:
    election = Election()
    live: dict[int, int | None] = {}
    highest: int | None = None
    for stream, wish in steps:
        if isinstance(wish, str):
            election.leave(stream)
            live.pop(stream, None)
        else:
            try:
                election.stand(stream, wish)
            except Refusal:
                assert wish in [held for other, held in live.items() if other != stream]
                continue
            election.settle()
            live[stream] = wish
            if wish is not None:
                highest = wish if highest is None else max(highest, wish)
        assert election.highest == highest
        if election.primary is not None:
            assert live[election.primary] == highest
