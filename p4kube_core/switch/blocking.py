"""The session without async, for the command line: each call runs the event loop until done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, final

from p4kube_core import protos
from p4kube_core.switch import schema, session
from p4kube_core.switch.values import (
    Atomicity,
    CounterData,
    CounterEntry,
    Entity,
    PipelineAction,
    TableEntry,
    Update,
)


@final
class BlockingSession:
    """A primary client of one device; a context manager. Raises what session.Session raises."""

    def __init__(self, inner: session.Session, runner: asyncio.Runner) -> None:
        self._inner = inner
        self._runner = runner

    @property
    def schema(self) -> schema.Schema:
        return self._runner.run(self._inner.schema())

    def set_pipeline(
        self,
        device_config: bytes,
        p4info: bytes,
        action: PipelineAction = PipelineAction.VERIFY_AND_COMMIT,
        cookie: int = 0,
    ) -> None:
        """Give the device an artifact (`device_config`) with its serialised P4Info."""
        info = protos.p4info.P4Info.FromString(p4info)
        self._runner.run(self._inner.set_pipeline(info, device_config, action, cookie))

    def get_pipeline(self, cookie_only: bool = False) -> Any | None:
        """The device's p4.v1.ForwardingPipelineConfig, or None where it has none."""
        return self._runner.run(self._inner.get_pipeline(cookie_only))

    def write(
        self,
        updates: Sequence[Update],
        atomicity: Atomicity = Atomicity.CONTINUE_ON_ERROR,
    ) -> None:
        """Write a batch; WriteRejected.failures says which updates were refused."""
        self._runner.run(self._inner.write(updates, atomicity))

    def read(self, *entities: Entity) -> tuple[Entity, ...]:
        """Read what the given entities select; parts left out select all."""
        return self._runner.run(self._collect(entities))

    def read_table(self, table: str = "", counters: bool = False) -> tuple[TableEntry, ...]:
        """All entries of a table, or of every table; not the default ones."""
        wanted = TableEntry(table, counter=CounterData() if counters else None)
        return tuple(e for e in self.read(wanted) if isinstance(e, TableEntry))

    def read_counter(self, counter: str, index: int | None = None) -> tuple[CounterEntry, ...]:
        """An index of an indirect counter, or all of it."""
        found = self.read(CounterEntry(counter, index))
        return tuple(e for e in found if isinstance(e, CounterEntry))

    def close(self) -> None:
        self._runner.run(self._inner.close())
        self._runner.close()

    async def _collect(self, entities: Sequence[Entity]) -> tuple[Entity, ...]:
        return tuple([entity async for entity in self._inner.read(*entities)])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(
    address: str,
    device_id: int,
    *,
    election_id: int = 1,
    take_over: bool = True,
    read_only: bool = False,
    timeout_s: float = 30.0,
) -> BlockingSession:
    """Open a session and become primary (not with `read_only`).

    Args:
        address: HOST:PORT or unix:PATH, such as agent.client.AgentClient.address.
        take_over: stand with a higher election id where another client is ahead.
    """
    runner = asyncio.Runner()

    async def open_one() -> session.Session:
        opened = session.open_session(
            address, device_id, election_id=election_id, timeout_s=timeout_s
        )
        try:
            if not read_only:
                await opened.become_primary(take_over)
        except BaseException:
            await opened.close()
            raise
        return opened

    try:
        return BlockingSession(runner.run(open_one()), runner)
    except BaseException:
        runner.close()
        raise
