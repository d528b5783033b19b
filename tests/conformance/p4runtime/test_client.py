"""Our own client library against the server: what it says when things go wrong, above all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.agent import settings
from p4kube_core.switch import blocking, failures, messages, schema
from p4kube_core.switch.blocking import BlockingSession
from p4kube_core.switch.values import (
    Atomicity,
    CounterData,
    CounterEntry,
    Exact,
    Kind,
    PipelineAction,
    TableEntry,
    Update,
)
from tests.conformance.p4runtime.conftest import Target
from tests.unit.agent import program

HOST = TableEntry(
    "ingress.hosts",
    {"hdr.ipv4.dst": Exact(1), "meta.port": Exact(2)},
    action="ingress.forward",
    params={"port": 3},
    metadata=b"label",
)


def insert(entry: TableEntry) -> Update:
    return Update(Kind.INSERT, entry)


@pytest.fixture
def address(target: Target) -> str:
    return settings.address_of(target.wanted.state)


@pytest.fixture
def session(target: Target, device: int, address: str) -> Iterator[BlockingSession]:
    with blocking.connect(address, device) as made:
        config = target.config()
        made.set_pipeline(config.p4_device_config, config.p4info.SerializeToString(), cookie=3)
        yield made


def test_entries_by_name(session: BlockingSession) -> None:
    session.write([insert(HOST)])
    assert session.read_table("hosts") == (HOST,)
    counted = session.read_table("hosts", counters=True)
    assert counted[0].counter == CounterData()
    session.write([Update(Kind.DELETE, HOST)])
    assert session.read_table("hosts") == ()


def test_counters_by_name(session: BlockingSession) -> None:
    session.write([Update(Kind.MODIFY, CounterEntry("ports", 5, CounterData(1, 2)))])
    assert session.read_counter("ports", 5) == (
        CounterEntry("ingress.ports", 5, CounterData(1, 2)),
    )
    assert len(session.read_counter("ports")) == 512


def test_refused_updates_by_position(session: BlockingSession) -> None:
    session.write([insert(HOST)])
    updates = [insert(TableEntry("always", action="NoAction")), insert(HOST)]
    with pytest.raises(errors.WriteRejected) as caught:
        session.write(updates)
    assert sorted(caught.value.failures) == [0, 1]
    text = failures.explain(caught.value.failures, updates)
    assert "insert of TableEntry(table='ingress.hosts'" in text
    assert "ALREADY_EXISTS: table ingress.hosts holds an entry" in text


def test_rollback(session: BlockingSession) -> None:
    session.write([insert(HOST)])
    other = TableEntry("wide", {"src": Exact(5)}, action="NoAction")
    with pytest.raises(errors.WriteRejected):
        session.write([insert(other), insert(HOST)], Atomicity.ROLLBACK_ON_ERROR)
    assert len(session.read_table("wide")) == 1


def test_mistakes_cost_no_request(session: BlockingSession) -> None:
    with pytest.raises(schema.UnknownName):
        session.write([insert(TableEntry("nope"))])
    with pytest.raises(messages.InvalidEntry):
        session.write([insert(TableEntry("hosts", {"dst": Exact(1 << 40)}))])


def test_next_client_takes_over_and_the_former_is_told(
    session: BlockingSession, device: int, address: str
) -> None:
    with pytest.raises(errors.NotPrimary, match="another client controls device"):
        blocking.connect(address, device, election_id=0, take_over=False)
    with blocking.connect(address, device) as other:
        other.write([insert(HOST)])
        with pytest.raises(errors.NotPrimary):
            session.write([Update(Kind.DELETE, HOST)])
    assert session.read_table("hosts") == (HOST,)


def test_reader_needs_no_election(session: BlockingSession, device: int, address: str) -> None:
    session.write([insert(HOST)])
    with blocking.connect(address, device, read_only=True) as reader:
        assert reader.read_table("hosts") == (HOST,)


def test_pipeline_and_cookie(session: BlockingSession) -> None:
    held = session.get_pipeline(cookie_only=True)
    assert held is not None
    assert held.cookie.cookie == 3
    assert {table.name for table in session.schema.tables} == {t.name for t in program.TABLES}


def test_refused_pipeline(session: BlockingSession) -> None:
    with pytest.raises(failures.Refused, match="INVALID_ARGUMENT: SetForwardingPipelineConfig"):
        session.set_pipeline(b"nonsense", b"", PipelineAction.VERIFY)


def test_unknown_device(address: str) -> None:
    with pytest.raises(failures.Refused, match="no device 4000000"):
        blocking.connect(address, 4_000_000)


def test_device_without_pipeline(device: int, address: str) -> None:
    with (
        blocking.connect(address, device) as session,
        pytest.raises(failures.Refused, match="has no pipeline yet"),
    ):
        session.read_table()


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(errors.SwitchUnavailable):
        blocking.connect(settings.address_of(tmp_path), 1, timeout_s=2)


def test_sessions_in_several_threads(session: BlockingSession, device: int, address: str) -> None:
    session.write([insert(HOST)])
    found: list[int] = []

    def read() -> None:
        with blocking.connect(address, device, read_only=True) as reader:
            found.append(len(reader.read_table("hosts")))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1, 1, 1]
