"""Entries of tables: key sets against keys, priorities.

Source: P4_16 specification v1.2.5, "Tables", sections "Entries" and "Entry priorities".
"""

from __future__ import annotations

from collections.abc import Hashable

from p4kube_core.compiler.frontend import (
    ast,
    checker_actions,
    checker_codes,
    checker_conversions,
    checker_keysets,
    checker_types,
    checker_values,
    type_algebra,
    types,
)
from p4kube_core.compiler.frontend.checked import ActionUse, Entry, Key
from p4kube_core.compiler.frontend.checker_context import Context, has_annotation

_ORDERED = frozenset(("ternary", "range", "optional"))  # kinds of keys that want priorities
_MAX_PRIORITY = 2**31 - 1


def entries(
    ctx: Context, node: ast.TableDeclaration, keys: list[Key], uses: list[ActionUse]
) -> tuple[Entry, ...]:
    given = node.entries
    if given is None or (not given.entries and not keys):
        return ()
    if not keys:
        message = f"entries want a table with a key, found none in {node.name!r}"
        ctx.error(checker_codes.ENTRY, message, given.span)
        return ()
    _check_priorities(ctx, given, keys)
    explicit = [_explicit_priority(ctx, e) for e in given.entries]
    priorities = _priorities(ctx, node, given, keys, explicit)
    found = []
    for e, priority in zip(given.entries, priorities, strict=True):
        checked = _entry(ctx, e, keys, uses, given.is_const, priority)
        if checked is not None:
            found.append(checked)
    _check_repeated(ctx, found, keys)
    return tuple(found)


def _check_repeated(ctx: Context, found: list[Entry], keys: list[Key]) -> None:
    """Entries with the same key sets: refused if all keys are exact, else the later is idle."""
    exact = all(k.match_kind == "exact" for k in keys)
    seen: dict[tuple[Hashable, ...], Entry] = {}
    for entry in found:
        form = tuple(_form(ctx, k) for k in entry.keysets)
        earlier = seen.setdefault(form, entry)
        if earlier is entry or None in form:
            continue
        message = "an entry with these key sets stands before this one"
        hint = f"the first is at {earlier.node.span}"
        if exact:
            ctx.error(checker_codes.ENTRY, message, entry.node.span, hint)
        else:
            ctx.warn(checker_codes.UNREACHABLE_CASE, message, entry.node.span, hint)


def _form(ctx: Context, keyset: ast.Expression) -> Hashable:
    """Equal for equal sets; None if not known."""
    values = tuple(checker_values.converted(ctx.checked, p) for p in checker_keysets.parts(keyset))
    match keyset:
        case ast.Mask() if isinstance(values[0], int) and isinstance(values[1], int):
            return ("&&&", values[0] & values[1], values[1])
        case ast.Range():
            return ("..", *values)
        case _ if None in values:
            return None
        case _:
            return values


def _check_priorities(ctx: Context, given: ast.EntriesProperty, keys: list[Key]) -> None:
    with_priority = [e for e in given.entries if e.priority is not None]
    if not with_priority:
        return
    first = with_priority[0]
    if given.is_const:
        message = "entries of `const entries` may have no priority: their order is it"
        ctx.error(checker_codes.ENTRY, message, first.span)
    elif not any(k.match_kind in _ORDERED for k in keys):
        message = "entries may have a priority only if a key is ternary, range or optional"
        ctx.error(checker_codes.ENTRY, message, first.span)
    elif given.entries[0].priority is None:
        message = "the first entry wants a priority, since a later one has it"
        ctx.error(checker_codes.ENTRY, message, given.entries[0].span)


def _explicit_priority(ctx: Context, node: ast.TableEntry) -> int | None:
    if node.priority is None:
        return None
    value = checker_types.constant_integer(ctx, node.priority, "a priority")
    if value is not None and not 0 <= value <= _MAX_PRIORITY:
        message = f"a priority wants 0 to {_MAX_PRIORITY}, found {value}"
        ctx.error(checker_codes.ENTRY, message, node.priority.span)
        return None
    return value


