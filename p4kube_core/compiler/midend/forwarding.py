"""Puts the value of a variable where it is used, if that is once and in the very next statement.

Inlining leaves many such: the result of a function, an argument, the hit of a table's key. Nothing
can happen between the two statements, so no flow analysis is needed.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types
from p4kube_core.compiler.midend import walk

MAX_SIZE: Final = 24  # operators of a value that is moved; keeps expressions readable and shallow


def forward(of: ir.Program) -> ir.Program:
    once = _used_once(of)
    return walk.over_bodies(of, lambda body: _body(body, once))


def _used_once(of: ir.Program) -> set[str]:
    """Variables that are written by one assignment to all of them, and read in one place."""
    reads: Counter[str] = Counter()
    for e in (*walk.read_in(of), of.parser.error):
        reads.update(walk.variables_of(e))
    writes: Counter[str] = Counter()
    for body in walk.bodies(of):
        for s in st.walk(body):
            whole = isinstance(s, st.Assign) and isinstance(s.target, ex.Var)
            for place in st.writes(s):
                writes[ex.root(place).name] += 1 if whole else 2
    return {name for name, count in writes.items() if count == 1 and reads[name] == 1}


def _body(body: st.Body, once: set[str]) -> st.Body:
    made: list[st.Statement] = []
    for statement in body:
        new = walk.with_bodies(statement, lambda b: _body(b, once))
        before = made[-1] if made else None
        if isinstance(before, st.Assign) and isinstance(before.target, ex.Var):
            moved = _with_value(new, before.target.name, before.value, once)
            if moved is not None:
                made.pop()
                new = moved
        made.append(new)
    return tuple(made)


def _with_value(
    of: st.Statement, name: str, value: ex.Expression, once: set[str]
) -> st.Statement | None:
    """The statement with the value in the variable's place; None if that is not to be."""
    if name not in once or not isinstance(value.type, types.Bits | types.Bool):
        return None
    if not any(name in walk.variables_of(e) for e in st.reads(of)):
        return None
    if sum(1 for _ in walk.expressions(value)) > MAX_SIZE:
        return None

    def change(e: ex.Expression) -> ex.Expression:
        return value if isinstance(e, ex.Var) and e.name == name else e

    return walk.with_expressions(of, lambda e: walk.changed(e, change))
