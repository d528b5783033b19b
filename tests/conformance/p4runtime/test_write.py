"""Write: what is taken, what is refused and with which code, and what a batch does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.p4runtime.conftest import Target
from tests.conformance.p4runtime.controller import (
    Controller,
    code,
    entry,
    exact,
    failure,
    lpm,
    number,
    optional,
    p4,
    ternary,
    update,
)
from tests.unit.agent import program

Connect = Callable[..., Controller]

HOST = entry(program.HOSTS, [exact(1, 1), exact(2, 1)], program.FORWARD, [3])
REWRITE = entry(
    program.HOSTS, [exact(1, 1), exact(2, 1)], program.REWRITE, [0x0200_0000_0001, 77, 1 << 127]
)
ROUTE = entry(program.ROUTES, [lpm(1, 0x0A000000, 8), exact(2, 5)], program.DROP)
RULE = entry(
    program.ACL,
    [
        ternary(1, 0x0A000000, 0xFF000000),
        ternary(2, 0x20010DB8 << 96, 0xFFFFFFFF << 96),
        exact(3, 6),
        optional(4, 80),
        lpm(5, 0x80000, 1),
    ],
    program.FORWARD,
    [9],
    priority=10,
)
WIDE = entry(program.WIDE, [exact(1, (1 << 128) - 1)], program.FORWARD, [511])
ALL = {"exact": HOST, "params": REWRITE, "lpm": ROUTE, "ternary": RULE, "wide": WIDE}


def one(controller: Controller, wanted: Any) -> tuple[int, str]:
    """The failure of a write of one update."""
    failed = failure(lambda: controller.write(wanted))
    assert failed.code == code.UNKNOWN
    assert len(failed.details) == 1
    return failed.details[0]


def held(controller: Controller, wanted: Any) -> list[Any]:
    key = p4.TableEntry(table_id=wanted.table_id, match=wanted.match, priority=wanted.priority)
    return controller.read(key)


@pytest.mark.parametrize("name", ALL)
def test_what_was_inserted_is_read_back(primary: Controller, name: str) -> None:
    primary.insert(ALL[name])
    found = held(primary, ALL[name])
    assert len(found) == 1
    assert sorted(found[0].match, key=lambda m: m.field_id) == sorted(
        ALL[name].match, key=lambda m: m.field_id
    )
    found[0].ClearField("match")
    expected = p4.TableEntry.FromString(ALL[name].SerializeToString())
    expected.ClearField("match")
    assert found[0] == expected


def test_life_of_an_entry(primary: Controller) -> None:
    primary.insert(HOST)
    primary.modify(REWRITE)
    assert held(primary, HOST) == [REWRITE]
    primary.delete(HOST)
    assert held(primary, HOST) == []
    assert one(primary, update("DELETE", HOST))[0] == code.NOT_FOUND
    assert one(primary, update("MODIFY", HOST))[0] == code.NOT_FOUND


def test_insert_of_what_is_there(primary: Controller) -> None:
    primary.insert(HOST)
    assert one(primary, update("INSERT", REWRITE)) == (
        code.ALREADY_EXISTS,
        "table ingress.hosts holds an entry hdr.ipv4.dst=0x1, meta.port=0x1",
    )
    assert held(primary, HOST) == [HOST]


def test_same_key_with_another_priority_is_another_entry(primary: Controller) -> None:
    other = p4.TableEntry.FromString(RULE.SerializeToString())
    other.priority = 11
    primary.insert(RULE, other)
    assert len(primary.read(entry(program.ACL))) == 2


def test_dont_care_entries(primary: Controller) -> None:
    everything = entry(program.ACL, [exact(3, 6)], program.DROP, priority=1)
    anywhere = entry(program.ROUTES, [exact(2, 5)], program.DROP)
    primary.insert(everything, anywhere)
    assert primary.read(entry(program.ACL), entry(program.ROUTES)) == [everything, anywhere]


def test_metadata_is_kept(primary: Controller) -> None:
    labelled = entry(
        program.HOSTS,
        [exact(1, 1), exact(2, 1)],
        program.DROP,
        metadata=b"rule 5",
        controller_metadata=1 << 63,
    )
    primary.insert(labelled)
    assert held(primary, labelled) == [labelled]
    primary.modify(HOST)
    assert held(primary, labelled) == [HOST]


def test_longer_bytestrings_are_taken_and_the_shortest_given_back(primary: Controller) -> None:
    padded = entry(
        program.HOSTS,
        [exact(1, b"\0\0\0\0\0\1"), exact(2, b"\0\1")],
        program.FORWARD,
        [b"\0\0\3"],
    )
    primary.insert(padded)
    assert primary.read(entry(program.HOSTS)) == [HOST]
    assert one(primary, update("INSERT", HOST))[0] == code.ALREADY_EXISTS


def test_modify_without_action_changes_nothing(primary: Controller) -> None:
    primary.insert(HOST)
    primary.modify(entry(program.HOSTS, HOST.match))
    assert held(primary, HOST) == [HOST]


def test_delete_looks_at_the_key_alone(primary: Controller) -> None:
    primary.insert(HOST)
    odd = entry(program.HOSTS, HOST.match, 4711, idle_timeout_ns=5)
    primary.delete(odd)
    assert primary.read(entry(program.HOSTS)) == []


def test_full_table(primary: Controller) -> None:
    entries = [entry(program.ACL, [exact(3, n)], program.DROP, priority=1) for n in range(1, 10)]
    failed = failure(lambda: primary.insert(*entries))
    assert [detail[0] for detail in failed.details] == [code.OK] * 8 + [code.RESOURCE_EXHAUSTED]
    assert failed.details[8][1] == "table ingress.acl is full: it holds 8 entries"
    assert len(primary.read(entry(program.ACL))) == 8
    primary.delete(entries[0])
    primary.insert(entries[8])


# --- default entries


def default(
    table: int, action: int | None = None, params: tuple[int, ...] = (), **rest: Any
) -> Any:
    return entry(table, (), action, params, is_default_action=True, **rest)


def test_default_entry_is_there_from_the_start(primary: Controller) -> None:
    assert primary.read(default(program.ACL)) == [default(program.ACL, program.DENY)]
    assert primary.read(default(program.ALWAYS)) == [default(program.ALWAYS, program.NO_ACTION)]


def test_default_entry_is_modified_and_reset(primary: Controller) -> None:
    changed = default(program.ALWAYS, program.FORWARD, (5,), metadata=b"m")
    primary.modify(changed)
    assert primary.read(default(program.ALWAYS)) == [changed]
    primary.modify(default(program.ALWAYS))
    assert primary.read(default(program.ALWAYS)) == [default(program.ALWAYS, program.NO_ACTION)]


def test_const_default_is_marked_so(primary: Controller) -> None:
    expected = default(program.FIXED, program.NO_ACTION, is_const=True)
    assert primary.read(default(program.FIXED)) == [expected]


def test_const_entries_are_read(primary: Controller) -> None:
    first, second = primary.read(entry(program.FIXED))
    assert first == entry(program.FIXED, [exact(1, 1)], program.FORWARD, [7], is_const=True)
    assert second == entry(program.FIXED, [exact(1, 2)], program.NO_ACTION, is_const=True)


def test_initial_entries_are_read_and_may_go(primary: Controller) -> None:
    initial = entry(program.WIDE, [exact(1, 9)], program.FORWARD, [9])
    assert primary.read(entry(program.WIDE)) == [initial]
    primary.delete(initial)
    assert primary.read(entry(program.WIDE)) == []


# --- refusals: code and sentence

HOSTS_FIELDS = "1 hdr.ipv4.dst (exact, bit<32>), 2 meta.port (exact, bit<9>)"
HOSTS_ACTIONS = (
    "NoAction (16777217), ingress.forward (16777218), ingress.drop (16777219), "
    "ingress.rewrite (16777220)"
)
TABLES = (
    "ingress.hosts (33554433), ingress.routes (33554434), ingress.acl (33554435), "
    "ingress.fixed (33554436), ingress.wide (33554437), ingress.always (33554438), "
    "ingress.spans (33554439)"
)


def _hosts(
    matches: list[Any], action: int | None = program.DROP, params: Any = (), **rest: Any
) -> Any:
    return update("INSERT", entry(program.HOSTS, matches, action, params, **rest))


def _acl(*matches: Any, action: int = program.DROP, priority: int = 1, params: Any = ()) -> Any:
    return update(
        "INSERT", entry(program.ACL, [exact(3, 6), *matches], action, params, priority=priority)
    )


def _routes(*matches: Any, **rest: Any) -> Any:
    return update("INSERT", entry(program.ROUTES, [exact(2, 5), *matches], program.DROP, **rest))


KEY = [exact(1, 1), exact(2, 1)]
COUNTS = p4.CounterData(packet_count=1)
NO_MATCH = p4.FieldMatch(field_id=1)
RANGE = p4.FieldMatch(field_id=1)
RANGE.range.low, RANGE.range.high = b"\1", b"\2"
MEMBER = entry(program.HOSTS, KEY)
MEMBER.action.action_profile_member_id = 5
EXTRA_PARAM = entry(program.HOSTS, KEY, program.FORWARD, [1])
EXTRA_PARAM.action.action.params.add(param_id=9, value=b"\1")
TWICE_PARAM = entry(program.HOSTS, KEY, program.FORWARD, [1])
TWICE_PARAM.action.action.params.add(param_id=1, value=b"\1")
METER = p4.TableEntry.FromString(HOST.SerializeToString())
METER.meter_config.cir = 5
LAST_HIT = p4.TableEntry.FromString(HOST.SerializeToString())
LAST_HIT.time_since_last_hit.elapsed_ns = 1
NEGATIVE = p4.CounterEntry(counter_id=program.PORTS, data=COUNTS)
NEGATIVE.index.index = -1
BEYOND = p4.CounterEntry(counter_id=program.PORTS, data=COUNTS)
BEYOND.index.index = 512

INVALID = code.INVALID_ARGUMENT
REFUSED = {
    "no type": (
        p4.Update(entity=update("INSERT", HOST).entity),
        INVALID,
        "want type INSERT, MODIFY or DELETE, got UNSPECIFIED",
    ),
    "no entity": (p4.Update(type=p4.Update.INSERT), INVALID, "want an entity, found none"),
    "another entity": (
        update("INSERT", p4.ActionProfileMember(action_profile_id=1)),
        code.UNIMPLEMENTED,
        (
            "ActionProfileMember is not supported; TableEntry, CounterEntry, DirectCounterEntry, "
            "MeterEntry, DirectMeterEntry, RegisterEntry and DigestEntry are"
        ),
    ),
    "unknown table": (
        update("INSERT", entry(4711)),
        code.NOT_FOUND,
        f"no table 4711; tables: {TABLES}",
    ),
    "table zero": (
        update("INSERT", entry(0)),
        code.NOT_FOUND,
        f"no table 0; tables: {TABLES}",
    ),
    "unknown field": (
        _hosts([*KEY, exact(7, 1)]),
        INVALID,
        f"table ingress.hosts: no field 7; fields: {HOSTS_FIELDS}",
    ),
    "field twice": (
        _hosts([*KEY, exact(1, 1)]),
        INVALID,
        "table ingress.hosts: field hdr.ipv4.dst is given twice",
    ),
    "field missing": (
        _hosts([exact(1, 1)]),
        INVALID,
        "table ingress.hosts: want field 2 meta.port (exact, bit<9>), found none",
    ),
    "field without match": (
        _hosts([NO_MATCH, exact(2, 1)]),
        INVALID,
        "table ingress.hosts: field hdr.ipv4.dst: want exact, got no match",
    ),
    "another kind of match": (
        _hosts([ternary(1, 1, 1), exact(2, 1)]),
        INVALID,
        "table ingress.hosts: field hdr.ipv4.dst: want exact, got ternary",
    ),
    "another kind in a ternary table": (
        _acl(RANGE),
        INVALID,
        "table ingress.acl: field hdr.ipv4.src: want ternary, got range",
    ),
    "value too wide": (
        _hosts([exact(1, 1), exact(2, 512)]),
        code.OUT_OF_RANGE,
        "table ingress.hosts, field meta.port: want a value of bit<9>, got 0x0200",
    ),
    "value empty": (
        _hosts([exact(1, b""), exact(2, 1)]),
        code.OUT_OF_RANGE,
        "table ingress.hosts, field hdr.ipv4.dst: want a value of bit<32>, got an empty string",
    ),
    "mask too wide": (
        _acl(ternary(1, 1, 1 << 32)),
        code.OUT_OF_RANGE,
        "table ingress.acl, field hdr.ipv4.src: want a mask of bit<32>, got 0x0100000000",
    ),
    "mask of zero": (
        _acl(ternary(1, 0, 0)),
        INVALID,
        "table ingress.acl: field hdr.ipv4.src: mask 0 matches all; leave the field out",
    ),
    "value outside of the mask": (
        _acl(ternary(1, 0x11, 0xF0)),
        INVALID,
        (
            "table ingress.acl: field hdr.ipv4.src: value 0x11 has bits outside of mask 0xf0; "
            "want 0x10"
        ),
    ),
    "prefix of zero": (
        _routes(lpm(1, 0, 0)),
        INVALID,
        (
            "table ingress.routes: field hdr.ipv4.dst: want a prefix length from 1 to 32, got 0; "
            "leave the field out to match all"
        ),
    ),
    "prefix too long": (
        _routes(lpm(1, 0, 33)),
        INVALID,
        "table ingress.routes: field hdr.ipv4.dst: want a prefix length from 1 to 32, got 33",
    ),
    "prefix negative": (
        _routes(lpm(1, 0, -1)),
        INVALID,
        "table ingress.routes: field hdr.ipv4.dst: want a prefix length from 1 to 32, got -1",
    ),
    "value beyond the prefix": (
        _routes(lpm(1, 0x0A000001, 8)),
        INVALID,
        (
            "table ingress.routes: field hdr.ipv4.dst: value 0xa000001 has bits beyond prefix "
            "length 8; want 0xa000000"
        ),
    ),
    "optional too wide": (
        _acl(optional(4, 512)),
        code.OUT_OF_RANGE,
        "table ingress.acl, field meta.port: want a value of bit<9>, got 0x0200",
    ),
    "priority missing": (
        _acl(priority=0),
        INVALID,
        (
            "table ingress.acl: want a priority from 1 to 2147483647, since a field is ternary, "
            "range or optional; got 0"
        ),
    ),
    "priority negative": (
        _acl(priority=-5),
        INVALID,
        (
            "table ingress.acl: want a priority from 1 to 2147483647, since a field is ternary, "
            "range or optional; got -5"
        ),
    ),
    "priority in an exact table": (
        _hosts(KEY, priority=1),
        INVALID,
        "table ingress.hosts: want priority 0, since no field is ternary; got 1",
    ),
    "no action": (
        _hosts(KEY, None),
        INVALID,
        "table ingress.hosts: want an action, found none",
    ),
    "action profile member": (
        update("INSERT", MEMBER),
        INVALID,
        (
            "table ingress.hosts: want a single action, got action_profile_member_id: "
            "no action profile"
        ),
    ),
    "unknown action": (
        _hosts(KEY, 4711),
        INVALID,
        f"table ingress.hosts: no action 4711; actions: {HOSTS_ACTIONS}",
    ),
    "action of another table": (
        _hosts(KEY, program.DENY),
        INVALID,
        f"table ingress.hosts: no action {program.DENY}; actions: {HOSTS_ACTIONS}",
    ),
    "action for the default entry only": (
        _acl(action=program.DENY),
        code.PERMISSION_DENIED,
        "table ingress.acl: action ingress.deny is only for the default entry",
    ),
    "action not for the default entry": (
        update("MODIFY", default(program.ACL, program.MARK, (1,))),
        code.PERMISSION_DENIED,
        "table ingress.acl: action ingress.mark cannot be the default action",
    ),
    "parameter missing": (
        _hosts(KEY, program.FORWARD),
        INVALID,
        "table ingress.hosts: action ingress.forward: want parameter 1 port, found none",
    ),
    "parameter unknown": (
        update("INSERT", EXTRA_PARAM),
        INVALID,
        (
            "table ingress.hosts: action ingress.forward has no parameter 9; "
            "parameters: 1 port (bit<9>)"
        ),
    ),
    "parameter twice": (
        update("INSERT", TWICE_PARAM),
        INVALID,
        "table ingress.hosts: action ingress.forward: parameter port is given twice",
    ),
    "parameter too wide": (
        _hosts(KEY, program.FORWARD, [512]),
        code.OUT_OF_RANGE,
        (
            "table ingress.hosts, action ingress.forward, parameter port: want a value of bit<9>, "
            "got 0x0200"
        ),
    ),
    "parameter empty": (
        _hosts(KEY, program.FORWARD, [b""]),
        code.OUT_OF_RANGE,
        (
            "table ingress.hosts, action ingress.forward, parameter port: want a value of bit<9>, "
            "got an empty string"
        ),
    ),
    "is_const in a write": (
        _hosts(KEY, is_const=True),
        INVALID,
        "table ingress.hosts: want is_const unset in a write",
    ),
    "idle timeout": (
        _hosts(KEY, idle_timeout_ns=5),
        INVALID,
        "table ingress.hosts: want idle_timeout_ns 0, since it has no idle timeout; got 5",
    ),
    "time since last hit": (
        update("INSERT", LAST_HIT),
        INVALID,
        "table ingress.hosts: want time_since_last_hit unset, since it has no idle timeout",
    ),
    "meter": (update("INSERT", METER), INVALID, "table ingress.hosts: it has no direct meter"),
    "counter where there is none": (
        _routes(counter_data=COUNTS),
        INVALID,
        "table ingress.routes: it has no direct counter",
    ),
    "entry of a keyless table": (
        update("INSERT", entry(program.ALWAYS, [], program.NO_ACTION)),
        INVALID,
        "table ingress.always: it has no key, so no entries; only its default action",
    ),
    "const table, insert": (
        update("INSERT", entry(program.FIXED, [exact(1, 5)], program.NO_ACTION)),
        code.PERMISSION_DENIED,
        (
            "table ingress.fixed: its entries are const; only direct counters and meters and "
            "the default action can be written"
        ),
    ),
    "const table, delete": (
        update("DELETE", entry(program.FIXED, [exact(1, 1)])),
        code.PERMISSION_DENIED,
        (
            "table ingress.fixed: its entries are const; only direct counters and meters and "
            "the default action can be written"
        ),
    ),
    "const table, modify with action": (
        update("MODIFY", entry(program.FIXED, [exact(1, 1)], program.FORWARD, [7])),
        code.PERMISSION_DENIED,
        "table ingress.fixed: the action of a const entry cannot change",
    ),
    "default entry, insert": (
        update("INSERT", default(program.ALWAYS, program.NO_ACTION)),
        INVALID,
        "table ingress.always: want MODIFY of the default entry, which is always there",
    ),
    "default entry, delete": (
        update("DELETE", default(program.ALWAYS)),
        INVALID,
        "table ingress.always: want MODIFY of the default entry, which is always there",
    ),
    "default entry with a match": (
        update("MODIFY", entry(program.HOSTS, KEY, program.DROP, is_default_action=True)),
        INVALID,
        "table ingress.hosts: want no match and priority 0 with is_default_action",
    ),
    "default entry with a priority": (
        update("MODIFY", default(program.ACL, program.DENY, priority=1)),
        INVALID,
        "table ingress.acl: want no match and priority 0 with is_default_action",
    ),
    "default entry with idle timeout": (
        update("MODIFY", default(program.HOSTS, program.DROP, idle_timeout_ns=1)),
        INVALID,
        "table ingress.hosts: want idle_timeout_ns 0, since it has no idle timeout; got 1",
    ),
    "const default entry": (
        update("MODIFY", default(program.FIXED, program.NO_ACTION)),
        code.PERMISSION_DENIED,
        "table ingress.fixed: its default action is const",
    ),
    "counter of the default entry": (
        update("MODIFY", default(program.HOSTS, program.DROP, counter_data=COUNTS)),
        code.UNIMPLEMENTED,
        "table ingress.hosts: the counter of the default entry can be read, not written",
    ),
    "entry not there": (
        update("DELETE", RULE),
        code.NOT_FOUND,
        (
            "table ingress.acl holds no entry hdr.ipv4.src=0xa000000&&&0xff000000, "
            "hdr.ipv6.dst=0x20010db8000000000000000000000000&&&0xffffffff000000000000000000000000, "
            "hdr.ipv4.protocol=0x6&&&0xff, meta.port=0x50&&&0x1ff, hdr.ipv4.dst=0x80000&&&0x80000, "
            "priority 10"
        ),
    ),
    "route not there": (
        update("MODIFY", ROUTE),
        code.NOT_FOUND,
        "table ingress.routes holds no entry hdr.ipv4.dst=0xa000000/8, meta.vrf=0x5",
    ),
    "counter unknown": (
        update("MODIFY", p4.CounterEntry(counter_id=4711, data=COUNTS)),
        code.NOT_FOUND,
        "no counter 4711; counters: ingress.ports (301989889)",
    ),
    "counter inserted": (
        update("INSERT", p4.CounterEntry(counter_id=program.PORTS, data=COUNTS)),
        INVALID,
        "want MODIFY of a counter, which is always there",
    ),
    "counter deleted": (
        update("DELETE", p4.CounterEntry(counter_id=program.PORTS)),
        INVALID,
        "want MODIFY of a counter, which is always there",
    ),
    "counter index negative": (
        update("MODIFY", NEGATIVE),
        INVALID,
        "counter ingress.ports: want an index from 0, got -1",
    ),
    "counter index beyond": (
        update("MODIFY", BEYOND),
        code.OUT_OF_RANGE,
        "counter ingress.ports: want an index from 0 to 511, got 512",
    ),
    "counts negative": (
        update(
            "MODIFY",
            p4.CounterEntry(counter_id=program.PORTS, data=p4.CounterData(byte_count=-2)),
        ),
        INVALID,
        "want counts from 0, got 0 packets, -2 bytes",
    ),
    "direct counter inserted": (
        update("INSERT", p4.DirectCounterEntry(table_entry=HOST, data=COUNTS)),
        INVALID,
        "want MODIFY of a direct counter, which is always there",
    ),
    "direct counter of no entry": (
        update("MODIFY", p4.DirectCounterEntry(table_entry=HOST, data=COUNTS)),
        code.NOT_FOUND,
        "table ingress.hosts holds no entry hdr.ipv4.dst=0x1, meta.port=0x1",
    ),
    "direct counter of a table without": (
        update("MODIFY", p4.DirectCounterEntry(table_entry=ROUTE, data=COUNTS)),
        INVALID,
        "table ingress.routes: it has no direct counter",
    ),
    "direct counter of the default entry": (
        update("MODIFY", p4.DirectCounterEntry(table_entry=default(program.HOSTS), data=COUNTS)),
        code.UNIMPLEMENTED,
        "table ingress.hosts: the counter of the default entry can be read, not written",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusal(primary: Controller, name: str) -> None:
    wanted, expected_code, message = REFUSED[name]
    assert one(primary, wanted) == (expected_code, message)


# --- batches


def test_every_update_is_answered_in_order(primary: Controller) -> None:
    failed = failure(lambda: primary.insert(HOST, entry(4711), HOST, ROUTE))
    assert failed.code == code.UNKNOWN
    assert failed.message == "Write: 2 of 4 failed"
    assert [detail[0] for detail in failed.details] == [
        code.OK,
        code.NOT_FOUND,
        code.ALREADY_EXISTS,
        code.OK,
    ]
    assert failed.details[0][1] == ""
    assert primary.read(entry(program.HOSTS), entry(program.ROUTES)) == [HOST, ROUTE]


def test_updates_of_a_batch_follow_each_other(primary: Controller) -> None:
    primary.write(update("INSERT", HOST), update("DELETE", HOST), update("INSERT", REWRITE))
    assert primary.read(entry(program.HOSTS)) == [REWRITE]


def test_rollback_leaves_all_as_it_was(primary: Controller) -> None:
    primary.insert(HOST, RULE)
    failed = failure(
        lambda: primary.write(
            update("DELETE", HOST),
            update("MODIFY", default(program.ALWAYS, program.FORWARD, (5,))),
            update("INSERT", ROUTE),
            update("INSERT", RULE),
            atomicity="ROLLBACK_ON_ERROR",
        )
    )
    assert [detail[0] for detail in failed.details] == [
        code.ABORTED,
        code.ABORTED,
        code.ABORTED,
        code.ALREADY_EXISTS,
    ]
    assert failed.details[0][1] == "rolled back, since update 3 was refused"
    everything = (program.HOSTS, program.ROUTES, program.ACL)
    assert len(primary.read(*(entry(table) for table in everything))) == 2
    assert primary.read(default(program.ALWAYS)) == [default(program.ALWAYS, program.NO_ACTION)]


def test_rollback_without_error_writes(primary: Controller) -> None:
    primary.write(update("INSERT", HOST), update("INSERT", ROUTE), atomicity="ROLLBACK_ON_ERROR")
    assert primary.read(entry(program.HOSTS), entry(program.ROUTES)) == [HOST, ROUTE]


def test_dataplane_atomic_is_unimplemented(primary: Controller) -> None:
    failed = failure(lambda: primary.write(update("INSERT", HOST), atomicity="DATAPLANE_ATOMIC"))
    assert failed.code == code.UNIMPLEMENTED
    assert failed.details == ()
    assert primary.read(entry(program.HOSTS)) == []


def test_write_before_a_pipeline(connect: Connect) -> None:
    failed = failure(lambda: connect().insert(HOST))
    assert failed.code == code.FAILED_PRECONDITION
    assert "has no pipeline yet" in failed.message


def test_write_to_an_unknown_device(primary: Controller) -> None:
    primary.device_id = 4_000_000
    failed = failure(lambda: primary.insert(HOST))
    assert failed.code == code.NOT_FOUND
    assert failed.message.startswith("no device 4000000; devices: ")


def test_empty_write(primary: Controller) -> None:
    primary.write()


def test_two_thousand_updates_at_once(primary: Controller) -> None:
    entries = [
        entry(program.HOSTS, [exact(1, n), exact(2, 3)], program.FORWARD, [n % 512])
        for n in range(2000)
    ]
    primary.insert(*entries)
    assert primary.read(entry(program.HOSTS)) == entries
    primary.delete(*entries)
    assert primary.read(entry(program.HOSTS)) == []


def test_devices_are_apart(target: Target, primary: Controller) -> None:
    other_id = primary.device_id + 1_000_000
    with target.admin() as admin:
        admin.put_device(other_id, "beside")
        other = Controller(target.channel, other_id)
        other.set_pipeline(target.config())
        other.insert(HOST)
        assert primary.read(entry(program.HOSTS)) == []
        other.close()
        admin.remove_device(other_id)


def test_values_of_every_width(primary: Controller) -> None:
    for bits in range(128):
        wide = entry(program.WIDE, [exact(1, number(1 << bits))], program.FORWARD, [1])
        primary.insert(wide)
        assert held(primary, wide) == [wide]
        primary.delete(wide)
