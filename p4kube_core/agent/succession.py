"""The state of one pipeline carried over to the next, where their tables are alike; pure."""

from __future__ import annotations

from p4kube_core.agent.layout import Action
from p4kube_core.agent.packing import Packer
from p4kube_core.agent.pipeline import Pipeline
from p4kube_core.agent.refusal import INVALID_ARGUMENT, Refusal
from p4kube_core.agent.store import DEFAULT_ENTRY, Store, TableStore


def carry_over(old: Store, pipeline: Pipeline) -> Store:
    """Make a store for the new pipeline that holds what clients wrote under the old one.

    A table keeps its entries where id, key and the actions in use are the same. Const tables and
    untouched defaults are the new program's.

    Raises:
        Refusal: INVALID_ARGUMENT, naming the first table whose entries cannot be kept.
    """
    new = Store(pipeline)
    for table in old.tables.values():
        packer = table.packer
        touched = table.default is not None or (not packer.const and table.entries)
        successor = pipeline.tables.get(packer.id)
        if not touched:
            # What the old program brought, and was deleted since, is not brought back.
            if successor is not None and old.brought(packer.index) and not packer.const:
                new.tables[successor.index].entries.clear()
            continue
        if successor is None:
            raise _cannot(packer, "the new program does not have it")
        _carry_table(table, new.tables[successor.index])
        _carry_rates(old, table, new, new.tables[successor.index])
    for digest_id, config in old.digests.items():
        if digest_id not in pipeline.digests:
            raise Refusal(
                INVALID_ARGUMENT,
                f"digest {old.pipeline.digests[digest_id].name} is configured, but the new program "
                "does not have it",
            )
        new.digests[digest_id] = config
    for meter_id, meter in old.pipeline.meters.items():
        cells = old.meters[meter.index].cells
        after = pipeline.meters.get(meter_id)
        if not cells:
            continue
        if after is None or (after.unit, after.size) != (meter.unit, meter.size):
            raise Refusal(
                INVALID_ARGUMENT,
                f"the configurations of meter {meter.name} cannot be kept: the new program does "
                "not have it so",
            )
        new.meters[after.index].cells.update(cells)
    return new


def _carry_rates(old: Store, table: TableStore, new: Store, successor: TableStore) -> None:
    """The configurations of a table's direct meter, with its entries."""
    meter, after = old.direct_meter(table), new.direct_meter(successor)
    if meter is None or not meter.cells:
        return
    if after is None or after.meter.unit != meter.meter.unit:
        raise _cannot(table.packer, "its direct meter differs in the new program")
    after.cells.update(meter.cells)


def _carry_table(old: TableStore, new: TableStore) -> None:
    packer, successor = old.packer, new.packer
    if not packer.const:
        if successor.const or not packer.same_key(successor):
            raise _cannot(packer, "its key differs in the new program")
        if len(old.entries) > successor.size:
            raise _cannot(packer, f"the new one takes {successor.size} entries")
        heads = {_head(tail): _successor_of(packer, successor, tail) for tail in _samples(old)}
        new.entries.clear()
        for identity, tail in old.entries.items():
            new.put(
                identity, _translate(tail, heads[_head(tail)], successor), old.extras_of(identity)
            )
    if old.default is not None:
        if successor.const_default:
            raise _cannot(packer, "its default action is const in the new program")
        action = _successor_of(packer, successor, old.default)
        data = action.head + old.default[2 : 2 + action.data_bytes]
        new.put_default(data, old.extras_of(DEFAULT_ENTRY))


def _samples(table: TableStore) -> list[bytes]:
    """One tail of each action in use."""
    return list({_head(tail): tail for tail in table.entries.values()}.values())


def _head(tail: bytes) -> bytes:
    return tail[:2]


def _successor_of(old: Packer, new: Packer, tail: bytes) -> Action:
    held = old.action_at(tail)
    action = new.actions.get(held.id)
    if action is None or (action.params, action.data_bytes) != (held.params, held.data_bytes):
        raise _cannot(old, f"its action {held.name} differs in the new program")
    return action


def _translate(tail: bytes, action: Action, packer: Packer) -> bytes:
    data = action.head + tail[2 : 2 + action.data_bytes]
    return data.ljust(packer.tail_bytes, b"\0")


def _cannot(packer: Packer, why: str) -> Refusal:
    return Refusal(INVALID_ARGUMENT, f"the entries of table {packer.name} cannot be kept: {why}")
