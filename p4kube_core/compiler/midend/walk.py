"""Going through bodies and expressions, to look at them or to build them anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st

Rewrite = Callable[[st.Body], st.Body]
Change = Callable[[ex.Expression], ex.Expression]


def expressions(of: ex.Expression) -> Iterator[ex.Expression]:
    """The expression and all under it."""
    yield of
    for operand in ex.operands(of):
        yield from expressions(operand)


def variables_of(of: ex.Expression) -> Iterator[str]:
    for e in expressions(of):
        if isinstance(e, ex.Var):
            yield e.name


def bodies(of: ir.Program) -> Iterator[st.Body]:
    """All outermost bodies."""
    yield from (a.body for a in of.actions)
    yield from (s.body for s in of.parser.states)
    yield from (c.body for c in of.controls)


def read_in(of: ir.Program) -> Iterator[ex.Expression]:
    """Every expression whose value the program takes, indices of places written among them."""
    for table in of.tables:
        yield from (key.expression for key in table.keys)
    for state in of.parser.states:
        if isinstance(state.transition, ir.Select):
            yield from state.transition.subjects
    for body in bodies(of):
        for s in st.walk(body):
            yield from st.reads(s)
            for place in st.writes(s):
                yield from indices(place)


def indices(of: ex.Place) -> Iterator[ex.Expression]:
    """What a place is computed from."""
    while not isinstance(of, ex.Var):
        if isinstance(of, ex.Index):
            yield of.index
        of = of.base


def over_bodies(of: ir.Program, change: Rewrite) -> ir.Program:
    """The program with every outermost body changed."""
    states = tuple(dataclasses.replace(s, body=change(s.body)) for s in of.parser.states)
    return dataclasses.replace(
        of,
        actions=tuple(dataclasses.replace(a, body=change(a.body)) for a in of.actions),
        parser=dataclasses.replace(of.parser, states=states),
        controls=tuple(dataclasses.replace(c, body=change(c.body)) for c in of.controls),
    )


def with_bodies(of: st.Statement, change: Rewrite) -> st.Statement:
    """The statement with the bodies directly under it changed."""
    match of:
        case st.If():
            return dataclasses.replace(of, then=change(of.then), otherwise=change(of.otherwise))
        case st.Switch():
            cases = tuple(dataclasses.replace(c, body=change(c.body)) for c in of.cases)
            return dataclasses.replace(of, cases=cases, otherwise=change(of.otherwise))
        case st.Block() | st.Loop():
            return dataclasses.replace(of, body=change(of.body))
        case _:
            return of


def changed(of: ex.Expression, change: Change) -> ex.Expression:
    """The expression with `change` applied to all of it from the leaves up, folded."""
    operands = ex.operands(of)
    if operands:
        new = tuple(changed(o, change) for o in operands)
        if any(a is not b for a, b in zip(new, operands, strict=True)):
            of = folding.rebuilt(of, new)
    return change(of)


def with_expressions(of: st.Statement, change: Change) -> st.Statement:
    """The statement with the expressions directly in it changed; places written stay places."""

    def place(p: ex.Place) -> ex.Place:
        return folding.place(change(p))

    match of:
        case st.Assign():
            return dataclasses.replace(of, target=place(of.target), value=change(of.value))
        case st.Clear() | st.Lookahead():
            return dataclasses.replace(of, target=place(of.target))
        case st.SetValid() | st.Emit():
            return dataclasses.replace(of, header=place(of.header))
        case st.Push() | st.Pop():
            return dataclasses.replace(of, stack=place(of.stack))
        case st.SetNextIndex():
            return dataclasses.replace(of, stack=place(of.stack), value=change(of.value))
        case st.Extract():
            size = None if of.varbit_bits is None else change(of.varbit_bits)
            return dataclasses.replace(of, header=place(of.header), varbit_bits=size)
        case st.Advance():
            return dataclasses.replace(of, bits=change(of.bits))
        case st.Verify():
            return dataclasses.replace(of, condition=change(of.condition), error=change(of.error))
        case st.If():
            return dataclasses.replace(of, condition=change(of.condition))
        case st.Switch():
            return dataclasses.replace(of, subject=change(of.subject))
        case st.ApplyTable():
            hit = None if of.hit is None else place(of.hit)
            run = None if of.action_run is None else place(of.action_run)
            return dataclasses.replace(of, hit=hit, action_run=run)
        case st.Count():
            return of if of.index is None else dataclasses.replace(of, index=change(of.index))
        case st.Hash():
            data = tuple(change(e) for e in of.data)
            return dataclasses.replace(of, data=data, result=place(of.result))
        case st.Random():
            low, high = change(of.low), change(of.high)
            return dataclasses.replace(of, low=low, high=high, result=place(of.result))
        case st.ReadRegister():
            return dataclasses.replace(of, index=change(of.index), result=place(of.result))
        case st.RunMeter():
            index = None if of.index is None else change(of.index)
            return dataclasses.replace(of, index=index, result=place(of.result))
        case st.SendDigest():
            return dataclasses.replace(of, values=tuple(change(e) for e in of.values))
        case st.WriteRegister():
            return dataclasses.replace(of, index=change(of.index), value=change(of.value))
        case st.Block() | st.Loop() | st.Leave() | st.Return() | st.Exit():
            return of
