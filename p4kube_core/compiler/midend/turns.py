"""Says how often loops turn at most, where a counter tells: a target may have to know.

Looked for are loops that leave unless a counter compares in some way, and end by moving it by a
constant; their limit becomes the most turns that there can be. Nothing else changes.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import final

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types
from p4kube_core.compiler.ir.expressions import BinaryOp
from p4kube_core.compiler.midend import walk

_Known = dict[str, tuple[int, int]]  # by variable: the least and greatest value that it may have
_SWAPPED = {
    BinaryOp.LT: BinaryOp.GT,
    BinaryOp.LE: BinaryOp.GE,
    BinaryOp.GT: BinaryOp.LT,
    BinaryOp.GE: BinaryOp.LE,
}


@final
@dataclass(frozen=True, slots=True)
class _Counter:
    name: str
    type: types.Bits
    step: int  # below zero if it counts down
    op: BinaryOp  # it turns while `counter op bound`
    bound: ex.Expression


def limit(of: ir.Program) -> ir.Program:
    by_actions = {
        ex.root(place).name
        for action in of.actions
        for s in st.walk(action.body)
        for place in st.writes(s)
    }
    return walk.over_bodies(of, lambda body: _body(body, {}, by_actions))


def _body(body: st.Body, known: _Known, by_actions: set[str]) -> st.Body:
    """The body with limits.

    Args:
        known: what holds before it.
        by_actions: variables that actions write.
    """
    made: list[st.Statement] = []
    for statement in body:
        written = _written(statement, by_actions)
        made.append(_statement(statement, known, written, by_actions))
        before, known = known, _without(known, written)
        match statement:
            case st.Assign(target=ex.Var(name=name, type=types.Bits()), value=value):
                known[name] = _range(value, before)
            case _:
                pass
    return tuple(made)


def _statement(
    of: st.Statement, known: _Known, written: set[str], by_actions: set[str]
) -> st.Statement:
    if not isinstance(of, st.Loop):
        return walk.with_bodies(of, lambda body: _body(body, known, by_actions))
    within = _without(known, written)  # what holds in all turns
    counter = _counter(of)
    most = None
    if counter is not None and counter.name not in _written_by_tables(of, by_actions):
        most = _most_turns(counter, known, within)
    turns = of.limit if most is None else max(1, min(of.limit, most))
    return dataclasses.replace(of, body=_body(of.body, within, by_actions), limit=turns)


def _without(known: _Known, written: set[str]) -> _Known:
    return {name: found for name, found in known.items() if name not in written}


def _written(of: st.Statement, by_actions: set[str]) -> set[str]:
    """Variables that a statement may write, with all in it and actions that it runs."""
    found = {ex.root(place).name for s in st.walk((of,)) for place in st.writes(s)}
    return found | _written_by_tables(of, by_actions)


def _written_by_tables(of: st.Statement, by_actions: set[str]) -> set[str]:
    applies = any(isinstance(s, st.ApplyTable) for s in st.walk((of,)))
    return by_actions if applies else set()


def _most_turns(counter: _Counter, before: _Known, within: _Known) -> int | None:
    low, high = types.bounds(counter.type)
    bound_low, bound_high = _range(counter.bound, within)
    start_low, start_high = _range(ex.Var(counter.type, counter.name), before)
    if counter.op is BinaryOp.NE:
        return _until_equal(counter, (start_low, start_high), (bound_low, bound_high))
    if counter.step > 0 and counter.op in (BinaryOp.LT, BinaryOp.LE):
        last = bound_high if counter.op is BinaryOp.LE else bound_high - 1
        turns, end = last - start_low, last + counter.step <= high
    elif counter.step < 0 and counter.op in (BinaryOp.GT, BinaryOp.GE):
        last = bound_low if counter.op is BinaryOp.GE else bound_low + 1
        turns, end = start_high - last, last + counter.step >= low
    else:
        return None
    # Without an end it may come round and go on for ever.
    return max(0, turns // abs(counter.step) + 1) if end else None


def _until_equal(counter: _Counter, start: tuple[int, int], bound: tuple[int, int]) -> int | None:
    distance = bound[0] - start[0]
    if start[0] != start[1] or bound[0] != bound[1] or distance % counter.step:
        return None
    turns = distance // counter.step
    return turns if turns >= 0 else None


def _counter(of: st.Loop) -> _Counter | None:
    """The loop's counter, if it has the form that is looked for."""
    if len(of.body) < 2:
        return None
    first, last = of.body[0], of.body[-1]
    test = _test(first, of.label)
    if test is None or not isinstance(last, st.Assign) or not isinstance(last.target, ex.Var):
        return None
    name, value = last.target.name, last.value
    if not isinstance(value, ex.Binary) or value.left != last.target:
        return None
    if value.op not in (BinaryOp.ADD, BinaryOp.SUB) or not isinstance(value.right, ex.Const):
        return None
    if any(ex.root(p).name == name for s in st.walk(of.body[:-1]) for p in st.writes(s)):
        return None
    step = value.right.value if value.op is BinaryOp.ADD else -value.right.value
    op, bound = test.op, test.right
    if test.right == last.target:
        op, bound = _SWAPPED.get(op, op), test.left
    elif test.left != last.target:
        return None
    of_counter = last.target.type
    if step == 0 or not isinstance(of_counter, types.Bits):
        return None
    return _Counter(name, of_counter, step, op, bound)


def _test(of: st.Statement, label: str) -> ex.Binary | None:
    """What must hold for the loop to go on, if this leaves it otherwise."""
    if not isinstance(of, st.If) or of.otherwise or len(of.then) != 1:
        return None
    leave, condition = of.then[0], of.condition
    if not isinstance(leave, st.Leave) or leave.label != label:
        return None
    if not isinstance(condition, ex.Unary) or condition.op is not ex.UnaryOp.NOT:
        return None
    test = condition.operand
    return test if isinstance(test, ex.Binary) and isinstance(test.left.type, types.Bits) else None


def _range(of: ex.Expression, known: _Known) -> tuple[int, int]:
    """Least and greatest value that a number may have."""
    assert isinstance(of.type, types.Bits)
    match of:
        case ex.Const():
            return of.value, of.value
        case ex.Cast(kind=ex.CastKind.ZERO_EXTEND | ex.CastKind.SIGN_EXTEND):
            return _range(of.operand, known)
        case ex.Var() if of.name in known:
            return known[of.name]
        case _:
            return types.bounds(of.type)
