"""Arithmetic of chosen widths in the kernel, against Python's integers."""

from __future__ import annotations

import pytest

from tests.dataplane.bpf_program import kernel
from tests.dataplane.program import test_arithmetic as arithmetic

pytestmark = pytest.mark.needs_root

AT_ONCE = 24  # expressions in one program


@pytest.mark.parametrize(
    "widths", [[1], [8], [13, 16], [32, 33], [48], [64], [65], [7, 100], [64, 128], [127]], ids=str
)
def test_packets_carry_what_the_integers_say(widths: list[int]) -> None:
    expressions = list(arithmetic.trees(widths, 5))
    for start in range(0, len(expressions), AT_ONCE):
        some = expressions[start : start + AT_ONCE]
        program = kernel.Program(arithmetic.calculator(widths, some))
        arithmetic.compare_with(program, widths, some, start)
        program.close()
