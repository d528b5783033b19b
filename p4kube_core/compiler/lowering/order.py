"""Keeps P4's order of evaluation, left to right, where calls were taken out of expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types
from p4kube_core.compiler.lowering.frame import Frame

Lowered = Callable[[], ex.Expression]


def in_order(f: Frame, parts: Sequence[Lowered], span: Span) -> list[ex.Expression]:
    """Lower the parts of an expression one after the other.

    Where a later part needed statements, the value of an earlier one is kept in a variable before
    them, since they might change it.
    """
    kept = in_order_with_copies(f, parts, span)
    return [value if copy is None else copy for value, copy in kept]


def in_order_with_copies(
    f: Frame, parts: Sequence[Lowered], span: Span
) -> list[tuple[ex.Expression, ex.Var | None]]:
    """Like in_order, but gives both the part itself, for what is a place, and the variable."""
    values: list[ex.Expression] = []
    ends: list[int] = []  # statements emitted once each part was lowered
    for part in parts:
        values.append(part())
        ends.append(len(f.out))
    emitted = len(f.out)
    copies: list[ex.Var | None] = [None] * len(values)
    # From the last to the first, so that what is inserted moves no end that is still needed.
    for i in reversed(range(len(values))):
        if ends[i] < emitted and not isinstance(values[i], ex.Const):
            kept = f.temporary(values[i].type, span)
            f.out.insert(ends[i], st.Assign(span, kept, values[i]))
            copies[i] = kept
    return list(zip(values, copies, strict=True))


def settled(f: Frame, place: ex.Place, span: Span) -> ex.Place:
    """The same place with every index that may change kept in a variable."""
    match place:
        case ex.Var():
            return place
        case ex.Member():
            return ex.Member(place.type, settled(f, place.base, span), place.name)
        case ex.Index():
            base, index = settled(f, place.base, span), place.index
            if not isinstance(index, ex.Const):
                kept = f.temporary(index.type, span, "index")
                f.emit(st.Assign(span, kept, index))
                index = kept
            return ex.Index(place.type, base, index)


def overlap(one: ex.Place, other: ex.Place) -> bool:
    """Writing to one may change the other."""
    for a, b in zip(_steps(one), _steps(other), strict=False):
        if isinstance(a, int) and isinstance(b, int) and a != b:
            return False
        if isinstance(a, str) and isinstance(b, str) and a != b:
            return False
    return True


def _steps(place: ex.Place) -> list[str | int | None]:
    """From the variable inwards; None for an index that is not known."""
    steps: list[str | int | None] = []
    while True:
        match place:
            case ex.Var():
                steps.append(place.name)
                return steps[::-1]
            case ex.Member():
                steps.append(place.name)
            case ex.Index():
                steps.append(place.index.value if isinstance(place.index, ex.Const) else None)
        place = place.base


def places_in(of: ex.Expression) -> list[ex.Place]:
    """Outermost places that an expression reads, with those in their indices."""
    found: list[ex.Place] = []
    work = [of]
    while work:
        e = work.pop()
        if isinstance(e, ex.Var | ex.Member | ex.Index):
            found.append(e)
            while not isinstance(e, ex.Var):
                if isinstance(e, ex.Index):
                    work.append(e.index)
                e = e.base
        else:
            work.extend(ex.operands(e))
    return found


def is_scalar(of: types.Type) -> bool:
    return isinstance(of, types.Bits | types.Bool)
