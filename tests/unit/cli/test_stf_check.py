from __future__ import annotations

from p4kube_core.cli.stf import check, script


def expect(line: int, pattern: str | None, exact: bool = False) -> script.Expect:
    return script.Expect(line, 1, pattern, exact)


def came(cause: int, data: str) -> check.Arrival:
    return check.Arrival(cause, 1, bytes.fromhex(data))


def test_a_packet_may_be_longer_than_its_pattern_unless_the_line_ends_in_a_dollar() -> None:
    assert check.fits(expect(1, "0a0b"), bytes.fromhex("0a0b0c"))
    assert not check.fits(expect(1, "0a0b", exact=True), bytes.fromhex("0a0b0c"))
    assert check.fits(expect(1, "0a0b", exact=True), bytes.fromhex("0a0b"))
    assert not check.fits(expect(1, "0a0b"), bytes.fromhex("0a"))


def test_a_star_is_any_nibble_and_no_pattern_any_packet() -> None:
    assert check.fits(expect(1, "0*0b"), bytes.fromhex("0f0b"))
    assert not check.fits(expect(1, "0*0b"), bytes.fromhex("1f0b"))
    assert check.fits(expect(1, None), b"")


def test_packets_are_compared_in_order() -> None:
    verdicts, surplus = check.arrivals(
        [expect(2, "01"), expect(4, "02")], [came(1, "02"), came(3, "01")]
    )
    assert [v.wrong is None for v in verdicts] == [False, False]
    assert surplus == []


def test_a_missing_packet_does_not_spoil_those_after_it() -> None:
    verdicts, surplus = check.arrivals(
        [expect(2, "01"), expect(4, "02"), expect(6, "03")], [came(1, "01"), came(5, "03")]
    )
    assert [(v.line, v.wrong) for v in verdicts] == [
        (2, None),
        (4, "expected on port 1: 02; nothing came"),
        (6, None),
    ]
    assert surplus == []


def test_a_packet_too_many_is_named() -> None:
    extra = came(3, "ff")
    verdicts, surplus = check.arrivals(
        [expect(2, "01"), expect(6, "03")], [came(1, "01"), extra, came(5, "03")]
    )
    assert all(v.wrong is None for v in verdicts)
    assert surplus == [extra]


def test_the_digits_that_differ_are_marked() -> None:
    (verdict,), _ = check.arrivals([expect(2, "0a*b0c", exact=True)], [came(1, "0aff0d0e")])
    assert verdict.wrong == (
        "expected on port 1: 3 bytes; came: 4 bytes\n"
        "    expected: 0a*b0c $\n"
        "    came:     0aff0d0e\n"
        "                 ^ ^^^"
    )
