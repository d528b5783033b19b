"""What target ebpf cannot do, said with the place in the program; codes P4K05xx."""

from __future__ import annotations

from typing import Final

from p4kube_core import errors
from p4kube_core.compiler.backends import layout, values, varbits, walk
from p4kube_core.compiler.backends.dpdk import hashes, unit, wire
from p4kube_core.compiler.backends.ebpf import dialect
from p4kube_core.compiler.frontend.diagnostics import Diagnostic, Diagnostics
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

MOST_KEY_BYTES: Final = 512  # of a hash, in the kernel; with the tuple's number
MOST_PREFIX_BYTES: Final = 256  # of a prefix tree, in the kernel
MOST_DATA_BYTES: Final = 512
MOST_ENTRIES: Final = 1 << 24
MOST_COUNTER_CELLS: Final = 1 << 22
MOST_REGISTER_CELLS: Final = 1 << 22
MOST_METER_CELLS: Final = 1 << 20
MOST_DIGEST_BYTES: Final = 1024
MOST_STATE_BYTES: Final = 16384  # of the variables of a program; a per-CPU map's value has 32 KiB
MOST_HEADER_BYTES: Final = 256  # that can be copied without calling a library
MOST_VARBIT_BITS: Final = 1024
MOST_EMITTED_BYTES: Final = 2048
MOST_STATES: Final = 256


