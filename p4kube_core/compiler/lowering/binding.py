"""Parameters of what is inlined: copy-in and copy-out, left out where nobody can tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend import types as p4
from p4kube_core.compiler.frontend.ast import Direction
from p4kube_core.compiler.frontend.checked import Binding
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import (
    aggregates,
    expressions,
    instances,
    order,
    places,
)
from p4kube_core.compiler.lowering.frame import CopyOut, Frame
from p4kube_core.compiler.lowering.scope import Scope

_OBJECTS = p4.Extern | p4.Parser | p4.Control | p4.Package


@final
@dataclass(frozen=True, slots=True)
class Passed:
    """A run-time parameter with what is passed for it, evaluated."""

    binding: Binding
    declaration: ast.Parameter
    value: ex.Expression | None  # None if nothing is passed; of out and inout a place or slice
    copied: ex.Var | None  # of inout: its value when it was its turn, if it may have changed since


def bind(
    f: Frame, bindings: Sequence[Binding], scope: Scope, may_alias: bool, span: Span
) -> tuple[CopyOut, ...]:
    """Evaluate the arguments of a call and give the callee's parameters their meaning.

    Args:
        scope: of the callee; it is written to.
        may_alias: the callee sees nothing of the caller but through its parameters, so that a
            parameter may stand for the argument itself.
    Returns:
        What to copy back when the callee ends.
    """
    passed = evaluate(f, bindings, scope, span)
    outs: list[CopyOut] = []
    for i, p in enumerate(passed):
        others = [q.value for j, q in enumerate(passed) if j != i and q.value is not None]
        out = _bind_one(f, p, scope, may_alias and not _touches(p, others), span)
        if out is not None:
            outs.append(out)
    return tuple(outs)


def _touches(p: Passed, others: list[ex.Expression]) -> bool:
    """The argument lies where another argument lies too."""
    if not isinstance(p.value, ex.Var | ex.Member | ex.Index):
        return False
    return any(order.overlap(p.value, place) for o in others for place in order.places_in(o))


def evaluate(f: Frame, bindings: Sequence[Binding], scope: Scope, span: Span) -> list[Passed]:
    """Arguments from left to right; objects are bound to the scope at once."""
    run_time: list[tuple[Binding, ast.Parameter]] = []
    for binding in bindings:
        declaration = binding.parameter.declaration
        assert isinstance(declaration, ast.Parameter)
        if isinstance(binding.parameter.type, _OBJECTS):
            if binding.argument is not None:
                found = instances.instance_of(f, binding.argument)
                if found is not None:
                    scope.bind(declaration, found)
        else:
            run_time.append((binding, declaration))
    parts = [_part(f, b, scope) for b, _ in run_time]
    passed = []
    lowered = order.in_order_with_copies(f, parts, span)
    for (b, d), (value, copy) in zip(run_time, lowered, strict=True):
        if b.argument is None:
            passed.append(Passed(b, d, None, None))
        elif b.parameter.direction in (Direction.OUT, Direction.INOUT):
            passed.append(Passed(b, d, value, copy))
        else:
            passed.append(Passed(b, d, value if copy is None else copy, None))
    return passed


def _part(f: Frame, b: Binding, scope: Scope) -> Callable[[], ex.Expression]:
    argument = b.argument
    if argument is None:
        return lambda: ex.FALSE
    if b.parameter.direction in (Direction.OUT, Direction.INOUT):
        return lambda: places.settled_target(f, argument)
    wanted = f.kind(scope.type(b.parameter.type), argument.span)

    def value() -> ex.Expression:
        if not order.is_scalar(wanted) and (
            aggregates.is_written_out(argument)
            or f.kind(f.type_of(argument), argument.span) != wanted
        ):
            return aggregates.temporary(f, argument, wanted)
        found = expressions.value(f, argument)
        if not order.is_scalar(wanted):
            return order.settled(f, folding.place(found), argument.span)
        return expressions.converted(found, wanted, argument.span)

    return value


def _bind_one(f: Frame, p: Passed, scope: Scope, may_alias: bool, span: Span) -> CopyOut | None:
    direction = p.binding.parameter.direction
    value = p.value
    if direction in (Direction.NONE, Direction.IN):
        if value is None:
            value = _own(f, p, scope, span)
        elif not isinstance(value, ex.Const) and not _is_steady(value, may_alias):
            own = _own(f, p, scope, span)
            places.store(f, own, value, span)
            value = own
        scope.bind(p.declaration, value)
        return None
    is_same = p.copied is None or direction is Direction.OUT
    if isinstance(value, ex.Var | ex.Member | ex.Index) and may_alias and is_same:
        scope.bind(p.declaration, value)
        if direction is Direction.OUT:
            f.emit(st.Clear(span, value))
        return None
    own = _own(f, p, scope, span)
    scope.bind(p.declaration, own)
    if direction is Direction.OUT or value is None:
        f.emit(st.Clear(span, own))
    else:
        places.store(f, own, value if p.copied is None else p.copied, span)
    return None if value is None else CopyOut(places.as_target(value), own, span)


def _is_steady(value: ex.Expression, may_alias: bool) -> bool:
    """An `in` argument that cannot change while the callee runs."""
    return may_alias and isinstance(value, ex.Var | ex.Member | ex.Index)


def _own(f: Frame, p: Passed, scope: Scope, span: Span) -> ex.Var:
    of = f.kind(scope.type(p.binding.parameter.type), span)
    return f.temporary(of, span, p.declaration.name)


def into_storage(
    f: Frame, bindings: Sequence[Binding], scope: Scope, span: Span
) -> tuple[CopyOut, ...]:
    """Copy arguments into variables that the callee keeps from call to call."""
    passed = evaluate(f, bindings, scope, span)
    outs: list[CopyOut] = []
    for p in passed:
        own = scope.meanings.get(p.declaration)
        if not isinstance(own, ex.Var):
            own = _own(f, p, scope, span)
            scope.bind(p.declaration, own)
        direction = p.binding.parameter.direction
        if direction is Direction.OUT or p.value is None:
            f.emit(st.Clear(span, own))
        else:
            places.store(f, own, p.value if p.copied is None else p.copied, span)
        if direction in (Direction.OUT, Direction.INOUT) and p.value is not None:
            outs.append(CopyOut(places.as_target(p.value), own, span))
    return tuple(outs)


def copy_out(f: Frame, outs: Sequence[CopyOut]) -> None:
    for out in outs:
        places.store(f, out.target, out.source, out.span)


def labelled(span: Span, label: str, body: Frame) -> st.Block:
    return st.Block(span, label, tuple(body.out))
