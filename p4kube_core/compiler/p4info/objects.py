"""What a program shows to the control plane: tables, actions, externs, value sets, digests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from p4kube_core.compiler.frontend import ast, types
from p4kube_core.compiler.frontend.checked import ActionUse, Call, Checked, Table
from p4kube_core.compiler.p4info.values import Scope


@final
@dataclass(frozen=True, slots=True)
class TableObject:
    name: str
    table: Table
    scope: Scope
    block: str  # full name of the control, or of the instance in it, that declares it


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
    # By the node that makes it and the block that this is in.
    by_node: dict[tuple[ast.Instantiation | ast.Call, str], ExternObject] = field(
        default_factory=dict
    )
    sequence: list[TableObject | ExternObject] = field(default_factory=list)


def full_name(block: str, name: str) -> str:
    """A name within a block; one that begins with a dot is full by itself."""
    if name.startswith("."):
        return name[1:]
    return f"{block}.{name}" if block else name


def table_actions(checked: Checked, table: Table) -> list[ActionUse]:
    """A table's actions, the default one among them."""
    found = list(table.actions)
    default = table.default_action or no_action_use(checked)
    if default is not None and all(default.action is not use.action for use in found):
        found.append(default)
    return found


def no_action_use(checked: Checked) -> ActionUse | None:
    """The core library's NoAction, which a table without a default action has for one."""
    for node in checked.program.declarations:
        if isinstance(node, ast.ActionDeclaration) and node.name == "NoAction":
            return ActionUse(ast.NameExpression(node.span, "NoAction"), node, ())
    return None
