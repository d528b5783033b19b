"""Finds what a program shows to the control plane, each object in its place with its full name.

From `main` inwards. What is never applied or called is left out, as p4c leaves it out; extern
instances always stay. The order is p4c's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import final

from p4kube_core.compiler.frontend import ast, types
from p4kube_core.compiler.frontend.ast import walk
from p4kube_core.compiler.frontend.checked import Call, CallKind, Checked
from p4kube_core.compiler.p4info import liveness, notes, objects, values
from p4kube_core.compiler.p4info.objects import (
    ActionObject,
    DigestObject,
    ExternObject,
    Objects,
    TableObject,
    ValueSetObject,
    full_name,
)
from p4kube_core.compiler.p4info.values import Scope

_Declared = tuple[ast.ActionDeclaration, str]  # an action and the block that declares it


@final
@dataclass(slots=True)
class _Flat:
    """A control of the package with all that it applies, as if that were written in its place."""

    tables: list[TableObject] = field(default_factory=list)
    actions: list[_Declared] = field(default_factory=list)  # live or not
    called: dict[_Declared, Scope] = field(default_factory=dict)
    bodies: list[tuple[ast.Block, Scope]] = field(default_factory=list)


def find(checked: Checked) -> Objects:
    return _Finder(checked).run()


@final
class _Finder:
    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self.found = Objects()
        self.seen: set[ast.Instantiation] = set()
        self.queue: deque[tuple[Call, Scope] | TableObject | ExternObject] = deque()
        self.action_names: set[str] = set()
        declarations = checked.program.declarations
        self.top_actions = {d for d in declarations if isinstance(d, ast.ActionDeclaration)}

    def run(self) -> Objects:
        for node in self.checked.program.declarations:
            if isinstance(node, ast.Instantiation):
                self.visit_instance(node, values.TOP)
        while self.queue:
            match self.queue.popleft():
                case (call, scope):
                    self.enter(call, scope)
                case TableObject() as table:
                    self.found.tables.append(table)
                    self.found.sequence.append(table)
                case ExternObject() as extern:
                    self.found.sequence.append(extern)
        return self.found

    def visit_instance(self, node: ast.Instantiation, scope: Scope) -> None:
        """Queue a package, control, parser or extern that is declared at the top level."""
        if node in self.seen or node not in self.checked.calls:
            return
        self.seen.add(node)
        call = self.checked.calls[node]
        if isinstance(call.result, types.Extern):
            self.add_extern(node, call, "", scope)
        else:
            self.queue.append((call, scope))

    def add_extern(self, node: ast.Instantiation, call: Call, block: str, scope: Scope) -> None:
        assert isinstance(call.result, types.Extern)
        if liveness.is_dropped(self.checked, node):
            return
        name = full_name(block, notes.external_name(node.name, node.annotations))
        made = ExternObject(name, call.result, call, node.annotations, node, scope, False)
        self.found.externs.append(made)
        self.found.by_node[node, block] = made
        self.queue.append(made)

    def enter(self, call: Call, scope: Scope) -> None:
        """Look into a package, or a parser or control of one."""
        match call.result:
            case types.Package():
                for binding in call.bindings:
                    if binding.argument is not None:
                        self.visit_argument(binding.argument, scope)
            case types.Control(declaration=ast.ControlDeclaration() as node):
                self.control(node, values.inner_scope(call, scope))
            case types.Parser(declaration=ast.ParserDeclaration() as node):
                self.parser(node, node.name, values.inner_scope(call, scope))
            case _:
                pass

    def visit_argument(self, argument: ast.Expression, scope: Scope) -> None:
        found = values.bound(self.checked, argument, scope)
        if isinstance(found.expression, ast.Call):
            call = self.checked.calls[found.expression]
            if not isinstance(call.result, types.Extern):
                self.queue.append((call, found.scope))
        elif isinstance(found.expression, ast.NameExpression):
            used = self.checked.use(found.expression)
            if isinstance(used, ast.Instantiation):
                self.visit_instance(used, found.scope)

    # --- parsers

    def parser(self, node: ast.ParserDeclaration, block: str, scope: Scope) -> None:
        for local in node.locals:
            match local:
                case ast.ValueSetDeclaration():
                    name = full_name(block, notes.external_name(local.name, local.annotations))
                    self.found.value_sets.append(ValueSetObject(name, local, scope))
                case ast.Instantiation():
                    self.parser_instance(local, block, scope)
                case _:
                    pass

    def parser_instance(self, node: ast.Instantiation, block: str, scope: Scope) -> None:
        call = self.checked.calls[node]
        match call.result:
            case types.Extern():
                self.add_extern(node, call, block, scope)
            case types.Parser(declaration=ast.ParserDeclaration() as callee):
                name = full_name(block, notes.external_name(node.name, node.annotations))
                self.parser(callee, name, values.inner_scope(call, scope))
            case _:
                pass

    # --- controls

    def control(self, node: ast.ControlDeclaration, scope: Scope) -> None:
        flat = _Flat()
        self.collect(node, node.name, scope, flat)
        in_tables: dict[_Declared, Scope] = {}
        for table in flat.tables:
            for use in objects.table_actions(self.checked, table.table):
                block = "" if use.action in self.top_actions else table.block
                in_tables[use.action, block] = table.scope
        used = in_tables | {d: s for d, s in flat.called.items() if d not in in_tables}
        # Those of the top level come first, in the order of use; the others as they are declared.
        from_top = [d for d in used if d[0] in self.top_actions]
        for declared in [*from_top, *(d for d in flat.actions if d in used)]:
            self.add_action(declared, declared in in_tables, used[declared])
        for body, inner in flat.bodies:
            self.digests(body, inner)

    def collect(self, node: ast.ControlDeclaration, block: str, scope: Scope, flat: _Flat) -> None:
        """Queue a control's live tables and its externs, and those of what it applies."""
        uses = liveness.uses_of(self.checked, node, scope)
        flat.bodies.append((node.body, scope))
        for action in uses.actions:
            flat.called[action, "" if action in self.top_actions else block] = scope
        for local in node.locals:
            match local:
                case ast.ActionDeclaration():
                    flat.actions.append((local, block))
                case ast.TableDeclaration() if local in uses.tables:
                    self.add_table(local, block, scope, flat)
                case ast.Instantiation():
                    self.collect_instance(local, block, scope, flat, local in uses.instances)
                case _:
                    pass
        for application in uses.direct:
            self.collect_direct(application, block, scope, flat)

    def collect_direct(
        self, node: ast.DirectApplication, block: str, scope: Scope, flat: _Flat
    ) -> None:
        of = self.checked.resolved_type(node.type)
        if isinstance(of, types.Control) and isinstance(of.declaration, ast.ControlDeclaration):
            variables = zip(of.type_parameters, map(scope.type, of.arguments), strict=False)
            inner = Scope({}, dict(variables))
            self.collect(of.declaration, full_name(block, of.name), inner, flat)

    def collect_instance(
        self, node: ast.Instantiation, block: str, scope: Scope, flat: _Flat, is_used: bool
    ) -> None:
        call = self.checked.calls[node]
        match call.result:
            case types.Extern():
                self.add_extern(node, call, block, scope)
            case types.Control(declaration=ast.ControlDeclaration() as callee) if is_used:
                name = full_name(block, notes.external_name(node.name, node.annotations))
                self.collect(callee, name, values.inner_scope(call, scope), flat)
            case _:
                pass

    def add_table(self, node: ast.TableDeclaration, block: str, scope: Scope, flat: _Flat) -> None:
        """Queue a table, and note the externs that are constructed within its properties."""
        table = self.checked.tables[node]
        name = full_name(block, notes.external_name(node.name, node.annotations))
        made = TableObject(name, table, scope, block)
        flat.tables.append(made)
        self.queue.append(made)
        for property_name, property_ in table.properties.items():
            value = property_.value
            call = self.checked.calls.get(value)
            if call is None or not isinstance(call.result, types.Extern):
                continue
            assert isinstance(value, ast.Call)
            annotations = property_.annotations
            # Unlike all else, these are not named after the block around them.
            given = notes.external_name(property_name, annotations).removeprefix(".")
            extern = ExternObject(given, call.result, call, annotations, value, scope, True)
            self.found.externs.append(extern)
            self.found.by_node[value, block] = extern

    def add_action(self, declared: _Declared, in_table: bool, scope: Scope) -> None:
        node, block = declared
        name = full_name(block, notes.external_name(node.name, node.annotations))
        if name in self.action_names:
            return
        self.action_names.add(name)
        self.found.actions.append(ActionObject(name, node, in_table, scope))
        self.digests(node.body, scope)

    def digests(self, body: ast.Block, scope: Scope) -> None:
        """Note v1model's digest() calls, and whether any extern function is called."""
        for node in walk.walk(body):
            call = self.checked.calls.get(node) if isinstance(node, ast.Call) else None
            if call is None or call.kind is not CallKind.EXTERN_FUNCTION:
                continue
            self.found.calls_extern_function = True
            if call.method == "digest" and call.type_arguments:
                type_ = scope.type(call.type_arguments[0])
                self.found.digests.append(DigestObject(type_, node))
