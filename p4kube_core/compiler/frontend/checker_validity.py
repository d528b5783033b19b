"""Warns of reads of headers that nothing ever makes valid, where that is easy to see.

Looked at are local variables and a parser's out parameters, which start invalid. A header counts as
perhaps valid as soon as anything in the same parser, control or action could set it, in any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from p4kube_core.compiler.frontend import ast, checker_codes, types
from p4kube_core.compiler.frontend.ast import walk
from p4kube_core.compiler.frontend.checked import AnyDeclaration
from p4kube_core.compiler.frontend.checker_context import Context
from p4kube_core.compiler.frontend.types import Direction

Place = tuple[AnyDeclaration, tuple[str, ...]]  # a variable and the fields within it


@final
@dataclass(slots=True)
class _Uses:
    """What is done with the headers of some variables."""

    roots: frozenset[AnyDeclaration]
    reads: dict[Place, ast.Member] = field(default_factory=dict)  # first read of a field of each
    writes: set[Place] = field(default_factory=set)


def warn(ctx: Context, node: ast.ParserDeclaration | ast.ControlDeclaration) -> None:
    """Warn of each header once, where a field of it is read first."""
    roots = frozenset(_roots(ctx, node))
    if not roots:
        return
    uses = _Uses(roots)
    _walk(ctx, node, uses)
    for (root, path), read in uses.reads.items():
        if not any((root, path[:n]) in uses.writes for n in range(len(path) + 1)):
            message = f"{read.base.span.text!r} is read here and nothing makes it valid"
            ctx.warn(checker_codes.NEVER_VALID, message, read.span)


def _roots(
    ctx: Context, node: ast.ParserDeclaration | ast.ControlDeclaration
) -> Iterator[AnyDeclaration]:
    if isinstance(node, ast.ParserDeclaration):
        yield from (p for p in node.parameters if p.direction is Direction.OUT)
    for inner in _variables(node):
        of = ctx.checked.declaration_types.get(inner)
        if inner.value is None and isinstance(of, types.Header | types.Struct):
            yield inner


def _variables(node: object) -> Iterator[ast.VariableDeclaration]:
    """Variables without initialiser in what is most often asked: the locals and plain blocks."""
    if isinstance(node, ast.ParserDeclaration):
        blocks: list[tuple[object, ...]] = [node.locals, *(s.statements for s in node.states)]
    elif isinstance(node, ast.ControlDeclaration):
        actions = [x for x in node.locals if isinstance(x, ast.ActionDeclaration)]
        blocks = [node.locals, node.body.statements, *(a.body.statements for a in actions)]
    else:
        blocks = []
    for block in blocks:
        for statement in block:
            if isinstance(statement, ast.VariableDeclaration):
                yield statement


def _walk(ctx: Context, node: object, uses: _Uses) -> None:
    match node:
        case ast.Annotation():
            return
        case ast.Assignment():
            _note_write(ctx, node.target, uses)
            _walk(ctx, node.value, uses)
            return
        case ast.Call():
            _note_call(ctx, node, uses)
        case ast.DirectApplication():
            _note_bindings(ctx, node, uses)
        case ast.Member():
            _note_read(ctx, node, uses)
        case ast.Index():
            _note_write(ctx, node.base, uses)  # which element is not followed
    for child in walk.children(node):
        _walk(ctx, child, uses)


def _place(ctx: Context, node: ast.Expression, uses: _Uses) -> Place | None:
    """The variable and fields that an expression names; None for anything else."""
    path: list[str] = []
    while isinstance(node, ast.Member):
        if isinstance(ctx.checked.expression_types.get(node.base), types.Stack):
            return None  # which element is not followed
        path.append(node.member)
        node = node.base
    if not isinstance(node, ast.NameExpression):
        return None
    root = ctx.checked.uses.get(node)
    return (root, tuple(reversed(path))) if root in uses.roots and root is not None else None


def _note_write(ctx: Context, node: ast.Expression, uses: _Uses) -> None:
    """Something is written: a field alone leaves its header as it is."""
    while isinstance(node, ast.Index | ast.Slice | ast.PlusSlice):
        node = node.base
    if isinstance(node, ast.Member) and isinstance(ctx.type_of(node.base), types.Header):
        return
    place = _place(ctx, node, uses)
    if place is not None:
        uses.writes.add(place)
        return
    stack: ast.Expression = node
    while isinstance(stack, ast.Member | ast.Index):
        stack = stack.base
        inner = _place(ctx, stack, uses)
        if inner is not None:
            uses.writes.add(inner)
            return


def _note_call(ctx: Context, node: ast.Call, uses: _Uses) -> None:
    made = ctx.checked.calls.get(node)
    if made is not None and made.receiver is not None and made.method != "isValid":
        _note_write(ctx, made.receiver, uses)
    _note_bindings(ctx, node, uses)


def _note_bindings(ctx: Context, node: ast.Call | ast.DirectApplication, uses: _Uses) -> None:
    made = ctx.checked.calls.get(node)
    for binding in made.bindings if made is not None else ():
        if binding.argument is not None and binding.parameter.direction in (
            Direction.OUT,
            Direction.INOUT,
        ):
            _note_write(ctx, binding.argument, uses)


def _note_read(ctx: Context, node: ast.Member, uses: _Uses) -> None:
    of = ctx.checked.expression_types.get(node.base)
    if not isinstance(of, types.Header) or node not in ctx.checked.uses:
        return
    place = _place(ctx, node.base, uses)
    if place is not None:
        uses.reads.setdefault(place, node)
