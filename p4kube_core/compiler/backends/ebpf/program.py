"""A whole program as C for clang -target bpf."""

from __future__ import annotations

import re
from typing import Final

from p4kube_core.compiler.backends import places, statements, unit, varbits, walk, wire
from p4kube_core.compiler.backends.ebpf import (
    deparser,
    dialect,
    extraction,
    maps,
    parser,
    tables,
    window,
)
from p4kube_core.compiler.backends.generated import DIGEST_PLACE
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

DROPS: Final = (*unit.DROPS, "no_port", "no_peer", "too_many_hops")
"""Reasons by drop index; the runtime's enum p4k_bpf_drop has the same order."""

_WIDE_DIVISION: Final = re.compile(r"p4k_(div|mod)(_signed)?_wide\(")
_DROP_PORT: Final = 511  # v1model's egress_spec of a packet that is to be dropped
_MICROSECONDS: Final = "bpf_ktime_get_ns() / 1000 & p4k_mask(48)"
_BLOCKS: Final = (
    ir.Role.VERIFY_CHECKSUM,
    ir.Role.INGRESS,
    ir.Role.EGRESS,
    ir.Role.COMPUTE_CHECKSUM,
)


def make(program: ir.Program) -> unit.Unit:
    return unit.make(program, dialect.EBPF)


def write(of: unit.Unit) -> str:
    """The C, with DIGEST_PLACE where the digest belongs."""
    before_runtime = _head(of)
    _state(of)
    maps.write(of)
    of.code.function("P4K_INLINE struct state *p4k_enter(struct __sk_buff *skb)")
    of.code.lines(
        "uint32_t first = 0;",
        "",
        "p4k_hide(skb); /* clang passes nothing where it is not used, the kernel wants it */",
        "return bpf_map_lookup_elem(&scratch, &first);",
    )
    of.code.close()
    _wire(of)
    before_readers = of.code.mark()
    parser.write(of)
    tables.write(of)
    for control in of.program.controls:
        if control.role in _BLOCKS and control.body:
            _control(of, control)
    if deparser.is_needed(of):
        deparser.write(of)
    _main(of)
    wire.write_readers(of, before_readers)
    if _WIDE_DIVISION.search(of.code.text()):
        of.code.insert(before_runtime, "#define P4K_WIDE_DIVISION")
    return of.code.text()


def _round(size: int, to: int = 8) -> int:
    return (size + to - 1) // to * to


def _sizes(of: unit.Unit) -> dict[str, int]:
    """The macros that p4k_bpf_program.h wants."""
    pieces = [8]
    emitted = 0
    for body in walk.bodies(of.program):
        for statement in st.walk(body):
            match statement:
                case st.Extract(header=place) | st.Lookahead(target=place):
                    pieces.append(wire.size_bytes(place.type))
                case st.Emit(header=place):
                    pieces.append(wire.size_bytes(place.type))
                    emitted += wire.size_bytes(place.type)
                case _:
                    pass
    seen = window.size_bytes(of.program.parser)
    words = [t.key_words for t in of.layout.tables]
    return {
        "WINDOW_BYTES": seen or 0,
        "WINDOW": window.power_of_two(_round(max(pieces)) + (seen or 0) + 1),
        "PIECE": _round(max(pieces)),
        "ZEROS": _round(max(pieces)),
        "OUT": window.power_of_two(max(emitted, 8)) if of.in_place is None else 8,
        "KEY_WORDS": max([1, *words]),
        "EVENTS": int(bool(of.program.digests or of.program.controller_headers)),
    }


def _head(of: unit.Unit) -> int:
    """Returns where macros may be defined that change the runtime."""
    of.code.lines(
        "/*",
        f" * {of.program.name}: made by p4kube compile from P4 for the kernel; do not edit.",
        f" * {DIGEST_PLACE}",
        " */",
        *(f"#define P4K_{name} {size}" for name, size in _sizes(of).items()),
    )
    mark = of.code.mark()
    of.code.line('#include "p4k_bpf_program.h"')
    if of.program.meters:
        of.code.line('#include "p4k_bpf_meter.h"')
    return mark


