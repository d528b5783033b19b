"""The way into the lowering: from a checked program to one of the IR."""

from __future__ import annotations

from pathlib import PurePath

from p4kube_core.compiler.frontend import ast, diagnostics
from p4kube_core.compiler.frontend import types as p4
from p4kube_core.compiler.frontend.checked import AnyDeclaration, Call, CallKind, Checked
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import types
from p4kube_core.compiler.lowering import (
    blocks,
    controller_headers,
    instances,
    meters,
    parsers,
    refusal,
    v1model,
)
from p4kube_core.compiler.lowering.frame import Build, Flow, Frame
from p4kube_core.compiler.lowering.scope import BlockInstance


def lower(
    checked: Checked, found: diagnostics.Diagnostics, name: str | None = None
) -> ir.Program | None:
    """Lower a program that was checked without errors.

    Args:
        found: collects what is refused.
        name: of the program; its file's name without ending where it is None.
    Returns:
        None if there is nothing to go on with; check `found` for errors in any case.
    """
    main = checked.main_call()
    if main is None or checked.main is None:
        message = f"{checked.program.span.source.name} has no `main`, so there is nothing to run"
        found.error(refusal.NO_MAIN, message, None)
        return None
    if main.method != v1model.PACKAGE or not _is_ours(main):
        message = f"wanted the package V1Switch of <v1model.p4>, found a {main.method!r}"
        found.error(refusal.UNKNOWN_ARCHITECTURE, message, checked.main.span)
        return None
    build = Build(checked, found, v1model.extern_call)
    build.sites = _sites(checked)
    stem = PurePath(checked.program.span.source.name).stem if name is None else name
    try:
        return _program(Frame(build, build.top, Flow()), main, stem, checked.main)
    except refusal.Refused as e:
        if e.code:
            found.error(e.code, e.message, e.span, e.hint)
        return None


def _is_ours(main: Call) -> bool:
    """The package is our declaration of it, not another one of the same name."""
    return main.callee is not None and main.callee.span.source.is_system


def _sites(checked: Checked) -> dict[AnyDeclaration, int]:
    """How often each instance is applied in the text of the program."""
    counts: dict[AnyDeclaration, int] = {}
    for made in checked.calls.values():
        if made.kind is CallKind.CONTROL_APPLY and isinstance(made.receiver, ast.NameExpression):
            instance = checked.use(made.receiver)
            if instance is not None:
                counts[instance] = counts.get(instance, 0) + 1
    return counts


def _program(f: Frame, main: Call, name: str, package: ast.Instantiation) -> ir.Program:
    build = f.build
    parser = _block(f, main, v1model.PARSER)
    shared = _shared(f, parser)
    lowered_parser = _parser(f, parser, shared)
    controls = tuple(
        _control(f, _block(f, main, parameter), role, shared)
        for parameter, role in v1model.CONTROLS
    )
    meters.check_direct(build, controls, lowered_parser)
    errors = sorted(build.checked.errors, key=lambda e: build.checked.errors[e])
    return ir.Program(
        name=name,
        architecture="v1model",
        types=tuple(build.kinds.declared.values()),
        errors=tuple(errors),
        variables=tuple(build.variables.values()),
        metadata=v1model.METADATA,
        actions=tuple(build.actions.values()),
        tables=tuple(build.tables),
        counters=tuple(build.counters.values()),
        parser=lowered_parser,
        controls=controls,
        span=package.span,
        registers=tuple(build.registers.values()),
        meters=tuple(build.meters.values()),
        digests=tuple(build.digests.values()),
        controller_headers=tuple(controller_headers.declared(f)),
    )


def _block(f: Frame, main: Call, parameter: str) -> BlockInstance:
    node = main.argument(parameter)
    assert node is not None
    found = instances.instance_of(f, node)
    if not isinstance(found, BlockInstance):
        raise refusal.not_yet("this as an argument of the package", node.span)
    return found


def _shared(f: Frame, parser: BlockInstance) -> tuple[ex.Var, ex.Var, ex.Var]:
    """Headers, metadata and standard metadata: variables that all blocks see."""
    _, headers, metadata, standard = f.build.checked.parameters_of(parser.declaration)
    span = parser.declaration.name_span

    def variable(p: p4.Parameter, name: str) -> ex.Var:
        return f.build.variable(name, f.build.kinds.of(parser.scope.type(p.type), span), span)

    last = variable(standard, v1model.METADATA)  # first, so that the name is free
    return variable(headers, headers.name), variable(metadata, metadata.name), last


def _bind(f: Frame, of: BlockInstance, shared: tuple[ex.Var, ...]) -> None:
    """Give a block's parameters the variables that they stand for, in order, packets left out."""
    run_time = [
        p for p in f.build.checked.parameters_of(of.declaration)
        if not isinstance(p.type, p4.Extern)
    ]  # fmt: skip
    for p, variable in zip(run_time, shared, strict=False):
        of.scope.bind(p.declaration, variable)


def _parser(f: Frame, of: BlockInstance, shared: tuple[ex.Var, ex.Var, ex.Var]) -> ir.Parser:
    _bind(f, of, shared)
    inner = Frame(f.build, of.scope, Flow())
    blocks.elaborate(inner, of)
    states = parsers.states(inner, of)
    error = types.member(shared[2].type, "parser_error")
    assert error is not None
    return ir.Parser(
        name=of.declaration.name,
        states=states,
        variables=(),
        error=ex.Member(error.type, shared[2], error.name),
        on_reject=ir.OnReject.CONTINUE,
        span=of.declaration.name_span,
    )


def _control(
    f: Frame, of: BlockInstance, role: ir.Role, shared: tuple[ex.Var, ex.Var, ex.Var]
) -> ir.Control:
    _bind(f, of, shared)
    inner = Frame(f.build, of.scope, Flow())
    blocks.elaborate(inner, of)
    blocks.body(inner, of)
    return ir.Control(role, of.declaration.name, (), tuple(inner.out), of.declaration.name_span)
