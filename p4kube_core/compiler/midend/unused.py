"""Drops variables that nothing reads, with the assignments to them, and types that nothing has.

Tables, counters, registers and actions stay, since the control plane knows them.
"""

from __future__ import annotations

import dataclasses

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.midend import walk

_PURE = st.Assign | st.Clear | st.Hash | st.Random | st.ReadRegister | st.SetValid


def remove(of: ir.Program) -> ir.Program:
    """Repeat until nothing changes: an assignment dropped may be the last that reads a variable."""
    while True:
        read = _read(of)
        kept = {v.name for v in of.variables if v.name in read or v.name == of.metadata}

        def rewrite(body: st.Body, kept: set[str] = kept) -> st.Body:
            made = []
            for s in body:
                if isinstance(s, _PURE) and all(ex.root(p).name not in kept for p in st.writes(s)):
                    continue
                made.append(_without_results(walk.with_bodies(s, rewrite), kept))
            return tuple(made)

        known = {p.name for a in of.actions for p in a.parameters}
        kept |= known
        slim = walk.over_bodies(of, rewrite)
        written = _written(slim)
        variables = tuple(v for v in of.variables if v.name in kept or v.name in written)
        slim = dataclasses.replace(slim, variables=variables)
        if slim == of:
            return of
        of = slim


def _without_results(of: st.Statement, kept: set[str]) -> st.Statement:
    """A table's results that nobody reads are not asked for."""
    if not isinstance(of, st.ApplyTable):
        return of
    hit = of.hit if of.hit is not None and ex.root(of.hit).name in kept else None
    run = of.action_run
    if run is not None and ex.root(run).name not in kept:
        run = None
    return dataclasses.replace(of, hit=hit, action_run=run)


def _read(of: ir.Program) -> set[str]:
    """Variables that anything reads, or whose places are computed with."""
    found: set[str] = set(walk.variables_of(of.parser.error))
    for e in walk.read_in(of):
        found.update(walk.variables_of(e))
    return found


def _written(of: ir.Program) -> set[str]:
    found: set[str] = set()
    for body in walk.bodies(of):
        for s in st.walk(body):
            found.update(ex.root(p).name for p in st.writes(s))
    return found