def _state(of: unit.Unit) -> None:
    code = of.code
    cells = [cell for v in walk.variables(of.program) for cell in of.storage.cells(v)]
    whole = [cell.type for cell in cells if not _is_partial(of, cell)]
    for lines in of.c_types.definitions(whole):
        code.line()
        code.lines(*lines)
    code.line()
    code.line(
        "/* One packet on its way through the program; zero at its start up to the buffers. */"
    )
    code.line("struct state {")
    code.line("\tstruct p4k_work work;")
    mentioned = _mentioned(of)
    for cell in cells:
        if _is_partial(of, cell):
            code.line(f"\t{_head_type(of, cell)} {cell.text};")
        elif walk.is_mentioned(cell.path, mentioned):
            width = f" /* {cell.type} */" if isinstance(cell.type, types.Bits) else ""
            code.line(f"\t{of.c_types.of(cell.type)} {cell.text};{width}")
    for path, head in of.heads.items():
        code.line(f"\tuint32_t {head}; /* where {path} was found, or 0: zeros */")
    code.line("\tstruct p4k_buffers buffers;")
    code.line("};")


def _is_partial(of: unit.Unit, cell: places.Cell) -> bool:
    """Whether it is a header that stays where it is, and nobody wants all of."""
    return of.in_place is not None and cell.path in of.heads and cell.path not in of.in_place.copied


def _head_type(of: unit.Unit, cell: places.Cell) -> str:
    """Of a header that stays where it is: what is never written is read from there."""
    assert isinstance(cell.type, types.Header)
    taken = {
        path.split(".")[0]
        for group in extraction.groups_taken(of, cell.type, cell.path)
        for path in group.paths
    }
    members = [
        f"{of.c_types.of(m.type)} {of.c_types.member(cell.type, m.name)}; "
        for m in cell.type.members
        if m.name in taken
    ]
    return f"struct {{ bool valid; {''.join(members)}}}"


def _mentioned(of: unit.Unit) -> set[str]:
    """Paths of all places that the program and its architecture have to do with."""
    return _mentioned_by_program(of) | {f"{of.program.metadata}.{name}" for name in _LOOKED_AT}


def _mentioned_by_program(of: unit.Unit) -> set[str]:
    found = {walk.path_of(of.program.parser.error)}
    for body in walk.bodies(of.program):
        found |= walk.mentioned_in(body)
    for state in of.program.parser.states:
        if isinstance(state.transition, ir.Select):
            for subject in state.transition.subjects:
                found.update(walk.mentioned_by(subject))
    for table in of.program.tables:
        for key in table.keys:
            found.update(walk.mentioned_by(key.expression))
    return found


def _wire(of: unit.Unit) -> None:
    """The functions that move headers, for those that are moved."""
    loaded: dict[str, types.Header] = {}
    stored: dict[str, types.Header] = {}
    for body in walk.bodies(of.program):
        for statement in st.walk(body):
            match statement:
                case st.Extract(header=place) | st.Lookahead(target=place):
                    stays = isinstance(statement, st.Extract) and of.in_place is not None
                    stays |= varbits.varying(place.type) is not None
                    if isinstance(place.type, types.Header) and not stays:
                        loaded[place.type.name] = place.type
                case st.Emit(header=place) if of.in_place is None:
                    assert isinstance(place.type, types.Header)
                    if varbits.varying(place.type) is None:
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
        f"P4K_GLOBAL int {of.function('block', control.role)}(struct __sk_buff *skb)",
        f"{control.role} {control.name}",
    )
    code.lines("struct state *const s = p4k_enter(skb);", "", "if (!s)", "\treturn 0;")
    statements.Writer(of, "return 0;", "return 0;").body(control.body)
    code.line("return 0;")
    code.close()


