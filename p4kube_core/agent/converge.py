"""Bring a data plane to what a device's record says, whatever it holds now; by difference."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from p4kube_core.agent import metering
from p4kube_core.agent.control import Control, DataplaneRefused
from p4kube_core.agent.packing import Packer
from p4kube_core.agent.record import DeviceRecord, PortWish
from p4kube_core.agent.store import MeterStore, Store, TableStore, cell_key
from p4kube_core.model import artifact

log = logging.getLogger(__name__)

ASIDE_ID: Final = 1 << 62
"""And a device's own: where it has a program beside the one that runs."""

_CELLS_A_REQUEST: Final = 1 << 16


@final
@dataclass(frozen=True, slots=True)
class Observed:
    """The data plane's ports and devices, as it listed them."""

    ports: Mapping[str, Mapping[str, Any]]  # by name
    devices: Mapping[int, Mapping[str, Any]]  # by id


async def observe(control: Control) -> Observed:
    ports, _ = await control.call("port_list")
    devices, _ = await control.call("device_list")
    return Observed(
        {port["name"]: port for port in ports["ports"]},
        {device["id"]: device for device in devices["devices"]},
    )


def port_name(device_id: int, wish: PortWish) -> str:
    """Name a port of the data plane: device, P4 port, and what it is made of.

    Other options make another name, so that a change of options is a change of ports.
    """
    options = json.dumps([wish.kind, wish.options], sort_keys=True).encode()
    return f"{device_id}.{wish.port}-{hashlib.sha256(options).hexdigest()[:8]}"


async def converge(
    control: Control, record: DeviceRecord, objects: Path, observed: Observed | None = None
) -> tuple[str, ...]:
    """Make ports, program, wires, entries and defaults be as the record says, as far as they can.

    Args:
        objects: where shared objects are unpacked to.
        observed: what there is, where the caller knows; else it is asked for.

    Returns:
        What the data plane refused, one sentence each; the rest was done.

    Raises:
        DataplaneLost: the data plane ended.
    """
    problems: list[str] = []
    store = record.committed
    try:
        if observed is None:
            observed = await observe(control)
        try:
            await converge_ports(control, record, observed)
        except DataplaneRefused as e:
            problems.append(e.message)
        if store is None:
            if record.device_id in observed.devices:
                await control.call("device_remove", id=record.device_id)
            return tuple(problems)
        held = observed.devices.get(record.device_id)
        if held is None or held.get("digest") != store.pipeline.manifest.digest:
            await load_program(control, record, store, held is None, objects, whole=False)
        problems += await converge_state(control, record.device_id, store)
        # Last: until its entries are there a function may let through what it is to stop.
        problems += await converge_wires(control, record)
    except DataplaneRefused as e:
        problems.append(e.message)
    return tuple(problems)


async def create(control: Control, record: DeviceRecord, objects: Path) -> None:
    """Have a device that the data plane has not, with program and entries; without ports.

    Asks for nothing, so that it takes the same time whatever else is there.

    Raises:
        DataplaneRefused: part of it cannot be had; what is there by then stays.
    """
    store = record.committed
    assert store is not None
    await load_program(control, record, store, True, objects)
    known = Store(store.pipeline)
    problems = await converge_state(control, record.device_id, store, known, whole=True)
    if problems:
        raise DataplaneRefused("invalid", problems[0])


async def converge_state(
    control: Control,
    device_id: int,
    store: Store,
    held: Store | None = None,
    whole: bool = False,
) -> list[str]:
    """Make entries, defaults and configurations of meters be the store's.

    Args:
        held: what the data plane has, of the same program, where the caller knows; else it is
            asked for.
        whole: rather end where something is refused, before anything is taken away.

    Returns:
        What was refused, one sentence each; the rest was done.
    """
    problems: list[str] = []
    for index, table in store.tables.items():
        known = None if held is None else held.tables[index]
        problems += await converge_table(control, device_id, table, known, whole)
        if problems and whole:
            return problems
    await converge_meters(control, device_id, store, held)
    return problems


async def converge_ports(control: Control, record: DeviceRecord, observed: Observed) -> None:
    """Remove ports of the device that are not wanted, then add those that are not there.

    Raises:
        DataplaneRefused: of the first port that cannot be added; the others were tried.
    """
    wanted = {port_name(record.device_id, wish): wish for wish in record.ports}
    for name in observed.ports:
        if name.startswith(f"{record.device_id}.") and name not in wanted:
            await control.call("port_remove", name=name)
    failure: DataplaneRefused | None = None
    for name, wish in wanted.items():
        if name not in observed.ports:
            try:
                await control.call("port_add", name=name, kind=wish.kind, **wish.options)
            except DataplaneRefused as e:
                failure = failure or DataplaneRefused(e.code, f"port {wish.port}: {e.message}")
    if failure is not None:
        raise failure


