"""Ranges, meters and registers: what is taken, read back and kept, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.p4runtime.conftest import Target
from tests.conformance.p4runtime.controller import (
    Controller,
    code,
    entry,
    exact,
    failure,
    p4,
    rates,
    span,
    ternary,
    update,
)
from tests.unit.agent import program

INVALID = code.INVALID_ARGUMENT
SPAN = entry(program.SPANS, [span(1, 1024, 2047)], program.FORWARD, [7], priority=3)
BOTH = entry(
    program.SPANS,
    [span(1, 80, 80), ternary(2, 6, 0xFF), span(3, 0, 17)],
    program.FORWARD,
    [8],
    priority=4,
)
SLOW, FAST = rates(10, 2, 20, 4), rates(1000, 1500, 2000, 3000)


def keys(*found: Any) -> list[Any]:
    return sorted(m.SerializeToString() for one in found for m in one.match)


def one(controller: Controller, wanted: Any) -> tuple[int, str]:
    failed = failure(lambda: controller.write(wanted))
    assert len(failed.details) == 1
    return failed.details[0]


def shaper(index: int | None = None, config: Any = None) -> Any:
    made = p4.MeterEntry(meter_id=program.SHAPER)
    if index is not None:
        made.index.index = index
    if config is not None:
        made.config.CopyFrom(config)
    return made


def rated(wanted: Any, config: Any = None) -> Any:
    made = p4.TableEntry.FromString(wanted.SerializeToString())
    if config is not None:
        made.meter_config.CopyFrom(config)
    return made


def direct(wanted: Any, config: Any = None) -> Any:
    made = p4.DirectMeterEntry()
    made.table_entry.CopyFrom(wanted)
    made.table_entry.ClearField("action")
    if config is not None:
        made.config.CopyFrom(config)
    return made


def cell(index: int | None = None, value: bytes | None = None, number: int = program.CELLS) -> Any:
    made = p4.RegisterEntry(register_id=number)
    if index is not None:
        made.index.index = index
    if value is not None:
        made.data.bitstring = value
    return made


# --- ranges


def test_ranges_are_read_back_as_they_were_written(primary: Controller) -> None:
    primary.insert(SPAN, BOTH)
    found = primary.read(entry(program.SPANS))
    assert sorted(f.priority for f in found) == [3, 4]
    assert keys(*found) == keys(SPAN, BOTH)


def test_an_entry_is_found_by_its_range(primary: Controller) -> None:
    primary.insert(SPAN, BOTH)
    assert keys(*primary.read(entry(program.SPANS, SPAN.match, priority=3))) == keys(SPAN)
    primary.delete(SPAN)
    assert keys(*primary.read(entry(program.SPANS))) == keys(BOTH)


def test_another_range_is_another_entry(primary: Controller) -> None:
    primary.insert(
        SPAN, entry(program.SPANS, [span(1, 1024, 2048)], program.FORWARD, [7], priority=3)
    )


RANGES = {
    "backwards": (
        span(1, 9, 8),
        INVALID,
        "field hdr.tcp.dst: want a range from low to high, got 0x9 to 0x8",
    ),
    "too high": (
        span(1, 0, 1 << 16),
        code.OUT_OF_RANGE,
        "field hdr.tcp.dst: want a high end of bit<16>, got 0x010000",
    ),
    "all": (
        span(1, 0, (1 << 16) - 1),
        INVALID,
        "field hdr.tcp.dst: that range matches all; leave the field out",
    ),
    "another kind": (exact(1, 5), INVALID, "field hdr.tcp.dst: want range, got exact"),
}


@pytest.mark.parametrize("name", RANGES)
def test_a_range_that_is_none_is_refused(primary: Controller, name: str) -> None:
    match, wanted, sentence = RANGES[name]
    wrong = entry(program.SPANS, [match], program.FORWARD, [7], priority=1)
    found, said = one(primary, update("INSERT", wrong))
    assert (found, sentence in said) == (wanted, True), said


# --- meters


def test_a_meter_is_configured_and_read_back(primary: Controller) -> None:
    assert primary.read(shaper(5)) == [shaper(5)]
    primary.modify(shaper(5, SLOW), shaper(6, FAST))
    assert primary.read(shaper(5), shaper(6)) == [shaper(5, SLOW), shaper(6, FAST)]
    primary.modify(shaper(5))  # back to green for all
    assert primary.read(shaper(5)) == [shaper(5)]


def test_a_meter_without_index_is_all_its_cells(primary: Controller) -> None:
    primary.modify(shaper(None, SLOW))
    found = primary.read(shaper())
    assert found == [shaper(index, SLOW) for index in range(64)]
    assert len(primary.read(p4.MeterEntry())) == 64


def test_an_entry_carries_its_meter(primary: Controller) -> None:
    primary.insert(rated(SPAN, FAST), BOTH)
    asked = entry(program.SPANS)
    asked.meter_config.SetInParent()
    found = {f.priority: f for f in primary.read(asked)}
    assert found[3].meter_config == FAST
    assert not found[4].HasField("meter_config")
    assert not any(f.HasField("meter_config") for f in primary.read(entry(program.SPANS)))


def test_an_entry_given_anew_without_a_configuration_has_none(primary: Controller) -> None:
    primary.insert(rated(SPAN, FAST))
    primary.modify(SPAN)
    assert primary.read(direct(SPAN)) == [direct(SPAN)]


def test_a_direct_meter_goes_with_its_entry(primary: Controller) -> None:
    primary.insert(rated(SPAN, FAST))
    primary.delete(SPAN)
    primary.insert(SPAN)
    assert primary.read(direct(SPAN)) == [direct(SPAN)]


def test_a_direct_meter_is_configured_by_itself(primary: Controller) -> None:
    primary.insert(SPAN, BOTH)
    primary.modify(direct(SPAN, SLOW))
    (found,) = primary.read(direct(SPAN))
    assert found.config == SLOW
    everywhere = primary.read(direct(entry(program.SPANS)))
    assert sorted(f.config.cir for f in everywhere) == [0, 10]


REFUSED = {
    "insert": (
        update("INSERT", shaper(1, SLOW)),
        INVALID,
        "want MODIFY of a meter, which is always there",
    ),
    "unknown": (
        update("MODIFY", p4.MeterEntry(meter_id=4711)),
        code.NOT_FOUND,
        f"no meter 4711; meters: ingress.shaper ({program.SHAPER})",
    ),
    "index": (
        update("MODIFY", shaper(64, SLOW)),
        code.OUT_OF_RANGE,
        "meter ingress.shaper: want an index from 0 to 63, got 64",
    ),
    "below zero": (
        update("MODIFY", shaper(-1, SLOW)),
        INVALID,
        "meter ingress.shaper: want an index from 0, got -1",
    ),
    "negative": (
        update("MODIFY", shaper(1, rates(-1, 2, 3, 4))),
        INVALID,
        "meter ingress.shaper: want cir of at least 0, got -1",
    ),
    "peak below committed": (
        update("MODIFY", shaper(1, rates(3, 1, 2, 1))),
        INVALID,
        "meter ingress.shaper: want cir of at most pir, got cir 3, pir 2",
    ),
    "one rate": (
        update("MODIFY", shaper(1, rates(1, 1, 1, 1, eburst=5))),
        code.UNIMPLEMENTED,
        "meter ingress.shaper: want eburst 0, since it has two rates (RFC 2698); got 5",
    ),
    "counts": (
        update(
            "MODIFY",
            p4.MeterEntry(meter_id=program.SHAPER, counter_data=p4.MeterCounterData()),
        ),
        code.UNIMPLEMENTED,
        "meter ingress.shaper: it keeps no counts of colours",
    ),
    "direct, insert": (
        update("INSERT", direct(SPAN, SLOW)),
        INVALID,
        "want MODIFY of a direct meter, which is always there",
    ),
    "direct, no entry": (
        update("MODIFY", direct(SPAN, SLOW)),
        code.NOT_FOUND,
        "table ingress.spans holds no entry hdr.tcp.dst=0x400..0x7ff, priority 3",
    ),
    "direct, none": (
        update("MODIFY", direct(entry(program.WIDE, [exact(1, 9)]), SLOW)),
        INVALID,
        "table ingress.wide: it has no direct meter",
    ),
    "direct, default": (
        update("MODIFY", direct(entry(program.SPANS, is_default_action=True), SLOW)),
        code.UNIMPLEMENTED,
        "table ingress.spans: the meter of the default entry cannot be configured",
    ),
    "entry of a table without": (
        update(
            "INSERT",
            rated(entry(program.WIDE, [exact(1, 1)], program.FORWARD, [1]), SLOW),
        ),
        INVALID,
        "table ingress.wide: it has no direct meter",
    ),
    "register, insert": (
        update("INSERT", cell(1, b"\1")),
        INVALID,
        "want MODIFY of a register, which is always there",
    ),
    "register, unknown": (
        update("MODIFY", cell(1, b"\1", number=4711)),
        code.NOT_FOUND,
        (
            f"no register 4711; registers: ingress.cells ({program.CELLS}), "
            f"ingress.wide_cells ({program.WIDE_CELLS}), "
            f"ingress.widest_cells ({program.WIDEST_CELLS})"
        ),
    ),
    "register, index": (
        update("MODIFY", cell(16, b"\1")),
        code.OUT_OF_RANGE,
        "register ingress.cells: want an index from 0 to 15, got 16",
    ),
    "register, too wide": (
        update("MODIFY", cell(1, b"\x10\x00")),
        code.OUT_OF_RANGE,
        "register ingress.cells: want a value of bit<12>, got 0x1000",
    ),
    "register, empty": (
        update("MODIFY", cell(1, b"")),
        code.OUT_OF_RANGE,
        "register ingress.cells: want a value of bit<12>, got an empty string",
    ),
    "register, too wide for control": (
        update("MODIFY", cell(1, b"\1", number=program.WIDEST_CELLS)),
        code.UNIMPLEMENTED,
        "register ingress.widest_cells: want cells of at most 64 bits, it has 65",
    ),
    "register, no data": (
        update("MODIFY", cell(1)),
        INVALID,
        "register ingress.cells: want a bitstring, got no data",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusal(primary: Controller, name: str) -> None:
    wrong, wanted, sentence = REFUSED[name]
    assert one(primary, wrong) == (wanted, sentence)


def test_a_batch_that_is_rolled_back_leaves_meters_as_they_were(primary: Controller) -> None:
    primary.modify(shaper(1, SLOW))
    updates = [
        update("MODIFY", shaper(1, FAST)),
        update("INSERT", rated(SPAN, FAST)),
        update("MODIFY", shaper(64, FAST)),
    ]
    failure(lambda: primary.write(*updates, atomicity="ROLLBACK_ON_ERROR"))
    assert primary.read(shaper(1)) == [shaper(1, SLOW)]
    assert primary.read(entry(program.SPANS)) == []


def test_a_reconciled_pipeline_keeps_its_meters(primary: Controller, target: Target) -> None:
    primary.insert(rated(SPAN, FAST))
    primary.modify(shaper(9, SLOW))
    primary.set_pipeline(target.config(program.manifest("other")), "RECONCILE_AND_COMMIT")
    assert primary.read(shaper(9)) == [shaper(9, SLOW)]
    (found,) = primary.read(direct(SPAN))
    assert found.config == FAST


def test_a_pipeline_set_anew_has_no_meter_configured(primary: Controller, target: Target) -> None:
    primary.modify(shaper(9, SLOW))
    primary.set_pipeline(target.config(program.manifest("other")))
    assert primary.read(shaper(9)) == [shaper(9)]


# --- registers


def test_a_register_is_written_and_read(primary: Controller) -> None:
    assert primary.read(cell(3)) == [cell(3, b"\0")]
    primary.modify(cell(3, b"\x0f\xff"), cell(2, b"\xff" * 8, number=program.WIDE_CELLS))
    assert primary.read(cell(3)) == [cell(3, b"\x0f\xff")]
    assert primary.read(cell(2, number=program.WIDE_CELLS)) == [
        cell(2, b"\xff" * 8, number=program.WIDE_CELLS)
    ]


def test_a_register_without_index_is_all_its_cells(primary: Controller) -> None:
    primary.modify(cell(None, b"\5"))
    assert primary.read(cell()) == [cell(index, b"\5") for index in range(16)]
    assert len(primary.read(p4.RegisterEntry())) == 20


def test_a_value_with_zeros_in_front_is_the_value(primary: Controller) -> None:
    primary.modify(cell(1, b"\0\0\7"))
    assert primary.read(cell(1)) == [cell(1, b"\7")]
