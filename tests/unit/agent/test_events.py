"""Digests from a data plane's events to a controller: what is told, and what is dropped."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from p4kube_core import protos
from p4kube_core.agent import pipeline, settings
from p4kube_core.agent.device import Device
from p4kube_core.agent.digests import Config
from p4kube_core.agent.events import Events
from p4kube_core.agent.journal import Journal
from p4kube_core.agent.keeper import Keeper
from p4kube_core.agent.node import Node
from p4kube_core.agent.plan import Plan
from p4kube_core.agent.record import DeviceRecord
from p4kube_core.agent.refusal import INVALID_ARGUMENT, UNIMPLEMENTED, Refusal
from p4kube_core.agent.store import Store
from p4kube_core.model.artifact import Digest, DigestField
from tests.unit.agent import program

SEEN = Digest(0, program.SEEN, "seen_t", 4, (DigestField("address", 32, 0, 4),))
HOUR_NS = 3600 * 10**9


def store(spec: Any = None, width: int = 32) -> Store:
    """A program with a digest of that type, `bit<32>` unless given; its field is of that width."""
    size = (width + 7) // 8
    seen = dataclasses.replace(
        SEEN, data_bytes=size, fields=(DigestField("address", width, 0, size),)
    )
    config = program.config(dataclasses.replace(program.manifest(), digests=(seen,)))
    (made,) = config.p4info.digests
    made.type_spec.Clear()
    if spec is None:
        made.type_spec.bitstring.bit.bitwidth = width
    else:
        made.type_spec.CopyFrom(spec)
    return Store(pipeline.load(config))


class Played:
    """Events of a node with one device, whose controller listens unless told not to."""

    def __init__(self, tmp_path: Path, held: Store) -> None:
        wanted = settings.Settings(state=tmp_path)
        keeper = Keeper(wanted.dataplane("dpdk"))
        node = Node(wanted, {"dpdk": keeper})
        self.record = DeviceRecord(1, "one", "dpdk", committed=held)
        node.devices[1] = Device(self.record, Journal(tmp_path / "j"), keeper, tmp_path)
        self.events = Events(node)
        self.events.tell = self._tell
        self.told: list[Any] = []
        self.listens = True

    def _tell(self, _: int, message: Any) -> bool:
        if self.listens:
            self.told.append(message.digest)
        return self.listens

    def configure(self, *config: int) -> None:
        assert self.record.committed is not None
        self.record.committed.put_digest(SEEN.id, Config(*config) if config else None)
        self.events.refresh(1)

    def see(self, *addresses: int, size: int = 4) -> None:
        blob = b"".join(n.to_bytes(size, "big") for n in addresses)
        self.events._take({"event": "digest", "device": 1, "digest": 0}, blob)

    def heard(self) -> list[list[int]]:
        found = [[int.from_bytes(d.bitstring, "big") for d in one.data] for one in self.told]
        self.told.clear()
        return found

    def acknowledge(self, digest_id: int, list_id: int) -> None:
        self.events.acknowledge(
            1, protos.p4runtime.DigestListAck(digest_id=digest_id, list_id=list_id)
        )


def play(tmp_path: Path, script: Callable[[Played], None], held: Store | None = None) -> None:
    async def run() -> None:
        played = Played(tmp_path, held or store())
        script(played)
        played.events.forget(1)

    asyncio.run(run())


def test_what_nobody_heard_is_told_to_the_next_who_listens(tmp_path: Path) -> None:
    def script(played: Played) -> None:
        played.configure(0, 0, HOUR_NS)
        played.listens = False
        played.see(7)
        played.listens = True
        played.see(7)
        assert played.heard() == [[7]]
        played.see(7)
        assert played.heard() == []

    play(tmp_path, script)


def test_a_new_primary_is_told_what_the_former_one_did_not_acknowledge(tmp_path: Path) -> None:
    def script(played: Played) -> None:
        played.configure(0, 0, HOUR_NS)
        played.see(7)
        played.events.greet(1)
        played.see(7)
        assert played.heard() == [[7], [7]]

    play(tmp_path, script)


def test_what_waited_is_dropped_with_the_configuration(tmp_path: Path) -> None:
    def script(played: Played) -> None:
        played.configure(HOUR_NS, 0, 0)
        played.see(7)
        played.configure()
        played.configure(HOUR_NS, 2, 0)
        played.see(8, 9)
        assert played.heard() == [[8, 9]]

    play(tmp_path, script)


def test_a_changed_configuration_is_of_what_waits_already(tmp_path: Path) -> None:
    def script(played: Played) -> None:
        played.configure(HOUR_NS, 0, 0)
        played.see(7, 8, 9)
        played.configure(HOUR_NS, 2, 0)
        assert played.heard() == [[7, 8]]
        played.configure(0, 0, 0)
        assert played.heard() == [[9]]

    play(tmp_path, script)


def test_another_pipeline_is_not_told_what_waited_under_the_former(tmp_path: Path) -> None:
    def script(played: Played) -> None:
        played.configure(HOUR_NS, 0, 0)
        played.see(7)
        played.record.committed = store()
        played.configure(0, 0, 0)
        assert played.heard() == []
        played.see(8)
        assert played.heard() == [[8]]

    play(tmp_path, script)


def test_an_acknowledgement_of_a_digest_that_is_not_is_answered(tmp_path: Path) -> None:
    def script(played: Played) -> None:
        played.configure(0, 0, HOUR_NS)
        played.see(7)
        with pytest.raises(Refusal) as caught:
            played.acknowledge(5, 1)
        assert caught.value.code == INVALID_ARGUMENT
        assert caught.value.message == f"no digest 5; digests: seen_t ({SEEN.id})"
        played.acknowledge(SEEN.id, 77)
        played.acknowledge(SEEN.id, (1 << 64) - 1)
        played.acknowledge(SEEN.id, played.told[0].list_id)
        played.see(7)
        assert played.heard() == [[7], [7]]

    play(tmp_path, script)


def test_a_list_of_wide_digests_is_no_larger_than_a_client_takes(tmp_path: Path) -> None:
    count = 3000

    def script(played: Played) -> None:
        played.configure(HOUR_NS, 0, 0)
        played.see(*((1 << 8191) + n for n in range(count)), size=1024)
        played.configure(0, 0, 0)
        assert sum(len(one.data) for one in played.told) == count
        assert all(one.ByteSize() < 4 << 20 for one in played.told)
        assert len({one.list_id for one in played.told}) == len(played.told) > 1

    play(tmp_path, script, store(width=8192))


def test_an_event_that_is_not_understood_ends_no_others(tmp_path: Path) -> None:
    class Spoken:
        def __init__(self) -> None:
            self.rest = [{"event": "digest"}, {"event": "digest", "device": 1, "digest": 0}]

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> Any:
            if not self.rest:
                raise OSError
            return self.rest.pop(0), b"\0\0\0\7"

    async def run() -> None:
        played = Played(tmp_path, store())
        played.configure(0, 0, 0)
        await played.events._take_all(tmp_path / "none", Spoken())
        assert played.heard() == [[7]]

    asyncio.run(run())


def refused(held: Store, config: Any) -> Refusal:
    update = protos.p4runtime.Update(type=protos.p4runtime.Update.INSERT)
    update.entity.digest_entry.digest_id = SEEN.id
    update.entity.digest_entry.config.CopyFrom(config)
    plan = Plan(held, True)
    plan.take(0, update)
    assert SEEN.id not in held.digests
    return plan.refusals[0]


def test_a_digest_of_a_type_that_cannot_be_told_is_refused_when_it_is_asked_for() -> None:
    spec = protos.p4info.Digest().type_spec
    spec.error.SetInParent()
    found = refused(store(spec), protos.p4runtime.DigestEntry.Config())
    assert found.code == UNIMPLEMENTED
    assert found.message == "digest seen_t: data of type error cannot be told"


def test_a_digest_that_has_more_members_than_the_program_tells_is_refused() -> None:
    spec = protos.p4info.Digest().type_spec
    for _ in range(2):
        spec.tuple.members.add().bitstring.bit.bitwidth = 32
    found = refused(store(spec), protos.p4runtime.DigestEntry.Config())
    assert found.message == "digest seen_t: its type in P4Info has more members"


def test_a_digest_whose_type_holds_itself_is_refused() -> None:
    spec = protos.p4info.Digest().type_spec
    spec.struct.name = "s"
    config = program.config(dataclasses.replace(program.manifest(), digests=(SEEN,)))
    config.p4info.digests[0].type_spec.CopyFrom(spec)
    config.p4info.type_info.structs["s"].members.add(name="m").type_spec.struct.name = "s"
    found = refused(Store(pipeline.load(config)), protos.p4runtime.DigestEntry.Config())
    assert found.message == "digest seen_t: its type in P4Info holds itself"
