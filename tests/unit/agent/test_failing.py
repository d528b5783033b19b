"""What clients are told when the machine fails under the agent, and that nothing is lost by it."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import io
import json
import os
import shlex
import signal
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from p4kube_core.agent import client, converge, keeper, settings
from p4kube_core.agent.control import Control, DataplaneRefused
from p4kube_core.agent.device import Device
from p4kube_core.agent.journal import Journal
from p4kube_core.agent.pipeline import load
from p4kube_core.agent.record import DeviceRecord, PortWish
from p4kube_core.agent.refusal import Refusal
from p4kube_core.agent.settings import Settings
from p4kube_core.model import artifact
from tests.conformance.p4runtime import controller
from tests.conformance.p4runtime.controller import Controller, code, entry, exact, failure, p4
from tests.unit.agent import processes, program

FAKE = Path(__file__).with_name("fake_dataplane.py")
COMMIT = p4.SetForwardingPipelineConfigRequest.VERIFY_AND_COMMIT


def rule(n: int) -> Any:
    return entry(program.HOSTS, [exact(1, n), exact(2, 1)], program.FORWARD, [5])


@pytest.fixture
def flag(tmp_path: Path) -> Path:
    """While this file is there, the data plane does not start."""
    return tmp_path / "broken"


@pytest.fixture
def wanted(tmp_path: Path, flag: Path) -> Iterator[Settings]:
    script = f"test -e {flag} && exit 9; exec {shlex.join((sys.executable, str(FAKE)))} $@"
    made = Settings(state=tmp_path / "state", dpdk=("sh", "-c", script, "sh"))
    client.spawn(made)
    yield made
    processes.stop(made)


def test_no_data_plane_for_a_while(wanted: Settings, flag: Path) -> None:
    with client.AgentClient(wanted.state) as admin:
        admin.put_device(1, "one")
        one = Controller(controller.connect(settings.address_of(wanted.state)), 1, 1)
        one.set_pipeline(program.config())
        one.insert(rule(1))
        flag.touch()
        os.kill(int(wanted.dataplane("dpdk").pid_file.read_text()), signal.SIGKILL)
        while admin.status()["dataplanes"]["dpdk"]["running"]:
            pass
        refused = failure(lambda: one.insert(rule(2)))
        assert refused.code == code.UNAVAILABLE
        assert "the data plane of target dpdk is not running: it did not start" in refused.message
        status = admin.status()["dataplanes"]["dpdk"]
        assert not status["running"]
        assert "ended with status 9" in status["problem"]
        assert one.read(entry(program.HOSTS)) == [rule(1)]
        flag.unlink()
        while not admin.status()["dataplanes"]["dpdk"]["running"]:
            pass
        one.insert(rule(2))
        assert one.read(entry(program.HOSTS)) == [rule(1), rule(2)]


@asynccontextmanager
async def committed(tmp_path: Path) -> AsyncIterator[tuple[Settings, keeper.Keeper, Device]]:
    """A device with the sample program on a data plane of its own."""
    (tmp_path / "state").mkdir()
    held = Settings(state=tmp_path / "state", dpdk=(sys.executable, str(FAKE)))
    keeps = keeper.Keeper(held.dataplane("dpdk"))
    await keeps.start()
    made = Device(DeviceRecord(1, "one", "dpdk"), Journal(tmp_path / "j"), keeps, held.objects)
    try:
        await made.set_pipeline(COMMIT, program.config())
        yield held, keeps, made
    finally:
        await keeps.stop()


class FullDisk:
    """A journal that takes no more."""

    wants_compaction = False

    def append(self, body: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk_refuses_and_changes_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with committed(tmp_path) as (_, _, made):
            made._journal = FullDisk()  # type: ignore[assignment]
            request = p4.WriteRequest()
            request.updates.add(type=p4.Update.INSERT).entity.table_entry.CopyFrom(rule(1))
            with pytest.raises(Refusal) as caught:
                await made.write(request)
            assert caught.value.message == "the journal cannot be written: No space left on device"
            assert made.record.committed is not None
            assert made.record.committed.tables[0].entries == {}
            with pytest.raises(Refusal):
                await made.set_pipeline(COMMIT, program.config(program.manifest("other")))
            assert made.record.committed.pipeline.manifest.name == "sample"
            async with made.lock:
                control = await made.synced()
            devices, _ = await control.call("device_list")
            assert devices["devices"][0]["digest"] == program.manifest().digest

    asyncio.run(work())


def test_after_a_crash_no_packet_comes_before_the_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall that lets through all but a few must not do so without the few."""
    sent: list[str] = []
    send = Control.send

    def noted(self: Control, op: str, *arguments: Any, **fields: Any) -> Any:
        sent.append(op)
        return send(self, op, *arguments, **fields)

    async def work() -> None:
        async with committed(tmp_path) as (_, keeps, made):
            await made.put("one", (PortWish(1, "ring", {}),))
            request = p4.WriteRequest()
            request.updates.add(type=p4.Update.INSERT).entity.table_entry.CopyFrom(rule(1))
            assert await made.write(request) == {}
            await keeps.stop()
            await keeps.start()
            monkeypatch.setattr(Control, "send", noted)
            await made.bring_up()

    asyncio.run(work())
    assert sent.index("entries_write") < sent.index("wire")


