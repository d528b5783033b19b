"""What is there after the agent was killed and started again, over a data plane that goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p4kube_core.agent import client, settings
from p4kube_core.agent.journal import frame
from p4kube_core.agent.settings import TARGETS, Settings
from tests.conformance.p4runtime import controller
from tests.conformance.p4runtime.controller import Controller, entry, exact, p4, rates, span
from tests.dataplane.daemon.dataplane import Client
from tests.unit.agent import processes, program

FAKE = (sys.executable, str(Path(__file__).with_name("fake_dataplane.py")))


@pytest.fixture
def wanted(tmp_path: Path) -> Iterator[Settings]:
    made = Settings(state=tmp_path / "state", dpdk=FAKE, ebpf=FAKE)
    client.spawn(made)
    with client.AgentClient(made.state) as admin:
        admin.put_device(1, "one")
    yield made
    processes.stop(made)


def restart(wanted: Settings) -> None:
    os.kill(int(wanted.pid_file.read_text()), signal.SIGKILL)
    while not client.spawn(wanted):
        pass


def primary(wanted: Settings, device: int = 1, election_id: int = 1) -> Controller:
    channel = controller.connect(settings.address_of(wanted.state))
    return Controller(channel, device, election_id)


def rule(n: int) -> Any:
    return entry(program.HOSTS, [exact(1, n), exact(2, 1)], program.FORWARD, [5])


def test_rewritten_journal_holds_the_last_pipeline(wanted: Settings) -> None:
    one = primary(wanted)
    journal = wanted.journal / "1.journal"
    largest = 0
    cookie = 0
    while journal.stat().st_size >= largest:
        largest = journal.stat().st_size
        cookie += 1
        one.set_pipeline(program.config(cookie=cookie), "VERIFY_AND_SAVE")
    assert largest > 1 << 19
    restart(wanted)
    assert primary(wanted).get_pipeline("COOKIE_ONLY").config.cookie.cookie == cookie


def test_rewritten_journal_holds_the_entries(wanted: Settings) -> None:
    one = primary(wanted)
    one.set_pipeline(program.config())
    journal = wanted.journal / "1.journal"
    entries = [rule(n) for n in range(2000)]
    largest = 0
    while journal.stat().st_size >= largest:
        largest = journal.stat().st_size
        one.insert(*entries)
        one.delete(*entries[:-1])
        one.delete(entries[-1])
    one.insert(*entries[:10])
    restart(wanted)
    assert primary(wanted).read(entry(program.HOSTS)) == entries[:10]


def test_saved_pipeline_is_there_and_can_be_committed(wanted: Settings) -> None:
    one = primary(wanted)
    one.set_pipeline(program.config())
    one.insert(rule(1))
    one.set_pipeline(program.config(program.manifest("other")), "VERIFY_AND_SAVE")
    one.insert(rule(2))
    restart(wanted)
    one = primary(wanted)
    assert one.read(entry(program.HOSTS)) == [rule(2)]
    one.set_pipeline(None, "COMMIT")
    assert one.read(entry(program.HOSTS)) == [rule(2)]


def test_unreadable_journal_is_put_aside(wanted: Settings) -> None:
    beside = wanted.journal / "7.journal"
    beside.write_bytes(frame(b"\x63\0\0\0\0"))
    restart(wanted)
    assert (wanted.journal / "7.unreadable").exists()
    with client.AgentClient(wanted.state) as admin:
        assert [device["device_id"] for device in admin.status()["devices"]] == [1]


def test_strangers_on_the_data_plane_are_removed(wanted: Settings) -> None:
    """As when the agent is killed after it added a port and before it kept the device."""
    control = Client(wanted.dataplane("dpdk").socket)
    control.call("port_add", name="9.1-12345678", kind="ring")
    control.call("port_add", name="kept", kind="ring")
    restart(wanted)
    assert set(control.ports()) == {"kept"}
    control.close()


def test_agent_and_data_plane_do_not_agree(wanted: Settings) -> None:
    """As when the agent is killed between journal and data plane, or the other way round."""
    one = primary(wanted)
    one.set_pipeline(program.config())
    one.insert(rule(1), rule(2))
    control = Client(wanted.dataplane("dpdk").socket)
    record = bytes.fromhex("00000001 0001 0001 0005") + bytes(22)
    other = bytes.fromhex("00000003 0001 0001 0006") + bytes(22)
    changed = bytes.fromhex("00000002 0001 0001 0009") + bytes(22)
    call = {"device": 1, "table": 0, "count": 1}
    assert control.call("entries_write", record, mode="delete", **call)[0]["failed"] == []
    assert control.call("entries_write", other, mode="insert", **call)[0]["failed"] == []
    assert control.call("entries_write", changed, mode="modify", **call)[0]["failed"] == []
    restart(wanted)
    _, blob = control.call("entries_read", device=1, table=0)
    size = len(record) + 16
    held = {blob[at : at + len(record)] for at in range(0, len(blob), size)}
    assert held == {record, bytes.fromhex("00000002 0001 0001 0005") + bytes(22)}
    control.close()


def on_both(wanted: Settings) -> dict[int, Controller]:
    """A device a target, each with a pipeline and an entry."""
    with client.AgentClient(wanted.state) as admin:
        admin.put_device(2, "two", [client.Port(1, "ring")], target="ebpf")
    made = {n: primary(wanted, n) for n in (1, 2)}
    for n, one in made.items():
        target = {1: "dpdk", 2: "ebpf"}[n]
        one.set_pipeline(program.config(program.manifest(target=target)))
        one.insert(rule(n))
    return made


@pytest.mark.parametrize("killed", ["agent", "dpdk", "ebpf"])
def test_what_is_on_either_target_is_there_after_a_crash(wanted: Settings, killed: str) -> None:
    on_both(wanted)
    pids = {target: int(wanted.dataplane(target).pid_file.read_text()) for target in TARGETS}
    if killed == "agent":
        restart(wanted)
    else:
        processes.end(pids[killed])
    for number, target in ((1, "dpdk"), (2, "ebpf")):
        one = primary(wanted, number, election_id=2)
        one.insert(rule(9))  # waits for the data plane
        assert one.read(entry(program.HOSTS)) == [rule(number), rule(9)]
        with contextlib.closing(Client(wanted.dataplane(target).socket)) as control:
            (device,) = control.call("device_list")[0]["devices"]
            assert device["id"] == number
        now = int(wanted.dataplane(target).pid_file.read_text())
        assert (now == pids[target]) == (killed != target)


def test_stopping_ends_both_data_planes(wanted: Settings) -> None:
    on_both(wanted)
    pids = processes.pids(wanted)
    assert len(pids) == 3
    with client.AgentClient(wanted.state) as admin:
        admin.stop(dataplane=True)
    for pid in pids:
        processes.wait_for_end(pid)
    assert list(wanted.state.glob("*.pid")) == [wanted.pid_file]


def test_meters_are_there_again_after_agent_and_data_plane_were_killed(wanted: Settings) -> None:
    one = primary(wanted)
    one.set_pipeline(program.config())
    ruled = entry(program.SPANS, [span(1, 5, 9)], program.FORWARD, [7], priority=1)
    ruled.meter_config.CopyFrom(rates(1, 2, 3, 4))
    shaper = p4.MeterEntry(meter_id=program.SHAPER, config=rates(5, 6, 7, 8))
    shaper.index.index = 9
    one.insert(ruled)
    one.modify(shaper)
    for pid in processes.pids(wanted):
        processes.end(pid)
    assert client.spawn(wanted)
    again = primary(wanted)
    asked = entry(program.SPANS)
    asked.meter_config.SetInParent()
    assert again.read(asked) == [ruled]
    index = p4.MeterEntry(meter_id=program.SHAPER)
    index.index.index = 9
    assert again.read(index) == [shaper]
    with contextlib.closing(Client(wanted.dataplane("dpdk").socket)) as dataplane:
        _, held = dataplane.call("meter_read", device=1, meter=0, first=9, count=2)
    assert held == b"\1" + b"".join(n.to_bytes(8, "big") for n in (5, 6, 7, 8)) + bytes(33)
