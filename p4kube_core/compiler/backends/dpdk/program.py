"""A whole program as C: the file that `cc` makes a shared object of."""

from __future__ import annotations

from typing import Final

from p4kube_core.compiler.backends import statements, unit, walk, wire
from p4kube_core.compiler.backends.dpdk import deparser, descriptors, dialect, parser, tables
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

DROPS: Final = unit.DROPS
_DROP_PORT: Final = 511  # v1model's egress_spec of a packet that is to be dropped

_MICROSECONDS: Final = "context->now_ns / 1000 & p4k_mask(48)"

_BLOCKS = (
    ir.Role.VERIFY_CHECKSUM,
    ir.Role.INGRESS,
    ir.Role.EGRESS,
    ir.Role.COMPUTE_CHECKSUM,
)


def make(program: ir.Program) -> unit.Unit:
    return unit.make(program, dialect.DPDK)


def write(of: unit.Unit) -> str:
    """The C, with DIGEST_PLACE where the digest belongs."""
    _head(of)
    _state(of)
    _wire(of)
    before_readers = of.code.mark()
    parser.write(of)
    tables.write(of)
    for control in of.program.controls:
        if control.role in _BLOCKS:
            _control(of, control)
    deparser.write(of)
    _packet(of)
    _process(of)
    descriptors.write(of)
    wire.write_readers(of, before_readers)
    return of.code.text()


def _head(of: unit.Unit) -> None:
    of.code.lines(
        "/*",
        f" * {of.program.name}: made by p4kube compile from P4; do not edit.",
        " */",
        '#include "p4k_program.h"',
        '#include "p4k_hash.h"',
        '#include "p4k_register.h"',
        *(['#include "p4k_meter.h"'] if of.program.meters else []),
        *(['#include "p4k_digest.h"'] if of.program.digests else []),
        "",
        "/* What a program leaves unused, or compares with itself, is its own affair. */",
        '#pragma GCC diagnostic ignored "-Wtype-limits"',
        '#pragma GCC diagnostic ignored "-Wtautological-compare"',
        '#pragma GCC diagnostic ignored "-Wunused-but-set-variable"',
        '#pragma GCC diagnostic ignored "-Wunused-parameter"',
    )


def _state(of: unit.Unit) -> None:
    code, program = of.code, of.program
    for lines in of.c_types.definitions([v.type for v in walk.variables(program)]):
        code.line()
        code.lines(*lines)
    cells = [cell for v in program.variables for cell in of.storage.cells(v)]
    away = [cell for cell in cells if cell.path in of.storage.arrays]
    if away:
        code.line()
        code.line(
            "/* Stacks that are indexed at run time, apart so that all else fits registers. */"
        )
        code.line("struct arrays {")
        for cell in away:
            code.line(f"\t{of.c_types.of(cell.type)} {cell.text};")
        code.line("};")
    code.line()
    code.line("/* One packet on its way through the program. */")
    code.line("struct state {")
    code.lines(
        "\tconst struct p4k_context *context;",
        "\tstruct p4k_packet *packet;",
        "\tconst uint8_t *payload; /* what the parser left, up to the packet's end */",
        "\tuint32_t length; /* bytes of the packet as it came in */",
    )
    if away:
        code.line("\tstruct arrays *arrays;")
    for cell in cells:
        if cell.path not in of.storage.arrays:
            width = f" /* {cell.type} */" if isinstance(cell.type, types.Bits) else ""
            code.line(f"\t{of.c_types.of(cell.type)} {cell.text};{width}")
    for path, head in of.heads.items():
        code.line(f"\tconst uint8_t *{head}; /* where {path} was found, or zeros */")
    code.line("};")
    if of.in_place is not None and of.heads:
        largest = max(wire.size_bytes(emit.header.type) for emit in of.in_place.emits)
        code.line()
        code.line("/* What is read where a header is not there. */")
        code.line(f"static const uint8_t nothing[{largest}];")


def _wire(of: unit.Unit) -> None:
    """The functions that move headers, for those that are moved."""
    loaded: dict[str, types.Header] = {}
    stored: dict[str, types.Header] = {}
    for body in walk.bodies(of.program):
        for statement in st.walk(body):
            match statement:
                case st.Extract(header=place) | st.Lookahead(target=place):
                    if isinstance(place.type, types.Header):
                        loaded[place.type.name] = place.type
                case st.Emit(header=place):
                    assert isinstance(place.type, types.Header)
                    stored[place.type.name] = place.type
                case _:
                    pass
    for header in loaded.values():
        wire.load_function(of, header)
    for header in stored.values():
        wire.store_function(of, header)