# --- artifacts that are not what they should be


def test_object_of_target_ebpf_that_is_none() -> None:
    held = dataclasses.replace(program.manifest(), target="ebpf")
    with pytest.raises(Refusal) as caught:
        load(program.config(held, object_=b"MZ"))
    assert caught.value.message == "want a BPF program.o, found no ELF file"


def test_object_that_is_none() -> None:
    with pytest.raises(Refusal) as caught:
        load(program.config(object_=b"MZ"))
    assert caught.value.message == "want a shared object in program.so, found no ELF file"


MANIFESTS: list[tuple[dict[str, Any], str]] = [
    ({"format": 2}, "want artifact format 1, found 2"),
    ({"abi": 9}, "want a program of ABI 4, found 9: compile it with this version"),
    ({"target": "tofino"}, "want target dpdk or ebpf, found 'tofino'"),
    ({"tables": None}, "want tuple in manifest.tables, found None"),
    ({"name": 5}, "want str in manifest.name, found 5"),
    ({"drops": ["a", 5]}, "want str in manifest.drops[1], found 5"),
    ({"tables": [{}]}, "want 'index' in manifest.tables[0], found none"),
    (
        {"actions": [{"index": 1, "id": 1, "name": "a", "params": [], "data_bytes": 0}]},
        "want index 0 in manifest.actions[0], found 1",
    ),
]


@pytest.mark.parametrize(("change", "message"), MANIFESTS)
def test_manifests_that_are_none(change: dict[str, Any], message: str) -> None:
    bare = dataclasses.replace(program.manifest(), tables=(), actions=(), counters=())
    value = program._plain(bare) | change
    with pytest.raises(artifact.InvalidArtifact) as caught:
        artifact.read_manifest(json.dumps(value).encode())
    assert str(caught.value) == message


def test_artifact_comes_back_and_is_the_same_bytes() -> None:
    held = program.manifest()
    made = artifact.Artifact(held, b"info", "/* C */", b"\x7fELF")
    data = artifact.pack(made)
    assert artifact.unpack(data) == made
    assert artifact.pack(made) == data


def test_member_missing() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("manifest.json", "{}")
    with pytest.raises(artifact.InvalidArtifact, match="want artifact format 1, found None"):
        artifact.unpack(buffer.getvalue())


def test_field_without_width_in_p4info_is_taken() -> None:
    config = program.config()
    config.p4info.tables[0].match_fields[1].ClearField("bitwidth")
    assert load(config).tables[program.HOSTS].key_bytes == 6


def test_match_type_that_is_none() -> None:
    config = program.config()
    config.p4info.tables[0].match_fields[1].match_type = 99
    with pytest.raises(Refusal, match=r"the match fields of table ingress\.hosts differ"):
        load(config)