def _priorities(
    ctx: Context,
    node: ast.TableDeclaration,
    given: ast.EntriesProperty,
    keys: list[Key],
    explicit: list[int | None],
) -> list[int | None]:
    """Each entry's priority; None for all where the table takes none."""
    if given.is_const or not any(k.match_kind in _ORDERED for k in keys):
        return [None] * len(explicit)
    largest_wins = _property(ctx, node, "largest_priority_wins") is not False
    delta = _property(ctx, node, "priority_delta") or 1
    if all(p is None for p in explicit):
        ascending: list[int | None] = [1 + i * delta for i in range(len(explicit))]
        return ascending[::-1] if largest_wins else ascending
    result: list[int | None] = []
    current = 0
    for p in explicit:
        current = p if p is not None else current + (-delta if largest_wins else delta)
        result.append(current)
    if any(p is not None and not 0 <= p <= _MAX_PRIORITY for p in result):
        message = f"a priority wants 0 to {_MAX_PRIORITY}; those without one come out of it"
        ctx.error(checker_codes.ENTRY, message, given.span)
    return result


def _property(ctx: Context, node: ast.TableDeclaration, name: str) -> int | None:
    given = node.property_named(name)
    value = ctx.constant(given.value) if given is not None else None
    return value if isinstance(value, int) else None


def _entry(
    ctx: Context,
    node: ast.TableEntry,
    keys: list[Key],
    uses: list[ActionUse],
    all_const: bool,
    priority: int | None,
) -> Entry | None:
    use = checker_actions.complete(ctx, node.action, uses, "an entry")
    if use is not None and has_annotation(use.annotations, "defaultonly"):
        message = f"action {use.action.name!r} is @defaultonly and may not be in an entry"
        ctx.error(checker_codes.ENTRY, message, node.action.span)
    what = "a key set of the entry"
    keysets = checker_keysets.spread(ctx, node.keyset, tuple(k.type for k in keys), what)
    if keysets is None or not _legal_keysets(ctx, keysets, keys, what) or use is None:
        return None
    return Entry(node, keysets, use, priority, all_const or node.is_const)


def _legal_keysets(
    ctx: Context, keysets: tuple[ast.Expression, ...], keys: list[Key], what: str
) -> bool:
    before = ctx.diagnostics.error_count
    for keyset, key in zip(keysets, keys, strict=True):
        checker_keysets.check(ctx, keyset, key.type, what)
        _check_kind(ctx, keyset, key)
        checker_keysets.require_known(ctx, keyset, what)
    return ctx.diagnostics.error_count == before


_TAKES: dict[str, tuple[type, ...]] = {
    "exact": (),
    "lpm": (ast.Mask, ast.DontCare, ast.DefaultKey),
    "ternary": (ast.Mask, ast.DontCare, ast.DefaultKey),
    "range": (ast.Range, ast.DontCare, ast.DefaultKey),
    "optional": (ast.DontCare, ast.DefaultKey),
}
_SETS = (ast.Mask, ast.Range, ast.DontCare, ast.DefaultKey)


def _check_kind(ctx: Context, keyset: ast.Expression, key: Key) -> None:
    """A key's match kind decides which sets of values an entry may have."""
    core = "ternary" in ctx.checked.match_kinds  # kinds without it are not those of core.p4
    taken = _TAKES.get(key.match_kind, _SETS) if core else _SETS
    if isinstance(keyset, _SETS) and not isinstance(keyset, taken):
        message = f"a key of kind {key.match_kind} does not take {_describe(keyset)}"
        ctx.error(checker_codes.ENTRY, message, keyset.span)
        return
    if key.match_kind == "lpm" and isinstance(keyset, ast.Mask):
        _check_prefix(ctx, keyset, key)


def _describe(keyset: ast.Expression) -> str:
    match keyset:
        case ast.Mask():
            return "a mask"
        case ast.Range():
            return "a range"
        case _:
            return "`_`"


def _check_prefix(ctx: Context, keyset: ast.Mask, key: Key) -> None:
    mask = checker_conversions.converted_constant(ctx, keyset.mask)
    width = type_algebra.width_bits(key.type)
    if mask is None or width is None or key.type is types.UNKNOWN:
        return
    inverted = ~mask & ((1 << width) - 1)
    if inverted & (inverted + 1):
        message = f"a key of kind lpm wants a mask of ones and then zeros, found {mask:#x}"
        ctx.error(checker_codes.ENTRY, message, keyset.mask.span)
