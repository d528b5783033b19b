"""What a benchmark has measured, a value each round; as table, JSON and picture."""

from __future__ import annotations

import html
import itertools
import json
import math
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, final

Rounds = dict[str, list[float]]
"""Of one measure: for each candidate a value each round."""


LEAST_ROUNDS: Final = 6
"""Fewer bound no median with a confidence of 95 %."""


@final
@dataclass(frozen=True, slots=True)
class Measure:
    name: str
    unit: str
    digits: int = 1


class Verdict(StrEnum):
    MET = "met"
    OPEN = "within the error"
    MISSED = "MISSED"
    FEW = "too few rounds to say"


@final
@dataclass(frozen=True, slots=True)
class Goal:
    """What ours shall be: over a peer's within a round, or by itself; the median counts.

    Met or missed is what is so all over the median's interval: of two that are the same, either is
    the slower one half of the time.
    """

    measure: Measure
    ours: str
    peer: str | None = None
    least: float | None = None
    most: float | None = None

    def values(self, rounds: Rounds) -> Sequence[float]:
        return rounds[self.ours] if self.peer is None else _ratios(rounds, self.ours, self.peer)

    def verdict(self, rounds: Rounds) -> Verdict:
        values = self.values(rounds)
        if len(values) < LEAST_ROUNDS:
            return Verdict.FEW
        allowed = [self._allows(end) for end in interval(values)]
        if all(allowed):
            return Verdict.MET
        return Verdict.OPEN if any(allowed) else Verdict.MISSED

    def _allows(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    @property
    def what(self) -> str:
        over = f" over {self.peer}" if self.peer is not None else f", {self.measure.unit}"
        return f"{self.measure.name}: {self.ours}{over}"

    @property
    def wanted(self) -> str:
        return f"at least {self.least}" if self.least is not None else f"at most {self.most}"

    def line(self, rounds: Rounds) -> str:
        values = self.values(rounds)
        low, high = interval(values)
        return (
            f"{self.what}: {statistics.median(values):.2f} ({low:.2f}-{high:.2f}), "
            f"wanted {self.wanted}: {self.verdict(rounds)}"
        )

    def to_json(self, rounds: Rounds) -> dict[str, Any]:
        values = self.values(rounds)
        return {
            "measure": self.measure.name,
            "ours": self.ours,
            "peer": self.peer,
            "value": statistics.median(values),
            "interval": interval(values),
            "wanted": self.wanted,
            "verdict": self.verdict(rounds),
        }


@final
@dataclass(slots=True)
class Figures:
    """Filled round by round."""

    measures: Sequence[Measure]
    candidates: Sequence[str]
    goals: Sequence[Goal] = ()
    compared: bool = True  # each with the first candidate
    rounds: dict[str, Rounds] = field(default_factory=dict)

    def add(self, measure: Measure, candidate: str, value: float) -> None:
        self.rounds.setdefault(measure.name, {}).setdefault(candidate, []).append(value)

    def table(self) -> str:
        """Median and quartiles of each; where compared, its ratio to the first within a round."""
        lines = []
        for measure in self.measures:
            rounds = self.rounds[measure.name]
            title = f"{measure.name}, {measure.unit}"
            width = max(len(title) - 2, *map(len, self.candidates))
            over = f" {f'over {self.candidates[0]}':>{width + 6}}" if self.compared else ""
            lines.append(f"{title:{width + 2}} {'median':>9} {'quartiles':>17}{over}")
            for candidate in self.candidates:
                low, middle, high = quartiles(rounds[candidate])
                spread = f"{low:.{measure.digits}f}-{high:.{measure.digits}f}"
                line = f"  {candidate:{width}} {middle:9.{measure.digits}f} {spread:>17}"
                if self.compared:
                    ratios = _ratios(rounds, candidate, self.candidates[0])
                    line += f" {statistics.median(ratios):{width + 6}.2f}"
                lines.append(line)
            lines.append("")
        lines += (goal.line(self.rounds[goal.measure.name]) for goal in self.goals)
        return "\n".join(lines).rstrip()

    def to_json(self) -> dict[str, Any]:
        return {
            "machine": machine(),
            "measures": {
                m.name: {"unit": m.unit, "rounds": self.rounds[m.name]} for m in self.measures
            },
            "goals": [goal.to_json(self.rounds[goal.measure.name]) for goal in self.goals],
        }

    def write(self, json_file: Path | None, plot_file: Path | None) -> None:
        """Write the figures of every round, and the picture, where they were asked for."""
        if json_file is not None:
            json_file.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")
        if plot_file is not None:
            plot_file.write_text(self.picture(), encoding="utf-8")

    def picture(self) -> str:
        """A bar each candidate and measure, with its quartiles as a line; SVG."""
        return _svg(self.measures, self.candidates, self.rounds)


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the median lies with a confidence of 95 %, whatever the values' distribution; of fewer
    than LEAST_ROUNDS values all that there is (order statistics by the sign test).
    """
    ordered = sorted(values)
    size, outside, beyond = len(ordered), 0, 0.0
    for lower in range((size - 1) // 2):
        beyond += math.comb(size, lower) / 2**size
        if beyond > 0.025:
            break
        outside = lower
    return ordered[outside], ordered[-1 - outside]


def percentile(values: Iterable[float], percent: float) -> float:
    """The least value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def machine() -> dict[str, str]:
    """What the figures depend on."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": f"{len(os.sched_getaffinity(0))} x {(models or [platform.machine()])[0]}",
        "kernel": platform.release(),
    }


def _ratios(rounds: Rounds, ours: str, theirs: str) -> list[float]:
    return [o / t for o, t in zip(rounds[ours], rounds[theirs], strict=True)]


# --- The picture.

_BAR: Final = 18
_LABELS: Final = 190
_LENGTH: Final = 420
_COLOURS: Final = ("#888888", "#2f6db5", "#5aa1e0", "#c0603a", "#d99a78", "#6a9a55")


def _svg(
    measures: Sequence[Measure], candidates: Sequence[str], figures: Mapping[str, Rounds]
) -> str:
    parts = []
    top = 10.0
    for measure in measures:
        rounds = figures[measure.name]
        shown = {name: quartiles(rounds[name]) for name in candidates}
        scale = _LENGTH / (max(high for _, _, high in shown.values()) or 1)
        top += 20
        parts.append(f'<text x="0" y="{top}" class="title">{_text(measure)}</text>')
        for name, colour in zip(candidates, itertools.cycle(_COLOURS), strict=False):
            low, middle, high = shown[name]
            top += _BAR + 4
            line = top - _BAR / 2
            bar = f'x="{_LABELS}" y="{top - _BAR}" width="{middle * scale:.1f}" height="{_BAR}"'
            spread = f"M{_LABELS + low * scale:.1f} {line}H{_LABELS + high * scale:.1f}"
            value = f"{middle:.{measure.digits}f}"
            parts += [
                f'<text x="0" y="{top - 5}">{html.escape(name)}</text>',
                f'<rect {bar} fill="{colour}"/>',
                f'<path d="{spread}" stroke="black" stroke-width="2"/>',
                f'<text x="{_LABELS + _LENGTH + 8}" y="{top - 5}">{value}</text>',
            ]
        top += 12
    width = _LABELS + _LENGTH + 70
    style = "text{font:12px sans-serif}.title{font-weight:bold}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top + 10:.0f}">\n'
        f"<style>{style}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _text(measure: Measure) -> str:
    return html.escape(f"{measure.name}, {measure.unit}")
