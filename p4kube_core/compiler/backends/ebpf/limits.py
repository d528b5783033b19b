"""What target ebpf cannot do, said with the place in the program."""

from __future__ import annotations

from typing import Final

from p4kube_core import errors
from p4kube_core.compiler.backends import unit, values, walk, wire
from p4kube_core.compiler.backends.ebpf import dialect, effort
from p4kube_core.compiler.backends.limits import Check, Limits
from p4kube_core.compiler.frontend.diagnostics import Diagnostic, Diagnostics
from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

LIMITS: Final = Limits(
    target="ebpf",
    key_bytes=508,  # of a hash in the kernel, with the tuple's number
    prefix_bytes=256,  # of a prefix tree in the kernel
    data_bytes=512,
    entries=1 << 24,
    counter_cells=1 << 22,
    meter_cells=1 << 20,
    register_cells=1 << 22,
    digest_bytes=1024,
)
MOST_STATE_BYTES: Final = 16384  # of the variables of a program; a per-CPU map's value has 32 KiB
MOST_HEADER_BYTES: Final = 256  # that can be copied without calling a library
MOST_VARBIT_BITS: Final = 1024
MOST_EMITTED_BYTES: Final = 2048
MOST_STATES: Final = 256
MOST_STEPS: Final = 400_000  # of loops, in the kernel's verifier, which takes a million in all


def check(program: ir.Program) -> None:
    """Refuse what cannot be generated, or what the kernel would not take.

    Raises:
        errors.UnsupportedByTarget: with every finding.
    """
    found = Diagnostics()
    by = Check(LIMITS, found)
    by.program(program)
    for variable in walk.variables(program):
        _check_headers(by, variable.type, variable.name, variable.span)
    total = sum(_size_bytes(variable.type) for variable in walk.variables(program))
    by.bound("bytes of variables", program.name, total, MOST_STATE_BYTES, program.span)
    parser = program.parser
    by.bound("states", parser.name, len(parser.states), MOST_STATES, parser.span)
    for body in walk.bodies(program):
        for statement in st.walk(body):
            if isinstance(statement, st.Hash):
                _check_payload(found, statement)
    _check_loops(by, program)
    deparser = program.control(ir.Role.DEPARSER)
    emits = [s for s in st.walk(deparser.body) if isinstance(s, st.Emit)]
    emitted = sum(wire.size_bytes(e.header.type) for e in emits)
    by.bound("bytes of headers", deparser.name, emitted, MOST_EMITTED_BYTES, deparser.span)
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
        for inner in st.walk(body):
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


def _check_headers(by: Check, of: types.Type, name: str, span: Span) -> None:
    match of:
        case types.Varbit() if of.width > MOST_VARBIT_BITS:
            by.found.error(
                "P4K0503",
                f"target ebpf takes a varbit of at most {MOST_VARBIT_BITS} bits, {name} is a {of}",
                span,
            )
        case types.Header() | types.Struct():
            if isinstance(of, types.Header):
                size = wire.size_bytes(of)
                by.bound("bytes of header", name, size, MOST_HEADER_BYTES, span)
            for member in of.members:
                _check_headers(by, member.type, f"{name}.{member.name}", span)
        case types.Stack():
            _check_headers(by, of.element, f"{name}[]", span)
        case _:
            pass


def _check_loops(by: Check, program: ir.Program) -> None:
    """Refuse loops that the kernel's verifier would not follow to their end."""
    loops = [
        statement
        for body in walk.bodies(program)
        for statement in st.walk(body)
        if isinstance(statement, st.Loop)
    ]
    inner = {s for loop in loops for s in st.walk(loop.body) if isinstance(s, st.Loop)}
    outer = [loop for loop in loops if loop not in inner]
    total = sum(effort.of((loop,)) for loop in outer)
    if total > MOST_STEPS:
        largest = max(outer, key=lambda loop: effort.of((loop,)))
        by.found.error(
            "P4K0511",
            f"target ebpf takes loops of about {MOST_STEPS} steps of the kernel's verifier, "
            f"found {total}; this one turns up to {effort.turns(largest)} times, with those in it",
            largest.span,
        )


def _check_payload(found: Diagnostics, of: st.Hash) -> None:
    if of.payload and of.algorithm is not st.HashAlgorithm.CSUM16:
        message = f"target ebpf takes no payload into {of.algorithm}: too long"
        found.error("P4K0508", message, of.span)
