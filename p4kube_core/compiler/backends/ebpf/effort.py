"""About how many steps the kernel's verifier takes: it follows loops turn by turn."""

from __future__ import annotations

from typing import Final

from p4kube_core.compiler.backends import walk
from p4kube_core.compiler.backends.ebpf import dialect
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

# Measured; instructions that a statement becomes, each looked at once a turn.
_STATEMENT: Final = 3
_EXPRESSION: Final = 1
_CELL: Final = 35  # a look-up in two maps
_METER: Final = 120
_HASHED_BYTE: Final = 60
_SUMMED_BYTE: Final = 4


def of(body: st.Body) -> int:
    return sum(map(_statement, body))


def turns(loop: st.Loop) -> int:
    """Of all loops in it together."""
    inner = sum(turns(s) for s in loop.body if isinstance(s, st.Loop))
    return _own_turns(loop) * max(inner, 1)


def _own_turns(loop: st.Loop) -> int:
    return min(loop.limit, dialect.MOST_TURNS)


def _statement(of_one: st.Statement) -> int:
    expressions = (*st.reads(of_one), *st.writes(of_one))
    size = _STATEMENT + _EXPRESSION * sum(1 for top in expressions for _ in walk.ex_walk(top))
    match of_one:
        case st.Loop():
            return size + _own_turns(of_one) * of(of_one.body)
        case st.Count() | st.ReadRegister() | st.WriteRegister() | st.ApplyTable():
            return size + _CELL
        case st.RunMeter():
            return size + _METER
        case st.Hash():
            bits = sum(types.width_bits(e.type) for e in of_one.data)
            is_sum = of_one.algorithm is st.HashAlgorithm.CSUM16
            return size + (_SUMMED_BYTE if is_sum else _HASHED_BYTE) * (bits // 8 + 1)
        case _:
            return size + sum(map(of, st.bodies(of_one)))
