"""Writing aggregates: structure expressions, copies, defaults, and what unions ask for."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast
from p4kube_core.compiler.frontend.checked import InvalidValue, RecordValue, Value
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import folding, types
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.lowering import equality, expressions, order, refusal
from p4kube_core.compiler.lowering.frame import Frame

_Fielded = types.Header | types.Struct
_WrittenOut = ast.ListExpression | ast.StructExpression | ast.InvalidHeader | ast.DefaultInitializer


def is_written_out(node: ast.Expression) -> bool:
    """A brace expression, which has no place of its own."""
    return isinstance(node, _WrittenOut)


def temporary(f: Frame, node: ast.Expression, of: types.Type) -> ex.Place:
    """The value of an aggregate expression in a variable of its own."""
    made = f.temporary(of, node.span)
    _fill(f, made, node, node.span)
    return made


def assign(f: Frame, target: ex.Place, node: ast.Expression, span: Span) -> None:
    """`target = node` for any type; all of the value is read before anything is written."""
    if order.is_scalar(target.type):
        value = expressions.converted(expressions.value(f, node), target.type, span)
        f.emit(st.Assign(span, target, value))
        return
    source = _uncast(node)
    if is_written_out(source) or f.build.checked.constant_of(source) is not None:
        if isinstance(source, ast.InvalidHeader | ast.DefaultInitializer):
            f.emit(st.Clear(span, target))
            return
        # The value may read what it is assigned to.
        copy(f, target, temporary(f, source, target.type), span)
        return
    copy(f, target, folding.place(expressions.value(f, node)), span)


def _uncast(node: ast.Expression) -> ast.Expression:
    while isinstance(node, ast.Cast) and is_written_out(node.operand):
        node = node.operand
    return node


def _fill(f: Frame, target: ex.Place, node: ast.Expression, span: Span) -> None:
    """Write a value to a place that it does not read."""
    if order.is_scalar(target.type):
        value = expressions.converted(expressions.value(f, node), target.type, span)
        f.emit(st.Assign(span, target, value))
        return
    node = _uncast(node)
    match node:
        case ast.InvalidHeader() | ast.DefaultInitializer():
            f.emit(st.Clear(span, target))
        case ast.ListExpression():
            _fill_list(f, target, node, span)
        case ast.StructExpression():
            _fill_structure(f, target, node, span)
        case _:
            constant = f.build.checked.constant_of(node)
            if constant is not None:
                fill_constant(f, target, constant, span)
                return
            source = folding.place(expressions.plain(f, node))
            copy(f, target, source, span)


def _fill_list(f: Frame, target: ex.Place, node: ast.ListExpression, span: Span) -> None:
    if node.has_default:
        f.emit(st.Clear(span, target))
    match target.type:
        case types.Header() | types.Struct():
            begin(f, target, span)
            for member, element in zip(target.type.members, node.elements, strict=False):
                _fill(f, ex.Member(member.type, target, member.name), element, element.span)
        case types.Stack():
            for i, element in enumerate(node.elements):
                _fill(f, equality.element(target, target.type, i), element, element.span)
        case _:
            raise refusal.not_yet(f"a list as a value of type {target.type}", span)


def _fill_structure(f: Frame, target: ex.Place, node: ast.StructExpression, span: Span) -> None:
    if not isinstance(target.type, types.Header | types.Struct):
        raise refusal.not_yet(f"named fields as a value of type {target.type}", span)
    if node.has_default:
        f.emit(st.Clear(span, target))
    begin(f, target, span)
    for field in node.fields:  # in the order written, in which they are evaluated
        member = types.member(target.type, field.name)
        if member is None:
            raise refusal.not_yet(f"{field.name!r} of {target.type}", field.span)
        _fill(f, ex.Member(member.type, target, member.name), field.value, field.span)


def begin(f: Frame, target: ex.Place, span: Span) -> None:
    """What is filled member by member is valid if it is a header."""
    if isinstance(target.type, types.Header):
        make_valid(f, target, span)


def fill_constant(f: Frame, target: ex.Place, constant: Value, span: Span) -> None:
    """Write a compile-time value."""
    scalar = expressions.scalar_constant(f, constant, target.type)
    if scalar is not None:
        f.emit(st.Assign(span, target, scalar))
        return
    match constant:
        case InvalidValue():
            f.emit(st.Clear(span, target))
        case RecordValue() if isinstance(target.type, types.Header | types.Struct):
            begin(f, target, span)
            for name, part in constant.fields:
                member = types.member(target.type, name)
                assert member is not None
                fill_constant(f, ex.Member(member.type, target, name), part, span)
        case tuple() if isinstance(target.type, types.Header | types.Struct):
            begin(f, target, span)
            for member, part in zip(target.type.members, constant, strict=False):
                fill_constant(f, ex.Member(member.type, target, member.name), part, span)
        case tuple() if isinstance(target.type, types.Stack):
            for i, part in enumerate(constant):
                fill_constant(f, equality.element(target, target.type, i), part, span)
        case _:
            raise refusal.not_yet(f"this constant as a value of type {target.type}", span)


def copy(f: Frame, target: ex.Place, source: ex.Place, span: Span) -> None:
    """Copy an aggregate; in a header union, the other members become invalid."""
    if target.type != source.type:
        _convert(f, target, source, span)
        return
    if target == source:
        return
    f.emit(st.Assign(span, target, source))
    others = _siblings(f, target)
    if others:
        inner = f.within()
        for other in others:
            inner.emit(st.SetValid(span, other, False))
        valid = ex.IsValid(types.BOOL, target)
        f.emit(st.If(span, valid, tuple(inner.out)))


def _convert(f: Frame, target: ex.Place, source: ex.Place, span: Span) -> None:
    """Copy between types of equal shape: a tuple into a struct."""
    to, of = target.type, source.type
    if isinstance(to, types.Bits | types.Bool):
        f.emit(st.Assign(span, target, expressions.converted(source, to, span)))
        return
    if not isinstance(to, _Fielded) or not isinstance(of, _Fielded):
        raise refusal.not_yet(f"a copy from {of} to {to}", span)
    if len(to.members) == len(of.members):
        begin(f, target, span)
        for a, b in zip(to.members, of.members, strict=True):
            inner = ex.Member(b.type, source, b.name)
            copy(f, ex.Member(a.type, target, a.name), inner, span)
        return
    raise refusal.not_yet(f"a copy from {of} to {to}", span)


def make_valid(f: Frame, header: ex.Place, span: Span) -> None:
    """Make a header valid, and in a union all others invalid."""
    for other in _siblings(f, header):
        f.emit(st.SetValid(span, other, False))
    f.emit(st.SetValid(span, header, True))


def before_extract(f: Frame, header: ex.Place, span: Span) -> None:
    """In a union, extracting one member makes the others invalid."""
    for other in _siblings(f, header):
        f.emit(st.SetValid(span, other, False))


def _siblings(f: Frame, of: ex.Place) -> list[ex.Place]:
    if not isinstance(of, ex.Member) or not f.build.kinds.is_union(of.base.type):
        return []
    union = of.base.type
    assert isinstance(union, types.Struct)
    return [ex.Member(m.type, of.base, m.name) for m in union.members if m.name != of.name]


def is_valid(of: ex.Place) -> ex.Expression:
    """isValid() of a header or header union."""
    if isinstance(of.type, types.Header):
        return ex.IsValid(types.BOOL, of)
    assert isinstance(of.type, types.Struct)
    found: ex.Expression = ex.FALSE
    for m in of.type.members:
        part = ex.IsValid(types.BOOL, ex.Member(m.type, of, m.name))
        found = folding.binary(ex.BinaryOp.LOGICAL_OR, found, part)
    return found
