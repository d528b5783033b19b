"""A function of the catalogue in the harness, told what its parameters become."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from p4kube_core.catalog import package
from p4kube_core.compiler.backends import layout
from p4kube_core.compiler.ir import program as ir
from p4kube_core.model import match
from p4kube_core.model.entry import NamedEntry
from tests.dataplane.program import harness, targets
from tests.dataplane.program.compiled import Compiled, to_ir

SECOND_NS = 1_000_000_000


class Function:
    """The program, and its entries by table and label."""

    def __init__(self, name: str, **parameters: Any) -> None:
        self._package = package.load(name)
        self.program = Compiled(_program(self._package.program, targets.current))
        self._made: dict[tuple[str, str | None], list[tuple[int, bytes]]] = {}
        self.tell(**parameters)
        if targets.current == "dpdk":
            self.at(1)

    def tell(self, **parameters: Any) -> None:
        """Enter what these parameters become and is not there yet; set the defaults."""
        for entry in self._package.state(parameters).entries:
            self._enter(entry)

    def at(self, seconds: float) -> None:
        """What time it is; on target dpdk alone."""
        assert isinstance(self.program.program, harness.Program)
        self.program.program.set_time(int(seconds * SECOND_NS))

    def passes(self, packet: bytes, port: int = 1) -> bool:
        """Whether a packet leaves at the other side."""
        out = self.program.send(packet, port)
        assert out.dropped or out.port == 3 - port
        return not out.dropped

    def counted(self, table: str, counter: str, label: str) -> tuple[int, int]:
        """Packets and bytes of all entries of this label."""
        found = [
            self.program.counter(f"ingress.{counter}", self.program.program.slot(*made))
            for made in self._made[f"ingress.{table}", label]
        ]
        return sum(packets for packets, _ in found), sum(count for _, count in found)

    def _enter(self, entry: NamedEntry) -> None:
        of = self.program.layout.table(entry.table)
        action = next(
            self.program.layout.action(call.action)
            for call in of.table.actions
            if call.action.endswith(f".{entry.action}")
        )
        given = dict(entry.params)
        arguments = tuple(given[field.name] for field in action.fields)
        if entry.is_default:
            call = ir.ActionCall(action.action.name, arguments)
            data = layout.action_data(action, call).ljust(of.data_bytes, b"\0")
            assert self.program.program.set_default(of.index, action.index, data) == 0
            return
        wanted = dict(entry.match)
        keysets = tuple(
            _keyset(
                wanted.get(k.control_name, match.Anything()), layout.width_bits(k.expression.type)
            )
            for k in of.table.keys
        )
        made = self.program.add(
            entry.table, keysets, action.action.control_name, *arguments,
            priority=entry.priority or 0,
        )  # fmt: skip
        self._made.setdefault((entry.table, entry.label), []).append(made)
        if entry.rates is not None and of.meter is not None:
            meter, rates = self.program.layout.meters[of.meter].name, entry.rates
            self.program.direct_meter(meter, made, rates.cir, rates.cburst, rates.pir, rates.pburst)


@functools.cache
def _program(path: Path, _target: str) -> ir.Program:
    return to_ir(path)


def _keyset(wanted: match.Match, width: int) -> ir.Keyset:
    match wanted:
        case match.Exactly(value):
            return ir.Exactly(value)
        case match.Prefixed(value, length):
            mask = ((1 << length) - 1) << (width - length)
            return ir.Masked(value & mask, mask)
        case match.Masked(value, mask):
            return ir.Masked(value, mask)
        case match.Between(low, high):
            return ir.Between(low, high)
        case match.Anything():
            return ir.AnyValue()
