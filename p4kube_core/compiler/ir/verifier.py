"""Checks that a program keeps the rules of the IR; run between all passes.

What is found here is a fault of ours, never of the program's author.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import final

from p4kube_core import errors
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types, verifier_expressions, verifier_statements
from p4kube_core.compiler.ir.verifier_scope import Scope


@final
@dataclass(frozen=True, slots=True)
class Finding:
    where: str  # the action, table, state or block
    message: str
    span: Span | None

    def __str__(self) -> str:
        place = f" (from {self.span})" if self.span is not None else ""
        return f"{self.where}: {self.message}{place}"


def check(of: ir.Program, after: str) -> None:
    """Demand that the program keeps the rules.

    Args:
        after: what made the program, for the message.
    Raises:
        errors.InvariantViolated: with all findings.
    """
    found = verify(of)
    if found:
        lines = "\n".join(map(str, found))
        raise errors.InvariantViolated(f"the IR is not valid after {after}:\n{lines}")


def verify(of: ir.Program) -> tuple[Finding, ...]:
    """All rules that the program breaks; empty if it keeps them."""
    verifier = _Verifier(of, Scope(of))
    verifier.run()
    return tuple(verifier.findings)


@final
class _Verifier:
    def __init__(self, program: ir.Program, scope: Scope) -> None:
        self.program = program
        self.scope = scope
        self.findings: list[Finding] = []

    def run(self) -> None:
        of = self.program
        self._names_are_unique()
        self._types()
        for action in of.actions:
            self._action(action)
        for table in of.tables:
            self._table(table)
        for counter in of.counters:
            if counter.table is not None and counter.table not in self.scope.tables:
                self._found(counter.name, f"belongs to no table: {counter.table!r}", counter.span)
        for meter in of.meters:
            if meter.table is not None and meter.table not in self.scope.tables:
                self._found(meter.name, f"belongs to no table: {meter.table!r}", meter.span)
        self._parser(of.parser)
        for control in of.controls:
            self._body(control.name, control.role, control.variables, control.body)
        roles = [c.role for c in of.controls]
        if len(set(roles)) != len(roles):
            self._found("program", "two controls have one role", of.span)

    def _found(self, where: str, message: str, span: Span | None = None) -> None:
        self.findings.append(Finding(where, message, span))

    def _names_are_unique(self) -> None:
        of = self.program
        names = [v.name for v in (*of.variables, *of.parser.variables)]
        names += [v.name for a in of.actions for v in a.variables]
        names += [v.name for c in of.controls for v in c.variables]
        names += [p.name for a in of.actions for p in a.parameters]
        groups = {
            "variable": names,
            "action": [a.name for a in of.actions],
            "table": [t.name for t in of.tables],
            "counter": [c.name for c in of.counters],
            "register": [r.name for r in of.registers],
            "meter": [m.name for m in of.meters],
            "digest": [d.name for d in of.digests],
            "controller header": [h.name for h in of.controller_headers],
            "type": [t.name for t in of.types],
            "state": [s.name for s in of.parser.states],
        }
        for what, group in groups.items():
            for name in sorted(n for n, count in Counter(group).items() if count > 1):
                self._found("program", f"two of {what} {name!r}")
        if of.metadata not in {v.name for v in of.variables}:
            self._found("program", f"no variable {of.metadata!r} for the architecture's metadata")
        if not of.errors or of.errors[0] != "NoError":
            self._found("program", "error 0 is not NoError")

    def _types(self) -> None:
        known: set[str] = set()
        for t in self.program.types:
            for m in t.members:
                for name in verifier_expressions.named_types(m.type):
                    if name not in known:
                        self._found(t.name, f"contains {name!r}, which does not come before it")
            varbits = [m for m in t.members if isinstance(m.type, types.Varbit)]
            if isinstance(t, types.Header) and len(varbits) > 1:
                self._found(t.name, "has two varbits")
            if isinstance(t, types.Header) and any(
                isinstance(m.type, types.Header | types.Stack) for m in t.members
            ):
                self._found(t.name, "contains a header")
            known.add(t.name)

    def _body(
        self,
        where: str,
        kind: str,
        variables: tuple[ir.Variable, ...],
        body: st.Body,
        parameters: tuple[ir.Parameter, ...] = (),
    ) -> None:
        scope = self.scope.of_block(kind, variables, parameters)
        for message, span in verifier_statements.body(scope, body):
            self._found(where, message, span)

    def _action(self, of: ir.Action) -> None:
        self._body(of.name, "action", of.variables, of.body, of.parameters)

    def _parser(self, of: ir.Parser) -> None:
        names = {s.name for s in of.states} | {ir.ACCEPT, ir.REJECT}
        if not of.states:
            self._found(of.name, "has no state", of.span)
        scope = self.scope.of_block("parser", of.variables, ())
        for message in verifier_expressions.place(scope, of.error):
            self._found(of.name, message, of.span)
        if of.error.type != types.Bits(8):
            self._found(of.name, f"the error wants bit<8>, found {of.error.type}", of.span)
        for state in of.states:
            self._body(state.name, "parser", of.variables, state.body)
            targets = [state.transition.state] if isinstance(state.transition, ir.Goto) else [
                c.state for c in state.transition.cases
            ]  # fmt: skip
            for target in targets:
                if target not in names:
                    self._found(state.name, f"goes to no state: {target!r}", state.span)
            if isinstance(state.transition, ir.Select):
                self._select(scope, state, state.transition)

    def _select(self, scope: Scope, state: ir.State, of: ir.Select) -> None:
        for subject in of.subjects:
            for message in verifier_expressions.expression(scope, subject):
                self._found(state.name, message, state.span)
        kinds = [s.type for s in of.subjects]
        for case in of.cases:
            for message in _keysets(kinds, case.keysets):
                self._found(state.name, message, state.span)

    def _table(self, of: ir.Table) -> None:
        scope = self.scope.of_block("table", (), ())
        for key in of.keys:
            for message in verifier_expressions.expression(scope, key.expression):
                self._found(of.name, message, key.span)
        kinds = [k.expression.type for k in of.keys]
        listed = [a.action for a in of.actions]
        for name in listed:
            if name not in self.scope.actions:
                self._found(of.name, f"no action {name!r}", of.span)
        self._call(of, of.default_action, listed, of.span)
        for entry in of.entries:
            self._call(of, entry.call, listed, entry.span)
            for message in _keysets(kinds, entry.keysets):
                self._found(of.name, message, entry.span)
        if of.direct_counter is not None:
            counter = self.scope.counters.get(of.direct_counter)
            if counter is None or counter.table != of.name:
                message = f"the direct counter {of.direct_counter!r} is not its own"
                self._found(of.name, message, of.span)
        if of.direct_meter is not None:
            meter = self.scope.meters.get(of.direct_meter)
            if meter is None or meter.table != of.name:
                message = f"the direct meter {of.direct_meter!r} is not its own"
                self._found(of.name, message, of.span)
        for name in listed:
            self._direct_meters(of, self.scope.actions.get(name))

    def _direct_meters(self, of: ir.Table, action: ir.Action | None) -> None:
        """An action may run the direct meter of every table that lists it, and no other."""
        for statement in () if action is None else st.walk(action.body):
            if (
                isinstance(statement, st.RunMeter)
                and statement.index is None
                and statement.meter != of.direct_meter
            ):
                message = f"an action of its list runs the direct meter {statement.meter!r}"
                self._found(of.name, message, statement.span)

    def _call(self, of: ir.Table, call: ir.ActionCall, listed: list[str], span: Span) -> None:
        if call.action not in listed:
            self._found(of.name, f"the action {call.action!r} is not in its list", span)
        action = self.scope.actions.get(call.action)
        if action is None:
            return
        if len(call.arguments) != len(action.parameters):
            count = len(action.parameters)
            message = f"{call.action} wants {count} arguments, found {len(call.arguments)}"
            self._found(of.name, message, span)
            return
        for p, value in zip(action.parameters, call.arguments, strict=True):
            if not verifier_expressions.fits(p.type, value):
                self._found(of.name, f"{value} is no {p.type} ({p.name} of {call.action})", span)


def _keysets(kinds: list[types.Type], found: tuple[ir.Keyset, ...]) -> list[str]:
    if len(kinds) != len(found):
        return [f"wanted {len(kinds)} key sets, found {len(found)}"]
    messages = []
    for kind, keyset in zip(kinds, found, strict=True):
        match keyset:
            case ir.AnyValue():
                continue
            case ir.Exactly():
                values = [keyset.value]
            case ir.Between():
                values = [keyset.low, keyset.high]
            case ir.Masked():
                if keyset.value & ~keyset.mask:
                    messages.append("a masked value has bits outside of its mask")
                width = types.width_bits(kind)
                if keyset.mask >> width or keyset.mask < 0:
                    messages.append(f"the mask {keyset.mask:#x} does not fit {kind}")
                continue
        messages += [f"{v} is no {kind}" for v in values if not verifier_expressions.fits(kind, v)]
    return messages
