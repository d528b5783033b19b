"""Ways through a program: its bodies, statements, expressions, and the places that they mention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st


def variables(program: ir.Program) -> list[ir.Variable]:
    """Every variable of the program, wherever it is declared."""
    found = [*program.variables, *program.parser.variables]
    for control in program.controls:
        found += control.variables
    for action in program.actions:
        found += action.variables
    return found


def bodies(program: ir.Program) -> list[st.Body]:
    """Every body of the program: states, controls, actions."""
    return [
        *(state.body for state in program.parser.states),
        *(control.body for control in program.controls),
        *(action.body for action in program.actions),
    ]


def indexed_at_run_time(bodies: Iterable[st.Body]) -> Iterator[ex.Place]:
    """The stacks that are indexed by more than constants."""
    for body in bodies:
        for statement in st.walk(body):
            for top in (*st.reads(statement), *st.writes(statement)):
                for e in ex_walk(top):
                    if isinstance(e, ex.Index) and not isinstance(e.index, ex.Const):
                        yield e.base


def mentioned_in(body: st.Body) -> set[str]:
    """Paths of the places that a body mentions; of members not those that they are members of."""
    return {
        path
        for statement in st.walk(body)
        for top in (*st.reads(statement), *st.writes(statement))
        for path in mentioned_by(top)
    }


def mentioned_by(top: ex.Expression) -> Iterator[str]:
    """The same of an expression."""
    if not isinstance(top, ex.Var | ex.Member | ex.Index):
        for operand in ex.operands(top):
            yield from mentioned_by(operand)
        return
    yield path_of(top)
    place: ex.Place = top
    while not isinstance(place, ex.Var):
        if isinstance(place, ex.Index):
            yield from mentioned_by(place.index)
        place = place.base


def is_mentioned(path: str, mentioned: Iterable[str]) -> bool:
    """Whether any of the paths lies in that one, or that one in it."""
    return any(f"{path}.".startswith(f"{m}.") or f"{m}.".startswith(f"{path}.") for m in mentioned)


def ex_walk(top: ex.Expression) -> Iterator[ex.Expression]:
    """The expression and all under it."""
    yield top
    for operand in ex.operands(top):
        yield from ex_walk(operand)


def path_of(place: ex.Place) -> str:
    """The place in the program's words, indices left out."""
    match place:
        case ex.Var():
            return place.name
        case ex.Member():
            return f"{path_of(place.base)}.{place.name}"
        case ex.Index():
            return path_of(place.base)
