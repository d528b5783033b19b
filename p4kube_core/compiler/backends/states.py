"""States of a parser as C, in whatever function they stand."""

from __future__ import annotations

from typing import Final

from p4kube_core import errors
from p4kube_core.compiler.backends import graph, statements, values
from p4kube_core.compiler.backends.unit import Unit
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import types

STEP_LIMIT: Final = 1024
"""States that one packet may pass through where states form a cycle; then ParserTimeout."""


def write_state(
    writer: statements.Writer, state: ir.State, next_one: str | None, cyclic: bool, labelled: bool
) -> None:
    unit, code = writer.unit, writer.unit.code
    code.line()
    if labelled:
        code.label(_label(unit, state.name))
    else:
        code.line(f"/* state {state.name} */")
    if cyclic:
        code.own()
        code.line(f"if (++steps > {STEP_LIMIT})")
        code.line(f"\t{writer.fail_with('ParserTimeout')}")
    code.at(state.span)
    writer.body(state.body)
    match state.transition:
        case ir.Goto():
            _go(writer, state.transition.state, next_one)
        case ir.Select():
            _select(writer, state.transition)


def following(parser: ir.Parser) -> list[str | None]:
    """By state: the one that stands next."""
    return [*(state.name for state in parser.states[1:]), None]


def jumped_to(parser: ir.Parser) -> set[str]:
    """States that some goto names; where a state goes to the next one, none is needed."""
    return {
        name
        for state, next_one in zip(parser.states, following(parser), strict=True)
        for name in graph.successors(state)
        if isinstance(state.transition, ir.Select) or name != next_one
    }


def _label(unit: Unit, state: str) -> str:
    return unit.labels[f"state_{state}"]


def _go(writer: statements.Writer, state: str, next_one: str | None = None) -> None:
    """Go on in that state; nothing is said if it stands next."""
    if state == ir.ACCEPT:
        writer.used.add("accept")
        writer.unit.code.line("goto accept;")
    elif state == ir.REJECT:
        writer.used.add("reject")
        writer.unit.code.line("goto reject;")
    elif writer.jump is not None:
        writer.jump(state)
    elif state != next_one:
        writer.unit.code.line(f"goto {_label(writer.unit, state)};")


def _select(writer: statements.Writer, select: ir.Select) -> None:
    unit, code = writer.unit, writer.unit.code
    code.open()
    subjects: list[str] = []
    for number, subject in enumerate(select.subjects):
        assert isinstance(subject.type, types.Bits | types.Bool)
        name = f"subject{number if len(select.subjects) > 1 else ''}"
        if any(not isinstance(c.keysets[number], ir.AnyValue) for c in select.cases):
            code.line(f"const {values.c_type(subject.type)} {name} = {unit.printer.show(subject)};")
        subjects.append(name)
    code.line()
    for case in select.cases:
        tests = [
            test
            for name, subject, keyset in zip(subjects, select.subjects, case.keysets, strict=True)
            for test in _tests(name, subject, keyset)
        ]
        if not tests:
            _go(writer, case.state)
            break
        code.open(f"if ({' && '.join(tests)})")
        _go(writer, case.state)
        code.close()
    else:
        code.line(writer.fail_with("NoMatch"))
    code.close()


def _tests(name: str, subject: ex.Expression, keyset: ir.Keyset) -> list[str]:
    """Conditions that hold if the subject, in the C variable `name`, is in the keyset."""
    of = subject.type
    assert isinstance(of, types.Bits | types.Bool)
    match keyset:
        case ir.AnyValue():
            return []
        case ir.Exactly():
            if isinstance(of, types.Bool):
                return [name if keyset.value else f"!{name}"]
            return [f"{name} == {values.literal(keyset.value, of)}"]
        case ir.Masked():
            if keyset.mask == 0:
                return []
            width = of.width if isinstance(of, types.Bits) else 1
            bits = f"({values.unsigned_type(width)}){name}" if _signed(of) else name
            mask = values.unsigned_literal(keyset.mask, width)
            return [f"({bits} & {mask}) == {values.unsigned_literal(keyset.value, width)}"]
        case ir.Between():
            assert isinstance(of, types.Bits)
            low, high = types.bounds(of)
            tests = []
            if keyset.low > low:
                tests.append(f"{name} >= {values.literal(keyset.low, of)}")
            if keyset.high < high:
                tests.append(f"{name} <= {values.literal(keyset.high, of)}")
            return tests


def _signed(of: types.Scalar) -> bool:
    return isinstance(of, types.Bits) and of.signed


_FAILURES: Final = (
    "PacketTooShort",
    "NoMatch",
    "HeaderTooShort",
    "ParserInvalidArgument",
    "ParserTimeout",
)


def end(writer: statements.Writer, parser: ir.Parser) -> None:
    code, unit = writer.unit.code, writer.unit
    code.own()
    if writer.error is None:
        raise errors.InvariantViolated("a parser without a place for its error")
    for name in _FAILURES:
        if name in writer.used:
            code.line()
            code.label(f"fail_{name}")
            writer.store(writer.error, str(unit.error_code(name)))
            code.line("goto reject;")
            writer.used.add("reject")
    drops = parser.on_reject is ir.OnReject.DROP
    code.line()
    if "reject" in writer.used:
        code.label("reject")
        if drops:
            code.lines(*unit.dialect.parsed)
            code.line("return false;")
    if "accept" in writer.used:
        code.label("accept")
    code.lines(*unit.dialect.parsed)
    code.line("return true;")
