"""Objects: what instantiations make, and what the names of objects stand for."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend import types as p4
from p4kube_core.compiler.frontend.checked import Binding, Call
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.lowering import expressions, refusal
from p4kube_core.compiler.lowering.frame import Flow, Frame
from p4kube_core.compiler.lowering.scope import (
    ActionInstance,
    BlockInstance,
    Deferred,
    ExternInstance,
    Instance,
    Scope,
    TableInstance,
    control_plane_name,
)

Node = ast.Instantiation | ast.Call | ast.DirectApplication


def instance_of(f: Frame, node: ast.Expression) -> Instance | None:
    """The object that an expression names or constructs; None for a packet."""
    if isinstance(node, ast.Call):
        made = f.build.checked.call(node)
        name = made.method
        return make(f, node, made, name, name)
    if isinstance(node, ast.NameExpression):
        declaration = f.build.checked.use(node)
        if declaration is None:
            return None
        found = f.scope.find(declaration)
        if found is None and isinstance(declaration, ast.Instantiation):
            found = declare(Frame(f.build, f.build.top, Flow()), declaration)
        if isinstance(found, ExternInstance | BlockInstance | ActionInstance | TableInstance):
            return found
    return None


def declare(f: Frame, node: ast.Instantiation) -> Instance | None:
    """Make what an instantiation declares, and bind it in the scope."""
    made = f.build.checked.call(node)
    local = control_plane_name(node.name, node.annotations)
    found = make(f, node, made, local, node.name)
    if found is not None:
        f.scope.bind(node, found)
    return found


def make(f: Frame, node: Node, made: Call, local: str, declared: str) -> Instance | None:
    """The object that a constructor call gives.

    Args:
        local: its control-plane name within the scope.
        declared: its name in the program, for messages.
    """
    result = f.scope.type(made.result)
    name = f.scope.full_name(local)
    match result:
        case p4.Extern():
            counter = _counter(f, result.name, name, node, made)
            if counter is not None:
                f.build.counters[name] = counter
            if result.name in ("meter", "direct_meter"):
                f.build.meters[name] = _meter(f, result, name, node, made)
            if result.name == "register":
                f.build.registers[name] = _register(f, result, name, node, made)
            return ExternInstance(result.name, name, node)
        case p4.Control() | p4.Parser():
            return _block(f, node, made, result, name)
        case _:
            raise refusal.not_yet(f"an instance of {result} ({declared!r})", node.span)


def _block(
    f: Frame, node: Node, made: Call, result: p4.Control | p4.Parser, name: str
) -> BlockInstance:
    declaration = result.declaration
    assert isinstance(declaration, ast.ControlDeclaration | ast.ParserDeclaration)
    by = dict(zip(result.type_parameters, result.arguments, strict=False))
    sites = f.build.sites.get(node, 0) if isinstance(node, ast.Instantiation) else 1
    is_shared = f.scope.is_shared or sites > 1
    scope = Scope(f.build.top, name, by, is_shared)
    for b in made.bindings:
        _bind_constructor(f, b, scope)
    return BlockInstance(declaration, scope, is_shared)


def _bind_constructor(f: Frame, b: Binding, scope: Scope) -> None:
    declaration = b.parameter.declaration
    assert isinstance(declaration, ast.Parameter)
    if b.argument is None:
        return
    if isinstance(b.parameter.type, p4.Extern | p4.Control | p4.Parser):
        found = instance_of(f, b.argument)
        if isinstance(found, BlockInstance):
            found.has_own_storage = True
        if found is not None:
            scope.bind(declaration, found)
        return
    if isinstance(b.parameter.type, p4.List) or b.parameter.type is p4.STRING:
        return
    value = expressions.value(f.within(), b.argument)
    wanted = f.kind(scope.type(b.parameter.type), b.argument.span)
    if isinstance(value, ex.Const):
        scope.bind(declaration, expressions.converted(value, wanted, b.argument.span))
    else:
        scope.bind(declaration, Deferred(b.argument, f.scope))


def extern_of(f: Frame, node: ast.Call, made: Call) -> ExternInstance:
    """The object of the architecture whose method is called."""
    assert made.receiver is not None
    found = instance_of(f, made.receiver)
    if not isinstance(found, ExternInstance):
        raise refusal.not_yet(f"{made.method}() of this", node.span)
    return found


def _counter(f: Frame, type_name: str, name: str, node: Node, made: Call) -> ir.Counter | None:
    """The counter that an instance is; None if it is something else."""
    if type_name not in ("counter", "direct_counter"):
        return None
    unit = made.argument("type")
    size = 0
    if type_name == "counter":
        argument = made.argument("size")
        assert argument is not None
        size = expressions.known_number(f, argument)
    assert unit is not None
    number = expressions.known_number(f, unit)
    units = (ir.CounterUnit.PACKETS, ir.CounterUnit.BYTES, ir.CounterUnit.BOTH)
    is_direct = type_name == "direct_counter"
    return ir.Counter(name, units[number], size, None, is_direct, node.span)


def _meter(f: Frame, of: p4.Extern, name: str, node: Node, made: Call) -> ir.Meter:
    unit = made.argument("type")
    assert unit is not None
    number = expressions.known_number(f, unit)
    size = 0
    if of.name == "meter":
        argument = made.argument("size")
        assert argument is not None
        size = expressions.known_number(f, argument)
    units = (ir.MeterUnit.PACKETS, ir.MeterUnit.BYTES)
    return ir.Meter(name, units[number], size, None, node.span)


def _register(f: Frame, of: p4.Extern, name: str, node: Node, made: Call) -> ir.Register:
    argument = made.argument("size")
    assert argument is not None
    held = f.build.kinds.scalar(of.arguments[0], node.span)
    return ir.Register(name, held, expressions.known_number(f, argument), node.span)


def direct(f: Frame, node: ast.DirectApplication) -> BlockInstance:
    """The instance that Type.apply() stands for."""
    declared = f.scope.type(f.build.checked.resolved_type(node.type))
    if not isinstance(declared, p4.Control | p4.Parser):
        raise refusal.not_yet(f"applying {declared}", node.span)
    declaration = declared.declaration
    assert isinstance(declaration, ast.ControlDeclaration | ast.ParserDeclaration)
    local = control_plane_name(declaration.name, ())
    by = dict(zip(declared.type_parameters, declared.arguments, strict=False))
    scope = Scope(f.build.top, f.scope.full_name(local), by, f.scope.is_shared)
    return BlockInstance(declaration, scope, f.scope.is_shared)
