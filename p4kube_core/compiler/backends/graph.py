"""The parser's states as a graph."""

from __future__ import annotations

from p4kube_core.compiler.ir import program as ir


def successors(state: ir.State) -> tuple[str, ...]:
    """The states that may follow, accept and reject among them."""
    if isinstance(state.transition, ir.Goto):
        return (state.transition.state,)
    return tuple(case.state for case in state.transition.cases)


def targets(parser: ir.Parser) -> set[str]:
    """The states that some state goes to."""
    return {name for state in parser.states for name in successors(state)}


def is_cyclic(parser: ir.Parser) -> bool:
    """Whether a packet may come to one state twice."""
    following = {state.name: successors(state) for state in parser.states}
    on_path: set[str] = set()
    done = {ir.ACCEPT, ir.REJECT}
    stack = [(parser.states[0].name, False)]
    while stack:
        name, leaving = stack.pop()
        if leaving:
            on_path.discard(name)
            done.add(name)
        elif name in on_path:
            return True
        elif name not in done:
            on_path.add(name)
            stack.append((name, True))
            stack.extend((successor, False) for successor in following[name])
    return False