def check(program: ir.Program) -> None:
    """Refuse what cannot be generated, or what the kernel would not take.

    Raises:
        errors.UnsupportedByTarget: with every finding.
    """
    found = Diagnostics()
    if program.architecture != "v1model":
        found.error(
            "P4K0501",
            f"target ebpf takes architecture v1model, found {program.architecture}",
            program.span,
        )
    for variable in walk.variables(program):
        _check_type(found, variable.type, variable.name, variable.span)
    total = sum(_size_bytes(variable.type) for variable in walk.variables(program))
    _check_bound(found, "bytes of variables", program.name, total, MOST_STATE_BYTES, program.span)
    for table in program.tables:
        _check_table(found, table)
    for action in program.actions:
        size = sum((types.width_bits(p.type) + 7) // 8 for p in action.parameters)
        _check_bound(found, "bytes of data", action.name, size, MOST_DATA_BYTES, action.span)
    for counter in program.counters:
        _check_bound(found, "cells", counter.name, counter.size, MOST_COUNTER_CELLS, counter.span)
    for register in program.registers:
        name, size = register.name, register.size
        _check_type(found, register.type, name, register.span)
        _check_bound(found, "cells", name, size, MOST_REGISTER_CELLS, register.span)
    for meter in program.meters:
        _check_bound(found, "cells", meter.name, meter.size, MOST_METER_CELLS, meter.span)
    for digest in program.digests:
        size = sum((layout.width_bits(f.type) + 7) // 8 for f in digest.fields)
        _check_bound(found, "bytes", digest.name, size, MOST_DIGEST_BYTES, digest.span)
    parser = program.parser
    _check_bound(found, "states", parser.name, len(parser.states), MOST_STATES, parser.span)
    for body in walk.bodies(program):
        for statement in walk.st_walk(body):
            _check_statement(found, statement)
    _check_deparser(found, program.control(ir.Role.DEPARSER))
    if found.has_errors:
        raise errors.UnsupportedByTarget(found.sorted())


def warnings(program: ir.Program) -> tuple[Diagnostic, ...]:
    """What is accepted, and does less than one may hope for."""
    found = Diagnostics()
    for statement in unit.multicasts(program):
        found.warn(
            "P4K0520",
            "multicast groups have no members on target ebpf yet: the packet will be dropped",
            statement.span,
        )
    for body in walk.bodies(program):
        for inner in walk.st_walk(body):
            if isinstance(inner, st.Loop) and inner.limit > dialect.MOST_TURNS:
                found.warn(
                    "P4K0521",
                    f"target ebpf ends a loop after {dialect.MOST_TURNS} turns",
                    inner.span,
                )
    return found.sorted()


def _size_bytes(of: types.Type) -> int:
    """About what a value takes in memory."""
    match of:
        case types.Bits() | types.Bool():
            return values.held_bits(min(types.width_bits(of), values.WIDEST_BITS)) // 8
        case types.Varbit():
            return (of.width + 7) // 8
        case types.Header() | types.Struct():
            return sum(_size_bytes(m.type) for m in of.members) + 4
        case types.Stack():
            return of.size * _size_bytes(of.element) + 4


def _check_type(found: Diagnostics, of: types.Type, name: str, span: Span) -> None:
    match of:
        case types.Bits() if of.width > values.WIDEST_BITS:
            found.error(
                "P4K0502",
                f"target ebpf takes values of at most {values.WIDEST_BITS} bits, {name} is a {of}",
                span,
            )
        case types.Varbit() if of.width > MOST_VARBIT_BITS:
            found.error(
                "P4K0503",
                f"target ebpf takes a varbit of at most {MOST_VARBIT_BITS} bits, {name} is a {of}",
                span,
            )
        case types.Header() | types.Struct():
            if isinstance(of, types.Header):
                _check_bound(
                    found, "bytes of header", name, wire.size_bytes(of), MOST_HEADER_BYTES, span
                )
            for member in of.members:
                _check_type(found, member.type, f"{name}.{member.name}", span)
        case types.Stack():
            _check_type(found, of.element, f"{name}[]", span)
        case _:
            pass


def _check_bound(
    found: Diagnostics, what: str, name: str, size: int, most: int, span: Span
) -> None:
    if size > most:
        found.error(
            "P4K0507", f"target ebpf takes at most {most} {what} in {name}, found {size}", span
        )


def _check_table(found: Diagnostics, table: ir.Table) -> None:
    for key in table.keys:
        of = key.expression.type
        if key.kind is ir.MatchKind.RANGE and isinstance(of, types.Bits) and of.signed:
            found.error(
                "P4K0504", f"target ebpf takes no range of {of} ({key.control_name})", key.span
            )
    kind = layout.kind_of(table)
    lpm = [key for key in table.keys if key.kind is ir.MatchKind.LPM]
    if len(lpm) > 1 and kind is layout.TableKind.LPM:
        found.error("P4K0505", f"want at most one lpm key, found more in {table.name}", lpm[1].span)
    size = sum((layout.width_bits(key.expression.type) + 7) // 8 for key in table.keys)
    most = MOST_PREFIX_BYTES if kind is layout.TableKind.LPM else MOST_KEY_BYTES - 4
    _check_bound(found, "bytes of key", table.name, size, most, table.span)
    _check_bound(found, "entries", table.name, table.size, MOST_ENTRIES, table.span)


def _check_statement(found: Diagnostics, of: st.Statement) -> None:
    for top in (*st.reads(of), *st.writes(of)):
        for e in walk.ex_walk(top):
            if isinstance(e.type, types.Bits) and e.type.width > values.WIDEST_BITS:
                found.error(
                    "P4K0502",
                    f"target ebpf takes values of at most {values.WIDEST_BITS} bits, "
                    f"found a {e.type}",
                    of.span,
                )
    match of:
        case st.Hash():
            _check_hash(found, of)
        case st.Extract() | st.Emit():
            width = varbits.fixed_bits(of.header.type)
            varying = varbits.varying(of.header.type)
            if width % 8 or (varying is not None and varying.offset_bits % 8):
                found.error(
                    "P4K0510",
                    f"want a header of whole bytes, {of.header.type} has {width} bits",
                    of.span,
                )
        case _:
            pass


def _check_hash(found: Diagnostics, of: st.Hash) -> None:
    if of.algorithm not in hashes.SUPPORTED:
        found.error("P4K0508", f"target ebpf does not compute {of.algorithm} yet", of.span)
    elif of.payload and of.algorithm is not st.HashAlgorithm.CSUM16:
        found.error(
            "P4K0508", f"target ebpf takes no payload into {of.algorithm}: too long", of.span
        )
    elif of.payload and sum(types.width_bits(e.type) for e in of.data) % 8:
        found.error("P4K0509", "want whole bytes of data before the payload", of.span)


def _check_deparser(found: Diagnostics, of: ir.Control) -> None:
    emitted = 0
    for statement in walk.st_walk(of.body):
        if isinstance(statement, st.Loop | st.ApplyTable):
            found.error("P4K0506", "a loop or table in a deparser", statement.span)
        elif isinstance(statement, st.Emit):
            emitted += wire.size_bytes(statement.header.type)
    _check_bound(found, "bytes of headers", of.name, emitted, MOST_EMITTED_BYTES, of.span)
