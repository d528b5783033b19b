"""Control-plane names of table keys: what @name says, else what the expression reads as.

Source: P4_16 language specification 1.2.5, "Control plane names", "Keys"; beyond it, names for
masks and numbers, and @name on fields, as p4c has them.
"""

from __future__ import annotations

from typing import Final

from p4kube_core.compiler.frontend import ast, types
from p4kube_core.compiler.frontend.checked import Checked, Key
from p4kube_core.compiler.p4info import notes

_PREFIXES: Final = {2: "0b", 8: "0o", 10: "", 16: "0x"}
_DIGITS: Final = {2: "b", 8: "o", 10: "d", 16: "x"}


def key_name(checked: Checked, key: Key) -> str:
    """The name of a key; empty if it has none, which the checker has refused."""
    given = notes.text_of(key.node.annotations, "name")
    return given if given is not None else _name_of(checked, key.expression) or key.name


def _name_of(checked: Checked, node: ast.Expression) -> str | None:
    match node:
        case ast.NameExpression(name=name):
            return name
        case ast.IntegerLiteral(value=value, width=width, base=base):
            kept = value % (1 << width) if width is not None else value
            return f"{_PREFIXES[base]}{kept:{_DIGITS[base]}}"
        case ast.Member(base=of, member=member):
            return _member_name(checked, of, member)
        case ast.Index(base=of, index=index):
            return _bracketed(checked, of, [index])
        case ast.Slice(base=of, high=high, low=low):
            return _bracketed(checked, of, [high, low])
        case ast.Binary(operator=ast.BinaryOperator.BIT_AND, left=left, right=right):
            a, b = _name_of(checked, left), _name_of(checked, right)
            return f"{a} & {b}" if a and b else None
        case ast.Call(function=ast.Member(base=of, member="isValid")):
            header = _name_of(checked, of)
            return f"{header}.$valid$" if header else None
        case _:
            return None


def _member_name(checked: Checked, base: ast.Expression, member: str) -> str | None:
    of = checked.expression_types.get(base)
    if isinstance(of, types.Struct | types.Header | types.Union):
        for field in of.fields:
            if field.name == member and field.declaration is not None:
                member = notes.external_name(member, field.declaration.annotations)
    if member.startswith("."):
        return member[1:]
    name = _name_of(checked, base)
    return f"{name}.{member}" if name else None


def _bracketed(checked: Checked, base: ast.Expression, inside: list[ast.Expression]) -> str | None:
    name = _name_of(checked, base)
    parts = [_name_of(checked, i) for i in inside]
    if not name or not all(parts):
        return None
    return f"{name}[{':'.join(p for p in parts if p)}]"
