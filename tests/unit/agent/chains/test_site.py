"""Functions on pods, on data planes without packets: what is there, in whatever order it came."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import errno
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from p4kube_core.agent import converge
from p4kube_core.agent.chains import report
from p4kube_core.agent.chains import site as sites
from p4kube_core.agent.chains.pods import Pods
from p4kube_core.agent.chains.shelf import Shelf
from p4kube_core.agent.chains.site import Site
from p4kube_core.agent.chains.wishes import Wishes
from p4kube_core.agent.endpoint import Endpoint
from p4kube_core.agent.keeper import Keeper
from p4kube_core.agent.node import Node
from p4kube_core.agent.refusal import FAILED_PRECONDITION, NOT_FOUND, UNAVAILABLE, Refusal
from p4kube_core.agent.settings import TARGETS, Settings
from p4kube_core.model import artifact
from tests.conformance.p4runtime.controller import entry, exact, p4
from tests.unit.agent import program

FAKE = (sys.executable, str(Path(program.__file__).with_name("fake_dataplane.py")))
NETWORK = "pods"


class Agent:
    """The parts of an agent that matter here; what it has at its disposal survives it."""

    def __init__(self, state: Path) -> None:
        self.settings = Settings(state=state, dpdk=FAKE, ebpf=FAKE)
        self.keepers = {t: Keeper(self.settings.dataplane(t)) for t in TARGETS}
        self.node = Node(self.settings, self.keepers)
        self.site = Site(self.settings, self.node)
        self.pods = Pods(self.site)
        self.wishes = Wishes(self.site)
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.node.recover()
        self.site.recover()
        await self.node.start(self.site.targets())
        self.tasks = [
            asyncio.create_task(keeper.run(partial(self.site.bring_up, target)))
            for target, keeper in self.keepers.items()
        ]
        self.tasks.append(asyncio.create_task(self.site.run()))

    def die(self) -> None:
        for task in self.tasks:
            task.cancel()
        for keeper in self.keepers.values():
            keeper.leave()

    async def stop(self) -> None:
        await self.site.stop()
        self.die()
        for keeper in self.keepers.values():
            await keeper.stop()

    async def listed(self, target: str = "ebpf") -> tuple[dict[str, Any], dict[int, Any]]:
        """Ports and devices of a data plane."""
        observed = await converge.observe(await self.keepers[target].control())
        return dict(observed.ports), dict(observed.devices)

    async def quiet(self) -> None:
        async with asyncio.timeout(20):
            while any(not one.settled or one.lock.locked() for one in self.site.endpoints.values()):
                await asyncio.sleep(0.01)

    def files(self) -> list[str]:
        kept = ("functions", "attachments", "endpoints", "journal")
        return sorted(p.name for kind in kept for p in (self.settings.state / kind).glob("*"))


@asynccontextmanager
async def running(state: Path) -> AsyncIterator[Agent]:
    state.mkdir(exist_ok=True)
    agent = Agent(state)
    await agent.start()
    try:
        yield agent
    finally:
        await agent.stop()


def run(state: Path, work: Callable[[Agent], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60), running(state) as agent:
            await work(agent)

    asyncio.run(bounded())


def text(message: Any) -> str:
    return base64.b64encode(message.SerializeToString()).decode()


def rule(n: int, port: int = 5) -> Any:
    return entry(program.HOSTS, [exact(1, n), exact(2, 1)], program.FORWARD, [port])


def function(
    name: str, *hosts: int, targets: tuple[str, ...] = ("ebpf",), version: str = "", port: int = 5
) -> dict[str, Any]:
    request = p4.WriteRequest()
    for number in hosts:
        update = request.updates.add(type=p4.Update.INSERT)
        update.entity.table_entry.CopyFrom(rule(number, port))
    configs = {
        target: text(program.config(program.manifest(name + version, target=target)))
        for target in targets
    }
    sides = {"outside": 1, "inside": 2}
    return {"name": name, **sides, "configs": configs, "updates": text(request), "unfit": {}}


def attachment(*functions: str, name: str = "a", pod: str = "shop") -> dict[str, Any]:
    target = {"kind": "Pod", "namespace": "default", "name": pod, "interface": "eth0"}
    return {"name": name, "target": target, "functions": list(functions)}


def endpoint(number: int = 1, interface: str = "lo", pod: str = "shop") -> Endpoint:
    """Its host interface must be one that is there."""
    place = f"/run/netns/c{number}"
    return Endpoint(f"c{number}", "eth0", place, interface, "default", pod, NETWORK)


def wires(ports: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {name: (port["device"], port["port"]) for name, port in ports.items()}


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when it is called on no file can be written, until the test's patches are undone."""

    def write_bytes(_self: Path, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return lambda: monkeypatch.setattr(Path, "write_bytes", write_bytes)


@pytest.fixture
def interfaces(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Of the host, by name with index; so many that each pod has its own."""
    found = {f"veth{n}": 100 + n for n in range(100)} | {"lo": 1}

    def index_of(name: str) -> int:
        if name not in found:
            raise OSError(19, "No such device")
        return found[name]

    monkeypatch.setattr("socket.if_nametoindex", index_of)
    return found


def test_add_returns_when_the_chain_is_wired(tmp_path: Path, interfaces: dict[str, int]) -> None:
    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(function("web", 1, 2))
        await agent.wishes.put_function(function("nat"))
        await agent.wishes.put_attachment(attachment("web", "nat"))
        await agent.pods.add(endpoint())
        ports, devices = await agent.listed()
        first, second = sorted(devices)
        assert [devices[d]["name"] for d in (first, second)] == [
            "web@default/shop/eth0",
            "nat@default/shop/eth0",
        ]
        outside, inside = (n for n in ports if n.endswith("side") and n.startswith("e"))
        assert wires(ports) == {
            outside: (first, 1),
            inside: (second, 2),
            **{n: (first, 2) for n in ports if n.endswith(".0.inside")},
            **{n: (second, 1) for n in ports if n.endswith(".1.outside")},
        }
        store = agent.node.devices[first].record.committed
        assert store is not None
        assert len(store.tables[0].entries) == 2
        assert agent.site.endpoints["c1", "eth0"].took_ms["total"] > 0
        assert not list(agent.settings.journal.glob("*"))  # what the function says is kept once

    run(tmp_path / "s", work)


def test_remove_leaves_nothing(tmp_path: Path, interfaces: dict[str, int]) -> None:
    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(function("web", 1))
        await agent.wishes.put_attachment(attachment("web"))
        before = agent.files()
        for _ in range(2):
            await agent.pods.add(endpoint())
            await agent.pods.remove("c1", "eth0")
            await agent.pods.remove("c1", "eth0")
            assert await agent.listed() == ({}, {})
        assert agent.node.devices == {}
        assert agent.files() == before

    run(tmp_path / "s", work)


def test_a_pod_without_functions_is_remembered_until_some_come(
    tmp_path: Path, interfaces: dict[str, int]
) -> None:
    async def work(agent: Agent) -> None:
        await agent.pods.add(endpoint())
        assert not agent.keepers["ebpf"].needed
        await agent.wishes.put_function(function("web", 1))
        said = await agent.wishes.put_attachment(attachment("web"))
        assert (said["endpoints"], said["problems"]) == (1, [])
        ports, devices = await agent.listed()
        assert (len(ports), len(devices)) == (2, 1)
        await agent.wishes.remove_attachment("a")
        assert await agent.listed() == ({}, {})
        assert ("c1", "eth0") in agent.site.endpoints

    run(tmp_path / "s", work)


def test_another_chain_takes_the_wires_over(tmp_path: Path, interfaces: dict[str, int]) -> None:
    async def work(agent: Agent) -> None:
        for name in ("web", "nat"):
            await agent.wishes.put_function(function(name, 1))
        await agent.wishes.put_attachment(attachment("web"))
        await agent.pods.add(endpoint())
        ports, devices = await agent.listed()
        hooks = set(ports)
        await agent.wishes.put_attachment(attachment("nat", "web"))
        ports, after = await agent.listed()
        assert hooks < set(ports)
        assert not set(devices) & set(after)
        assert {device["name"].partition("@")[0] for device in after.values()} == {"web", "nat"}
        assert {place[0] for place in wires(ports).values()} == set(after)
        assert set(agent.node.devices) == set(after)

    run(tmp_path / "s", work)


def test_a_changed_function_changes_its_devices_and_only_what_differs(
    tmp_path: Path, interfaces: dict[str, int]
) -> None:
    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(function("web", 1, 2))
        await agent.wishes.put_attachment(attachment("web"))
        await agent.wishes.put_attachment(attachment("web", name="b", pod="other"))
        await agent.pods.add(endpoint())
        await agent.pods.add(endpoint(2, "veth2", "other"))
        _, before = await agent.listed()
        device = agent.node.devices[min(before)]
        theirs = p4.WriteRequest()
        theirs.updates.add(type=p4.Update.INSERT).entity.table_entry.CopyFrom(rule(9))
        assert await device.write(theirs) == {}  # a P4Runtime client's
        said = await agent.wishes.put_function(function("web", 2, 3))
        assert said["entries"] == {"added": 1, "changed": 0, "removed": 1}
        again = await agent.wishes.put_function(function("web", 2, 3))
        assert (again["changed"], again["new"]) == (False, False)
        _, after = await agent.listed()
        assert set(before) == set(after)
        for number in after:
            control = await agent.keepers["ebpf"].control()
            store = agent.node.devices[number].record.committed
            assert store is not None
            table = store.tables[0]
            size = table.packer.identity_bytes + table.packer.tail_bytes
            records = {r async for r, _, _ in control.entries_read(number, 0, size)}
            hosts = {int.from_bytes(record[:4], "big") for record in records}
            assert hosts == ({2, 3, 9} if number == min(after) else {2, 3})
            assert {identity + tail for identity, tail in table.entries.items()} == records

    run(tmp_path / "s", work)


def test_a_changed_program_is_on_all_its_devices(
    tmp_path: Path, interfaces: dict[str, int]
) -> None:
    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(function("web", 1))
        await agent.wishes.put_attachment(attachment("web"))
        await agent.pods.add(endpoint())
        ports, _ = await agent.listed()
        await agent.wishes.put_function(function("web", 1, version="2"))
        after, devices = await agent.listed()
        digest = program.manifest("web2", target="ebpf").digest
        assert [device["digest"] for device in devices.values()] == [digest]
        assert wires(after) == wires(ports)

    run(tmp_path / "s", work)


@pytest.mark.parametrize("killed", ["the agent", "the data plane", "both"])
def test_all_is_there_after_a_crash(
    tmp_path: Path, interfaces: dict[str, int], killed: str
) -> None:
    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(function("web", 1, 2))
        await agent.wishes.put_attachment(attachment("web", "web"))
        for number in range(5):
            await agent.pods.add(endpoint(number, f"veth{number}"))
        ports, devices = await agent.listed()
        device = agent.node.devices[max(devices)]
        theirs = p4.WriteRequest()
        theirs.updates.add(type=p4.Update.INSERT).entity.table_entry.CopyFrom(rule(9))
        assert await device.write(theirs) == {}
        pid = agent.keepers["ebpf"].hello["pid"]
        if killed != "the data plane":
            agent.die()
        if killed != "the agent":
            os.kill(pid, signal.SIGKILL)
            while killed == "the data plane" and not agent.keepers["ebpf"].restarts:
                await asyncio.sleep(0.001)
        if killed != "the data plane":
            agent = Agent(agent.settings.state)
            await agent.start()
        await agent.quiet()
        after, again = await agent.listed()
        assert wires(after) == wires(ports)
        assert set(again) == set(devices)
        store = agent.node.devices[max(devices)].record.committed
        assert store is not None
        assert len(store.tables[0].entries) == 3
        await agent.pods.add(endpoint(7, "veth7"))
        await agent.pods.remove("c1", "eth0")
        after, again = await agent.listed()
        assert (len(after), len(again)) == (5 * 4, 5 * 2)
        await agent.stop()

    run(tmp_path / "s", work)


def test_what_cannot_be_is_refused_and_leaves_nothing(
    tmp_path: Path, interfaces: dict[str, int]
) -> None:
    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(function("web", 1))
        await agent.wishes.put_attachment(attachment("web"))
        before = agent.files()
        with pytest.raises(Refusal, match="no interface veth200 on this machine") as caught:
            await agent.pods.add(endpoint(1, "veth200"))
        assert caught.value.code == NOT_FOUND
        interfaces["nosuch0"] = 7  # which the data plane does not have
        with pytest.raises(Refusal, match="there is no interface 'nosuch0'"):
            await agent.pods.add(endpoint(1, "nosuch0"))
        assert await agent.listed() == ({}, {})
        assert (agent.files(), agent.site.endpoints, agent.node.devices) == (before, {}, {})

    run(tmp_path / "s", work)


def test_a_call_that_is_given_up_leaves_nothing(tmp_path: Path, interfaces: dict[str, int]) -> None:
    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(function("web", *range(500)))
        await agent.wishes.put_attachment(attachment("web"))
        for pause_s in (0.0, 0.0005, 0.001, 0.002, 0.004, 0.01):
            call = asyncio.create_task(agent.pods.add(endpoint()))
            await asyncio.sleep(pause_s)
            if not call.cancel():  # it was quicker
                await agent.pods.remove("c1", "eth0")
            with contextlib.suppress(asyncio.CancelledError):
                await call
            while agent.site.endpoints:
                await asyncio.sleep(0.01)
            assert await agent.listed() == ({}, {})
            assert agent.node.devices == {}

    run(tmp_path / "s", work)


def test_removing_works_while_there_is_no_data_plane(
    tmp_path: Path, interfaces: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(function("web", 1))
        await agent.wishes.put_attachment(attachment("web"))
        await agent.pods.add(endpoint())
        await agent.pods.add(endpoint(2, "veth2"))
        keeper = agent.keepers["ebpf"]
        control = keeper.control
        monkeypatch.setattr(keeper, "control", partial(control, timeout_s=0.1))
        monkeypatch.setattr(keeper, "_dataplane", Settings(ebpf=("false",)).dataplane("ebpf"))
        os.kill(keeper.hello["pid"], signal.SIGKILL)
        while keeper.running:
            await asyncio.sleep(0.001)
        await agent.pods.remove("c1", "eth0")
        with pytest.raises(Refusal, match="the data plane of target ebpf is not running") as caught:
            await agent.pods.add(endpoint(3, "veth3"))
        assert caught.value.code == UNAVAILABLE
        with pytest.raises(Refusal, match="not running"):
            await agent.pods.ready()
        monkeypatch.undo()
        while len(agent.site.endpoints) > 1 or not keeper.running:
            await asyncio.sleep(0.01)
        await agent.quiet()
        ports, devices = await agent.listed()
        assert (len(ports), len(devices)) == (2, 1)
        await agent.pods.ready()

    run(tmp_path / "s", work)


def test_an_endpoint_whose_interface_is_gone_is_given_up(
    tmp_path: Path, interfaces: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites, "_SWEEP_S", 0.05)

    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(function("web", 1))
        await agent.wishes.put_attachment(attachment("web"))
        await agent.pods.add(endpoint(1, "veth1"))
        await agent.pods.add(endpoint(2, "veth2"))
        del interfaces["veth1"]
        interfaces["veth2"] = 999  # another one of that name
        while agent.site.endpoints:
            await asyncio.sleep(0.01)
        assert await agent.listed() == ({}, {})

    run(tmp_path / "s", work)


def test_an_interface_of_the_machine_is_attached_whenever_it_is_there(
    tmp_path: Path, interfaces: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites, "_SWEEP_S", 0.05)

    async def work(agent: Agent) -> None:
        del interfaces["veth1"]
        await agent.wishes.put_function(function("web", 1))
        wish = {"name": "m", "target": {"kind": "Interface", "name": "veth1"}, "functions": ["web"]}
        said = await agent.wishes.put_attachment(wish)
        assert said["endpoints"] == 0
        interfaces["veth1"] = 101
        while not agent.site.endpoints:
            await asyncio.sleep(0.01)
        await agent.quiet()
        ports, _ = await agent.listed()
        assert len(ports) == 2
        await agent.wishes.remove_attachment("m")
        assert await agent.listed() == ({}, {})
        assert agent.site.endpoints == {}

    run(tmp_path / "s", work)


def test_of_a_network_only_the_pods_stay_that_are_named(
    tmp_path: Path, interfaces: dict[str, int]
) -> None:
    async def work(agent: Agent) -> None:
        for number in (1, 2, 3):
            await agent.pods.add(endpoint(number, f"veth{number}"))
        await agent.pods.keep_only("another", frozenset())
        assert len(agent.site.endpoints) == 3
        await agent.pods.keep_only(NETWORK, frozenset({("c2", "eth0")}))
        assert set(agent.site.endpoints) == {("c2", "eth0")}

    run(tmp_path / "s", work)


def test_check_says_what_is_missing(tmp_path: Path, interfaces: dict[str, int]) -> None:
    async def work(agent: Agent) -> None:
        with pytest.raises(Refusal) as caught:
            await agent.pods.check(endpoint())
        assert caught.value.code == NOT_FOUND
        await agent.wishes.put_function(function("web", 1))
        await agent.wishes.put_attachment(attachment("web"))
        await agent.pods.add(endpoint())
        await agent.pods.check(endpoint())
        control = await agent.keepers["ebpf"].control()
        (inside,) = (name for name in (await agent.listed())[0] if name.endswith("inside"))
        await control.call("port_remove", name=inside)
        with pytest.raises(Refusal, match=r"the wire of port e\d+\.inside"):
            await agent.pods.check(endpoint())
        with pytest.raises(Refusal, match="want lo at the other end of eth0, found veth1"):
            await agent.pods.check(endpoint(1, "veth1"))

    run(tmp_path / "s", work)


def test_wishes_that_cannot_be_are_refused_in_words(
    tmp_path: Path, interfaces: dict[str, int]
) -> None:
    async def work(agent: Agent) -> None:
        put = agent.wishes.put_attachment
        await agent.wishes.put_function(function("web", 1))
        await agent.wishes.put_function(function("odd", 1, targets=("dpdk",)))
        with pytest.raises(Refusal, match=r"no function 'weg'; functions: .*did you mean 'web'"):
            await put(attachment("weg"))
        with pytest.raises(Refusal, match=r"in common, found web \(ebpf\), odd \(dpdk\)"):
            await put(attachment("web", "odd"))
        await put(attachment("web"))
        with pytest.raises(Refusal, match="pod default/shop, eth0 has functions by attachment a"):
            await put(attachment("web", name="b"))
        with pytest.raises(Refusal, match="function web is attached by a") as caught:
            agent.wishes.remove_function("web")
        assert caught.value.code == FAILED_PRECONDITION
        with pytest.raises(Refusal, match="attachment a: want functions that have a target in co"):
            await put(attachment("web", "odd"))
        assert agent.site.attachments["a"].functions == ("web",)
        await agent.wishes.remove_attachment("a")
        agent.wishes.remove_function("web")
        agent.wishes.remove_function("web")
        assert agent.files() == ["odd"]

    run(tmp_path / "s", work)


def test_a_program_that_a_data_plane_refuses_is_said_for_its_target(
    tmp_path: Path, interfaces: dict[str, int]
) -> None:
    async def work(agent: Agent) -> None:
        broken = function("web", 1, targets=("ebpf", "dpdk"))
        config = program.config(program.manifest("web", target="ebpf"), b"\x7fELF no program")
        broken["configs"]["ebpf"] = text(config)
        said = await agent.wishes.put_function(broken)
        assert list(said["refused"]) == ["ebpf"]
        assert said["refused"]["ebpf"].startswith("the data plane refused the program: ")
        assert agent.site.functions == {}
        for target in TARGETS:
            assert await agent.listed(target) == ({}, {})

    run(tmp_path / "s", work)


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def of_another_abi(file: Path) -> None:
    """As an agent of another version would have left it."""
    later = dataclasses.replace(program.manifest("web", target="ebpf"), abi=artifact.ABI + 1)
    request = function("web", 1) | {"configs": {"ebpf": text(program.config(later))}}
    Shelf(file.parent).put(file.name, request)


@pytest.mark.parametrize("spoil", [cut_off, of_another_abi])
def test_functions_stay_on_pods_when_their_files_cannot_be_read(
    tmp_path: Path, interfaces: dict[str, int], spoil: Callable[[Path], None]
) -> None:
    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(function("web", 1))
        await agent.wishes.put_attachment(attachment("web"))
        await agent.pods.add(endpoint())
        there = await agent.listed()
        agent.die()
        file = agent.settings.state / "functions/web"
        spoil(file)
        agent = Agent(agent.settings.state)
        await agent.start()
        while not agent.site.endpoints["c1", "eth0"].failures:
            await asyncio.sleep(0.01)
        assert wires((await agent.listed())[0]) == wires(there[0])
        said = f"want function web in {file}, which cannot be read: "
        (listed,) = report.attachments(agent.site)
        for condition in listed["conditions"]:
            assert (condition["status"], condition["reason"]) == ("False", "FunctionMissing")
            assert said in condition["message"]
        assert said in report.functions(agent.site)[0]["problem"]["message"]
        with pytest.raises(Refusal, match=said):
            await agent.pods.check(endpoint())
        with pytest.raises(Refusal, match=said):
            await agent.pods.add(endpoint(2, "veth2"))
        with pytest.raises(Refusal, match=said):
            await agent.wishes.put_attachment(attachment("web"))
        assert (await agent.wishes.put_function(function("web", 1, 2)))["problems"] == []
        (listed,) = report.attachments(agent.site)
        assert {c["status"] for c in listed["conditions"]} == {"True"}
        assert wires((await agent.listed())[0]) == wires(there[0])
        await agent.pods.check(endpoint())
        await agent.stop()

    run(tmp_path / "s", work)


def test_functions_whose_files_cannot_be_read_can_be_taken_away(
    tmp_path: Path, interfaces: dict[str, int]
) -> None:
    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(function("web", 1))
        await agent.wishes.put_attachment(attachment("web"))
        for number in (1, 2):
            await agent.pods.add(endpoint(number, f"veth{number}"))
        agent.die()
        cut_off(agent.settings.state / "functions/web")
        agent = Agent(agent.settings.state)
        await agent.start()
        await agent.pods.remove("c2", "eth0")
        assert len((await agent.listed())[0]) == 2
        assert await agent.wishes.remove_attachment("a") == {"problems": []}
        assert await agent.listed() == ({}, {})
        agent.wishes.remove_function("web")
        assert "web" not in agent.files()
        await agent.stop()

    run(tmp_path / "s", work)


def test_an_attachment_whose_file_cannot_be_read_stays_where_it_stands(
    tmp_path: Path, interfaces: dict[str, int]
) -> None:
    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(function("web", 1))
        await agent.wishes.put_attachment(attachment("web"))
        await agent.pods.add(endpoint())
        there = await agent.listed()
        agent.die()
        cut_off(agent.settings.state / "attachments/a")
        agent = Agent(agent.settings.state)
        await agent.start()
        await agent.quiet()
        assert wires((await agent.listed())[0]) == wires(there[0])
        assert agent.site.attachments["a"].functions == ("web",)
        await agent.stop()

    run(tmp_path / "s", work)


def test_pods_go_while_the_disk_is_full(
    tmp_path: Path,
    interfaces: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
    full_disk: Callable[[], None],
) -> None:
    monkeypatch.setattr(sites, "_SWEEP_S", 0.05)

    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(function("web", 1))
        await agent.wishes.put_attachment(attachment("web"))
        for number in (1, 2):
            await agent.pods.add(endpoint(number, f"veth{number}"))
        full_disk()
        await agent.pods.remove("c1", "eth0")
        del interfaces["veth2"]  # its runtime said nothing
        async with asyncio.timeout(20):
            while agent.site.endpoints:
                await asyncio.sleep(0.01)
        assert await agent.listed() == ({}, {})
        assert not agent.tasks[-1].done()
        with pytest.raises(Refusal, match=r"endpoints/\d+.new cannot be written: No space left"):
            await agent.pods.add(endpoint(3, "veth3"))
        assert (await agent.listed(), agent.site.endpoints) == (({}, {}), {})
        assert agent.files() == ["a", "web"]

    run(tmp_path / "s", work)


def test_functions_leave_a_pod_while_the_disk_is_full_and_come_when_it_is_not(
    tmp_path: Path,
    interfaces: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
    full_disk: Callable[[], None],
) -> None:
    async def work(agent: Agent) -> None:
        for name in ("web", "nat"):
            await agent.wishes.put_function(function(name, 1))
        for name, pod in (("a", "shop"), ("b", "other")):
            await agent.wishes.put_attachment(attachment("web", name=name, pod=pod))
        await agent.pods.add(endpoint(1, "veth1"))
        await agent.pods.add(endpoint(2, "veth2", "other"))
        full_disk()
        assert await agent.wishes.remove_attachment("b") == {"problems": []}
        assert len((await agent.listed())[0]) == 2
        # What was written before it was full.
        agent.site.attachments["a"] = dataclasses.replace(
            agent.site.attachments["a"], functions=("nat",)
        )
        one = agent.site.endpoints["c1", "eth0"]
        (problem,) = await agent.site.settle([one])
        assert "No space left" in problem
        (listed,) = report.attachments(agent.site)
        assert "No space left" in listed["conditions"][-1]["message"]
        assert [d["name"] for d in (await agent.listed())[1].values()] == ["web@default/shop/eth0"]
        monkeypatch.undo()
        monkeypatch.setattr("socket.if_nametoindex", lambda name: interfaces[name])
        await agent.quiet()
        while not all(one.kept for one in agent.site.endpoints.values()):
            await agent.site.settle(agent.site.endpoints.values())
        assert [d["name"] for d in (await agent.listed())[1].values()] == ["nat@default/shop/eth0"]
        again = Site(agent.settings, agent.node)
        again.recover()
        for key, kept in again.endpoints.items():
            assert kept.chain == agent.site.endpoints[key].chain

    run(tmp_path / "s", work)


def cramped(version: str, *hosts: int) -> dict[str, Any]:
    """A function whose program has less room on a data plane than its manifest says."""
    made = function("web", *hosts, version=version)
    held = program.manifest("web" + version, target="ebpf")
    tables = (dataclasses.replace(held.tables[0], size=1), *held.tables[1:])
    object_ = program.fake_object(dataclasses.replace(held, tables=tables))
    return made | {"configs": {"ebpf": text(program.config(held, object_))}}


async def hosts_of(agent: Agent, device: int) -> set[int]:
    """What the data plane has in table hosts."""
    control = await agent.keepers["ebpf"].control()
    packer = agent.node.devices[device].record.current.tables[0].packer  # type: ignore[union-attr]
    size = packer.identity_bytes + packer.tail_bytes
    return {int.from_bytes(r[:4], "big") async for r, _, _ in control.entries_read(device, 0, size)}


@pytest.mark.parametrize("changed", ["the program", "the entries"])
def test_functions_whose_entries_are_refused_leave_what_was_there_and_say_which(
    tmp_path: Path, interfaces: dict[str, int], changed: str
) -> None:
    async def work(agent: Agent) -> None:
        before, after = ("", "2") if changed == "the program" else ("2", "2")
        await agent.wishes.put_function(cramped(before, 1))
        await agent.wishes.put_attachment(attachment("web"))
        await agent.pods.add(endpoint())
        there = await agent.listed()
        (device,) = there[1]
        (problem,) = (await agent.wishes.put_function(cramped(after, 2, 3)))["problems"]
        assert "table ingress.hosts, entry (" in problem
        assert "the table is full" in problem
        assert await agent.listed() == there
        assert await hosts_of(agent, device) == {1}
        (listed,) = report.attachments(agent.site)
        for condition in listed["conditions"][1:]:
            assert condition["status"] == "False"
            assert "table ingress.hosts, entry (" in condition["message"]
        said = await agent.wishes.put_function(function("web", 2, 3, version="3"))
        assert said["problems"] == []
        assert await hosts_of(agent, device) == {2, 3}
        (listed,) = report.attachments(agent.site)
        assert {c["status"] for c in listed["conditions"]} == {"True"}

    run(tmp_path / "s", work)


def test_what_a_data_plane_found_again_refuses_is_said(
    tmp_path: Path, interfaces: dict[str, int]
) -> None:
    async def work(agent: Agent) -> None:
        await agent.wishes.put_function(cramped("", 1))
        await agent.wishes.put_attachment(attachment("web"))
        await agent.pods.add(endpoint())
        agent.die()
        Shelf(agent.settings.state / "functions").put("web", cramped("", 2, 3))
        agent = Agent(agent.settings.state)
        await agent.start()
        one = agent.site.endpoints["c1", "eth0"]
        while not one.failures:
            await asyncio.sleep(0.01)
        (listed,) = report.attachments(agent.site)
        assert listed["conditions"][-1]["status"] == "False"
        assert "table ingress.hosts, entry (" in listed["conditions"][-1]["message"]
        assert (await agent.wishes.put_function(function("web", 3)))["problems"] == []
        assert one.excuse is None
        await agent.stop()

    run(tmp_path / "s", work)
