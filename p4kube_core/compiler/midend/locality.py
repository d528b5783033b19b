"""Gives each variable to the one action or block that uses it, so that it need not be shared."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.midend import walk

_SHARED = object()  # an owner that is the program itself


def localise(of: ir.Program) -> ir.Program:
    owners: dict[str, object] = {of.metadata: _SHARED}

    def use(names: Iterable[str], owner: object) -> None:
        for name in names:
            if owners.setdefault(name, owner) is not owner:
                owners[name] = _SHARED

    for table in of.tables:
        for key in table.keys:
            use(walk.variables_of(key.expression), _SHARED)
    use(walk.variables_of(of.parser.error), _SHARED)
    for action in of.actions:
        use(_used(action.body), action)
    for state in of.parser.states:
        use(_used(state.body), of.parser)
        if isinstance(state.transition, ir.Select):
            for subject in state.transition.subjects:
                use(walk.variables_of(subject), of.parser)
    for control in of.controls:
        use(_used(control.body), control)

    def owned(owner: object) -> tuple[ir.Variable, ...]:
        return tuple(v for v in of.variables if owners.get(v.name, _SHARED) is owner)

    return dataclasses.replace(
        of,
        variables=owned(_SHARED),
        actions=tuple(dataclasses.replace(a, variables=owned(a)) for a in of.actions),
        parser=dataclasses.replace(of.parser, variables=owned(of.parser)),
        controls=tuple(dataclasses.replace(c, variables=owned(c)) for c in of.controls),
    )


def _used(body: st.Body) -> Iterable[str]:
    for s in st.walk(body):
        for e in (*st.reads(s), *st.writes(s)):
            for inner in walk.expressions(e):
                if isinstance(inner, ex.Var):
                    yield inner.name
