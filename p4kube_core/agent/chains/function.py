"""A network function as the agent holds it: a program for each target, and what it is to hold."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from google.protobuf.message import DecodeError

from p4kube_core import protos
from p4kube_core.agent import form, pipeline
from p4kube_core.agent.plan import Plan
from p4kube_core.agent.refusal import INVALID_ARGUMENT, Refusal
from p4kube_core.agent.settings import TARGETS
from p4kube_core.agent.store import DEFAULT_ENTRY, Store
from p4kube_core.model.function import Sides

_MOST_PORT: Final = 510


@final
@dataclass(frozen=True, slots=True)
class Excuse:
    """Why something cannot be: a condition's reason, and a sentence."""

    reason: str
    message: str

    def to_json(self) -> dict[str, str]:
        return {"reason": self.reason, "message": self.message}


@final
@dataclass(frozen=True, slots=True)
class Function:
    """Equal digests mean equal functions. The stores must not change."""

    name: str
    digest: str
    sides: Sides
    stores: Mapping[str, Store]  # by target
    unfit: Mapping[str, Excuse]  # targets that cannot have the program
    request: Mapping[str, Any]  # as it was put, and is kept


def read(request: Mapping[str, Any]) -> Function:
    """Make a function of a PutFunction request.

    Raises:
        Refusal: it is none, or its entries are not its program's.
    """
    name = form.name(request)
    where = f"function {name}"
    configs = form.wanted(request, "configs", dict, where)
    if not configs or not set(configs) <= set(TARGETS):
        raise Refusal(
            INVALID_ARGUMENT,
            f"{where}: want a config for at least one of {', '.join(TARGETS)}, found "
            f"{', '.join(configs) or 'none'}",
        )
    updates = _updates(form.wanted(request, "updates", str, where), where)
    return Function(
        name,
        hashlib.sha256(form.packed(request)).hexdigest(),
        _sides(request, where),
        {target: _store(config, target, updates, where) for target, config in configs.items()},
        {target: _excuse(given, where) for target, given in request.get("unfit", {}).items()},
        request,
    )


def changes(old: Function, new: Function) -> dict[str, int]:
    """How many entries, meters' rates and digests a function has more, others, and no longer.

    An entry with other rates of a direct meter is one that is changed.
    """
    target = next((t for t in new.stores if t in old.stores), None)
    if target is None:
        return {}
    before, after = _held(old.stores[target]), _held(new.stores[target])
    return {
        "added": len(after.keys() - before.keys()),
        "changed": sum(before.get(key, held) != held for key, held in after.items()),
        "removed": len(before.keys() - after.keys()),
    }


def _held(store: Store) -> dict[tuple[object, ...], object]:
    """All that a store holds, by what it is of; what is the program's own default is not."""
    held: dict[tuple[object, ...], object] = {}
    direct = set()
    for table in store.tables.values():
        meter = store.direct_meter(table)
        cells = {} if meter is None else meter.cells
        if meter is not None:
            direct.add(meter.meter.index)
        for key, tail in table.entries.items():
            held["entry", table.packer.id, key] = (tail, cells.get(key))
        default = (table.default, cells.get(DEFAULT_ENTRY))
        if default != (None, None):
            held["entry", table.packer.id, DEFAULT_ENTRY] = default
    for index, meter in store.meters.items():
        if index not in direct:
            held |= {("cell", meter.meter.id, key): config for key, config in meter.cells.items()}
    return held | {("digest", number): config for number, config in store.digests.items()}


def _sides(request: Mapping[str, Any], where: str) -> Sides:
    ports = [form.wanted(request, side, int, where) for side in ("outside", "inside")]
    if ports[0] == ports[1] or not all(0 <= port <= _MOST_PORT for port in ports):
        raise Refusal(
            INVALID_ARGUMENT,
            f"{where}: want two P4 ports from 0 to {_MOST_PORT} as outside and inside, got "
            f"{ports[0]} and {ports[1]}",
        )
    return Sides(*ports)


def _store(config: Any, target: str, updates: Any, where: str) -> Store:
    where = f"{where}, target {target}"
    message = protos.p4runtime.ForwardingPipelineConfig()
    _parse(message, config, where)
    loaded = pipeline.load(message)
    if loaded.manifest.target != target:
        raise Refusal(
            INVALID_ARGUMENT, f"{where}: found a program for target {loaded.manifest.target}"
        )
    store = Store(loaded)
    taken = Plan(store, committed=False)
    for position, update in enumerate(updates.updates):
        taken.take(position, update)
    if taken.refusals:
        position = min(taken.refusals)
        first = taken.refusals[position]
        raise Refusal(first.code, f"{where}, update {position}: {first.message}")
    return store


def _updates(text: str, where: str) -> Any:
    message = protos.p4runtime.WriteRequest()
    _parse(message, text, where)
    return message


def _parse(message: Any, text: Any, where: str) -> None:
    try:
        message.ParseFromString(base64.b64decode(text, validate=True))
    except (binascii.Error, TypeError, ValueError, DecodeError) as e:
        wanted = message.DESCRIPTOR.full_name
        raise Refusal(INVALID_ARGUMENT, f"{where}: want a {wanted} in base 64: {e}") from e


def _excuse(given: Any, where: str) -> Excuse:
    if not isinstance(given, dict):
        raise Refusal(INVALID_ARGUMENT, f"{where}: want an object for each target that is unfit")
    return Excuse(
        form.wanted(given, "reason", str, where), form.wanted(given, "message", str, where)
    )
