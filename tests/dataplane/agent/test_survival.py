"""Agent and data plane are killed at any instant: no acknowledged write is lost, nor a packet."""

from __future__ import annotations

import random
import signal
import threading
import time
from typing import Any

import grpc
import pytest

from p4kube_core.agent import client
from tests.conformance.p4runtime.controller import Controller, entry, exact, p4, ternary
from tests.dataplane.agent.conftest import Running
from tests.dataplane.daemon import hosts
from tests.unit.agent import program
from tests.unit.agent.processes import PATIENCE_S, alive, end, wait_for_end

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk]

RULE = entry(
    program.ACL,
    [ternary(1, 0x0A000000, 0xFF000000), exact(3, 6)],
    program.FORWARD,
    [9],
    priority=10,
    metadata=b"a name",
)
DEFAULT = entry(program.ALWAYS, (), program.FORWARD, [5], is_default_action=True)


def host(n: int) -> Any:
    return entry(program.HOSTS, [exact(1, n), exact(2, 1)], program.FORWARD, [n % 512])


def put(running: Running, config: Any, *ports: client.Port) -> Controller:
    with running.admin() as admin:
        admin.put_device(1, "survivor", ports)
    made = running.controller()
    made.set_pipeline(config)
    return made


RINGS = (client.Port(1, "ring"), client.Port(2, "ring"))


def held_by_dataplane(running: Running, table: int) -> set[bytes]:
    """Records of a table, read past the agent; small tables only."""
    control = running.control()
    spec = program.TABLES[table]
    extra = {"exact": 0, "lpm": 2, "ternary": spec.key_bytes + 4}[spec.kind]
    size = spec.key_bytes + extra + 2 + spec.data_bytes
    records: set[bytes] = set()
    fields: dict[str, Any] = {}
    while True:
        answer, blob = control.call("entries_read", device=1, table=table, **fields)
        step = size + 16
        records |= {blob[n * step : n * step + size] for n in range(answer["count"])}
        if "cursor" not in answer:
            control.close()
            return records
        fields = {"cursor": answer["cursor"]}


def test_all_is_there_after_a_kill_of_the_agent(running: Running, config: Any) -> None:
    one = put(running, config, *RINGS)
    one.insert(*(host(n) for n in range(1000)), RULE)
    one.modify(DEFAULT)
    pid = running.dataplane_pid()
    running.kill_agent()
    assert alive(pid)
    running.start()
    assert running.dataplane_pid() == pid
    one = running.controller()
    assert one.get_pipeline().config == config
    assert one.read(entry(program.HOSTS), entry(program.ACL)) == [
        *(host(n) for n in range(1000)),
        RULE,
    ]
    assert one.read(entry(program.ALWAYS, is_default_action=True)) == [DEFAULT]


def test_kills_of_the_agent_between_and_within_writes(running: Running, config: Any) -> None:
    """A writer goes on while the agent is killed: acknowledged is there, unsent is not."""
    put(running, config, *RINGS).close()
    choose = random.Random(7)
    acknowledged: set[int] = set()
    sent = 0
    for _ in range(8):
        one = running.controller()
        timer = threading.Timer(choose.uniform(0.0, 0.15), running.kill_agent)
        timer.start()
        while True:
            batch = range(sent, sent + 7)
            sent += 7
            try:
                one.insert(*(host(n) for n in batch))
            except grpc.RpcError:
                break
            acknowledged.update(batch)
            if sent > 3900:
                break
        timer.join()
        one.close()
        running.start()
        one = running.controller()
        found = {
            int.from_bytes(e.match[0].exact.value, "big") for e in one.read(entry(program.HOSTS))
        }
        assert acknowledged <= found <= set(range(sent))
        keys = {int.from_bytes(r[:4], "big") for r in held_by_dataplane(running, 0)}
        assert keys == found
        acknowledged = found
        one.close()
    assert acknowledged


def test_no_packet_is_lost_when_the_agent_is_killed(running: Running, config: Any) -> None:
    with hosts.pair() as (one, two):
        ports = (
            client.Port(1, "packet", {"interface": one.wire}),
            client.Port(2, "packet", {"interface": two.wire}),
        )
        put(running, config, *ports).insert(*(host(n) for n in range(100)))
        one.run("ping", "-c", "1", "-W", "2", two.ipv4)
        with hosts.pinged(one, two) as lost:
            for _ in range(2):
                running.kill_agent()
                running.start()
        assert not lost


def test_all_is_back_after_a_kill_of_the_dataplane(running: Running, config: Any) -> None:
    one = put(running, config, *RINGS)
    one.insert(*(host(n) for n in range(1000)), RULE)
    one.modify(DEFAULT)
    before = held_by_dataplane(running, 0), held_by_dataplane(running, 2)
    old = running.dataplane_pid()
    start = time.monotonic()
    end(old)
    one.insert(host(2000))  # waits until the data plane is back
    print(f"back after {time.monotonic() - start:.3f} s")
    one.delete(host(2000))
    assert running.dataplane_pid() != old
    assert (held_by_dataplane(running, 0), held_by_dataplane(running, 2)) == before
    forwards(running)
    assert one.read(entry(program.ALWAYS, is_default_action=True)) == [DEFAULT]
    with running.admin() as admin:
        assert admin.status()["dataplanes"]["dpdk"]["restarts"] == 1