async def remove(control: Control, record: DeviceRecord) -> None:
    """Take a device and its ports off the data plane, as far as they are there."""
    await forgiving(control, "device_remove", id=record.device_id)
    for wish in record.ports:
        await forgiving(control, "port_remove", name=port_name(record.device_id, wish))


async def forgiving(control: Control, op: str, **fields: Any) -> None:
    """Take something off that may not be there."""
    try:
        await control.call(op, **fields)
    except DataplaneRefused as e:
        if e.code != "not_found":
            raise


async def remove_strangers(
    control: Control, observed: Observed, is_known: Callable[[int], bool]
) -> None:
    """Take devices off that are not known, and ports that are named after such devices."""
    for device_id in observed.devices:
        if not is_known(device_id):
            log.info("removed a device that no journal tells of: device=%d", device_id)
            await control.call("device_remove", id=device_id)
    for name in observed.ports:
        owner = name.partition(".")[0]
        if owner.isdecimal() and not is_known(int(owner)):
            await control.call("port_remove", name=name)


async def converge_table(
    control: Control,
    device_id: int,
    table: TableStore,
    held: TableStore | None = None,
    whole: bool = False,
) -> list[str]:
    """Make the data plane's entries and default of one table be the store's.

    Args:
        held: what the data plane has, where the caller knows.
        whole: as of `converge_state`.

    Returns:
        What was refused, one sentence each; the rest was done.
    """
    packer = table.packer
    if held is None:
        held = await _read_table(control, device_id, packer)
    problems: list[str] = []
    if not packer.const:
        for mode, records in _differences(table, held.entries):
            failed = await control.entries_write(device_id, packer.index, mode, records)
            for position, why in failed.items():
                entry = packer.describe_entry(packer.split(records[position])[0])
                problems.append(f"table {packer.name}, entry ({entry}): {why.message}")
            if problems and whole:
                return problems
    if not packer.const_default and _default(table) != _default(held):
        data = table.default or b""
        await control.call("default_write", data, device=device_id, table=packer.index)
    return problems


async def _read_table(control: Control, device_id: int, packer: Packer) -> TableStore:
    """What the data plane has of a table that can be written."""
    held = TableStore(packer)
    if not packer.const:
        size = packer.identity_bytes + packer.tail_bytes
        async for record, _, _ in control.entries_read(device_id, packer.index, size):
            identity, tail = packer.split(record)
            held.entries[identity] = tail
    if not packer.const_default:
        _, blob = await control.call("default_read", device=device_id, table=packer.index)
        held.default = blob[: packer.tail_bytes]
    return held


def _default(table: TableStore) -> bytes:
    return (table.default or table.packer.default).ljust(table.packer.tail_bytes, b"\0")


def _differences(table: TableStore, held: Mapping[bytes, bytes]) -> list[tuple[str, list[bytes]]]:
    """What to write, in order: no packet is to meet a table without both the old and the new."""
    packer = table.packer
    if table.entries is held:
        return []
    gone = [i + tail for i, tail in held.items() if i not in table.entries]
    changed = [i + tail for i, tail in table.entries.items() if held.get(i) != tail]
    if packer.kind == "ternary":
        # The highest priority comes first and goes last, so that what decides in the end is never
        # above what does not yet, or no longer.
        place = slice(packer.identity_bytes - 4, packer.identity_bytes)
        changed.sort(key=lambda record: record[place], reverse=True)
        gone.sort(key=lambda record: record[place])
    phases = [("upsert", changed), ("delete", gone)]
    if len(table.entries) + len(gone) > packer.size:
        phases.reverse()  # there is no room for both
    return [(mode, records) for mode, records in phases if records]


async def converge_meters(
    control: Control, device_id: int, store: Store, held: Store | None = None
) -> None:
    """Make the data plane's configurations of meters be the store's.

    A direct meter's cells are reached through their entries, which are there by now.

    Args:
        held: what the data plane has, where the caller knows.
    """
    for index, meter in store.meters.items():
        known = None if held is None else held.meters[index].cells
        if meter.cells == known:
            continue
        if meter.meter.table is None:
            await _converge_cells(control, device_id, meter)
            continue
        table = store.tables[meter.meter.table]
        written = [
            control.send(
                "direct_meter_write",
                identity + tail + metering.cell(meter.cells.get(identity)),
                device=device_id,
                table=meter.meter.table,
            )
            for identity, tail in table.entries.items()
            if known is None or known.get(identity) != meter.cells.get(identity)
        ]
        await asyncio.gather(*written)


