"""What target dpdk cannot do (yet), said with the place in the program; codes P4K05xx."""

from __future__ import annotations

from typing import Final

from p4kube_core import errors
from p4kube_core.compiler.backends import layout, values, varbits, walk
from p4kube_core.compiler.backends.dpdk import hashes, unit
from p4kube_core.compiler.frontend.diagnostics import Diagnostic, Diagnostics
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

MOST_KEY_BYTES: Final = 1024
MOST_DATA_BYTES: Final = 1024
MOST_ENTRIES: Final = 1 << 26
MOST_COUNTER_CELLS: Final = 1 << 26
MOST_REGISTER_CELLS: Final = 1 << 26
MOST_METER_CELLS: Final = 1 << 22
MOST_DIGEST_BYTES: Final = 1024


def check(program: ir.Program) -> None:
    """Refuse what cannot be generated.

    Raises:
        errors.UnsupportedByTarget: with every finding.
    """
    found = Diagnostics()
    if program.architecture != "v1model":
        found.error(
            "P4K0501",
            f"target dpdk takes architecture v1model, found {program.architecture}",
            program.span,
        )
    for variable in walk.variables(program):
        _check_type(found, variable.type, variable.name, variable.span)
    for table in program.tables:
        _check_table(found, table)
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
    for body in walk.bodies(program):
        for statement in walk.st_walk(body):
            _check_statement(found, statement)
    for statement in walk.st_walk(program.control(ir.Role.DEPARSER).body):
        if isinstance(statement, st.Loop | st.ApplyTable):
            found.error("P4K0506", "a loop or table in a deparser", statement.span)
    if found.has_errors:
        raise errors.UnsupportedByTarget(found.sorted())


def warnings(program: ir.Program) -> tuple[Diagnostic, ...]:
    """What is accepted, and does less than one may hope for."""
    found = Diagnostics()
    for statement in unit.multicasts(program):
        found.warn(
            "P4K0520",
            "multicast groups have no members on target dpdk yet: the packet will be dropped",
            statement.span,
        )
    return found.sorted()


def _check_type(found: Diagnostics, of: types.Type, name: str, span: Span) -> None:
    match of:
        case types.Bits() if of.width > values.WIDEST_BITS:
            found.error(
                "P4K0502",
                f"target dpdk takes values of at most {values.WIDEST_BITS} bits, {name} is a {of}",
                span,
            )
        case types.Header() | types.Struct():
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
        found.error("P4K0507", f"want at most {most} {what} in {name}, found {size}", span)


def _check_table(found: Diagnostics, table: ir.Table) -> None:
    for key in table.keys:
        of = key.expression.type
        if key.kind is ir.MatchKind.RANGE and isinstance(of, types.Bits) and of.signed:
            found.error(
                "P4K0504", f"target dpdk takes no range of {of} ({key.control_name})", key.span
            )
    lpm = [key for key in table.keys if key.kind is ir.MatchKind.LPM]
    if len(lpm) > 1 and layout.kind_of(table) is layout.TableKind.LPM:
        found.error("P4K0505", f"want at most one lpm key, found more in {table.name}", lpm[1].span)
    size = sum((layout.width_bits(key.expression.type) + 7) // 8 for key in table.keys)
    _check_bound(found, "bytes of key", table.name, size, MOST_KEY_BYTES, table.span)
    _check_bound(found, "entries", table.name, table.size, MOST_ENTRIES, table.span)


def _check_varying_data(found: Diagnostics, of: st.Hash) -> None:
    if of.algorithm is not st.HashAlgorithm.CSUM16:
        found.error("P4K0508", f"target dpdk takes no varbit into {of.algorithm} yet", of.span)
    bits = 0
    for e in of.data:
        if isinstance(e.type, types.Varbit):
            if bits % 16:
                found.error(
                    "P4K0509", f"want whole words of 16 bits before a varbit, found {bits}", of.span
                )
            bits = 0
        else:
            bits += types.width_bits(e.type)


def _check_values(found: Diagnostics, of: st.Statement) -> None:
    for top in (*st.reads(of), *st.writes(of)):
        for e in walk.ex_walk(top):
            if isinstance(e.type, types.Bits) and e.type.width > values.WIDEST_BITS:
                found.error(
                    "P4K0502",
                    f"target dpdk takes values of at most {values.WIDEST_BITS} bits, "
                    f"found a {e.type}",
                    of.span,
                )


def _check_statement(found: Diagnostics, of: st.Statement) -> None:
    _check_values(found, of)
    match of:
        case st.Hash() if of.algorithm not in hashes.SUPPORTED:
            found.error("P4K0508", f"target dpdk does not compute {of.algorithm} yet", of.span)
        case st.Hash() if any(isinstance(e.type, types.Varbit) for e in of.data):
            _check_varying_data(found, of)
        case st.Hash():
            bits = sum(types.width_bits(e.type) for e in of.data)
            if of.payload and bits % 8:
                found.error(
                    "P4K0509",
                    f"want whole bytes of data before the payload, found {bits} bits",
                    of.span,
                )
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
