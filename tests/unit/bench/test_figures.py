"""Figures of a benchmark: medians, ratios within a round, goals, the picture."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from bench import figures

RATE = figures.Measure("rate", "Gbit/s")


def of(goal: figures.Goal | None = None) -> figures.Figures:
    made = figures.Figures((RATE,), ("theirs", "<ours>"), (goal,) if goal else ())
    for theirs, ours in ((1.0, 2.0), (10.0, 15.0), (100.0, 110.0)):
        made.add(RATE, "theirs", theirs)
        made.add(RATE, "<ours>", ours)
    return made


def test_a_ratio_is_the_median_of_those_within_a_round() -> None:
    (line,) = (line for line in of().table().splitlines() if "<ours>" in line)
    assert line.split() == ["<ours>", "15.0", "8.5-62.5", "1.50"]


@pytest.mark.parametrize(
    ("least", "most", "met"),
    [(1.5, None, True), (1.6, None, False), (None, 1.5, True), (None, 1.4, False)],
)
def test_a_goal_is_met_or_missed(least: float | None, most: float | None, met: bool) -> None:
    made = of(figures.Goal(RATE, "<ours>", "theirs", least, most))
    assert made.table().endswith("met" if met else "MISSED")
    (said,) = made.to_json()["goals"]
    assert (said["value"], said["met"]) == (1.5, met)


def test_a_goal_without_a_peer_is_of_the_figure_itself() -> None:
    table = of(figures.Goal(RATE, "<ours>", most=14.9)).table()
    assert table.endswith("rate: <ours>, Gbit/s: 15.00, wanted at most 14.9: MISSED")


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
