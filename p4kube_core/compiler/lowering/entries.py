"""Entries that a program gives its tables."""

from __future__ import annotations

from p4kube_core.compiler.frontend import ast, checked
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import types
from p4kube_core.compiler.lowering import actions, expressions, keysets, refusal
from p4kube_core.compiler.lowering.frame import Frame

_RANKED = frozenset({ir.MatchKind.TERNARY, ir.MatchKind.RANGE, ir.MatchKind.OPTIONAL})
_HIGHEST = 1 << 30  # for tables in which the smallest number wins


def lower(f: Frame, facts: checked.Table, keys: tuple[ir.Key, ...]) -> tuple[ir.Entry, ...]:
    """All entries, in the order written."""
    priorities = _priorities(f, facts, any(k.kind in _RANKED for k in keys))
    made = []
    for entry, priority in zip(facts.entries, priorities, strict=True):
        with f.reporting():
            made.append(_entry(f, entry, facts, keys, priority))
    return tuple(made)


def _entry(
    f: Frame,
    entry: checked.Entry,
    facts: checked.Table,
    keys: tuple[ir.Key, ...],
    priority: int,
) -> ir.Entry:
    sets = tuple(_keyset(f, n, k) for n, k in zip(entry.keysets, keys, strict=True))
    use = entry.action
    listed = facts.action(use.action.name)
    lowered = actions.of_use(f, listed if listed is not None else use)
    call = ir.ActionCall(lowered.name, actions.control_arguments(f, use))
    return ir.Entry(sets, call, priority, entry.node.span)


def _keyset(f: Frame, node: ast.Expression, key: ir.Key) -> ir.Keyset:
    of = key.expression.type
    assert isinstance(of, types.Bits | types.Bool)
    found = keysets.constant(f, node, of)
    if found is None:
        message = "a key of an entry wants a value known when the program is compiled"
        raise refusal.Refused(refusal.NOT_KNOWN, message, node.span)
    if isinstance(found, ir.Between) and found.low > found.high:
        raise refusal.not_yet(f"an entry for no value ({found.low}..{found.high})", node.span)
    return found


def _priorities(f: Frame, facts: checked.Table, ranked: bool) -> list[int]:
    """By the rules for entries without a number of their own; the higher wins in the result.

    Source: P4_16 1.2.5, "Entries".
    """
    if not ranked:
        return [0] * len(facts.entries)
    annotated = [_annotated(entry) for entry in facts.entries]
    if any(a is not None for a in annotated):
        # As p4c has it: the smallest wins, an entry without @priority has its position.
        numbers = [i if a is None else a for i, a in enumerate(annotated, start=1)]
        return [_HIGHEST - n for n in numbers]
    largest_wins = _flag(f, facts, "largest_priority_wins", True)
    delta = _flag(f, facts, "priority_delta", 1)
    step = -delta if largest_wins else delta
    following = (len(facts.entries) - 1) * delta + 1 if largest_wins else 1
    found = []
    for entry in facts.entries:
        number = following if entry.priority is None else entry.priority
        following = number + step
        found.append(number if largest_wins else _HIGHEST - number)
    lowest = min(found, default=1)
    return [number - lowest + 1 if lowest < 1 else number for number in found]


def _annotated(entry: checked.Entry) -> int | None:
    """The number in an entry's @priority, which P4 had before entries could have priorities."""
    for annotation in entry.node.annotations:
        if annotation.name == "priority" and annotation.expressions:
            number = annotation.expressions[0]
            if isinstance(number, ast.IntegerLiteral):
                return number.value
    return None


def _flag(f: Frame, facts: checked.Table, name: str, otherwise: int) -> int:
    node = facts.properties.get(name)
    return otherwise if node is None else expressions.known_number(f, node.value)
