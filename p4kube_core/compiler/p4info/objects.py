"""Finds what a program shows to the control plane: its tables, actions, externs and value sets.

From `main` inwards, each instance in its place with its full name. What is never applied or called
is left out, as p4c leaves it out; extern instances always stay. The order is p4c's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from p4kube_core.compiler.frontend import ast, types
from p4kube_core.compiler.frontend.ast import walk
from p4kube_core.compiler.frontend.checked import ActionUse, Call, CallKind, Checked, Table
from p4kube_core.compiler.p4info import notes, values
from p4kube_core.compiler.p4info.values import Scope


@final
@dataclass(frozen=True, slots=True)
class TableObject:
    name: str
    table: Table
    scope: Scope
    block: str  # the full name of the control, and of the instance in it, that declares it


@final
@dataclass(frozen=True, slots=True)
class ActionObject:
    name: str
    declaration: ast.ActionDeclaration
    in_table: bool  # else it is only called
    scope: Scope


@final
@dataclass(frozen=True, slots=True)
class ExternObject:
    name: str
    type: types.Extern
    call: Call  # of its constructor
    annotations: tuple[ast.Annotation, ...]
    node: ast.Instantiation | ast.Call
    scope: Scope
    in_table: bool  # constructed within a table's property


@final
@dataclass(frozen=True, slots=True)
class ValueSetObject:
    name: str
    declaration: ast.ValueSetDeclaration
    scope: Scope


@final
@dataclass(frozen=True, slots=True)
class DigestObject:
    """A call of v1model's digest()."""

    type: types.Type
    node: ast.Call


@final
@dataclass(slots=True)
class Objects:
    """In the order in which a P4Info lists them."""

    tables: list[TableObject] = field(default_factory=list)
    actions: list[ActionObject] = field(default_factory=list)
    externs: list[ExternObject] = field(default_factory=list)
    value_sets: list[ValueSetObject] = field(default_factory=list)
    digests: list[DigestObject] = field(default_factory=list)
    calls_extern_function: bool = False  # in some control
    by_node: dict[tuple[int, str], ExternObject] = field(default_factory=dict)
    sequence: list[TableObject | ExternObject] = field(default_factory=list)


def full_name(block: str, name: str) -> str:
    """A name within a block; one that begins with a dot is full by itself."""
    if name.startswith("."):
        return name[1:]
    return f"{block}.{name}" if block else name


def find(checked: Checked) -> Objects:
    return _Finder(checked).run()


