"""One device: its truth, its journal and its place in the data plane, changed under one lock."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar, final

from p4kube_core import protos
from p4kube_core.agent import converge, delivery, overlay, pipeline, record, succession
from p4kube_core.agent.control import Control, DataplaneLost, DataplaneRefused
from p4kube_core.agent.converge import Observed
from p4kube_core.agent.journal import Journal
from p4kube_core.agent.keeper import Keeper
from p4kube_core.agent.plan import Plan
from p4kube_core.agent.record import DeviceRecord, PortWish, Slot
from p4kube_core.agent.refusal import (
    ABORTED,
    FAILED_PRECONDITION,
    INTERNAL,
    INVALID_ARGUMENT,
    NOT_FOUND,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    Refusal,
)
from p4kube_core.agent.steps import Step
from p4kube_core.agent.store import Store

T = TypeVar("T")

log = logging.getLogger(__name__)

_ROLLBACK: Final[int] = protos.p4runtime.WriteRequest.ROLLBACK_ON_ERROR
_Request = protos.p4runtime.SetForwardingPipelineConfigRequest
PROBE_ID: Final = converge.ASIDE_ID
"""Added to a device's id it names the device that a program is tried on; no client may have it."""
_ATTEMPTS: Final = 3
_RETURN_TIMEOUT_S: Final = 10.0  # a write waits so long for a data plane that is starting again


