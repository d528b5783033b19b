"""Figures of a benchmark: medians, ratios within a round, goals, the picture."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from bench import figures

RATE = figures.Measure("rate", "Gbit/s")


def of(goal: figures.Goal | None = None, rounds: int = 3) -> figures.Figures:
    made = figures.Figures((RATE,), ("theirs", "<ours>"), (goal,) if goal else ())
    for theirs, ours in ((1.0, 2.0), (10.0, 15.0), (100.0, 110.0)) * (rounds // 3):
        made.add(RATE, "theirs", theirs)
        made.add(RATE, "<ours>", ours)
    return made


def test_a_ratio_is_the_median_of_those_within_a_round() -> None:
    (line,) = (line for line in of().table().splitlines() if "<ours>" in line)
    assert line.split() == ["<ours>", "15.0", "8.5-62.5", "1.50"]


@pytest.mark.parametrize(
    ("least", "most", "verdict"),
    [
        (1.1, None, "met"),
        (1.2, None, "within the error"),
        (1.6, None, "within the error"),
        (2.1, None, "MISSED"),
        (None, 2.0, "met"),
        (None, 1.9, "within the error"),
        (None, 1.0, "MISSED"),
    ],
)
def test_a_goal_is_met_or_missed_or_within_the_error(
    least: float | None, most: float | None, verdict: str
) -> None:
    made = of(figures.Goal(RATE, "<ours>", "theirs", least, most), rounds=6)
    assert made.table().endswith(f": {verdict}")
    (said,) = made.to_json()["goals"]
    assert (said["value"], said["interval"], said["verdict"]) == (1.5, (1.1, 2.0), verdict)


@pytest.mark.parametrize(
    ("rounds", "outside"), [(1, 0), (2, 0), (5, 0), (6, 0), (8, 0), (9, 1), (12, 2), (25, 7)]
)
def test_the_interval_of_a_median_leaves_out_what_a_sign_test_does(
    rounds: int, outside: int
) -> None:
    values = [float(value) for value in range(rounds)]
    assert figures.interval(values[::-1]) == (values[outside], values[-1 - outside])


def test_a_goal_without_a_peer_is_of_the_figure_itself() -> None:
    table = of(figures.Goal(RATE, "<ours>", most=1.9), rounds=6).table()
    assert table.endswith("rate: <ours>, Gbit/s: 15.00 (2.00-110.00), wanted at most 1.9: MISSED")


@pytest.mark.parametrize("most", [1.9, 200.0])
def test_three_rounds_are_too_few_to_say(most: float) -> None:
    table = of(figures.Goal(RATE, "<ours>", most=most), rounds=3).table()
    assert table.endswith(f", wanted at most {most}: too few rounds to say")


def test_the_picture_has_a_bar_each() -> None:
    root = ElementTree.fromstring(of().picture())
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(bar.attrib["width"]) for bar in root.iter(f"{space}rect")]
    assert widths[1] == pytest.approx(1.5 * widths[0], abs=0.1)
    assert "<ours>" in [text.text for text in root.iter(f"{space}text")]


def test_a_percentile_is_one_of_the_values() -> None:
    assert figures.percentile(range(1, 101), 50) == 51
    assert figures.percentile(range(1, 1001), 99) == 991
    assert figures.percentile([7.0], 99) == 7.0