def forwards(running: Running) -> None:
    """What goes in at port 1 comes out at port 2."""
    names = running.port_names()
    control = running.control()
    control.inject(names[1], bytes(range(64)))
    assert control.collect(names[2]) == [bytes(range(64))]
    control.close()


def test_write_at_the_moment_of_the_kill_is_there(running: Running, config: Any) -> None:
    one = put(running, config, *RINGS)
    for round_number in range(3):
        first = round_number * 500
        timer = threading.Timer(0.02, end, (running.dataplane_pid(),))
        timer.start()
        for n in range(first, first + 500, 50):
            one.insert(*(host(k) for k in range(n, n + 50)))
        timer.join()
        one.modify(host(first))
        keys = {int.from_bytes(r[:4], "big") for r in held_by_dataplane(running, 0)}
        assert keys == set(range(first + 500))


def test_both_killed_at_once(running: Running, config: Any) -> None:
    one = put(running, config, *RINGS)
    one.insert(*(host(n) for n in range(100)), RULE)
    one.close()
    dataplane_pid = running.dataplane_pid()
    running.kill_agent()
    end(dataplane_pid)
    running.start()
    one = running.controller()
    assert len(one.read(entry(program.HOSTS))) == 100
    assert len(held_by_dataplane(running, 0)) == 100
    forwards(running)


def test_sigterm_stops_the_agent_alone(running: Running, config: Any) -> None:
    put(running, config, *RINGS).close()
    names = running.port_names()
    running.kill_agent(signal.SIGTERM)
    assert alive(running.dataplane_pid())
    control = running.control()
    control.inject(names[1], bytes(range(64)))
    assert control.collect(names[2]) == [bytes(range(64))]
    control.close()
    running.start()


def test_stop_with_the_dataplane_ends_both(running: Running) -> None:
    with running.admin() as admin:
        admin.put_device(1, "survivor", RINGS)
        pids = running.agent_pid(), running.dataplane_pid()
        admin.stop(dataplane=True)
    for pid in pids:
        wait_for_end(pid)
    assert not client.running(running.wanted.state)


def test_removed_device_does_not_come_back(running: Running, config: Any) -> None:
    put(running, config, *RINGS).close()
    with running.admin() as admin:
        admin.remove_device(1)
        assert admin.status()["devices"] == []
    control = running.control()
    assert (control.ports(), control.devices()) == ({}, {})
    control.close()
    running.kill_agent()
    running.start()
    with running.admin() as admin:
        assert admin.status()["devices"] == []


def test_ports_change_while_entries_stay(running: Running, config: Any) -> None:
    one = put(running, config, *RINGS)
    one.insert(host(1))
    with running.admin() as admin:
        admin.put_device(1, "survivor", [RINGS[0], client.Port(5, "ring")])
        assert set(running.port_names()) == {1, 5}
        admin.put_device(1, "survivor", RINGS)
    forwards(running)
    assert one.read(entry(program.HOSTS)) == [host(1)]


def test_port_that_cannot_be_had_changes_nothing(running: Running, config: Any) -> None:
    put(running, config, *RINGS)
    absent = client.Port(3, "packet", {"interface": "p4k-absent0"})
    with running.admin() as admin, pytest.raises(client.AgentRefused, match="p4k-absent0"):
        admin.put_device(1, "survivor", [*RINGS, absent])
    assert set(running.port_names()) == {1, 2}
    forwards(running)


def test_election_id_outlives_the_agent_but_not_the_dataplane(
    running: Running, config: Any
) -> None:
    put(running, config, *RINGS).close()
    running.controller(election_id=50).close()
    running.kill_agent()
    running.start()
    low = Controller(running.channel, 1, 10, primary=False)
    low.stream.arbitrate(1, 10)
    assert low.stream.notice() == (5, 50)
    low.close()
    running.kill_agent()
    end(running.dataplane_pid())
    running.start()
    running.controller(election_id=10).close()


def test_counters_count_and_outlive_the_agent(running: Running, config: Any) -> None:
    put(running, config, *RINGS).close()
    names = running.port_names()
    control = running.control()
    control.inject(names[1], *(bytes(64) for _ in range(10)))
    running.kill_agent()
    control.inject(names[1], *(bytes(64) for _ in range(5)))
    control.close()
    running.start()
    asked = p4.CounterEntry(counter_id=program.PORTS)
    asked.index.index = 1
    one = running.controller()
    deadline = time.monotonic() + PATIENCE_S
    while (data := one.read(asked)[0].data).packet_count < 15:
        assert time.monotonic() < deadline
    assert (data.packet_count, data.byte_count) == (15, 15 * 64)
