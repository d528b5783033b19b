"""The meters' algorithm, against one that counts tokens, and with several threads at one meter."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.dataplane.runtime import calls

SECOND = 10**9
MOST_RATE = 1 << 40
GREEN, YELLOW, RED = range(3)
MOMENTS = some.integers(0, (1 << 64) - 1)


class Meter:
    def __init__(self, *rates: int) -> None:
        self._library = calls.library()
        self._cell = self._library.meter_new()
        if rates:
            self.write(*rates)

    def write(self, cir: int, cburst: int, pir: int, pburst: int) -> None:
        self._library.meter_write(self._cell, True, cir, cburst, pir, pburst)

    def clear(self) -> None:
        self._library.meter_write(self._cell, False, 0, 0, 0, 0)

    def read(self) -> tuple[int, ...] | None:
        numbers = (ctypes.c_uint64 * 4)()
        return tuple(numbers) if self._library.meter_read(self._cell, numbers) else None

    def colour(self, now_ns: int, tokens: int = 1) -> int:
        colour: int = self._library.meter_colour(self._cell, now_ns, tokens)
        return colour


@dataclass
class Bucket:
    """Counts what it holds."""

    rate: int
    burst: int
    held: int
    filled: int  # tokens that the rate had made when `held` was so much

    def take(self, now_ns: int, tokens: int) -> bool:
        filled = self.rate * now_ns // SECOND
        self.held = min(self.burst, self.held + filled - self.filled)
        self.filled = filled
        if self.held < tokens:
            return False
        self.held -= tokens
        return True


@settings(deadline=None)
@given(some.integers(0, MOST_RATE), MOMENTS)
def test_what_a_rate_has_made_is_exact(rate: int, now_ns: int) -> None:
    filled = calls.library().meter_filled(rate, now_ns)
    assert filled == (rate * now_ns // SECOND) % (1 << 64)


@settings(deadline=None)
@given(
    some.tuples(*[some.integers(0, 10**6)] * 4),
    some.integers(0, 1 << 62),
    some.lists(some.tuples(some.integers(0, 10**7), some.integers(0, 2000)), max_size=60),
)
def test_packets_have_the_colours_of_a_meter_that_counts_tokens(
    rates: tuple[int, int, int, int], start: int, packets: list[tuple[int, int]]
) -> None:
    meter = Meter(*rates)
    cir, cburst, pir, pburst = rates
    committed = Bucket(cir, cburst, cburst, cir * start // SECOND)
    peak = Bucket(pir, pburst, pburst, pir * start // SECOND)
    now = start
    for pause, tokens in packets:
        now += pause
        if not peak.take(now, tokens):
            wanted = RED
        elif not committed.take(now, tokens):
            wanted = YELLOW
        else:
            wanted = GREEN
        assert meter.colour(now, tokens) == wanted


@settings(deadline=None)
@given(
    some.integers(0, MOST_RATE),
    some.integers(0, 10**6),
    some.lists(
        some.tuples(some.integers(0, 10**6), some.integers(1, 1500), some.integers(0, 999)),
        max_size=40,
    ),
)
def test_in_no_stretch_of_time_more_than_burst_and_rate_allow_is_green(
    rate: int, burst: int, packets: list[tuple[int, int, int]]
) -> None:
    meter = Meter(rate, burst, MOST_RATE, 1 << 50)
    now, green = SECOND, []
    for pause, tokens, late in packets:  # clocks of other workers are behind
        now += pause
        if meter.colour(now - late, tokens) == GREEN:
            green.append((now - late, tokens))
    for begin in range(len(green)):
        for end in range(begin, len(green)):
            stretch = green[begin : end + 1]
            times = [t for t, _ in stretch]
            made = rate * max(times) // SECOND - rate * min(times) // SECOND
            assert sum(tokens for _, tokens in stretch) <= burst + made


@pytest.mark.parametrize("rate", [1, 7, 999, 10**6 + 3, 10**9 + 7, MOST_RATE])
def test_a_source_that_always_sends_gets_all_of_the_rate(rate: int) -> None:
    tokens = max(1, rate // 50)
    meter = Meter(rate, 10 * tokens, rate, 10 * tokens)
    start, step = 12345, max(1, SECOND * tokens // rate // 3)
    moments = [start + i * step for i in range(3000)]
    taken = sum(tokens for now in moments if meter.colour(now, tokens) == GREEN)
    offered = 10 * tokens + rate * moments[-1] // SECOND - rate * start // SECOND
    assert offered - tokens < taken <= offered


def test_two_packets_of_burst_are_green_and_the_third_is_yellow_and_later_red() -> None:
    meter = Meter(0, 2, 0, 3)
    assert [meter.colour(now) for now in (5, 6, 7, 8, 9)] == [GREEN, GREEN, YELLOW, RED, RED]


def test_a_packet_larger_than_the_burst_is_never_green() -> None:
    meter = Meter(MOST_RATE, 1499, MOST_RATE, 1500)
    assert meter.colour(SECOND, 1500) == YELLOW
    assert meter.colour(2 * SECOND, 1501) == RED


def test_a_cell_without_configuration_is_green_whatever_comes() -> None:
    meter = Meter()
    assert meter.read() is None
    assert {meter.colour(0, 1 << 60) for _ in range(9)} == {GREEN}
    meter.write(0, 0, 0, 0)
    assert meter.colour(0) == RED
    meter.clear()
    assert meter.read() is None
    assert meter.colour(0) == GREEN


def test_a_new_configuration_begins_with_full_buckets() -> None:
    meter = Meter(1, 1, 1, 1)
    for number in range(2, 6):
        assert meter.colour(number) == GREEN
        assert meter.colour(number) == RED
        meter.write(number, 1, number, 1)
        assert meter.read() == (number, 1, number, 1)


def test_the_configuration_that_it_has_changes_nothing() -> None:
    meter = Meter(1, 1, 1, 1)
    assert meter.colour(1) == GREEN
    meter.write(1, 1, 1, 1)
    assert meter.colour(1) == RED


@settings(deadline=None)
@given(MOMENTS, some.integers(0, (1 << 64) - 1))
def test_the_first_packet_finds_full_buckets_whatever_the_time(now_ns: int, rate: int) -> None:
    meter = Meter(rate, 1500, rate, 1500)
    assert meter.colour(now_ns, 1500) == GREEN


def test_rates_and_bursts_beyond_what_there_may_be_are_the_most() -> None:
    every = (1 << 64) - 1
    meter = Meter(every, every, every, every)
    assert meter.read() == (MOST_RATE, 1 << 60, MOST_RATE, 1 << 60)
    moments = [0, 1, SECOND, 10 * SECOND, 1 << 63]
    assert all(b > a for a, b in pairwise(moments))
    assert {meter.colour(now, 1 << 16) for now in moments} == {GREEN}


def test_an_idle_year_gives_no_more_than_the_burst() -> None:
    meter = Meter(10**6, 5, 10**6, 5)
    year = 365 * 24 * 3600 * SECOND
    assert [meter.colour(year) for _ in range(6)] == [GREEN] * 5 + [RED]
    assert [meter.colour(2 * year) for _ in range(6)] == [GREEN] * 5 + [RED]


@pytest.mark.parametrize("what", ["empty", "rate", "configured"])
def test_threads_at_one_meter_get_together_what_one_would(what: str) -> None:
    done = subprocess.run([calls.contend(), what], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
