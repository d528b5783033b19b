"""Switch statements, on the action that a table ran and on values."""

from __future__ import annotations

from collections.abc import Callable

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend import types as p4
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import calls, expressions, refusal, statements, tables
from p4kube_core.compiler.lowering.frame import Frame

_POSITION = types.Bits(32)


def switch(f: Frame, node: ast.Switch) -> None:
    if isinstance(f.type_of(node.selector), p4.ActionRun):
        _on_action(f, node)
    else:
        _on_value(f, node)


def _on_action(f: Frame, node: ast.Switch) -> None:
    selector = node.selector
    assert isinstance(selector, ast.Member)
    assert isinstance(selector.base, ast.Call)
    made = f.build.checked.call(selector.base)
    table = calls.table_of(f, made, selector.base)
    run = f.temporary(_POSITION, node.span, "action_run")
    lowered = tables.apply(f, table, node.span, action_run=run)

    def positions(label: ast.Expression) -> list[int]:
        declaration = f.build.checked.use(label)
        return [i for i, a in enumerate(lowered.declarations) if a is declaration]

    _emit(f, node, run, positions)


def _on_value(f: Frame, node: ast.Switch) -> None:
    subject = expressions.value(f, node.selector)
    of = subject.type
    if isinstance(of, types.Bool):
        subject = folding.cast(types.Bits(1), subject)
    elif not isinstance(of, types.Bits):
        raise refusal.not_yet(f"a switch on {of}", node.span)

    def number(label: ast.Expression) -> list[int]:
        found = expressions.value(f.within(), label)
        assert isinstance(subject.type, types.Bits)
        found = expressions.converted(found, subject.type, label.span)
        if not isinstance(found, ex.Const):
            message = "the label of a case wants a value known when the program is compiled"
            raise refusal.Refused(refusal.NOT_KNOWN, message, label.span)
        return [found.value]

    _emit(f, node, subject, number)


def _emit(
    f: Frame,
    node: ast.Switch,
    subject: ex.Expression,
    number: Callable[[ast.Expression], list[int]],
) -> None:
    """Cases without a body share that of the next one."""
    cases: list[st.Case] = []
    otherwise: st.Body = ()
    waiting: list[int] = []
    is_default = False
    seen: set[int] = set()
    for case in node.cases:
        if isinstance(case.label, ast.DefaultKey):
            is_default = True
        else:
            waiting.extend(n for n in number(case.label) if n not in seen)
            seen.update(waiting)
        if case.body is None:
            continue
        inner = f.within()
        statements.block(inner, case.body)
        if is_default:
            otherwise = tuple(inner.out)  # for the labels that share it, too
        elif waiting:
            cases.append(st.Case(tuple(waiting), tuple(inner.out)))
        waiting, is_default = [], False
    if waiting:  # without a body: nothing is done for them, not even the default
        cases.append(st.Case(tuple(waiting), ()))
    f.emit(st.Switch(node.span, subject, tuple(cases), otherwise))