def _control(of: unit.Unit, control: ir.Control) -> None:
    code = of.code
    code.function(
        f"P4K_INLINE void {of.function('block', control.role)}(struct state *s)",
        f"{control.role} {control.name}",
    )
    statements.declare(of, control.variables, walk.mentioned_in(control.body))
    statements.Writer(of, "return;", "return;").body(control.body)
    code.close()


def _text(of: unit.Unit, name: str) -> str | None:
    """A member of the architecture's struct in C; None if there is none."""
    place = of.metadata(name)
    return None if place is None else of.printer.spot(place).text


def _packet(of: unit.Unit) -> None:
    code = of.code
    code.function("P4K_INLINE void drop(struct state *s, enum p4k_drop reason)")
    tests = [f"{t} != 0" for n in ("parser_error", "checksum_error") if (t := _text(of, n))]
    if tests:
        code.line(f"if ({' || '.join(tests)})")
        code.line("\treason = P4K_DROP_MALFORMED;")
    code.line("s->context->drops[reason]++;")
    code.line("s->packet->egress_port = P4K_PORT_DROP;")
    code.close()
    code.function(
        "P4K_INLINE void run(const struct p4k_context *context, struct p4k_packet *packet)"
    )
    if of.storage.arrays:
        code.line("struct arrays arrays = {0};")
    code.line("struct state state = {")
    code.line("\t.context = context,")
    code.line("\t.packet = packet,")
    code.line("\t.length = packet->length,")
    if of.storage.arrays:
        code.line("\t.arrays = &arrays,")
    for head in of.heads.values():
        code.line(f"\t.{head} = nothing,")
    code.line("};")
    code.line("struct state *const s = &state;")
    code.line()
    _start(of)
    _blocks(of)
    code.close()


def _start(of: unit.Unit) -> None:
    """What the architecture tells the program."""
    given = {
        "ingress_port": "packet->ingress_port",
        "packet_length": "packet->length",
        "ingress_global_timestamp": _MICROSECONDS,
        "enq_timestamp": "(uint32_t)(context->now_ns / 1000)",
    }
    for name, value in given.items():
        text = _text(of, name)
        if text is not None:
            of.code.line(f"{text} = {value};")


def _blocks(of: unit.Unit) -> None:
    code = of.code
    code.line("if (!parse(s)) {")
    code.line("\tdrop(s, P4K_DROP_MALFORMED);")
    code.line("\treturn;")
    code.line("}")
    port = _text(of, "egress_spec")
    for control in of.program.controls:
        if control.role not in _BLOCKS:
            continue
        code.line(f"{of.function('block', control.role)}(s);")
        if control.role is ir.Role.INGRESS:
            _leave_ingress(of, port)
        elif control.role is ir.Role.EGRESS and port is not None:
            _drop_if(of, f"{port} == {_DROP_PORT}", "EGRESS")
    code.open("if (!deparse(s))")
    code.line("context->drops[P4K_DROP_NO_ROOM]++;")
    code.line("packet->egress_port = P4K_PORT_DROP;")
    code.close()


def _leave_ingress(of: unit.Unit, port: str | None) -> None:
    code = of.code
    if port is None:
        return
    group = _text(of, "mcast_grp")
    if group is not None and any(unit.multicasts(of.program)):
        # No multicast group has members here, so that a packet to one goes nowhere.
        _drop_if(of, f"{port} == {_DROP_PORT} || {group} != 0", "INGRESS")
    else:
        _drop_if(of, f"{port} == {_DROP_PORT}", "INGRESS")
    code.line(f"packet->egress_port = {port};")
    egress = _text(of, "egress_port")
    if egress is not None:
        code.line(f"{egress} = {port};")
    timestamp = _text(of, "egress_global_timestamp")
    if timestamp is not None:
        code.line(f"{timestamp} = {_MICROSECONDS};")


def _drop_if(of: unit.Unit, condition: str, reason: str) -> None:
    of.code.open(f"if ({condition})")
    of.code.line(f"drop(s, P4K_DROP_{reason});")
    of.code.line("return;")
    of.code.close()


def _process(of: unit.Unit) -> None:
    of.code.function(
        "static void process(const struct p4k_context *context, struct p4k_packet *packets,\n"
        "\t\t    unsigned int n)"
    )
    of.code.open("for (unsigned int i = 0; i < n; i++)")
    of.code.line("if (i + P4K_AHEAD < n)")
    of.code.line("\t__builtin_prefetch(packets[i + P4K_AHEAD].data);")
    of.code.line("run(context, &packets[i]);")
    of.code.close()
    of.code.close()
