"""meter.execute_meter and direct_meter.read of v1model."""

from __future__ import annotations

from collections.abc import Iterator

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import Call
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import cells, instances, order, places, refusal
from p4kube_core.compiler.lowering.frame import Build, Frame

_COLOUR = types.Bits(8)


def execute(f: Frame, node: ast.Call, made: Call) -> None:
    name = instances.extern_of(f, node, made).name
    at, result = cells.argument(made, "index"), cells.argument(made, "result")
    parts = (lambda: cells.index(f, at), lambda: places.settled_target(f, result))
    (index, copy), (target, _) = order.in_order_with_copies(f, parts, node.span)
    _run(f, node.span, name, index if copy is None else copy, places.as_target(target))


def read(f: Frame, node: ast.Call, made: Call) -> None:
    """Of the entry whose action this stands in."""
    name = instances.extern_of(f, node, made).name
    target = places.settled_target(f, cells.argument(made, "result"))
    _run(f, node.span, name, None, target)


def _run(
    f: Frame, span: Span, meter: str, index: ex.Expression | None, target: places.Target
) -> None:
    if meter not in f.build.meters:
        raise refusal.consequence(span)  # it was refused
    if not isinstance(target.type, types.Bits):
        raise refusal.not_yet(f"a meter's colour as {target.type}", span)
    colour = f.temporary(_COLOUR, span, "colour")
    f.emit(st.RunMeter(span, meter, index, colour))
    places.store(f, target, folding.cast(target.type, colour), span)


def check_direct(build: Build, controls: tuple[ir.Control, ...], parser: ir.Parser) -> None:
    """Demand that a direct meter runs for entries of its own table alone."""
    blocks = [c.body for c in controls] + [s.body for s in parser.states]
    for statement in (s for body in blocks for s in _direct(body)):
        message = f"{statement.meter}.read() wants to stand in an action that its table runs"
        build.diagnostics.error(refusal.MISPLACED, message, statement.span)
    actions = {a.name: a for a in build.actions.values()}
    for table in build.tables:
        for name in dict.fromkeys([a.action for a in table.actions]):
            for statement in _direct(actions[name].body):
                if statement.meter != table.direct_meter:
                    message = (
                        f"table {table.name} runs this too, and {statement.meter} is not its meter"
                    )
                    build.diagnostics.error(refusal.MISPLACED, message, statement.span)


def _direct(body: st.Body) -> Iterator[st.RunMeter]:
    for statement in st.walk(body):
        if isinstance(statement, st.RunMeter) and statement.index is None:
            yield statement
