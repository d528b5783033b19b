"""The one member of a header whose size the packet decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from p4kube_core.compiler.ir import types


@final
@dataclass(frozen=True, slots=True)
class Varying:
    """The varbit of a header."""

    member: types.Member
    offset_bits: int  # of what stands before it


def varying(of: types.Type) -> Varying | None:
    """The varbit of a header, if it has one."""
    offset = 0
    for m in of.members if isinstance(of, types.Header) else ():
        if isinstance(m.type, types.Varbit):
            return Varying(m, offset)
        offset += types.width_bits(m.type)
    return None


def fixed_bits(of: types.Type) -> int:
    """Bits on the wire without the varbit."""
    found = varying(of)
    return types.width_bits(of) - (types.width_bits(found.member.type) if found else 0)