async def _converge_cells(control: Control, device_id: int, meter: MeterStore) -> None:
    index, size = meter.meter.index, meter.meter.size
    for first in range(0, size, _CELLS_A_REQUEST):
        count = min(_CELLS_A_REQUEST, size - first)
        wanted = b"".join(
            metering.cell(meter.cells.get(cell_key(cell))) for cell in range(first, first + count)
        )
        _, held = await control.call(
            "meter_read", device=device_id, meter=index, first=first, count=count
        )
        if held != wanted:
            await control.call("meter_write", wanted, device=device_id, meter=index, first=first)


async def load_program(
    control: Control,
    record: DeviceRecord,
    store: Store,
    new: bool,
    objects: Path,
    keep: bool = True,
    whole: bool = True,
) -> None:
    """Load a program as a new device or in place of the one that runs.

    In place of one it is filled before it has the ports: no packet meets tables that are not as
    the store says.

    Args:
        keep: state that both programs have stays; else what runs has its own to the end.
        whole: rather none of it than some entries missing; else what is refused is refused again
            below the wires.

    Raises:
        DataplaneRefused: it cannot be loaded; what ran before goes on, but tables that both have
            may hold entries of the new one.
    """
    if new:
        await _add_program(control, record.device_id, record.name, store, objects)
        return
    device_id, aside = record.device_id, ASIDE_ID + record.device_id
    exchange: dict[str, Any] = {"id": device_id, "from": aside}
    like = {"like": device_id} if keep else {}
    try:
        await _add_program(control, aside, record.name, store, objects, **like)
        problems = await converge_state(control, aside, store, whole=whole)
        if problems and whole:
            raise DataplaneRefused("invalid", problems[0])
        await control.call("device_replace", **exchange)
    except DataplaneRefused:
        await forgiving(control, "device_remove", id=aside)
        raise


async def _add_program(
    control: Control, device_id: int, name: str, store: Store, objects: Path, **fields: Any
) -> None:
    manifest = store.pipeline.manifest
    blob = artifact.manifest_json(manifest)
    path = _unpack_object(objects, store)
    try:
        declared, _ = await control.call(
            "device_add", blob, id=device_id, object=str(path), name=name, **fields
        )
    finally:
        # The data plane has it mapped, or refused it; on disk nobody needs it.
        path.unlink(missing_ok=True)
    names = [table["name"] for table in declared.get("tables", ())]
    wanted = [table.name for table in manifest.tables]
    if names != wanted:
        raise DataplaneRefused("invalid", f"the program has tables {names}, the manifest {wanted}")


async def converge_wires(control: Control, record: DeviceRecord) -> list[str]:
    """Wire each of the device's ports that is there; say which could not be."""
    observed = await observe(control)
    wanted: list[dict[str, Any]] = []
    for wish in record.ports:
        port = observed.ports.get(name := port_name(record.device_id, wish))
        place = {"device": record.device_id, "port": wish.port}
        if port is not None and (port.get("device"), port.get("port")) != tuple(place.values()):
            wanted.append({"name": name, **place})
    if not wanted:
        return []
    try:
        # At once, so that no packet comes in by one before there is a way out by another.
        await control.call("wire", wires=wanted)
    except DataplaneRefused as e:
        log.info("ports are wired one by one: device=%d: %s", record.device_id, e)
    else:
        return []
    problems = []
    for wire in wanted:
        try:
            await control.call("wire", **wire)
        except DataplaneRefused as e:
            problems.append(f"port {wire['port']}: {e.message}")
    return problems


def _unpack_object(objects: Path, store: Store) -> Path:
    """Write the shared object under a name that was never used: dlopen caches by path."""
    for number in range(1 << 30):
        path = objects / f"{store.pipeline.manifest.name}-{number}.so"
        try:
            objects.mkdir(mode=0o700, exist_ok=True)
            with path.open("xb") as file:
                file.write(store.pipeline.object)
        except FileExistsError:
            continue
        except OSError as e:
            path.unlink(missing_ok=True)
            raise DataplaneRefused("io", f"{path} cannot be written: {e.strerror}") from e
        return path
    raise AssertionError("every object name is taken")
