"""The session without async, for the command line; any thread may use its own sessions.

gRPC has one poller a process, which hands events to the loops that they belong to and does not bear
that one of them is closed. So there is one loop, in a thread that ends with the process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from functools import cache
from types import TracebackType
from typing import Any, Final, Self, TypeVar, final

from p4kube_core import protos
from p4kube_core.model.meter import Rates
from p4kube_core.switch import schema, session
from p4kube_core.switch.values import (
    Atomicity,
    CounterData,
    CounterEntry,
    DigestEntry,
    Digests,
    Entity,
    Heard,
    MeterEntry,
    Packet,
    PipelineAction,
    TableEntry,
    Update,
)

T = TypeVar("T")


@final
class BlockingSession:
    """A primary client of one device; a context manager. Raises what session.Session raises."""

    def __init__(self, inner: session.Session) -> None:
        self._inner = inner

    @property
    def schema(self) -> schema.Schema:
        return _run(self._inner.schema())

    def set_pipeline(
        self,
        device_config: bytes,
        p4info: bytes,
        action: PipelineAction = PipelineAction.VERIFY_AND_COMMIT,
        cookie: int = 0,
    ) -> None:
        """Give the device an artifact (`device_config`) with its serialised P4Info."""
        info = protos.p4info.P4Info.FromString(p4info)
        _run(self._inner.set_pipeline(info, device_config, action, cookie))

    def get_pipeline(self, cookie_only: bool = False) -> Any | None:
        """The device's p4.v1.ForwardingPipelineConfig, or None where it has none."""
        return _run(self._inner.get_pipeline(cookie_only))

    def write(
        self,
        updates: Sequence[Update],
        atomicity: Atomicity = Atomicity.CONTINUE_ON_ERROR,
    ) -> None:
        """Write a batch; WriteRejected.failures says which updates were refused."""
        _run(self._inner.write(updates, atomicity))

    def read(self, *entities: Entity) -> tuple[Entity, ...]:
        """Read what the given entities select; parts left out select all."""
        return _run(self._collect(entities))

    def read_table(self, table: str = "", counters: bool = False) -> tuple[TableEntry, ...]:
        """All entries of a table, or of every table; not the default ones."""
        wanted = TableEntry(table, counter=CounterData() if counters else None)
        return tuple(e for e in self.read(wanted) if isinstance(e, TableEntry))

    def read_state(self, counters: bool = False) -> tuple[Entity, ...]:
        """All that a client can have told the device: entries with their meters' rates, cells of
        meters that are configured, digests; not default entries.
        """
        known = self.schema
        counter = CounterData() if counters else None
        wanted: list[Entity] = [TableEntry(counter=counter, rates=Rates(0, 0, 0, 0))]
        wanted += [MeterEntry()] if list(known.meters) else []
        wanted += [DigestEntry()] if list(known.digests) else []
        found = self.read(*wanted)
        return tuple(e for e in found if not isinstance(e, MeterEntry) or e.rates is not None)

    def read_counter(self, counter: str, index: int | None = None) -> tuple[CounterEntry, ...]:
        """An index of an indirect counter, or all of it."""
        found = self.read(CounterEntry(counter, index))
        return tuple(e for e in found if isinstance(e, CounterEntry))

    def send_packet(self, packet: Packet) -> None:
        """Send a packet into the device; that it could not be sent is heard later."""
        _run(self._inner.send_packet(packet))

    def acknowledge(self, digests: Digests) -> None:
        """Tell the device that digests have arrived."""
        _run(self._inner.acknowledge(digests))

    def hear(self, timeout_s: float) -> Heard | None:
        """The next packet, digests or refusal that came; None if none comes in time."""
        return _run(self._inner.hear(timeout_s))

    def close(self) -> None:
        _run(self._inner.close())

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

    return BlockingSession(_run(open_one()))


_starting: Final = threading.Lock()


def _run(work: Coroutine[Any, Any, T]) -> T:
    with _starting:
        loop = _loop()
    return asyncio.run_coroutine_threadsafe(work, loop).result()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="p4runtime", daemon=True).start()
    return loop
