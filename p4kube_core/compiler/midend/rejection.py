"""Decides what becomes of packets that a v1model parser rejects.

BMv2 lets them go on to ingress, with the reason in standard_metadata.parser_error. A program that
looks at it gets them so. One that never does cannot tell a truncated packet from a good one: its
rejected packets are dropped and counted as malformed.
"""

from __future__ import annotations

import dataclasses

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.midend import walk


def decide(of: ir.Program) -> ir.Program:
    looks = any(_reads(e, of.parser.error) for e in walk.read_in(of))
    on_reject = ir.OnReject.CONTINUE if looks else ir.OnReject.DROP
    return dataclasses.replace(of, parser=dataclasses.replace(of.parser, on_reject=on_reject))


def _reads(of: ex.Expression, error: ex.Place) -> bool:
    """Reads the error itself, or all of the struct that it is in."""
    if not isinstance(of, ex.Var | ex.Member | ex.Index):
        return any(_reads(o, error) for o in ex.operands(of))
    place: ex.Place | None = error
    while place is not None:
        if of == place:
            return True
        place = None if isinstance(place, ex.Var) else place.base
    return False
