from __future__ import annotations

from fractions import Fraction

import pytest

from p4kube_core.catalog import quantity


@pytest.mark.parametrize(
    ("text", "value", "packets"),
    [
        ("10Mbit/s", 1_250_000, False),
        ("1.5 Mbit/s", 187_500, False),
        ("8bit/s", 1, False),
        ("9bit/s", 1, False),
        ("1kB/s", 1000, False),
        ("1KiB/s", 1024, False),
        ("0.5GB/s", 500_000_000, False),
        ("500 packets/s", 500, True),
        ("1 packet/s", 1, True),
        ("2kpackets/s", 2000, True),
        (" 3Gibit/s ", 3 << 27, False),
    ],
)
def test_a_rate_is_bytes_or_packets_a_second(text: str, value: int, packets: bool) -> None:
    assert quantity.rate(text) == quantity.Amount(value, packets)


@pytest.mark.parametrize(
    ("text", "value", "packets"),
    [("64KiB", 65536, False), ("1500B", 1500, False), ("20 packets", 20, True)],
)
def test_a_size_is_bytes_or_packets(text: str, value: int, packets: bool) -> None:
    assert quantity.size(text) == quantity.Amount(value, packets)


@pytest.mark.parametrize(
    "text",
    ["", "10", "10Mbit", "Mbit/s", "-1Mbit/s", "10mbit/s", "10Mbit/h", "1e6bit/s", "ten packets/s",
     "10Mbps", "10M bit/s", "1.bit/s", "10 packets"],
)  # fmt: skip
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(quantity.BadForm, match="want a rate such as 10Mbit/s"):
        quantity.rate(text)


@pytest.mark.parametrize("text", ["7bit/s", "0packets/s", "0.4B/s"])
def test_a_rate_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(quantity.BadForm, match=r"want at least 1 (byte|packet), got"):
        quantity.rate(text)


@pytest.mark.parametrize("text", ["10Mbit", "64", "64KiB/s", "packets"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(quantity.BadForm, match="want a size such as 64KiB"):
        quantity.size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", Fraction(10)), ("500ms", Fraction(1, 2)), ("1.5min", Fraction(90)), ("2h", 7200),
     ("20us", Fraction(1, 50_000))],
)  # fmt: skip
def test_a_time_is_seconds(text: str, seconds: Fraction) -> None:
    assert quantity.time_s(text) == seconds


@pytest.mark.parametrize("text", ["10", "s", "10 seconds", "-1s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(quantity.BadForm, match="want a time such as 500ms"):
        quantity.time_s(text)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (quantity.Amount(1_250_000, False), "10Mbit/s"),
        (quantity.Amount(1, False), "8bit/s"),
        (quantity.Amount(187_500, False), "1.5Mbit/s"),
        (quantity.Amount(500, True), "500 packets/s"),
        (quantity.Amount(9000, True), "9kpackets/s"),
    ],
)
def test_a_rate_is_shown_as_it_can_be_read(amount: quantity.Amount, shown: str) -> None:
    assert quantity.shown_rate(amount.value, amount.packets) == shown
    assert quantity.rate(shown) == amount


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (quantity.Amount(131_072, False), "128KiB"),
        (quantity.Amount(2 << 20, False), "2MiB"),
        (quantity.Amount(1500, False), "1.5kB"),
        (quantity.Amount(999, False), "999B"),
        (quantity.Amount(20, True), "20 packets"),
    ],
)
def test_a_size_is_shown_as_it_can_be_read(amount: quantity.Amount, shown: str) -> None:
    assert quantity.shown_size(amount.value, amount.packets) == shown
    assert quantity.size(shown) == amount
