"""Compares what came out of the ports with what a script expects; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from p4kube_core.cli.stf import script


@final
@dataclass(frozen=True, slots=True)
class Arrival:
    """A packet that came out, and the line of the packet that went in before it."""

    cause: int
    port: int
    data: bytes


@final
@dataclass(frozen=True, slots=True)
class Verdict:
    """One test: the line that asked for it, and what is wrong; None: nothing."""

    line: int
    wrong: str | None


def fits(expected: script.Expect, data: bytes) -> bool:
    """Say whether a packet is the expected one."""
    if expected.pattern is None:
        return True
    digits = data.hex()
    if len(digits) < len(expected.pattern):
        return False
    if expected.exact and len(digits) != len(expected.pattern):
        return False
    return all(p in ("*", d) for p, d in zip(expected.pattern, digits, strict=False))


def arrivals(
    expected: Sequence[script.Expect], came: Sequence[Arrival]
) -> tuple[list[Verdict], list[Arrival]]:
    """Compare one port's packets, in order.

    Returns:
        A verdict for each expectation, and the packets that nobody expected.
    """
    verdicts: list[Verdict] = []
    surplus: list[Arrival] = []
    wanted, found = list(expected), list(came)
    while wanted and found:
        want, arrival = wanted[0], found[0]
        if fits(want, arrival.data):
            verdicts.append(Verdict(want.line, None))
        elif len(wanted) > len(found) and fits(wanted[1], arrival.data):
            verdicts.append(Verdict(want.line, _missing(want)))
            wanted.pop(0)
            continue
        elif len(found) > len(wanted) and fits(want, found[1].data):
            surplus.append(arrival)
            found.pop(0)
            continue
        else:
            verdicts.append(Verdict(want.line, differing(want, arrival.data)))
        wanted.pop(0)
        found.pop(0)
    verdicts.extend(Verdict(want.line, _missing(want)) for want in wanted)
    return verdicts, surplus + found


def _missing(expected: script.Expect) -> str:
    return f"expected on port {expected.port}: {expected.pattern or 'a packet'}; nothing came"


def differing(expected: script.Expect, data: bytes) -> str:
    """Say what came instead, with a mark under each digit that differs."""
    pattern, digits = expected.pattern or "", data.hex()
    marks = "".join(
        " " if p in ("*", d) else "^" for p, d in zip(pattern, digits, strict=False)
    ).rstrip()
    if len(digits) < len(pattern):
        marks = marks.ljust(len(digits)) + "^" * (len(pattern) - len(digits))
    elif expected.exact and len(digits) > len(pattern):
        marks = marks.ljust(len(pattern)) + "^" * (len(digits) - len(pattern))
    counts = f"{len(pattern) // 2} bytes{'' if expected.exact else ' or more'}"
    return (
        f"expected on port {expected.port}: {counts}; came: {len(digits) // 2} bytes\n"
        f"    expected: {pattern}{' $' if expected.exact else ''}\n"
        f"    came:     {digits}\n"
        f"              {marks}"
    )


def compare(actual: int, operator: str, number: int) -> bool:
    """Apply one of == != < <= > >=."""
    match operator:
        case "==":
            return actual == number
        case "!=":
            return actual != number
        case "<":
            return actual < number
        case "<=":
            return actual <= number
        case ">":
            return actual > number
        case ">=":
            return actual >= number
        case _:
            raise ValueError(f"want a comparison, got {operator!r}")