_GIVEN: Final = {
    "ingress_port": "s->work.port",
    "packet_length": "s->work.length",
    "ingress_global_timestamp": _MICROSECONDS,
    "enq_timestamp": "(uint32_t)(bpf_ktime_get_ns() / 1000)",
}
"""Members of the architecture's struct that it writes at first, if the program mentions them."""

_LOOKED_AT: Final = ("egress_spec", "mcast_grp", "parser_error", "checksum_error")
"""Those that it reads."""


def _wanted(of: unit.Unit, name: str) -> str | None:
    """A member of the architecture's struct in C, if the program mentions it."""
    if not walk.is_mentioned(f"{of.program.metadata}.{name}", _mentioned_by_program(of)):
        return None
    return _text(of, name)


def _text(of: unit.Unit, name: str) -> str | None:
    """A member of the architecture's struct in C; None if there is none."""
    place = of.metadata(name)
    return None if place is None else of.printer.spot(place).text


def _main(of: unit.Unit) -> None:
    code = of.code
    code.function("P4K_INLINE int drop(struct state *s, uint32_t reason)")
    tests = [f"{t} != 0" for n in ("parser_error", "checksum_error") if (t := _text(of, n))]
    if tests:
        code.line(f"if ({' || '.join(tests)})")
        code.line("\treason = P4K_BPF_DROP_MALFORMED;")
    code.line("p4k_count_drop(&s->work, reason);")
    code.line("return TC_ACT_SHOT;")
    code.close()
    code.function('SEC("tc") int p4k_program(struct __sk_buff *skb)')
    code.lines(
        "struct state *const s = p4k_enter(skb);",
        "uint32_t port = 0;",
        "",
        "if (!s)",
        "\treturn TC_ACT_SHOT;",
        "p4k_clear((uint64_t *)s, offsetof(struct state, buffers));",
        "p4k_start(skb, &s->work, &s->buffers);",
    )
    for name, value in _GIVEN.items():
        text = _wanted(of, name)
        if text is not None:
            code.line(f"{text} = {value};")
    code.line("if (!parse(skb))")
    code.line("\treturn drop(s, P4K_BPF_DROP_MALFORMED);")
    port = _text(of, "egress_spec")
    for control in of.program.controls:
        if control.role in _BLOCKS:
            if control.body:
                code.line(f"{of.function('block', control.role)}(skb);")
            if control.role is ir.Role.INGRESS:
                _leave_ingress(of, port)
            elif control.role is ir.Role.EGRESS and port is not None:
                _drop_if(of, f"{port} == {_DROP_PORT}", "EGRESS")
    if deparser.is_needed(of):
        code.open("if (!deparse(skb))")
        code.line("p4k_count_drop(&s->work, P4K_BPF_DROP_NO_ROOM);")
        code.line("return TC_ACT_SHOT;")
        code.close()
    code.line("return p4k_leave(skb, &s->work, port);")
    code.close()
    code.line()
    code.line('char p4k_license[] SEC("license") = "GPL";')


def _leave_ingress(of: unit.Unit, port: str | None) -> None:
    if port is None:
        return
    group = _text(of, "mcast_grp")
    condition = f"{port} == {_DROP_PORT}"
    if group is not None and any(unit.multicasts(of.program)):
        # No multicast group has members here, so that a packet to one goes nowhere.
        condition += f" || {group} != 0"
    _drop_if(of, condition, "INGRESS")
    of.code.line(f"port = {port};")
    for name, value in (("egress_port", "port"), ("egress_global_timestamp", _MICROSECONDS)):
        text = _wanted(of, name)
        if text is not None:
            of.code.line(f"{text} = {value};")


def _drop_if(of: unit.Unit, condition: str, reason: str) -> None:
    of.code.line(f"if ({condition})")
    of.code.line(f"\treturn drop(s, P4K_BPF_DROP_{reason});")
