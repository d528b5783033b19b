"""register.read and register.write of v1model."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import Call
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import expressions, instances, order, places, refusal
from p4kube_core.compiler.lowering.frame import Frame


def read(f: Frame, node: ast.Call, made: Call) -> None:
    register = _register(f, node, made)
    target = places.settled_target(f, _argument(made, "result"))
    index = _index(f, _argument(made, "index"))
    held = f.temporary(register.type, node.span, "held")
    f.emit(st.ReadRegister(node.span, register.name, index, held))
    places.store(f, target, held, node.span)


def write(f: Frame, node: ast.Call, made: Call) -> None:
    register = _register(f, node, made)
    at, given = _argument(made, "index"), _argument(made, "value")

    def value() -> ex.Expression:
        return expressions.converted(expressions.value(f, given), register.type, given.span)

    index, number = order.in_order(f, (lambda: _index(f, at), value), node.span)
    f.emit(st.WriteRegister(node.span, register.name, index, number))


def _register(f: Frame, node: ast.Call, made: Call) -> ir.Register:
    found = instances.extern_of(f, node, made)
    if found.name not in f.build.registers:
        raise refusal.consequence(node.span)  # it was refused
    return f.build.registers[found.name]


def _index(f: Frame, node: ast.Expression) -> ex.Expression:
    found = expressions.value(f, node)
    of = found.type
    assert isinstance(of, types.Bits)
    if isinstance(found, ex.Const):
        return folding.number(types.Bits(64), found.value)
    if of.width > 64:
        raise refusal.not_yet(f"an index of {of.width} bits", node.span)
    return folding.cast(types.Bits(of.width), found)


def _argument(made: Call, name: str) -> ast.Expression:
    found = made.argument(name)
    assert found is not None
    return found
