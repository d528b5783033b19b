"""Keeps one target's data plane running: takes over the one that is there, or starts one."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, final

from p4kube_core import errors
from p4kube_core.agent import control
from p4kube_core.agent.control import Control, DataplaneLost, DataplaneRefused
from p4kube_core.agent.settings import Dataplane
from p4kube_core.model import artifact

log = logging.getLogger(__name__)

START_TIMEOUT_S: Final = 15.0
_HELLO_TIMEOUT_S: Final = 5.0
_SHUTDOWN_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.005
_STEADY_S: Final = 10.0  # a data plane that lived so long is started again at once
_BACK_OFF_S: Final = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_LOG_TAIL_BYTES: Final = 2048


@final
class Keeper:
    """One data plane. It runs in a session of its own, so that it outlives this process.

    It is started when it is first needed.
    """

    def __init__(self, dataplane: Dataplane) -> None:
        self.target = dataplane.target
        self._dataplane = dataplane
        self._process: subprocess.Popen[bytes] | None = None
        self._control: Control | None = None
        self._up = asyncio.Event()
        self._starting = asyncio.Lock()
        self._needed = asyncio.Event()
        self._stopping = False
        self.hello: dict[str, Any] = {}
        self.epoch = 0  # of the connection; what was sent in an earlier one may be lost
        self.restarts = 0
        self.took_over = False  # the data plane was running before we were
        self.failure = "it was not started yet"
        self.on_serving: Callable[[Path], Awaitable[None]] = _nobody
        """Told the socket of each data plane before anything is put on it."""

    @property
    def left_behind(self) -> bool:
        """Say whether there is something of an earlier data plane, which only the next can take."""
        remains = self._dataplane.remains
        return self._pid_in_file() is not None or (remains is not None and remains.exists())

    async def start(self) -> None:
        """Have a data plane and a connection to it; nothing is to be done where there is.

        Raises:
            MachineError: it does not start; says why, with its log's last line.
        """
        self._stopping = False
        await self._have()
        self._needed.set()

    def insist(self) -> None:
        """Have `run` start the data plane, as often as it takes."""
        self._needed.set()

    async def run(self, on_start: Callable[[], Awaitable[None]]) -> None:
        """Watch over the data plane, once it is needed, until `stop` or cancellation.

        Args:
            on_start: called whenever a data plane was started here.
        """
        await self._needed.wait()
        failures = 0
        while not self._stopping:
            if self._control is not None:
                since = time.monotonic()
                await self._control.lost.wait()
                self._up.clear()
                if self._stopping:
                    return
                if time.monotonic() - since > _STEADY_S:
                    failures = 0
                self._clean_up()
            failures = await self._start_again(failures)
            await on_start()

    async def control(self, timeout_s: float = 5.0) -> Control:
        """The present connection; starts the data plane if it was not needed before.

        Raises:
            DataplaneLost: there is none within the timeout, or the data plane does not start.
        """
        if self._stopping:
            raise DataplaneLost("the agent is stopping")
        if not self._needed.is_set():
            try:
                await self.start()
            except errors.MachineError as e:
                self.failure = str(e)
                raise self._not_running() from e
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    await self._up.wait()
                    assert self._control is not None
                    if not self._control.lost.is_set():
                        return self._control
                    await asyncio.sleep(_POLL_S)  # `run` is about to notice
        except TimeoutError as e:
            raise self._not_running() from e

    async def stop(self) -> None:
        """End the data plane, and wait until it is gone."""
        self._stopping = True
        pid = self.hello.get("pid")
        if self._control is not None:
            try:
                await self._control.call("shutdown")
            except (DataplaneLost, DataplaneRefused):
                log.debug("no answer to shutdown")
            else:
                if pid is not None:
                    await self._gone(pid, _SHUTDOWN_TIMEOUT_S)  # it may have much to take down
            self._control.close()
        if pid is not None:
            await self._end(pid)
        self._dataplane.pid_file.unlink(missing_ok=True)

    def leave(self) -> None:
        """Close the connection; the data plane goes on."""
        self._stopping = True
        if self._control is not None:
            self._control.close()

    @property
    def trouble(self) -> str | None:
        """What is in the way of using the data plane, as far as is known without starting it."""
        program = self._dataplane.program[0]
        if self.running:
            return None
        if self.needed:
            return str(self._not_running())
        if shutil.which(program) is None:
            return f"cannot run {program}: build it with `make build`"
        return None

    @property
    def needed(self) -> bool:
        return self._needed.is_set()

    @property
    def running(self) -> bool:
        return self._up.is_set()

    def _not_running(self) -> DataplaneLost:
        return DataplaneLost(
            f"the data plane of target {self.target} is not running: {self.failure}"
        )

    # --- how it comes to be

    async def _have(self) -> None:
        async with self._starting:
            if self._control is None or self._control.lost.is_set():
                self._control = await self._attach_or_spawn()
                await self.on_serving(self._dataplane.socket)
                self.epoch += 1
                self._up.set()

    async def _start_again(self, failures: int) -> int:
        """Try until there is a data plane; give the number of failures so far."""
        while True:
            await asyncio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])
            failures += 1
            try:
                await self._have()
            except errors.MachineError as e:
                self.failure = str(e)
                log.error("data plane did not start: target=%s: %s", self.target, e)
                continue
            self.restarts += self.epoch > 1
            return failures

    def _clean_up(self) -> None:
        pid = self.hello.get("pid")
        log.error("data plane is gone: target=%s pid=%s", self.target, pid)
        scratch = self._dataplane.scratch(pid) if pid is not None else None
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)

    async def _attach_or_spawn(self) -> Control:
        pid = self._pid_in_file()
        if pid is not None:
            found = await self._attach(pid)
            if found is not None:
                self.took_over = self.epoch == 0
                log.info("took over a running data plane: target=%s pid=%d", self.target, pid)
                return found
            log.warning("ending a data plane that does not serve: pid=%d", pid)
            await self._end(pid)
        return await self._spawn()

    async def _attach(self, pid: int) -> Control | None:
        """A connection to a running data plane, or None if it is of no use to us."""
        deadline = time.monotonic() + _HELLO_TIMEOUT_S
        while time.monotonic() < deadline and _is_alive(pid):
            connection = await self._greet()
            if connection is not None:
                if self.hello["abi"] == artifact.ABI:
                    return connection
                log.warning("data plane has another ABI: it is restarted")
                connection.close()
                return None
            await asyncio.sleep(_POLL_S)
        return None

    async def _greet(self) -> Control | None:
        try:
            connection = await control.connect(self._dataplane.socket)
        except OSError:
            return None
        try:
            async with asyncio.timeout(_HELLO_TIMEOUT_S):
                self.hello, _ = await connection.call("hello")
        except (DataplaneLost, DataplaneRefused, TimeoutError) as e:
            self.failure = str(e)
            connection.close()
            return None
        return connection

    async def _spawn(self) -> Control:
        wanted = self._dataplane
        wanted.socket.unlink(missing_ok=True)
        try:
            with wanted.log.open("ab") as output:
                process = subprocess.Popen(
                    wanted.command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    cwd="/",
                )
        except OSError as e:
            hint = ": build it with `make build`" if isinstance(e, FileNotFoundError) else ""
            raise errors.MachineError(f"cannot run {wanted.command[0]}: {e.strerror}{hint}") from e
        self._process = process
        wanted.pid_file.write_text(f"{process.pid}\n")
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and process.poll() is None:
            connection = await self._greet()
            if connection is not None:
                log.info("started a data plane: target=%s pid=%d", self.target, process.pid)
                return connection
            await asyncio.sleep(_POLL_S)
        if process.poll() is None:
            await self._end(process.pid)
            what = f"did not serve within {START_TIMEOUT_S:.0f} s"
        else:
            what = f"ended with status {process.returncode}"
        wanted.pid_file.unlink(missing_ok=True)
        raise errors.MachineError(
            f"it did not start: {what}; {wanted.log} ends with: {_last_line(wanted.log)}"
        )

    async def _end(self, pid: int) -> None:
        """End it; what it has in the kernel stays there for the next one."""
        for number, patience_s in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)):
            if self._is_there(pid):
                _signal(pid, number)
            await self._gone(pid, patience_s)

    async def _gone(self, pid: int, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while self._is_there(pid) and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_S)

    def _is_there(self, pid: int) -> bool:
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None  # reaps it, too
        return _is_alive(pid)

    def _pid_in_file(self) -> int | None:
        """The data plane of this state directory, if the process of that number still is one."""
        try:
            pid = int(self._dataplane.pid_file.read_text())
        except (OSError, ValueError):
            return None
        if not self._is_there(pid):
            return None
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return None
        return pid if str(self._dataplane.socket).encode() in words else None


async def _nobody(_: Path) -> None:
    pass


def _is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _last_line(path: Path) -> str:
    try:
        lines = path.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").splitlines()
    except OSError as e:
        return str(e)
    return lines[-1] if lines else "nothing"
