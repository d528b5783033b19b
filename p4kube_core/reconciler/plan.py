"""The writes that take a device from what it holds to what is wanted; pure.

New entries go in before old ones go out, so that no packet meets a table without either: where
priorities move, a packet sees the old or the new rules and nothing between, provided that the
device takes a write's updates in their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from p4kube_core.reconciler import desire
from p4kube_core.switch.values import DigestEntry, Entity, Kind, MeterEntry, TableEntry, Update

BATCH: Final = 1000  # updates a write


def writes(
    wanted: Iterable[Entity],
    observed: Iterable[Entity],
    sizes: Mapping[str, int],
) -> tuple[tuple[Update, ...], ...]:
    """Plan one device.

    Args:
        wanted: entries, default entries that differ from what the device was made with, cells of
            meters and digests.
        observed: what was read; counts do not matter, const entries are left alone. Of meters only
            the cells that are configured.
        sizes: most entries, by table.

    Returns:
        Writes to be made one after the other; none if nothing differs. Meters and digests come
        first, so that no entry uses a meter that is not there yet.
    """
    wanted, observed = tuple(wanted), tuple(observed)
    return _configurations(wanted, observed) + _entries(
        [e for e in wanted if isinstance(e, TableEntry)],
        [e for e in observed if isinstance(e, TableEntry)],
        sizes,
    )


def _configurations(
    wanted: Sequence[Entity], observed: Sequence[Entity]
) -> tuple[tuple[Update, ...], ...]:
    """Of meters and digests."""
    old = {desire.identity(e): e for e in observed if isinstance(e, MeterEntry | DigestEntry)}
    new = {desire.identity(e): e for e in wanted if isinstance(e, MeterEntry | DigestEntry)}
    updates = []
    for key, entity in new.items():
        if old.get(key) != entity:
            there = isinstance(entity, MeterEntry) or key in old
            updates.append(Update(Kind.MODIFY if there else Kind.INSERT, entity))
    for key, entity in old.items():
        if key in new:
            continue
        if isinstance(entity, MeterEntry):
            updates.append(Update(Kind.MODIFY, MeterEntry(entity.meter, entity.index)))
        else:
            updates.append(Update(Kind.DELETE, entity))
    return tuple(tuple(updates[i : i + BATCH]) for i in range(0, len(updates), BATCH))


def _entries(
    wanted: Sequence[TableEntry],
    observed: Sequence[TableEntry],
    sizes: Mapping[str, int],
) -> tuple[tuple[Update, ...], ...]:
    old = {desire.identity(e): desire.without_counts(e) for e in observed if not e.const}
    new = {desire.identity(e): desire.without_counts(e) for e in wanted}
    added = [e for key, e in new.items() if key not in old and not e.default]
    changed = [e for key, e in new.items() if (key in old or e.default) and old.get(key) != e]
    removed = [e for key, e in old.items() if key not in new and not e.default]
    # A default entry that is no longer wanted falls back to the program's own.
    changed += [
        TableEntry(e.table, default=True) for k, e in old.items() if k not in new and e.default
    ]

    # The highest first, so that what decides in the end is never below something that is too new.
    added.sort(key=lambda e: -e.priority)
    removed.sort(key=lambda e: e.priority)
    phases = [(Kind.INSERT, added), (Kind.MODIFY, changed), (Kind.DELETE, removed)]
    if not _both_fit(old.values(), added, sizes):
        phases = [(Kind.DELETE, removed), (Kind.MODIFY, changed), (Kind.INSERT, added)]
    return tuple(
        tuple(Update(kind, entry) for entry in batch)
        for kind, entries in phases
        for batch in _batches(entries)
    )


def _both_fit(
    old: Iterable[TableEntry], added: Iterable[TableEntry], sizes: Mapping[str, int]
) -> bool:
    held = Counter(entry.table for entry in old if not entry.default)
    held.update(entry.table for entry in added)
    return all(count <= sizes.get(table, count) for table, count in held.items())


def _batches(entries: Sequence[TableEntry]) -> list[Sequence[TableEntry]]:
    return [entries[i : i + BATCH] for i in range(0, len(entries), BATCH)]
