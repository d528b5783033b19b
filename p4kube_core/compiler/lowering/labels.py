"""Copies of statements: every label of the IR stands in one place only."""

from __future__ import annotations

import dataclasses

from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering.frame import Frame


def renewed(f: Frame, body: st.Body) -> st.Body:
    """The same statements once more, with labels of their own."""
    return tuple(_renewed(f, statement, {}) for statement in body)


def _renewed(f: Frame, of: st.Statement, names: dict[str, str]) -> st.Statement:
    def body(inner: st.Body) -> st.Body:
        return tuple(_renewed(f, s, names) for s in inner)

    match of:
        case st.Block() | st.Loop():
            label = names[of.label] = f.build.unique("label", of.label)
            return dataclasses.replace(of, label=label, body=body(of.body))
        case st.Leave():
            return dataclasses.replace(of, label=names.get(of.label, of.label))
        case st.If():
            return dataclasses.replace(of, then=body(of.then), otherwise=body(of.otherwise))
        case st.Switch():
            cases = tuple(dataclasses.replace(c, body=body(c.body)) for c in of.cases)
            return dataclasses.replace(of, cases=cases, otherwise=body(of.otherwise))
        case _:
            return of
