"""Which nodes may stand where: at the top level, among locals, as statements."""

from __future__ import annotations

from p4kube_core.compiler.frontend.ast.blocks import (
    ControlDeclaration,
    ControlType,
    ParserDeclaration,
    ParserType,
    TableDeclaration,
    ValueSetDeclaration,
)
from p4kube_core.compiler.frontend.ast.declarations import (
    ActionDeclaration,
    ConstantDeclaration,
    EnumDeclaration,
    ErrorDeclaration,
    ExternFunction,
    ExternObject,
    FunctionDeclaration,
    HeaderDeclaration,
    HeaderUnionDeclaration,
    Instantiation,
    MatchKindDeclaration,
    NewTypeDeclaration,
    PackageType,
    StructDeclaration,
    TypedefDeclaration,
    VariableDeclaration,
)
from p4kube_core.compiler.frontend.ast.statements import (
    Assignment,
    Block,
    Break,
    CallStatement,
    Continue,
    DirectApplication,
    Empty,
    Exit,
    For,
    ForIn,
    If,
    Return,
    Switch,
)

Statement = (
    Assignment
    | CallStatement
    | DirectApplication
    | Block
    | If
    | Switch
    | Return
    | Exit
    | Empty
    | Break
    | Continue
    | For
    | ForIn
    | VariableDeclaration
    | ConstantDeclaration
    | Instantiation
)

Declaration = (
    ConstantDeclaration
    | Instantiation
    | FunctionDeclaration
    | ActionDeclaration
    | ExternFunction
    | ExternObject
    | StructDeclaration
    | HeaderDeclaration
    | HeaderUnionDeclaration
    | EnumDeclaration
    | ErrorDeclaration
    | MatchKindDeclaration
    | TypedefDeclaration
    | NewTypeDeclaration
    | ParserType
    | ParserDeclaration
    | ControlType
    | ControlDeclaration
    | PackageType
)

# What may stand in a control before `apply`, or in a parser before its states.
LocalDeclaration = (
    ConstantDeclaration
    | VariableDeclaration
    | Instantiation
    | ActionDeclaration
    | TableDeclaration
    | ValueSetDeclaration
)
