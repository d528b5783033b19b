"""The rules that statements keep; each function gives what is broken, with its place."""

from __future__ import annotations

from collections.abc import Iterator

from p4kube_core.compiler.frontend.source import Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types
from p4kube_core.compiler.ir.verifier_expressions import expression, fits
from p4kube_core.compiler.ir.verifier_scope import Scope

_Found = Iterator[tuple[str, Span]]

_PARSER_ONLY = st.Extract | st.Advance | st.Lookahead | st.Verify | st.SetNextIndex
_WORD = types.Bits(32)
_CODE = types.Bits(8)
_DRAWN = types.Bits(64)


def body(scope: Scope, of: st.Body, labels: frozenset[str] = frozenset()) -> _Found:
    """What is wrong with a body.

    Args:
        labels: of the blocks and loops around it.
    """
    for statement in of:
        yield from _statement(scope, statement, labels)


def _statement(scope: Scope, of: st.Statement, labels: frozenset[str]) -> _Found:
    for e in (*st.reads(of), *st.writes(of)):
        for message in expression(scope, e):
            yield message, of.span
    for message in _placement(scope, of):
        yield message, of.span
    for message in _rule(scope, of, labels):
        yield message, of.span
    if isinstance(of, st.Block | st.Loop):
        if of.label in scope.labels:
            yield f"the label {of.label!r} is used twice", of.span
        scope.labels.add(of.label)
        labels = labels | {of.label}
    for inner in st.bodies(of):
        yield from body(scope, inner, labels)


def _placement(scope: Scope, of: st.Statement) -> Iterator[str]:
    name = type(of).__name__
    if isinstance(of, _PARSER_ONLY) and scope.kind != "parser":
        yield f"{name} stands outside of a parser"
    if isinstance(of, st.Emit) and scope.kind != ir.Role.DEPARSER:
        yield f"{name} stands outside of a deparser"
    if isinstance(of, st.ApplyTable) and scope.kind in ("parser", "action"):
        yield f"{name} stands in a block of kind {scope.kind}"
    if isinstance(of, st.Exit | st.Return) and scope.kind == "parser":
        yield f"{name} stands in a parser"
    if isinstance(of, st.Count) and of.index is None and scope.kind != "action":
        yield "a direct counter counts outside of an action"
    if isinstance(of, st.RunMeter) and of.index is None and scope.kind != "action":
        yield "a direct meter runs outside of an action"


def _rule(scope: Scope, of: st.Statement, labels: frozenset[str]) -> Iterator[str]:
    match of:
        case st.Assign():
            if of.target.type != of.value.type:
                yield f"{of.value.type} is assigned to {of.target.type}"
            if not isinstance(of.target.type, types.Bits | types.Bool) and not isinstance(
                of.value, ex.Var | ex.Member | ex.Index
            ):
                yield f"a value of type {of.value.type} is no place"
        case st.SetValid() | st.Emit():
            if not isinstance(of.header.type, types.Header):
                yield f"wanted a header, found {of.header.type}"
        case st.Push() | st.Pop() | st.SetNextIndex():
            yield from _stack(of)
        case st.Extract():
            yield from _extract(of)
        case st.If() | st.Verify():
            if of.condition.type != types.BOOL:
                yield f"wanted a bool as condition, found {of.condition.type}"
            if isinstance(of, st.Verify) and of.error.type != _CODE:
                yield f"wanted an error of bit<8>, found {of.error.type}"
        case st.Switch():
            yield from _switch(of)
        case st.Loop():
            if of.limit < 1:
                yield "a loop wants a limit of at least 1"
        case st.Leave():
            if of.label not in labels:
                yield f"no block {of.label!r} around to leave"
        case _:
            yield from _external(scope, of)


def _external(scope: Scope, of: st.Statement) -> Iterator[str]:
    """What refers to more than its operands."""
    match of:
        case st.Advance():
            if of.bits.type != _WORD:
                yield f"wanted bit<32> to advance, found {of.bits.type}"
        case st.Lookahead():
            if _has_varbit(of.target.type):
                yield "a lookahead of varying size"
        case st.ApplyTable():
            if of.table not in scope.tables:
                yield f"no table {of.table!r}"
            if of.hit is not None and of.hit.type != types.BOOL:
                yield f"hit is bool, found {of.hit.type}"
            if of.action_run is not None and of.action_run.type != _WORD:
                yield f"action_run is bit<32>, found {of.action_run.type}"
        case st.Count():
            yield from _count(scope, of)
        case st.Hash():
            if not isinstance(of.result.type, types.Bits):
                yield f"wanted bits for a hash, found {of.result.type}"
            for e in of.data:
                if not isinstance(e.type, types.Bits | types.Bool | types.Varbit):
                    yield f"a hash over {e.type}"
        case st.Random():
            for e in (of.low, of.high, of.result):
                if e.type != _DRAWN:
                    yield f"wanted bit<64> for a random number, found {e.type}"
        case st.ReadRegister():
            yield from _register(scope, of, of.result.type)
        case st.WriteRegister():
            yield from _register(scope, of, of.value.type)
        case st.RunMeter():
            yield from _meter(scope, of)
        case st.SendDigest():
            yield from _digest(scope, of)
        case _:
            pass


