"""What a device holds beside what its function says: the writes of P4Runtime clients; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from p4kube_core.agent.store import DEFAULT_ENTRY, Store, TableStore

V = TypeVar("V")


def states(store: Store, base: Store) -> dict[int, list[bytes]]:
    """Identities of the entries and defaults that are not as in the base, by index of the table."""
    found = {
        index: _table(table, base.tables[index])
        for index, table in store.tables.items()
        if not table.is_copy_of(base.tables[index])
    }
    return {index: identities for index, identities in found.items() if identities}


def cells(store: Store, base: Store) -> dict[int, list[bytes]]:
    """Keys of the cells that are not configured as in the base, by index of the meter."""
    found = {
        index: _differing(meter.cells, base.meters[index].cells)
        for index, meter in store.meters.items()
    }
    return {index: keys for index, keys in found.items() if keys}


def moved(store: Store, base: Store, new_base: Store) -> Store:
    """What a device is to hold when its function says something new.

    Where that changed, it is as the function says; elsewhere what clients wrote stays. Under
    another program nothing of what they wrote does.
    """
    made = new_base.copy()
    if base.pipeline.manifest.digest != new_base.pipeline.manifest.digest:
        return made
    for index, identities in states(store, base).items():
        before, after = base.tables[index], new_base.tables[index]
        for identity in identities:
            if before.state_of(identity) == after.state_of(identity):
                made.tables[index].restore(identity, store.tables[index].state_of(identity))
    for index, keys in cells(store, base).items():
        old, new = base.meters[index].cells, new_base.meters[index].cells
        for key in keys:
            if old.get(key) == new.get(key):
                made.meters[index].put(key, store.meters[index].cells.get(key))
    if base.digests == new_base.digests:
        made.digests = dict(store.digests)
    return made


def _table(table: TableStore, base: TableStore) -> list[bytes]:
    found = set(_differing(table.entries, base.entries))
    found.update(_differing(table.extras, base.extras))
    found.discard(DEFAULT_ENTRY)
    default = table.state_of(DEFAULT_ENTRY) != base.state_of(DEFAULT_ENTRY)
    return [DEFAULT_ENTRY] * default + sorted(found)


def _differing(one: Mapping[bytes, V], other: Mapping[bytes, V]) -> list[bytes]:
    return sorted({key for key, _ in one.items() ^ other.items()})
