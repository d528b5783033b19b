"""What is being built, and where in it the lowering is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, final

from p4kube_core.compiler.frontend import ast, diagnostics
from p4kube_core.compiler.frontend import types as p4
from p4kube_core.compiler.frontend.checked import AnyDeclaration, Checked
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types
from p4kube_core.compiler.lowering import refusal
from p4kube_core.compiler.lowering.kinds import Kinds
from p4kube_core.compiler.lowering.scope import Scope

MAX_STATEMENTS: Final = 30_000
"""Most statements of a program once everything is inlined; keeps time and memory bounded."""


@final
@dataclass(slots=True)
class Build:
    """The program as far as it is built."""

    checked: Checked
    diagnostics: diagnostics.Diagnostics
    extern_call: ExternCall
    top: Scope = field(default_factory=lambda: Scope(None, "", {}))
    kinds: Kinds = field(default_factory=Kinds)
    variables: dict[str, ir.Variable] = field(default_factory=dict)
    actions: dict[object, ir.Action] = field(default_factory=dict)
    tables: list[ir.Table] = field(default_factory=list)
    counters: dict[str, ir.Counter] = field(default_factory=dict)
    registers: dict[str, ir.Register] = field(default_factory=dict)
    meters: dict[str, ir.Meter] = field(default_factory=dict)
    digests: dict[str, ir.Digest] = field(default_factory=dict)
    digest_calls: tuple[ast.Call, ...] | None = None  # as P4Info counts them, once that is known
    sites: dict[AnyDeclaration, int] = field(default_factory=dict)  # applications of an instance
    statements: int = 0
    _taken: dict[str, dict[str, int]] = field(default_factory=dict)

    def unique(self, kind: str, wanted: str) -> str:
        """A name of that kind that is not taken yet: the wanted one, or with a number behind it."""
        taken = self._taken.setdefault(kind, {})
        name = wanted
        while name in taken:
            taken[wanted] += 1
            name = f"{wanted}_{taken[wanted]}"
        taken[name] = 1
        return name

    def variable(self, name: str, of: types.Type, span: Span) -> ex.Var:
        word = re.sub(r"[^\w.]+", "_", name)
        made = ir.Variable(self.unique("variable", word), of, span)
        self.variables[made.name] = made
        return ex.Var(of, made.name)

    def error_code(self, name: str) -> ex.Const:
        return ex.Const(types.Bits(8), self.checked.errors[name])


@final
@dataclass(frozen=True, slots=True)
class CopyOut:
    """What happens when a call ends: the callee's own copy goes back to where it came from."""

    target: ex.Place | ex.Slice
    source: ex.Place
    span: Span


@final
@dataclass(frozen=True, slots=True)
class Flow:
    """What jumps mean at a place."""

    return_label: str | None = None  # None: return ends the action or control of the IR itself
    result: ex.Place | None = None
    break_label: str | None = None
    continue_label: str | None = None
    pending: tuple[CopyOut, ...] = ()  # to be done before an exit


@final
@dataclass(slots=True)
class Frame:
    """A place in the program: the scope of its names, the statements before it, its jumps."""

    build: Build
    scope: Scope
    flow: Flow
    out: list[st.Statement] = field(default_factory=list)

    def emit(self, statement: st.Statement) -> None:
        self.build.statements += 1
        if self.build.statements > MAX_STATEMENTS:
            message = f"the program has more than {MAX_STATEMENTS} statements once all is inlined"
            raise refusal.Refused(refusal.TOO_LARGE, message, statement.span)
        self.out.append(statement)

    def within(self, scope: Scope | None = None, flow: Flow | None = None) -> Frame:
        """The same place with an empty list of statements."""
        return Frame(self.build, scope or self.scope, flow or self.flow, [])

    def temporary(self, of: types.Type, span: Span, name: str = "tmp") -> ex.Var:
        return self.build.variable(name, of, span)

    def type_of(self, node: ast.Expression) -> p4.Type:
        """Type before the implicit cast, without type variables."""
        return self.scope.type(self.build.checked.type_of(node))

    def converted_type(self, node: ast.Expression) -> p4.Type:
        return self.scope.type(self.build.checked.converted_type(node))

    def kind(self, of: p4.Type, span: Span) -> types.Type:
        return self.build.kinds.of(self.scope.type(of), span)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Make a diagnostic of what is refused inside."""
        try:
            yield
        except refusal.Refused as e:
            if e.code:
                self.build.diagnostics.error(e.code, e.message, e.span, e.hint)
            if e.code == refusal.TOO_LARGE:
                raise


ExternCall = Callable[[Frame, ast.Call], "ex.Expression | None"]
"""Lowers a call of what the architecture declares; gives its result, None where it has none."""