def _stack(of: st.Push | st.Pop | st.SetNextIndex) -> Iterator[str]:
    if not isinstance(of.stack.type, types.Stack):
        yield f"wanted a stack, found {of.stack.type}"
    if isinstance(of, st.SetNextIndex):
        if of.value.type != _WORD:
            yield f"nextIndex is bit<32>, found {of.value.type}"
    elif of.count < 0:
        yield f"wanted a count of at least 0, found {of.count}"


def _extract(of: st.Extract) -> Iterator[str]:
    if not isinstance(of.header.type, types.Header):
        yield f"wanted a header, found {of.header.type}"
        return
    has_varbit = _has_varbit(of.header.type)
    if has_varbit != (of.varbit_bits is not None):
        yield "a size is given exactly for a header with a varbit"
    if of.varbit_bits is not None:
        size = of.varbit_bits.type
        if not isinstance(size, types.Bits) or size.width > 32 or size.signed:
            yield f"wanted a size of at most 32 bits, found {size}"


def _switch(of: st.Switch) -> Iterator[str]:
    if not isinstance(of.subject.type, types.Bits):
        yield f"a switch on {of.subject.type}"
        return
    values = [v for case in of.cases for v in case.values]
    for v in values:
        if not fits(of.subject.type, v):
            yield f"the case {v} is no {of.subject.type}"
    if len(set(values)) != len(values):
        yield "two cases of a switch have one value"
    if any(not case.values for case in of.cases):
        yield "a case without value"


def _count(scope: Scope, of: st.Count) -> Iterator[str]:
    counter = scope.counters.get(of.counter)
    if counter is None:
        yield f"no counter {of.counter!r}"
    elif (of.index is None) != (counter.table is not None or counter.automatic):
        yield f"an index is wanted exactly for counters of no table ({of.counter!r})"
    if of.index is not None and not isinstance(of.index.type, types.Bits):
        yield f"an index of type {of.index.type}"


def _register(
    scope: Scope, of: st.ReadRegister | st.WriteRegister, held: types.Type
) -> Iterator[str]:
    register = scope.registers.get(of.register)
    if register is None:
        yield f"no register {of.register!r}"
    elif held != register.type:
        yield f"the register {of.register!r} holds {register.type}, found {held}"
    yield from _index(of.index.type)


def _meter(scope: Scope, of: st.RunMeter) -> Iterator[str]:
    meter = scope.meters.get(of.meter)
    if meter is None:
        yield f"no meter {of.meter!r}"
    elif (of.index is None) != (meter.table is not None):
        yield f"an index is wanted exactly for meters of no table ({of.meter!r})"
    if of.index is not None:
        yield from _index(of.index.type)
    if of.result.type != _CODE:
        yield f"a colour is bit<8>, found {of.result.type}"


def _digest(scope: Scope, of: st.SendDigest) -> Iterator[str]:
    digest = scope.digests.get(of.digest)
    if digest is None:
        yield f"no digest {of.digest!r}"
        return
    wanted, found = [f.type for f in digest.fields], [v.type for v in of.values]
    if wanted != found:
        shown = [", ".join(map(str, kinds)) for kinds in (wanted, found)]
        yield f"the digest {of.digest!r} is of {shown[0]}, found {shown[1]}"


def _index(of: types.Type) -> Iterator[str]:
    if not isinstance(of, types.Bits) or of.width > 64 or of.signed:
        yield f"wanted an index of at most 64 bits, found {of}"


def _has_varbit(of: types.Type) -> bool:
    match of:
        case types.Varbit():
            return True
        case types.Header() | types.Struct():
            return any(_has_varbit(m.type) for m in of.members)
        case types.Stack():
            return _has_varbit(of.element)
        case _:
            return False
