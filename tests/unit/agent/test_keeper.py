"""The keeper starts, takes over, restarts; the device survives a data plane that ends any time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.agent import control
from p4kube_core.agent import keeper as keepers
from p4kube_core.agent.control import DataplaneLost
from p4kube_core.agent.keeper import Keeper
from p4kube_core.agent.settings import Dataplane, Settings

FAKE = Path(__file__).with_name("fake_dataplane.py")
COMMAND = (sys.executable, str(FAKE))


def dataplane(tmp_path: Path, *command: str) -> Dataplane:
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    return Settings(state=state, dpdk=command or COMMAND).dataplane("dpdk")


async def nothing() -> None:
    return


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await work()

    asyncio.run(bounded())


def test_next_keeper_takes_the_data_plane_over(tmp_path: Path) -> None:
    async def work() -> None:
        first = Keeper(dataplane(tmp_path))
        await first.start()
        pid = first.hello["pid"]
        first.leave()
        second = Keeper(dataplane(tmp_path))
        await second.start()
        assert (second.hello["pid"], second.took_over, first.took_over) == (pid, True, False)
        await second.stop()
        assert not Path(f"/proc/{pid}/fd").exists() or _is_zombie(pid)

    run(work)


def test_nothing_is_put_on_a_data_plane_before_its_events_are_heard(tmp_path: Path) -> None:
    async def work() -> None:
        keeper = Keeper(dataplane(tmp_path))
        heard: list[bool] = []

        async def listen(socket: Path) -> None:
            await (await control.subscribe(socket)).aclose()
            await asyncio.sleep(0.05)  # whoever waits for the data plane has time to go on
            heard.append(keeper.running or waiting.done())

        keeper.on_serving = listen
        waiting = asyncio.create_task(keeper.control())
        await waiting
        assert heard == [False]
        await keeper.stop()

    run(work)


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_killed_data_plane_is_started_again(tmp_path: Path) -> None:
    async def work() -> None:
        keeper = Keeper(dataplane(tmp_path))
        await keeper.start()
        restarted = asyncio.Event()

        async def note() -> None:
            restarted.set()

        watch = asyncio.create_task(keeper.run(note))
        old, epoch = keeper.hello["pid"], keeper.epoch
        os.kill(old, signal.SIGKILL)
        await restarted.wait()
        assert keeper.hello["pid"] != old
        assert keeper.epoch == epoch + 1
        answer, _ = await (await keeper.control()).call("port_list")
        assert answer["ports"] == []
        watch.cancel()
        await keeper.stop()

    run(work)


def test_stale_pid_file_of_another_process_is_left_alone(tmp_path: Path) -> None:
    async def work() -> None:
        wanted = dataplane(tmp_path)
        wanted.pid_file.write_text(f"{os.getpid()}\n")
        keeper = Keeper(wanted)
        await keeper.start()
        assert not keeper.took_over
        assert keeper.hello["pid"] != os.getpid()
        await keeper.stop()

    run(work)


def test_data_plane_that_does_not_answer_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "_HELLO_TIMEOUT_S", 0.2)

    async def work() -> None:
        wanted = dataplane(tmp_path)
        deaf = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import time; time.sleep(600)",
            str(wanted.socket),
        )
        wanted.pid_file.write_text(f"{deaf.pid}\n")
        keeper = Keeper(wanted)
        await keeper.start()
        assert keeper.hello["pid"] != deaf.pid
        assert await deaf.wait() == -signal.SIGTERM
        await keeper.stop()

    run(work)


def test_requests_after_the_end_say_so(tmp_path: Path) -> None:
    async def work() -> None:
        keeper = Keeper(dataplane(tmp_path))
        await keeper.start()
        control = await keeper.control()
        os.kill(keeper.hello["pid"], signal.SIGKILL)
        await control.lost.wait()
        with pytest.raises(DataplaneLost):
            await control.call("port_list")
        with pytest.raises(DataplaneLost, match="not running"):
            await keeper.control(timeout_s=0.05)
        keeper.leave()
        with pytest.raises(DataplaneLost, match="the agent is stopping"):
            await keeper.control()

    run(work)


def test_data_plane_that_keeps_ending_is_tried_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    sleep = asyncio.sleep

    async def note(delay: float) -> None:
        if delay in keepers._BACK_OFF_S:
            waited.append(delay)
        await sleep(0.0 if delay in keepers._BACK_OFF_S else delay)

    async def work() -> None:
        keeper = Keeper(dataplane(tmp_path))
        await keeper.start()
        monkeypatch.setattr(asyncio, "sleep", note)
        bad = dataplane(tmp_path, sys.executable, "-c", "raise SystemExit('broken')")
        monkeypatch.setattr(keeper, "_dataplane", bad)
        watch = asyncio.create_task(keeper.run(nothing))
        os.kill(keeper.hello["pid"], signal.SIGKILL)
        while len(waited) < 8:
            await sleep(0.01)
        watch.cancel()
        assert waited[:8] == [0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 5.0]
        assert "ended with status 1" in keeper.failure
        keeper.leave()

    run(work)


def test_program_that_is_not_there(tmp_path: Path) -> None:
    async def work() -> None:
        with pytest.raises(errors.MachineError, match="make build"):
            await Keeper(dataplane(tmp_path, "/nonexistent/dp")).start()

    run(work)


def test_first_use_starts_the_data_plane(tmp_path: Path) -> None:
    async def work() -> None:
        wanted = dataplane(tmp_path)
        keeper = Keeper(wanted)
        watch = asyncio.create_task(keeper.run(nothing))
        await asyncio.sleep(0.05)
        assert (keeper.running, wanted.pid_file.exists()) == (False, False)
        one, other = await asyncio.gather(keeper.control(), keeper.control())
        assert one is other
        assert (keeper.running, keeper.restarts) == (True, 0)
        watch.cancel()
        await keeper.stop()

    run(work)


def test_one_that_does_not_start_says_why_to_who_needs_it(tmp_path: Path) -> None:
    async def work() -> None:
        keeper = Keeper(dataplane(tmp_path, sys.executable, "-c", "raise SystemExit('broken')"))
        with pytest.raises(
            DataplaneLost, match=r"not running: it did not start: .* ends with: broken"
        ):
            await keeper.control()
        assert not keeper.needed

    run(work)
