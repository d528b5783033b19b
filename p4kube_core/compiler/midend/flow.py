"""Simplifies control flow: decided branches, jumps to where one goes anyway, what is never reached.

Valid IR in, valid IR out; the order of effects does not change.
"""

from __future__ import annotations

import dataclasses

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.midend import walk

_JUMPS = st.Leave | st.Return | st.Exit


def simplify(of: ir.Program) -> ir.Program:
    return walk.over_bodies(of, lambda body: _body(body, None))


def _body(body: st.Body, after: str | None) -> st.Body:
    """Simplify a body.

    Args:
        after: label whose Leave goes where the end of this body goes; None if there is none.
    """
    made: list[st.Statement] = []
    for position, statement in enumerate(body):
        is_last = position == len(body) - 1
        made.extend(_statement(statement, after if is_last else None))
        if made and isinstance(made[-1], _JUMPS):
            break  # what follows is never reached
    if made and isinstance(made[-1], st.Leave) and made[-1].label == after:
        made.pop()
    return tuple(made)


def _statement(of: st.Statement, after: str | None) -> st.Body:
    match of:
        case st.If():
            return _if(of, after)
        case st.Switch():
            cases = tuple(dataclasses.replace(c, body=_body(c.body, after)) for c in of.cases)
            otherwise = _body(of.otherwise, after)
            if isinstance(of.subject, ex.Const):
                value = of.subject.value
                return next((c.body for c in cases if value in c.values), otherwise)
            if not otherwise and all(not c.body for c in cases):
                return ()
            return (dataclasses.replace(of, cases=cases, otherwise=otherwise),)
        case st.Block():
            return _block(of)
        case st.Loop():
            return (dataclasses.replace(of, body=_body(of.body, None)),)
        case st.Assign() if of.target == of.value:
            return ()
        case st.Push() | st.Pop() if of.count == 0:
            return ()
        case _:
            return (of,)


def _if(of: st.If, after: str | None) -> st.Body:
    then, otherwise = _body(of.then, after), _body(of.otherwise, after)
    if isinstance(of.condition, ex.Const):
        return then if of.condition.value else otherwise
    if not then and not otherwise:
        return ()
    if not then:
        condition = _negated(of.condition)
        return (st.If(of.span, condition, otherwise),)
    return (st.If(of.span, of.condition, then, otherwise),)


def _negated(of: ex.Expression) -> ex.Expression:
    return folding.unary(ex.UnaryOp.NOT, of)


def _block(of: st.Block) -> st.Body:
    """A block that nothing leaves is no block."""
    body = _body(of.body, of.label)
    if any(isinstance(s, st.Leave) and s.label == of.label for s in st.walk(body)):
        return (st.Block(of.span, of.label, body),)
    return body