@final
class _Finder:
    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self.found = Objects()
        self.seen: set[ast.Instantiation] = set()
        self.queue: deque[tuple[Call, Scope] | TableObject | ExternObject] = deque()
        self.actions_seen: set[tuple[ast.ActionDeclaration, str]] = set()

    def run(self) -> Objects:
        for node in self.checked.program.declarations:
            if isinstance(node, ast.Instantiation):
                self.visit_instance(node, "", values.TOP)
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

    def visit_instance(self, node: ast.Instantiation, block: str, scope: Scope) -> None:
        """Queue a package, control, parser or extern that is declared as an instance."""
        if node in self.seen or node not in self.checked.calls:
            return
        self.seen.add(node)
        call = self.checked.calls[node]
        if isinstance(call.result, types.Extern):
            self.queue.append(self.extern(node, call, block, scope))
        else:
            self.queue.append((call, scope))

    def extern(self, node: ast.Instantiation, call: Call, block: str, scope: Scope) -> ExternObject:
        assert isinstance(call.result, types.Extern)
        name = full_name(block, notes.external_name(node.name, node.annotations))
        made = ExternObject(name, call.result, call, node.annotations, node, scope, False)
        self.found.externs.append(made)
        self.found.by_node[id(node), block] = made
        return made

    def enter(self, call: Call, scope: Scope) -> None:
        """Look into a package, control or parser."""
        match call.result:
            case types.Package():
                for binding in call.bindings:
                    if binding.argument is not None:
                        self.visit_argument(binding.argument, scope)
            case types.Control(declaration=ast.ControlDeclaration() as node):
                inner = values.inner_scope(call, scope)
                block = notes.external_name(node.name, node.annotations).removeprefix(".")
                self.control(node, block, inner)
            case types.Parser(declaration=ast.ParserDeclaration() as node):
                inner = values.inner_scope(call, scope)
                block = notes.external_name(node.name, node.annotations).removeprefix(".")
                self.parser(node, block, inner)
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
                self.visit_instance(used, "", found.scope)

    # --- parsers

    def parser(self, node: ast.ParserDeclaration, block: str, scope: Scope) -> None:
        for local in node.locals:
            match local:
                case ast.ValueSetDeclaration():
                    name = full_name(block, notes.external_name(local.name, local.annotations))
                    self.found.value_sets.append(ValueSetObject(name, local, scope))
                case ast.Instantiation():
                    call = self.checked.calls[local]
                    inner = values.inner_scope(call, scope)
                    name = full_name(block, notes.external_name(local.name, local.annotations))
                    match call.result:
                        case types.Extern():
                            self.queue.append(self.extern(local, call, block, scope))
                        case types.Parser(declaration=ast.ParserDeclaration() as callee):
                            self.parser(callee, name, inner)
                        case _:
                            pass
                case _:
                    pass

    # --- controls

    def control(self, node: ast.ControlDeclaration, block: str, scope: Scope) -> None:
        """A control with all that it applies, as if that were written in its place."""
        uses: dict[tuple[ast.ActionDeclaration, str], bool] = {}
        tables: list[TableObject] = []
        self.collect(node, block, scope, tables, uses)
        for table in tables:
            for use in table_actions(self.checked, table.table):
                uses[use.action, self.action_block(use.action, table)] = True
        ordered = self.action_order(scope, uses)
        for declaration, where, inner in ordered:
            self.add_action(declaration, where, uses[declaration, where], inner)
        self.digests(node.body, scope)

    def collect(
        self,
        node: ast.ControlDeclaration,
        block: str,
        scope: Scope,
        tables: list[TableObject],
        uses: dict[tuple[ast.ActionDeclaration, str], bool],
    ) -> None:
        """Queue a control's live tables and its externs, and note the actions that it calls."""
        used = self.uses_in(node.body)
        for declaration in used.called:
            where = block if declaration in node.locals else ""
            uses.setdefault((declaration, where), False)
        for application in used.direct:
            self.apply_direct(application, block, scope, tables, uses)
        for local in node.locals:
            match local:
                case ast.TableDeclaration() if local in used.tables:
                    table = self.checked.tables[local]
                    name = full_name(block, notes.external_name(local.name, local.annotations))
                    made = TableObject(name, table, scope, block)
                    tables.append(made)
                    self.queue.append(made)
                    self.in_properties(made)
                case ast.Instantiation():
                    self.local_instance(local, block, scope, used, tables, uses)
                case _:
                    pass

    def local_instance(
        self,
        local: ast.Instantiation,
        block: str,
        scope: Scope,
        used: _Uses,
        tables: list[TableObject],
        uses: dict[tuple[ast.ActionDeclaration, str], bool],
    ) -> None:
        call = self.checked.calls[local]
        match call.result:
            case types.Extern():
                self.queue.append(self.extern(local, call, block, scope))
            case types.Control(declaration=ast.ControlDeclaration() as callee) if (
                local in used.instances
            ):
                name = full_name(block, notes.external_name(local.name, local.annotations))
                inner = values.inner_scope(call, scope)
                self.collect(callee, name, inner, tables, uses)
            case _:
                pass

    def apply_direct(
        self,
        node: ast.DirectApplication,
        block: str,
        scope: Scope,
        tables: list[TableObject],
        uses: dict[tuple[ast.ActionDeclaration, str], bool],
    ) -> None:
        of = self.checked.resolved_type(node.type)
        if isinstance(of, types.Control) and isinstance(of.declaration, ast.ControlDeclaration):
            variables = dict(zip(of.type_parameters, map(scope.type, of.arguments), strict=False))
            inner = Scope({}, variables)
            self.collect(of.declaration, full_name(block, of.name), inner, tables, uses)

    def in_properties(self, table: TableObject) -> None:
        """Externs that are constructed within a table's properties."""
        for name, node in table.table.properties.items():
            call = self.checked.calls.get(node.value)
            if call is None or not isinstance(call.result, types.Extern):
                continue
            assert isinstance(node.value, ast.Call)
            given = full_name(table.block, notes.external_name(name, node.annotations))
            made = ExternObject(
                given, call.result, call, node.annotations, node.value, table.scope, True
            )
            self.found.externs.append(made)
            self.found.by_node[id(node.value), table.block] = made

    def action_block(self, declaration: ast.ActionDeclaration, table: TableObject) -> str:
        """The block that an action of a table is declared in; empty for the top level."""
        return "" if declaration in self.top_actions() else table.block

    def top_actions(self) -> set[ast.ActionDeclaration]:
        program = self.checked.program
        return {d for d in program.declarations if isinstance(d, ast.ActionDeclaration)}

    def action_order(
        self, scope: Scope, uses: dict[tuple[ast.ActionDeclaration, str], bool]
    ) -> Iterator[tuple[ast.ActionDeclaration, str, Scope]]:
        """Top-level actions first, in the order of their use; then as they are declared."""
        for declaration, where in uses:
            if where == "" and declaration in self.top_actions():
                yield declaration, "", values.TOP
        declared = {d for d, where in uses if where}
        for declaration, where in sorted(
            ((d, w) for d, w in uses if w and d in declared), key=lambda u: u[0].span.start
        ):
            yield declaration, where, scope

    def add_action(
        self, declaration: ast.ActionDeclaration, block: str, in_table: bool, scope: Scope
    ) -> None:
        if (declaration, block) in self.actions_seen:
            return
        self.actions_seen.add((declaration, block))
        name = full_name(block, notes.external_name(declaration.name, declaration.annotations))
        self.found.actions.append(ActionObject(name, declaration, in_table, scope))
        self.digests(declaration.body, scope)

    def digests(self, body: ast.Block, scope: Scope) -> None:
        for node in walk.walk(body):
            if isinstance(node, ast.Call):
                call = self.checked.calls.get(node)
                if call is None or call.kind is not CallKind.EXTERN_FUNCTION:
                    continue
                self.found.calls_extern_function = True
                if call.method == "digest" and call.type_arguments:
                    made = DigestObject(scope.type(call.type_arguments[0]), node)
                    self.found.digests.append(made)

    def uses_in(self, body: ast.Block) -> _Uses:
        used = _Uses()
        for node in _live(self.checked, body):
            if isinstance(node, ast.DirectApplication):
                used.direct.append(node)
            call = self.checked.calls.get(node) if isinstance(node, ast.Call) else None
            if call is None:
                continue
            match call.kind:
                case CallKind.TABLE_APPLY if isinstance(call.callee, ast.TableDeclaration):
                    used.tables.add(call.callee)
                case CallKind.CONTROL_APPLY if call.receiver is not None:
                    instance = self.checked.use(call.receiver)
                    if isinstance(instance, ast.Instantiation):
                        used.instances.add(instance)
                case CallKind.ACTION if isinstance(call.callee, ast.ActionDeclaration):
                    used.called.append(call.callee)
                case _:
                    pass
        return used