@pytest.mark.parametrize("action", ["RECONCILE_AND_COMMIT", "VERIFY_AND_COMMIT"])
def test_a_program_in_another_s_place_is_filled_before_it_has_the_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """No packet meets the tables of a program that is to be filled, or of one that is emptied."""
    sent: list[tuple[str, Any]] = []
    likes: list[Any] = []
    send = Control.send

    def noted(self: Control, op: str, *arguments: Any, **fields: Any) -> Any:
        sent.append((op, fields.get("device", fields.get("id"))))
        likes.extend([fields.get("like")] if op == "device_add" else [])
        return send(self, op, *arguments, **fields)

    async def work() -> None:
        async with committed(tmp_path) as (_, _, made):
            await made.put("one", (PortWish(1, "ring", {}),))
            rules = p4.WriteRequest()
            rules.updates.add(type=p4.Update.INSERT).entity.table_entry.CopyFrom(rule(1))
            assert await made.write(rules) == {}
            monkeypatch.setattr(Control, "send", noted)
            other = program.config(program.manifest("other"))
            await made.set_pipeline(
                p4.SetForwardingPipelineConfigRequest.Action.Value(action), other
            )

    asyncio.run(work())
    aside = converge.ASIDE_ID + 1
    order = [(op, device) for op, device in sent if op in ("device_replace", "entries_write")]
    if action == "RECONCILE_AND_COMMIT":
        assert order[:2] == [("entries_write", aside), ("device_replace", 1)]
        assert likes == [1]
    else:
        assert order == [("device_replace", 1)]
        assert likes == [None]
    assert ("device_add", aside) in sent


def test_a_program_that_cannot_take_the_place_leaves_nothing_aside(tmp_path: Path) -> None:
    async def work() -> None:
        async with committed(tmp_path) as (held, keeps, made):
            control = await keeps.control()
            assert made.record.committed is not None
            stranger = DeviceRecord(2, "two", "dpdk")  # which the data plane does not have
            with pytest.raises(DataplaneRefused):
                await converge.load_program(
                    control, stranger, made.record.committed, False, held.objects
                )
            devices, _ = await control.call("device_list")
            assert [device["id"] for device in devices["devices"]] == [1]

    asyncio.run(work())


def test_a_batch_that_is_rolled_back_leaves_registers_counters_and_meters_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any, **__: Any) -> dict[int, DataplaneRefused]:
        return {0: DataplaneRefused("full", "no room is left")}

    def batch(*entities: Any) -> Any:
        made = p4.WriteRequest(atomicity=p4.WriteRequest.ROLLBACK_ON_ERROR)
        for one in entities:
            kind = p4.Update.INSERT if one.DESCRIPTOR.name == "TableEntry" else p4.Update.MODIFY
            added = made.updates.add(type=kind)
            added.entity.CopyFrom(controller.entity(one))
        return made

    register = p4.RegisterEntry(register_id=program.CELLS)
    register.index.index, register.data.bitstring = 3, b"\7"
    counter = p4.CounterEntry(counter_id=program.PORTS)
    counter.index.index, counter.data.packet_count = 3, 7
    shaper = p4.MeterEntry(meter_id=program.SHAPER)
    shaper.index.index = 3
    shaper.config.CopyFrom(controller.rates(1, 2, 3, 4))

    async def work() -> None:
        async with committed(tmp_path) as (_, keeps, made):
            control = await keeps.control()

            async def told() -> list[bytes]:
                cell: dict[str, Any] = {"device": 1, "first": 3, "count": 1}
                return [
                    (await control.call("register_read", register=0, **cell))[1],
                    (await control.call("counter_read", counter=2, **cell))[1],
                    (await control.call("meter_read", meter=0, **cell))[1],
                ]

            before = await told()
            request = batch(register, counter, shaper, rule(1))
            with monkeypatch.context() as broken:
                broken.setattr(Control, "entries_write", refuse)
                refusals = await made.write(request)
            assert [refusals[n].code for n in range(4)] == [code.ABORTED] * 3 + [
                code.RESOURCE_EXHAUSTED
            ]
            assert await told() == before
            assert await made.write(request) == {}
            assert all(now != then for now, then in zip(await told(), before, strict=True))

    asyncio.run(work())


def test_a_rolled_back_batch_may_count_an_entry_that_it_takes_away_again(tmp_path: Path) -> None:
    async def work() -> None:
        async with committed(tmp_path) as (_, _, made):
            counted = rule(1)
            counted.counter_data.packet_count = 5
            request = p4.WriteRequest(atomicity=p4.WriteRequest.ROLLBACK_ON_ERROR)
            for kind in (p4.Update.INSERT, p4.Update.DELETE):
                request.updates.add(type=kind).entity.table_entry.CopyFrom(counted)
            assert await made.write(request) == {}

    asyncio.run(work())
