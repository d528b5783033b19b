"""Read: what a request selects, wildcards, counters, chunks, errors of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.p4runtime.controller import (
    Controller,
    code,
    entity,
    entry,
    exact,
    failure,
    lpm,
    method,
    p4,
    ternary,
    update,
)
from tests.unit.agent import program

Connect = Callable[..., Controller]

HOST = entry(program.HOSTS, [exact(1, 1), exact(2, 1)], program.FORWARD, [3], metadata=b"a")
HOST_2 = entry(program.HOSTS, [exact(1, 2), exact(2, 1)], program.DROP, metadata=b"b")
ROUTE = entry(program.ROUTES, [lpm(1, 0x0A000000, 8), exact(2, 5)], program.DROP)
RULES = [
    entry(program.ACL, [ternary(1, n, 0xFF), exact(3, 6)], program.DROP, priority=priority)
    for n, priority in ((1, 10), (2, 10), (1, 20))
]
FIXED = [
    entry(program.FIXED, [exact(1, 1)], program.FORWARD, [7], is_const=True),
    entry(program.FIXED, [exact(1, 2)], program.NO_ACTION, is_const=True),
]
INITIAL = entry(program.WIDE, [exact(1, 9)], program.FORWARD, [9])


def canonical(entries: list[Any]) -> list[bytes]:
    """Entries without regard to their order, nor to that of their match fields."""
    result = []
    for one in entries:
        copy = p4.TableEntry.FromString(one.SerializeToString())
        matches = sorted(copy.match, key=lambda match: match.field_id)
        del copy.match[:]
        copy.match.extend(matches)
        result.append(copy.SerializeToString(deterministic=True))
    return sorted(result)


@pytest.fixture
def filled(primary: Controller) -> Controller:
    primary.insert(HOST, HOST_2, ROUTE, *RULES)
    return primary


def test_all_tables(filled: Controller) -> None:
    everything = [HOST, HOST_2, ROUTE, *RULES, *FIXED, INITIAL]
    assert canonical(filled.read(entry(0))) == canonical(everything)


def test_one_table(filled: Controller) -> None:
    assert canonical(filled.read(entry(program.HOSTS))) == canonical([HOST, HOST_2])


def test_one_entry(filled: Controller) -> None:
    assert filled.read(entry(program.HOSTS, HOST.match)) == [HOST]


def test_entry_that_is_not_there(filled: Controller) -> None:
    assert filled.read(entry(program.HOSTS, [exact(1, 9), exact(2, 9)])) == []


def test_by_action(filled: Controller) -> None:
    assert filled.read(entry(program.HOSTS, (), program.DROP)) == [HOST_2]


def test_by_priority(filled: Controller) -> None:
    found = filled.read(entry(program.ACL, priority=10))
    assert canonical(found) == canonical(RULES[:2])


def test_by_match_of_any_priority(filled: Controller) -> None:
    found = filled.read(entry(program.ACL, RULES[0].match))
    assert canonical(found) == canonical([RULES[0], RULES[2]])


def test_by_metadata(filled: Controller) -> None:
    assert filled.read(entry(program.HOSTS, metadata=b"b")) == [HOST_2]


def test_by_controller_metadata(filled: Controller) -> None:
    assert filled.read(entry(program.HOSTS, controller_metadata=5)) == []


def test_defaults_of_all_tables(filled: Controller) -> None:
    found = filled.read(entry(0, is_default_action=True))
    assert [one.table_id for one in found] == [
        program.HOSTS,
        program.ROUTES,
        program.ACL,
        program.FIXED,
        program.WIDE,
        program.ALWAYS,
        program.SPANS,
    ]
    assert all(one.is_default_action and one.HasField("action") for one in found)


def test_all_tables_take_no_other_filter(filled: Controller) -> None:
    failed = failure(lambda: filled.read(entry(0, priority=5)))
    assert failed.code == code.UNKNOWN
    assert failed.details == (
        (
            code.INVALID_ARGUMENT,
            "want no other filter with table_id 0, which selects all tables",
        ),
    )


def test_nothing_asked_for(filled: Controller) -> None:
    assert filled.read_responses() == []


def test_parts_of_a_batch_fail_alone(filled: Controller) -> None:
    responses: list[Any] = []
    wanted = [
        entry(program.HOSTS, HOST.match),
        p4.Entity(),
        entry(program.ROUTES),
        p4.ActionProfileMember(action_profile_id=1),
        entry(4711),
    ]
    request = p4.ReadRequest(device_id=filled.device_id)
    request.entities.extend(entity(one) for one in wanted)

    def read() -> None:
        for response in method(filled.channel, "unary_stream", "Read")(request, timeout=20):
            responses.extend(one.table_entry for one in response.entities)

    failed = failure(read)
    assert canonical(responses) == canonical([HOST, ROUTE])
    assert failed.code == code.UNKNOWN
    assert [detail[0] for detail in failed.details] == [
        code.OK,
        code.INVALID_ARGUMENT,
        code.OK,
        code.UNIMPLEMENTED,
        code.NOT_FOUND,
    ]


def test_read_before_a_pipeline(connect: Connect) -> None:
    assert failure(lambda: connect().read(entry(0))).code == code.FAILED_PRECONDITION


def test_read_of_an_unknown_device(filled: Controller) -> None:
    filled.device_id = 4_000_000
    assert failure(lambda: filled.read(entry(0))).code == code.NOT_FOUND


def test_large_reads_come_in_chunks(primary: Controller) -> None:
    entries = [
        entry(program.HOSTS, [exact(1, n), exact(2, 3)], program.DROP, metadata=bytes(3000))
        for n in range(2000)
    ]
    for first in range(0, 2000, 500):
        primary.insert(*entries[first : first + 500])
    responses = primary.read_responses(entry(program.HOSTS))
    assert len(responses) > 1
    assert all(response.ByteSize() < 4 << 20 for response in responses)
    assert sum(len(response.entities) for response in responses) == 2000


# --- counters


def counts(packets: int, size: int) -> Any:
    return p4.CounterData(packet_count=packets, byte_count=size)


def cell(index: int | None, data: Any = None, counter: int = program.PORTS) -> Any:
    made = p4.CounterEntry(counter_id=counter)
    if index is not None:
        made.index.index = index
    if data is not None:
        made.data.CopyFrom(data)
    return made


def test_counter_is_written_and_read(primary: Controller) -> None:
    primary.modify(cell(3, counts(5, 500)))
    assert primary.read(cell(3)) == [cell(3, counts(5, 500))]
    assert primary.read(cell(4)) == [cell(4, counts(0, 0))]


def test_whole_counter(primary: Controller) -> None:
    primary.modify(cell(511, counts(1, 2)))
    found = primary.read(cell(None))
    assert [one.index.index for one in found] == list(range(512))
    assert found[511].data == counts(1, 2)


def test_all_counters(primary: Controller) -> None:
    assert {one.counter_id for one in primary.read(p4.CounterEntry())} == {program.PORTS}


def test_whole_counter_is_set_at_once(primary: Controller) -> None:
    primary.modify(cell(None, counts(7, 8)))
    assert all(one.data == counts(7, 8) for one in primary.read(cell(None)))


def test_counter_without_data_is_not_changed(primary: Controller) -> None:
    primary.modify(cell(3, counts(5, 500)))
    primary.modify(cell(3))
    assert primary.read(cell(3)) == [cell(3, counts(5, 500))]


@pytest.mark.parametrize(
    ("index", "expected"), [(-1, code.INVALID_ARGUMENT), (512, code.OUT_OF_RANGE)]
)
def test_counter_index_out_of_range(primary: Controller, index: int, expected: int) -> None:
    failed = failure(lambda: primary.read(cell(index)))
    assert failed.details[0][0] == expected


def test_direct_counter_starts_at_zero_and_is_written(primary: Controller) -> None:
    primary.insert(HOST)
    asked = p4.DirectCounterEntry(table_entry=entry(program.HOSTS, HOST.match))
    assert primary.read(asked)[0].data == counts(0, 0)
    primary.modify(p4.DirectCounterEntry(table_entry=asked.table_entry, data=counts(3, 4)))
    assert primary.read(asked) == [
        p4.DirectCounterEntry(table_entry=asked.table_entry, data=counts(3, 4))
    ]


def test_direct_counter_of_no_entry(primary: Controller) -> None:
    asked = p4.DirectCounterEntry(table_entry=entry(program.HOSTS, HOST.match))
    assert failure(lambda: primary.read(asked)).details[0][0] == code.NOT_FOUND


def test_direct_counters_of_a_table_and_of_all(filled: Controller) -> None:
    asked = p4.DirectCounterEntry(table_entry=entry(program.HOSTS))
    assert len(filled.read(asked)) == 2
    assert len(filled.read(p4.DirectCounterEntry(table_entry=entry(0)))) == 5


def test_direct_counter_with_its_entry(primary: Controller) -> None:
    started = p4.TableEntry.FromString(HOST.SerializeToString())
    started.counter_data.CopyFrom(counts(10, 20))
    primary.insert(started)
    asked = entry(program.HOSTS, counter_data=p4.CounterData())
    assert primary.read(asked) == [started]
    assert primary.read(entry(program.HOSTS)) == [HOST]


def test_modify_keeps_the_counter_unless_it_is_given(primary: Controller) -> None:
    started = p4.TableEntry.FromString(HOST.SerializeToString())
    started.counter_data.CopyFrom(counts(10, 20))
    asked = entry(program.HOSTS, counter_data=p4.CounterData())
    primary.insert(started)
    changed = entry(program.HOSTS, HOST.match, program.DROP)
    primary.modify(changed)
    assert primary.read(asked)[0].counter_data == counts(10, 20)
    changed.counter_data.CopyFrom(counts(1, 1))
    primary.modify(changed)
    assert primary.read(asked)[0].counter_data == counts(1, 1)


def test_counter_asked_of_a_table_without(filled: Controller) -> None:
    found = filled.read(entry(program.ROUTES, counter_data=p4.CounterData()))
    assert found == [ROUTE]


def test_reinserted_entry_counts_anew(primary: Controller) -> None:
    started = p4.TableEntry.FromString(HOST.SerializeToString())
    started.counter_data.CopyFrom(counts(10, 20))
    primary.insert(started)
    primary.write(update("DELETE", HOST), update("INSERT", HOST))
    asked = entry(program.HOSTS, counter_data=p4.CounterData())
    assert primary.read(asked)[0].counter_data == counts(0, 0)
