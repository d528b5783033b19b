"""register.read and register.write of v1model."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import Call
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import cells, expressions, instances, order, places, refusal
from p4kube_core.compiler.lowering.frame import Frame


def read(f: Frame, node: ast.Call, made: Call) -> None:
    register = _register(f, node, made)
    target = places.settled_target(f, cells.argument(made, "result"))
    index = cells.index(f, cells.argument(made, "index"))
    held = f.temporary(register.type, node.span, "held")
    f.emit(st.ReadRegister(node.span, register.name, index, held))
    places.store(f, target, held, node.span)


def write(f: Frame, node: ast.Call, made: Call) -> None:
    register = _register(f, node, made)
    at, given = cells.argument(made, "index"), cells.argument(made, "value")

    def value() -> ex.Expression:
        return expressions.converted(expressions.value(f, given), register.type, given.span)

    index, number = order.in_order(f, (lambda: cells.index(f, at), value), node.span)
    f.emit(st.WriteRegister(node.span, register.name, index, number))


def _register(f: Frame, node: ast.Call, made: Call) -> ir.Register:
    found = instances.extern_of(f, node, made)
    if found.name not in f.build.registers:
        raise refusal.consequence(node.span)  # it was refused
    return f.build.registers[found.name]
