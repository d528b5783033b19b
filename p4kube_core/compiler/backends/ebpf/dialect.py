"""Target ebpf's words: all of a packet's state is in a map, tables are functions of their own."""

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

MOST_TURNS: Final = 512  # each of which the verifier goes through, where it cannot tell the last
LENGTH: Final = "s->work.length"
HIT: Final = 1  # bits of what `apply_T` returns
EXITED: Final = 2
POSITION_SHIFT: Final = 8


@final
@dataclass(frozen=True, slots=True)
class Ebpf:
    here: str = "p4k_here(&s->work, &s->buffers)"
    length: str = LENGTH
    payload: str = "skb, &s->work, &s->buffers"
    payload_sum: str = "p4k_payload_sum"
    keeps_all: bool = True
    most_turns: int = MOST_TURNS
    parsed: tuple[str, ...] = ()

    def head(self, member: str) -> str:
        return f"p4k_head(s->{member})"

    def index(self, index: str, size: int) -> str:
        return f"p4k_index({index}, {size})"

    def holds(self, size: str) -> str:
        return f"p4k_holds(skb, &s->work, &s->buffers, {size})"

    def skip(self, size: str) -> str:
        return f"s->work.cursor += {size};"

    def extract(self, writer: Writer, of: st.Extract) -> None:
        # Here, since extraction needs the unit, and the unit a dialect.
        from p4kube_core.compiler.backends.ebpf import extraction

        extraction.write(writer, of)

    def apply(self, writer: Writer, of: st.ApplyTable) -> None:
        unit, code = writer.unit, writer.unit.code
        table = unit.layout.table(of.table)
        code.open()
        code.line(f"const uint32_t ran = (uint32_t){unit.function('apply', of.table)}(skb);")
        code.line()
        if of.hit is not None:
            writer.store(of.hit, f"(ran & {HIT}) != 0")
        if of.action_run is not None:
            writer.store(of.action_run, f"ran >> {POSITION_SHIFT}")
        names = [table.table.default_action.action, *(a.action for a in table.table.actions)]
        if any(name in unit.exiting for name in names):
            code.line(f"if (ran & {EXITED})")
            code.line(f"\t{writer.on_exit}")
        elif of.hit is None and of.action_run is None:
            code.line("(void)ran;")
        code.close()

    def count(self, writer: Writer, of: st.Count) -> None:
        unit = writer.unit
        index = unit.layout.counter_index(of.counter)
        if of.index is None:
            unit.code.line(f"p4k_count_entry(counter_{index}, &s->work, entry);")
            return
        size = unit.layout.counters[index].size
        at = unit.printer.operand(of.index)
        call = f"p4k_count(&counter_{index}, &s->work, (uint32_t)({unit.printer.show(of.index)}));"
        if isinstance(of.index, ex.Const):
            if of.index.value < size:
                unit.code.line(call)
            return
        unit.code.line(f"if ({at} < {size})")
        unit.code.line(f"\t{call}")

    def random(self, writer: Writer, of: st.Random) -> None:
        writer.store(of.result, f"p4k_random({writer.show(of.low)}, {writer.show(of.high)})")

    def meter(self, writer: Writer, of: st.RunMeter) -> None:
        number = writer.unit.layout.meter_index(of.meter)
        meter = writer.unit.layout.meters[number]
        tokens = LENGTH if meter.unit is ir.MeterUnit.BYTES else "1"
        if of.index is None:
            call = f"p4k_run_direct_meter(meter_{number}, &s->work, entry, {tokens})"
        elif meter.size:
            index = writer.show(of.index)
            call = f"p4k_run_meter(meter_{number}, &s->work, {index}, {tokens})"
        else:
            call = "P4K_GREEN"
        writer.store(of.result, f"(uint8_t){call}")

    def digest(self, writer: Writer, of: st.SendDigest) -> None:
        unit, code = writer.unit, writer.unit.code
        digest = unit.layout.digest(of.digest)
        leaves = joined.fields(unit.printer, of.values, digest.fields)
        new = f"p4k_new_digest(&s->work, {digest.index}, {digest.data_bytes})"
        code.open()
        code.line(f"struct p4k_event *const event = {new};")
        code.line()
        code.open("if (event)")
        code.line("uint8_t *const bytes = (uint8_t *)(event + 1);")
        code.line()
        code.lines(*joined.stores(leaves, "bytes", digest.data_bytes))
        code.line("bpf_ringbuf_submit(event, 0);")
        code.close()
        code.close()

    def register(self, writer: Writer, of: st.ReadRegister | st.WriteRegister) -> None:
        number = writer.unit.layout.register_index(of.register)
        register = writer.unit.layout.registers[number]
        width = values.held_bits(types.width_bits(register.type))
        cell = f"&register_{number}, &s->work, {writer.show(of.index)}"
        if isinstance(of, st.ReadRegister):
            held = f"p4k_read_register_{width}({cell})" if register.size else "0"
            writer.store(of.result, f"({values.c_type(register.type)}){held}")
        elif register.size:
            given = writer.unit.printer.operand(of.value)
            writer.unit.code.line(
                f"p4k_write_register_{width}({cell}, ({values.unsigned_type(width)}){given});"
            )


EBPF: Final = Ebpf()
