"""Target dpdk's words: packets are contiguous, tables and counters are reached by the context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from p4kube_core.compiler.backends import joined, values
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

if TYPE_CHECKING:
    from p4kube_core.compiler.backends.statements import Writer


@final
@dataclass(frozen=True, slots=True)
class Dpdk:
    here: str = "cursor.at"
    length: str = "s->length"
    payload: str = "s->payload, (size_t)(s->packet->data + s->packet->length - s->payload)"
    payload_sum: str = "p4k_sum"
    keeps_all: bool = False
    most_turns: int = 1 << 16
    parsed: tuple[str, ...] = ("s->payload = cursor.at;",)

    def head(self, member: str) -> str:
        return f"s->{member}"

    def index(self, index: str, size: int) -> str:  # noqa: ARG002 - the guard is enough
        return index

    def holds(self, size: str) -> str:
        return f"p4k_holds(&cursor, {size})"

    def skip(self, size: str) -> str:
        return f"cursor.at += {size};"

    def extract(self, writer: Writer, of: st.Extract) -> None:
        # Here, since extraction needs the unit, and the unit a dialect.
        from p4kube_core.compiler.backends.dpdk import extraction

        extraction.write(writer, of)

    def apply(self, writer: Writer, of: st.ApplyTable) -> None:
        unit, code = writer.unit, writer.unit.code
        table = unit.layout.table(of.table)
        number = table.index
        default = f"p4k_default(s->context->tables[{number}])"
        code.open()
        if table.fields:
            find = unit.function("find", of.table)
            code.line(f"const struct p4k_entry *entry = {find}(s);")
            code.line()
            if of.hit is not None:
                writer.store(of.hit, "entry != NULL")
            code.line("if (entry == NULL)")
            code.line(f"\tentry = {default};")
        else:
            code.line(f"const struct p4k_entry *entry = {default};")
            code.line()
            if of.hit is not None:
                writer.store(of.hit, "false")
        if of.action_run is not None:
            position = unit.function("position", of.table)
            writer.store(of.action_run, f"{position}(entry->action)")
        run = f"{unit.function('run', of.table)}(s, entry)"
        if any(a.action in unit.exiting for a in table.table.actions):
            code.line(f"if ({run})")
            code.line(f"\t{writer.on_exit}")
        else:
            code.line(f"{run};")
        code.close()

    def count(self, writer: Writer, of: st.Count) -> None:
        unit = writer.unit
        index = unit.layout.counter_index(of.counter)
        cells = f"s->context->counters[{index}]"
        if of.index is None:
            unit.code.line(f"p4k_count({cells}, entry->slot, s->length);")
            return
        size = unit.layout.counters[index].size
        at = unit.printer.operand(of.index)
        if isinstance(of.index, ex.Const):
            if of.index.value < size:
                unit.code.line(f"p4k_count({cells}, {at}, s->length);")
            return
        unit.code.line(f"if ({at} < {size})")
        unit.code.line(f"\tp4k_count({cells}, {unit.printer.show(of.index)}, s->length);")

    def random(self, writer: Writer, of: st.Random) -> None:
        low, high = writer.show(of.low), writer.show(of.high)
        writer.store(of.result, f"p4k_random(s->context->now_ns, {low}, {high})")

    def meter(self, writer: Writer, of: st.RunMeter) -> None:
        number = writer.unit.layout.meter_index(of.meter)
        meter = writer.unit.layout.meters[number]
        cells, now = f"s->context->meters[{number}]", "s->context->now_ns"
        tokens = "s->length" if meter.unit is ir.MeterUnit.BYTES else "1"
        if of.index is None:
            call = f"p4k_meter(&{cells}[entry->slot], {now}, {tokens})"
        else:
            index = writer.show(of.index)
            call = f"p4k_run_meter({cells}, {meter.size}, {index}, {now}, {tokens})"
        writer.store(of.result, f"(uint8_t){call}")

    def digest(self, writer: Writer, of: st.SendDigest) -> None:
        unit, code = writer.unit, writer.unit.code
        digest = unit.layout.digest(of.digest)
        leaves = joined.fields(unit.printer, of.values, digest.fields)
        code.open()
        code.line(f"uint8_t bytes[{max(digest.data_bytes, 1)}];")
        code.line()
        code.lines(*joined.stores(leaves, "bytes", digest.data_bytes))
        code.line(f"p4k_send_digest(s->context, {digest.index}, bytes, {digest.data_bytes});")
        code.close()

    def register(self, writer: Writer, of: st.ReadRegister | st.WriteRegister) -> None:
        number = writer.unit.layout.register_index(of.register)
        register = writer.unit.layout.registers[number]
        width = values.held_bits(types.width_bits(register.type))
        cells = f"s->context->registers[{number}], {register.size}, {writer.show(of.index)}"
        if isinstance(of, st.ReadRegister):
            held = f"p4k_read_register_{width}({cells})"
            writer.store(of.result, f"({values.c_type(register.type)}){held}")
        else:
            given = writer.unit.printer.operand(of.value)
            writer.unit.code.line(
                f"p4k_write_register_{width}({cells}, ({values.unsigned_type(width)}){given});"
            )


DPDK: Final = Dpdk()
