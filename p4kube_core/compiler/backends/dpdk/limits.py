"""What target dpdk cannot do (yet), said with the place in the program."""

from __future__ import annotations

from typing import Final

from p4kube_core import errors
from p4kube_core.compiler.backends import unit
from p4kube_core.compiler.backends.limits import Check, Limits
from p4kube_core.compiler.frontend.diagnostics import Diagnostic, Diagnostics
from p4kube_core.compiler.ir import program as ir

LIMITS: Final = Limits(
    target="dpdk",
    key_bytes=1024,
    prefix_bytes=1024,
    data_bytes=1024,
    entries=1 << 26,
    counter_cells=1 << 26,
    meter_cells=1 << 22,
    register_cells=1 << 26,
    digest_bytes=1024,
)


def check(program: ir.Program) -> None:
    """Refuse what cannot be generated.

    Raises:
        errors.UnsupportedByTarget: with every finding.
    """
    found = Diagnostics()
    Check(LIMITS, found).program(program)
    if found.has_errors:
        raise errors.UnsupportedByTarget(found.sorted())


def warnings(program: ir.Program) -> tuple[Diagnostic, ...]:
    """What is accepted, and does less than one may hope for."""
    found = Diagnostics()
    for statement in unit.multicasts(program):
        found.warn(
            "P4K0520",
            "multicast groups have no members on target dpdk yet: the packet will be dropped",
            statement.span,
        )
    return found.sorted()
