"""Entries carried over to a new program, translated where indices moved, or refused by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from p4kube_core.agent.metering import packed
from p4kube_core.agent.pipeline import Pipeline, load
from p4kube_core.agent.refusal import Refusal
from p4kube_core.agent.store import Extras, Store, cell_key
from p4kube_core.agent.succession import carry_over
from p4kube_core.model.artifact import Param
from tests.conformance.p4runtime.controller import rates
from tests.unit.agent import program

KEY = b"\0\0\0\1\0\1"
FORWARD = b"\0\1\0\7" + bytes(22)


def pipeline(tables: Any = program.TABLES, actions: Any = program.ACTIONS) -> Pipeline:
    return load(program.config(program.manifest("next", tables, actions)))


def filled() -> Store:
    store = Store(load(program.config()))
    store.tables[0].put(KEY, FORWARD, Extras(b"label"))
    store.tables[0].put_default(b"\0\1\0\3", Extras(b"d"))
    return store


def test_same_tables_keep_all() -> None:
    new = carry_over(filled(), pipeline())
    assert new.tables[0].entries == {KEY: FORWARD}
    assert new.tables[0].extras_of(KEY) == Extras(b"label")
    assert new.tables[0].default == b"\0\1\0\3"


def test_action_indices_are_translated() -> None:
    moved = tuple(
        dataclasses.replace(action, index=index)
        for index, action in enumerate(
            (program.ACTIONS[1], program.ACTIONS[0], *program.ACTIONS[2:])
        )
    )
    tables = tuple(dataclasses.replace(table, entries=()) for table in program.TABLES)
    new = carry_over(filled(), pipeline(tables, moved))
    assert new.tables[0].entries == {KEY: b"\0\0\0\7" + bytes(22)}
    assert new.tables[0].default == b"\0\0\0\3"


def test_deleted_initial_entries_stay_deleted() -> None:
    store = filled()
    store.tables[4].entries.clear()
    assert carry_over(store, pipeline()).tables[4].entries == {}


def _without(index: int) -> Any:
    kept = [table for table in program.TABLES if table.index != index]
    return tuple(
        dataclasses.replace(t, index=i, direct_counter=None, direct_meter=None)
        for i, t in enumerate(kept)
    )


def _hosts(**changes: Any) -> Any:
    return (dataclasses.replace(program.TABLES[0], **changes), *program.TABLES[1:])


WIDER = dataclasses.replace(program.ACTIONS[1], params=(Param(1, "port", 16, 0, 2),))
REFUSED: dict[str, tuple[Callable[[], Pipeline], str | None]] = {
    "table gone": (
        lambda: pipeline(_without(0)),
        "the new program does not have it",
    ),
    "other key": (
        lambda: pipeline(
            _hosts(fields=(program.TABLES[0].fields[1], program.TABLES[0].fields[0]), kind="exact")
        ),
        None,
    ),
    "too small": (lambda: pipeline(_hosts(size=0)), "the new one takes 0 entries"),
    "made const": (lambda: pipeline(_hosts(const=True)), "its key differs in the new program"),
    "other action": (
        lambda: pipeline(actions=(program.ACTIONS[0], WIDER, *program.ACTIONS[2:])),
        "its action ingress.forward differs in the new program",
    ),
    "const default": (
        lambda: pipeline(_hosts(const_default=True)),
        "its default action is const in the new program",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_named(name: str) -> None:
    make, why = REFUSED[name]
    if why is None:
        # The same fields at the same places, only listed in another order: nothing changes.
        assert carry_over(filled(), make()).tables[0].entries == {KEY: FORWARD}
        return
    with pytest.raises(Refusal) as caught:
        carry_over(filled(), make())
    assert caught.value.message == f"the entries of table ingress.hosts cannot be kept: {why}"


def test_a_meter_that_changed_its_unit_is_named() -> None:
    store = filled()
    store.meters[0].put(cell_key(3), packed("ingress.shaper", rates(1, 2, 3, 4)))
    changed = dataclasses.replace(program.METERS[0], unit="bytes")
    held = dataclasses.replace(program.manifest("other"), meters=(changed, program.METERS[1]))
    with pytest.raises(Refusal) as caught:
        carry_over(store, load(program.config(held)))
    assert caught.value.message == (
        "the configurations of meter ingress.shaper cannot be kept: the new program does not have "
        "it so"
    )
