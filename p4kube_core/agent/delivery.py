"""The steps of a plan brought to the data plane, all under way at once, answers put together."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from p4kube_core.agent import metering
from p4kube_core.agent.control import CELL, Control, DataplaneLost, DataplaneRefused
from p4kube_core.agent.refusal import (
    ALREADY_EXISTS,
    INTERNAL,
    INVALID_ARGUMENT,
    NOT_FOUND,
    RESOURCE_EXHAUSTED,
    Refusal,
)
from p4kube_core.agent.steps import (
    CounterStep,
    DefaultStep,
    DirectCounterStep,
    DirectMeterStep,
    EntriesStep,
    MeterStep,
    RegisterStep,
    Step,
)

_CODES: Final = {
    "full": RESOURCE_EXHAUSTED,
    "exists": ALREADY_EXISTS,
    "not_found": NOT_FOUND,
    "invalid": INVALID_ARGUMENT,
}


async def deliver(
    control: Control, device: int, steps: Iterable[Step]
) -> tuple[dict[int, Refusal], bool]:
    """Send the steps in their order.

    Returns:
        Refusals by position of the update; and whether the data plane ended meanwhile, so that
        what became of the steps is not known.
    """
    sent = [(step, _send(control, device, step)) for step in steps]
    answers = await asyncio.gather(*(work for _, work in sent), return_exceptions=True)
    failed: dict[int, Refusal] = {}
    lost = False
    for (step, _), answer in zip(sent, answers, strict=True):
        match answer, step:
            case DataplaneLost(), _:
                lost = True
            case DataplaneRefused(), _:
                failed |= dict.fromkeys(_positions(step), refusal(answer))
            case BaseException(), _:
                raise answer
            case dict(), EntriesStep():
                for position, why in answer.items():
                    failed[step.positions[position]] = refusal(why)
    return failed, lost


def _send(control: Control, device: int, step: Step) -> Coroutine[Any, Any, Any]:
    match step:
        case EntriesStep():
            return control.entries_write(device, step.table, step.mode, step.records)
        case DefaultStep():
            future = control.send("default_write", step.data, device=device, table=step.table)
        case DirectCounterStep():
            cell = CELL.pack(step.packets, step.bytes)
            future = control.send(
                "direct_counter_write", step.record + cell, device=device, table=step.table
            )
        case CounterStep():
            cells = CELL.pack(step.packets, step.bytes) * step.count
            future = control.send(
                "counter_write", cells, device=device, counter=step.counter, first=step.first
            )
        case DirectMeterStep():
            blob = step.record + metering.cell(step.config)
            future = control.send("direct_meter_write", blob, device=device, table=step.table)
        case MeterStep():
            blob = metering.cell(step.config) * step.count
            future = control.send(
                "meter_write", blob, device=device, meter=step.meter, first=step.first
            )
        case RegisterStep():
            blob = step.value.to_bytes(8, "big") * step.count
            future = control.send(
                "register_write", blob, device=device, register=step.register, first=step.first
            )
    return _answer(future)


def _positions(step: Step) -> list[int]:
    return step.positions if isinstance(step, EntriesStep) else [step.position]


async def _answer(future: asyncio.Future[Any]) -> Any:
    return await future


def refusal(why: DataplaneRefused) -> Refusal:
    """What a client is told of what the data plane refused."""
    return Refusal(_CODES.get(why.code, INTERNAL), f"the data plane refused: {why.message}")
