"""What the demonstration says: steps, texts, and what was expected beside what happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from p4kube_core.cli.demo import traffic

WIDTH: Final = 46  # of what is tried


@final
class Telling:
    def __init__(self) -> None:
        self.failed = 0  # expectations
        self._steps = 0

    def part(self, title: str) -> None:
        print(f"\n{title}\n{'-' * len(title)}", flush=True)

    def step(self, what: str) -> None:
        self._steps += 1
        print(f"\n{self._steps}. {what}", flush=True)

    def say(self, what: str) -> None:
        print(f"   {what}", flush=True)

    def show(self, text: str) -> None:
        """Something that was written or read, set off from what is said."""
        for line in text.rstrip().splitlines():
            print(f"   | {line}".rstrip(), flush=True)

    def expect(self, what: str, passes: bool, happens: Callable[[], traffic.Outcome]) -> None:
        """Try it, and say what happened, and whether that was expected."""
        outcome = happens()
        right = outcome.passed == passes
        self.failed += not right
        mark = "ok   " if right else "WRONG"
        happened = "passes " if outcome.passed else "stopped"
        print(f"   {mark} {what:{WIDTH}} {happened}  {outcome.said}", flush=True)