@final
class Device:
    def __init__(self, held: DeviceRecord, journal: Journal, keeper: Keeper, objects: Path) -> None:
        self.record = held
        self.lock = asyncio.Lock()
        """Held by whoever changes the device, or reads several parts that must agree."""
        self.problems: tuple[str, ...] = ()  # what the data plane refused of the record
        self._journal = journal
        self._keeper = keeper
        self._objects = objects
        self._epoch = 0  # of the keeper's connection that this device was brought up on
        self._refused: tuple[Store, int, Refusal] | None = None
        """What a function said that could not be held, on which connection, and why."""

    # --- to be called with the lock held

    async def synced(self, timeout_s: float = 5.0, observed: Observed | None = None) -> Control:
        """A connection to a data plane that holds what the record says.

        Raises:
            DataplaneLost: there is none in time.
        """
        for _ in range(_ATTEMPTS):
            control = await self._keeper.control(timeout_s)
            epoch = self._keeper.epoch
            if self._epoch == epoch:
                return control
            try:
                self.problems = await converge.converge(
                    control, self.record, self._objects, observed
                )
            except DataplaneLost:
                observed = None
                continue
            for problem in self.problems:
                log.error("data plane refused: device=%d: %s", self.record.device_id, problem)
            self._epoch = epoch
            return control
        raise DataplaneLost("the data plane ends whenever it is given this device")

    def keep(self, body: bytes) -> None:
        """Put a change into the journal.

        Raises:
            Refusal: it cannot be written, as when the disk is full.
        """
        try:
            self._journal.append(body)
        except OSError as e:
            log.exception("journal cannot be written: device=%d", self.record.device_id)
            raise Refusal(INTERNAL, f"the journal cannot be written: {e.strerror}") from e

    # --- P4Runtime

    async def write(self, request: Any) -> dict[int, Refusal]:
        """Carry a p4.v1.WriteRequest out, whose client may write.

        Returns:
            The refused updates, by position.

        Raises:
            Refusal: of the request as a whole.
        """
        # Not to be cut short between journal and data plane when the client goes away.
        return await asyncio.shield(self._locked(self._write(request)))

    async def set_pipeline(self, action: int, config: Any | None) -> None:
        """Carry a SetForwardingPipelineConfig out, whose client may set it.

        Raises:
            Refusal: nothing was changed.
        """
        await asyncio.shield(self._locked(self._set_pipeline(action, config)))

    async def put(self, name: str, ports: tuple[PortWish, ...]) -> None:
        """Have exactly these ports.

        Raises:
            Refusal: a port cannot be had; the former ones stay.
        """
        await asyncio.shield(self._locked(self._put(name, ports)))

    async def probe(self, store: Store) -> None:
        """Find out whether the data plane loads a program.

        Raises:
            Refusal: it does not.
        """
        await asyncio.shield(self._locked(self._try(store)))

    async def create(self) -> None:
        """Have the data plane hold the device, of which it has nothing.

        Raises:
            Refusal: it cannot; what it has by then is to be removed.
        """
        await asyncio.shield(self._locked(self._create()))

    async def follow(self, base: Store) -> None:
        """Hold what the function says now that the device is an instance of; only that changes.

        Raises:
            Refusal: the data plane cannot hold it; the device stays as it was, as far as it can.
        """
        await asyncio.shield(self._locked(self._follow(base)))

    async def remove(self) -> None:
        """Take the device off the data plane, and its journal away."""
        await asyncio.shield(self._locked(self._remove()))

    async def remember_election(self, role: str, election_id: int) -> None:
        """Keep the highest election id of a role over restarts of the agent."""
        async with self.lock:
            if self.record.elections.get(role) != election_id:
                self.record.elections[role] = election_id
                self.keep(record.election_item(role, election_id))

    def forget_elections(self) -> None:
        """Have every election id be free again."""
        if self.record.elections:
            self.record.elections.clear()
            self._journal.rewrite(record.snapshot(self.record))

    async def bring_up(self, observed: Observed | None = None) -> None:
        """Bring the data plane to the record; what fails is kept in `problems` and logged.

        Args:
            observed: what the data plane has, where the caller knows.
        """
        async with self.lock:
            if self.problems:
                self._epoch = 0  # perhaps they are over
            try:
                await self.synced(observed=observed)
            except DataplaneLost as e:
                log.warning(
                    "device waits for the data plane: device=%d: %s", self.record.device_id, e
                )

    # --- inside

    async def _locked(self, work: Coroutine[Any, Any, T]) -> T:
        async with self.lock:
            try:
                return await work
            finally:
                self._compact()

    def _compact(self) -> None:
        """Rewrite the journal where that pays; only while record and journal say the same."""
        if not self._journal.wants_compaction:
            return
        try:
            self._journal.rewrite(record.snapshot(self.record))
        except OSError:
            log.exception("journal was not rewritten: device=%d", self.record.device_id)

    async def _write(self, request: Any) -> dict[int, Refusal]:
        store = self.record.current
        if store is None:
            raise Refusal(FAILED_PRECONDITION, no_pipeline(self.record.device_id))
        committed = store is self.record.committed
        control = await self._control() if committed else None
        plan = Plan(store, committed)
        for position, update in enumerate(request.updates):
            plan.take(position, update)
        rollback = request.atomicity == _ROLLBACK
        if rollback and plan.refusals:
            plan.undo()
            return _aborted(plan.refusals, len(request.updates))
        try:
            self._keep_states(store, plan)
        except Refusal:
            plan.undo()
            raise
        if control is None or not plan.steps:
            return plan.refusals
        first, last = plan.phases() if rollback else (plan.steps, [])
        failed = await self._carry_out(control, first)
        if not failed and last:
            failed = await self._carry_out(control, last)
        if failed:
            plan.undo(None if rollback else failed)
            self._keep_states(store, plan)
            if rollback:
                await self._converge_tables(store, plan.touched())
                return _aborted(failed, len(request.updates))
        return plan.refusals | failed

    def _keep_states(self, store: Store, plan: Plan) -> None:
        slot = Slot.SAVED if store is self.record.saved else Slot.COMMITTED
        states = [
            record.states_item(slot, store.tables[index], identities)
            for index, identities in plan.touched().items()
        ]
        cells = [
            record.cells_item(slot, store.meters[index], keys)
            for index, keys in plan.touched_cells().items()
        ]
        digests = [record.digests_item(slot, store)] if plan.touched_digests else []
        if changed := states + cells + digests:
            self.keep(b"".join(changed))

    async def _control(self) -> Control:
        try:
            return await self.synced()
        except DataplaneLost as e:
            raise Refusal(UNAVAILABLE, str(e)) from e

    async def _carry_out(self, control: Control, steps: Iterable[Step]) -> dict[int, Refusal]:
        """Bring the steps to the data plane; refusals by position of the update."""
        failed, lost = await delivery.deliver(control, self.record.device_id, steps)
        if not lost:
            return failed
        # The journal has the batch already: what brings the new data plane up applies it.
        try:
            await self.synced(_RETURN_TIMEOUT_S)
        except DataplaneLost as e:
            raise Refusal(
                UNAVAILABLE,
                f"the data plane ended during this write: {e}; read before writing again",
            ) from e
        return {}

    async def _converge_tables(self, store: Store, indices: Iterable[int]) -> None:
        try:
            control = await self.synced()
            for index in indices:
                await converge.converge_table(control, self.record.device_id, store.tables[index])
            await converge.converge_meters(control, self.record.device_id, store)
        except (DataplaneLost, DataplaneRefused) as e:
            raise Refusal(UNAVAILABLE, f"the data plane ended during the rollback: {e}") from e

    async def _set_pipeline(self, action: int, config: Any | None) -> None:
        if self.record.base is not None:
            raise Refusal(
                FAILED_PRECONDITION,
                f"device {self.record.device_id} ({self.record.name}) is an instance of a network "
                "function: want its program changed there",
            )
        if action == _Request.COMMIT:
            await self._commit(config)
            return
        if config is None:
            raise Refusal(INVALID_ARGUMENT, "want a config with this action, found none")
        loaded = pipeline.load(config)
        self._check_target(loaded.manifest.target)
        match action:
            case _Request.VERIFY:
                await self._try(Store(loaded))
            case _Request.VERIFY_AND_SAVE:
                await self._try(Store(loaded))
                self.keep(record.pipeline_item(Slot.SAVED, loaded.config))
                self.record.saved = Store(loaded)
            case _Request.VERIFY_AND_COMMIT:
                store = Store(loaded)
                await self._realise(store, keep=False)
                self._committed(store, record.pipeline_item(Slot.COMMITTED, loaded.config))
            case _Request.RECONCILE_AND_COMMIT:
                await self._reconcile(loaded)
            case _:
                raise Refusal(
                    INVALID_ARGUMENT,
                    "want action VERIFY, VERIFY_AND_SAVE, VERIFY_AND_COMMIT, COMMIT or "
                    f"RECONCILE_AND_COMMIT, got {action}",
                )

    def _check_target(self, found: str) -> None:
        wanted = self.record.target
        if found != wanted:
            raise Refusal(
                INVALID_ARGUMENT,
                f"want a program compiled for target {wanted}, which device "
                f"{self.record.device_id} is on; found one for {found}: compile it with "
                f"`--target {wanted}`, or put the device on target {found}",
            )

    async def _commit(self, config: Any | None) -> None:
        if config is not None:
            raise Refusal(INVALID_ARGUMENT, "want no config with COMMIT, found one")
        saved = self.record.saved
        if saved is None:
            raise Refusal(NOT_FOUND, "no pipeline was saved; want VERIFY_AND_SAVE before COMMIT")
        await self._realise(saved, keep=False)
        self._committed(saved, record.commit_item())

    async def _reconcile(self, loaded: pipeline.Pipeline) -> None:
        old = self.record.committed
        store = Store(loaded) if old is None else succession.carry_over(old, loaded)
        if old is None or old.pipeline.manifest.digest != loaded.manifest.digest:
            await self._realise(store, keep=True)
        body = [record.pipeline_item(Slot.COMMITTED, loaded.config)]
        for table in store.tables.values():
            brought = store.brought(table.packer.index)
            body += record.table_frames(Slot.COMMITTED, table, brought)
        body += record.meter_frames(Slot.COMMITTED, store)
        body.append(record.digests_item(Slot.COMMITTED, store))
        self._committed(store, b"".join(body))

    async def _try(self, store: Store) -> None:
        """Have the data plane load a program beside the one that runs, and drop it again."""
        control = await self._control()
        probe = DeviceRecord(PROBE_ID + self.record.device_id, "probe", self.record.target)
        try:
            await converge.load_program(control, probe, store, True, self._objects)
        except DataplaneRefused as e:
            raise _refused_program(e) from e
        except DataplaneLost as e:
            raise _lost_with_program(e) from e
        finally:
            with contextlib.suppress(DataplaneRefused, DataplaneLost):
                await control.call("device_remove", id=probe.device_id)

    async def _realise(self, store: Store, keep: bool) -> None:
        """Have the data plane run a pipeline with its entries; the record still says the old one.

        Should we die here, the next agent brings the old one back, since nothing was acknowledged.
        """
        control = await self._control()
        device_id = self.record.device_id
        try:
            observed = await converge.observe(control)
            new = device_id not in observed.devices
            await converge.load_program(control, self.record, store, new, self._objects, keep)
            if problems := await converge.converge_state(control, device_id, store):
                raise DataplaneRefused("invalid", problems[0])
            self.problems = tuple(await converge.converge_wires(control, self.record))
        except DataplaneRefused as e:
            await self._take_back()
            raise _refused_program(e) from e
        except DataplaneLost as e:
            raise _lost_with_program(e) from e

    async def _take_back(self) -> None:
        """Have the data plane be as the record says, after it was to be otherwise."""
        self._epoch = 0
        with contextlib.suppress(DataplaneLost):  # else at the next occasion
            await self.synced()

    def _committed(self, store: Store, body: bytes) -> None:
        try:
            self.keep(body)
        except Refusal:
            self._epoch = 0  # the data plane goes back to the record at the next occasion
            raise
        self.record.committed, self.record.saved = store, None
        log.info(
            "set the pipeline: device=%d program=%s digest=%s",
            self.record.device_id,
            store.pipeline.manifest.name,
            store.pipeline.manifest.digest,
        )

    async def _put(self, name: str, ports: tuple[PortWish, ...]) -> None:
        former = self.record.name, self.record.ports
        control = await self._control()
        self.record.name, self.record.ports = name, ports
        try:
            problems = await self._change_ports(control)
            if not problems:
                self.keep(record.device_item(self.record))
                return
            raise Refusal(FAILED_PRECONDITION, problems[0])
        except (Refusal, DataplaneLost) as e:
            self.record.name, self.record.ports = former
            await self._take_back()
            if isinstance(e, Refusal):
                raise
            raise Refusal(UNAVAILABLE, f"the data plane ended: {e}") from e

    async def _change_ports(self, control: Control) -> list[str]:
        observed = await converge.observe(control)
        try:
            await converge.converge_ports(control, self.record, observed)
        except DataplaneRefused as e:
            return [e.message]
        if self.record.device_id in observed.devices:
            return await converge.converge_wires(control, self.record)
        return []

    async def _create(self) -> None:
        try:
            control = await self._keeper.control()
            epoch = self._keeper.epoch
            await converge.create(control, self.record, self._objects)
        except DataplaneRefused as e:
            raise _refused_program(e) from e
        except DataplaneLost as e:
            raise _lost_with_program(e) from e
        self._epoch = epoch
        self.problems = ()

    async def _follow(self, base: Store) -> None:
        if self._refused is not None and self._refused[:2] == (base, self._keeper.epoch):
            raise self._refused[2]  # part of it would be in force for as long as it takes to see
        try:
            await self._try_to_follow(base)
        except Refusal as e:
            if e.code != UNAVAILABLE:
                self._refused = base, self._keeper.epoch, e
            raise

    async def _try_to_follow(self, base: Store) -> None:
        old, store = self.record.base, self.record.committed
        assert old is not None
        assert store is not None
        control = await self._control()
        made = overlay.moved(store, old, base)
        if made.pipeline.manifest.digest != store.pipeline.manifest.digest:
            await self._realise(made, keep=True)
        else:
            try:
                problems = await converge.converge_state(
                    control, self.record.device_id, made, store, whole=True
                )
            except DataplaneLost as e:
                raise Refusal(UNAVAILABLE, f"the data plane ended: {e}") from e
            except DataplaneRefused as e:
                problems = [e.message]
            if problems:
                await self._take_back()
                raise Refusal(RESOURCE_EXHAUSTED, problems[0])
            self.problems = ()
        self.record.base, self.record.committed = base, made
        self._rewrite()

    def _rewrite(self) -> None:
        """Have the journal of a function's instance say what that does not; none if nothing."""
        bodies = list(record.snapshot(self.record))
        try:
            if bodies:
                self._journal.rewrite(bodies)
            else:
                self._journal.remove()
        except OSError:
            log.exception("journal was not rewritten: device=%d", self.record.device_id)

    async def _remove(self) -> None:
        try:
            control = await self._keeper.control()
            await converge.remove(control, self.record)
        except DataplaneRefused as e:
            raise Refusal(INTERNAL, f"the data plane does not let the device go: {e}") from e
        except DataplaneLost:
            log.info("removed a device while no data plane ran: device=%d", self.record.device_id)
        self._journal.remove()


def no_pipeline(device_id: int) -> str:
    return f"device {device_id} has no pipeline yet: want SetForwardingPipelineConfig first"


def _refused_program(why: DataplaneRefused) -> Refusal:
    return Refusal(INVALID_ARGUMENT, f"the data plane refused the program: {why.message}")


def _lost_with_program(why: DataplaneLost) -> Refusal:
    return Refusal(UNAVAILABLE, f"the data plane ended while loading the program: {why}")


def _aborted(refusals: dict[int, Refusal], count: int) -> dict[int, Refusal]:
    first = min(refusals)
    others = Refusal(ABORTED, f"rolled back, since update {first} was refused")
    return dict.fromkeys(range(count), others) | refusals
