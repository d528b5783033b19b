from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from p4kube_core.model.meter import Rates
from p4kube_core.reconciler import desire, plan
from p4kube_core.switch.values import (
    CounterData,
    DigestEntry,
    Entity,
    Kind,
    MeterEntry,
    TableEntry,
    Ternary,
    Update,
)

SIZES = {"acl": 8, "mac": 100}


def entry(
    key: int, priority: int = 1, action: str = "allow", table: str = "acl", default: bool = False
) -> TableEntry:
    matches = {} if default else {"k": Ternary(key, 0xFF)}
    return TableEntry(table, matches, 0 if default else priority, action, default=default)


def applied(held: Iterable[TableEntry], writes: Iterable[Iterable[Update]]) -> set[str]:
    """What a device holds after the writes; it refuses what a device would refuse."""
    state = {desire.identity(e): e for e in held}
    for write in writes:
        for update in write:
            assert isinstance(update.entity, TableEntry)
            key = desire.identity(update.entity)
            match update.kind:
                case Kind.INSERT:
                    assert key not in state
                    state[key] = update.entity
                    count = sum(e.table == update.entity.table for e in state.values())
                    assert count <= SIZES[update.entity.table]
                case Kind.MODIFY:
                    assert key in state or update.entity.default
                    state[key] = update.entity
                case Kind.DELETE:
                    del state[key]
    return {repr(e) for e in state.values()}


def decision(held: Iterable[TableEntry], packet: int) -> str | None:
    """What the rules say of a packet: the one of highest priority that matches."""
    hits = [e for e in held if any(_hit(m, packet) for m in e.matches.values())]
    return max(hits, key=lambda e: e.priority).action if hits else None


def _hit(match: object, packet: int) -> bool:
    assert isinstance(match, Ternary)
    return packet & match.mask == match.value


entries = st.lists(
    st.builds(
        entry,
        st.integers(0, 3),
        st.integers(1, 6),
        st.sampled_from(["allow", "deny"]),
        st.sampled_from(["acl", "mac"]),
    ),
    max_size=8,
    unique_by=desire.identity,
)


@given(entries, entries)
def test_a_plan_reaches_what_is_wanted_and_then_there_is_nothing_left(
    wanted: list[TableEntry], observed: list[TableEntry]
) -> None:
    writes = plan.writes(wanted, observed, SIZES)
    assert applied(observed, writes) == {repr(e) for e in wanted}
    assert plan.writes(wanted, wanted, SIZES) == ()


def rules(order: list[str]) -> list[TableEntry]:
    """A policy as the catalogue writes it: the first rule has the highest priority."""
    return [
        TableEntry("mac", {"k": Ternary(value, mask)}, 100 - 10 * i, action)
        for i, (value, mask, action) in enumerate(
            {"deny 1": (1, 3, "deny"), "allow 1": (1, 1, "allow"), "deny all": (0, 0, "deny"),
             "allow 2": (2, 3, "allow"), "allow all": (0, 0, "allow")}[name] for name in order
        )
    ]  # fmt: skip


names = st.lists(
    st.sampled_from(["deny 1", "allow 1", "deny all", "allow 2", "allow all"]), unique=True
)


@given(names, names)
def test_no_packet_meets_anything_but_the_old_or_the_new_rules(
    before: list[str], after: list[str]
) -> None:
    old, new = rules(before), rules(after)
    held = {desire.identity(e): e for e in old}
    for write in plan.writes(new, old, SIZES):
        for update in write:
            assert isinstance(update.entity, TableEntry)
            if update.kind is Kind.DELETE:
                del held[desire.identity(update.entity)]
            else:
                held[desire.identity(update.entity)] = update.entity
            for packet in range(4):
                allowed = {decision(old, packet), decision(new, packet)}
                if update.kind is not Kind.MODIFY:
                    assert decision(held.values(), packet) in allowed


def test_counts_do_not_make_a_difference_and_const_entries_are_left_alone() -> None:
    counted = TableEntry("acl", {"k": Ternary(1, 255)}, 1, "allow", counter=CounterData(5, 300))
    const = TableEntry("acl", {"k": Ternary(9, 255)}, 1, "allow", const=True)
    assert plan.writes([entry(1)], [counted, const], SIZES) == ()


def test_kinds_are_written_apart() -> None:
    writes = plan.writes([entry(1, action="deny"), entry(2)], [entry(1), entry(3)], SIZES)
    assert [{update.kind for update in write} for write in writes] == [
        {Kind.INSERT}, {Kind.MODIFY}, {Kind.DELETE},
    ]  # fmt: skip


def test_a_full_table_is_emptied_before_it_is_filled() -> None:
    old = [entry(i) for i in range(8)]
    new = [entry(i) for i in range(8, 16)]
    first, second = plan.writes(new, old, SIZES)
    assert (first[0].kind, second[0].kind) == (Kind.DELETE, Kind.INSERT)


def test_a_default_that_is_no_longer_wanted_falls_back_to_the_programs_own() -> None:
    ((update,),) = plan.writes([], [entry(0, default=True)], SIZES)
    assert update == Update(Kind.MODIFY, TableEntry("acl", default=True))


# --- meters and digests

RATES = Rates(1, 2, 3, 4)


def test_a_meter_is_told_its_rates_before_entries_use_it() -> None:
    wanted: list[Entity] = [entry(1), MeterEntry("m", 3, RATES), DigestEntry("d", 1, 2, 3)]
    first, second = plan.writes(wanted, [], SIZES)
    assert first == (
        Update(Kind.MODIFY, MeterEntry("m", 3, RATES)),
        Update(Kind.INSERT, DigestEntry("d", 1, 2, 3)),
    )
    assert second == (Update(Kind.INSERT, entry(1)),)


def test_what_a_meter_is_told_already_is_not_told_again() -> None:
    held: list[Entity] = [MeterEntry("m", 3, RATES), DigestEntry("d", 1, 2, 3)]
    assert plan.writes(held, held, SIZES) == ()


def test_a_meter_and_a_digest_that_are_no_longer_wanted_go_back() -> None:
    held: list[Entity] = [MeterEntry("m", 3, RATES), DigestEntry("d", 1, 2, 3)]
    (write,) = plan.writes([], held, SIZES)
    assert write == (
        Update(Kind.MODIFY, MeterEntry("m", 3)),
        Update(Kind.DELETE, DigestEntry("d", 1, 2, 3)),
    )


def test_other_rates_of_an_entry_change_the_entry() -> None:
    faster = dataclasses.replace(entry(1), rates=RATES)
    assert plan.writes([faster], [entry(1)], SIZES) == ((Update(Kind.MODIFY, faster),),)