@final
@dataclass(slots=True)
class _Uses:
    """What one body applies and calls."""

    tables: set[ast.TableDeclaration] = field(default_factory=set)
    instances: set[ast.Instantiation] = field(default_factory=set)
    direct: list[ast.DirectApplication] = field(default_factory=list)
    called: list[ast.ActionDeclaration] = field(default_factory=list)


def _live(checked: Checked, node: object) -> Iterator[object]:
    """All nodes under a node but for branches that are known not to be taken."""
    pending = [node]
    while pending:
        found = pending.pop()
        if isinstance(found, ast.If):
            value = checked.constant_of(found.condition)
            if value is True:
                pending.append(found.then)
                continue
            if value is False:
                if found.otherwise is not None:
                    pending.append(found.otherwise)
                continue
        yield found
        pending.extend(reversed(list(walk.children(found))))


def table_actions(checked: Checked, table: Table) -> list[ActionUse]:
    """A table's actions, the default one among them."""
    found = list(table.actions)
    default = table.default_action
    if default is not None and all(default.action is not use.action for use in found):
        found.append(default)
    if default is None:
        no_action = no_action_of(checked)
        if no_action is not None and all(use.action is not no_action for use in found):
            found.append(ActionUse(ast.NameExpression(no_action.span, "NoAction"), no_action, ()))
    return found


def no_action_of(checked: Checked) -> ast.ActionDeclaration | None:
    """The core library's NoAction."""
    for node in checked.program.declarations:
        if isinstance(node, ast.ActionDeclaration) and node.name == "NoAction":
            return node
    return None
