"""Statements as C, in whatever function they stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never, final

from p4kube_core import errors
from p4kube_core.compiler.backends import (
    expressions,
    extraction,
    hashes,
    places,
    values,
    walk,
)
from p4kube_core.compiler.backends.unit import Unit
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types


@final
@dataclass(slots=True)
class Writer:
    """Writes the statements of one function."""

    unit: Unit
    on_return: str  # statement that ends this function
    on_exit: str  # statement that ends the control
    error: ex.Place | None = None  # in a parser: where its error goes
    emit: Callable[[st.Emit], None] | None = None  # in a deparser
    jump: Callable[[str], None] | None = None  # in a parser whose states are no labels: goes to one
    used: set[str] = field(default_factory=set)  # labels that something jumps to
    ended: bool = False  # something ended the function

    def body(self, body: st.Body) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, of: st.Statement) -> None:
        self.unit.code.at(of.span)
        match of:
            case st.Assign():
                self.assign(of.target, of.value)
            case st.Clear():
                self.clear(of.target)
            case st.SetValid():
                self._set_valid(of)
            case st.Push() | st.Pop():
                self._move(of)
            case st.SetNextIndex():
                self.guarded(
                    self.unit.printer.spot(of.stack), "{}.next = " + self.show(of.value) + ";"
                )
            case st.Extract() | st.Advance() | st.Lookahead() | st.Verify():
                extraction.write(self, of)
            case st.Emit():
                if self.emit is None:
                    raise errors.InvariantViolated("an emit stands outside of the deparser")
                self.emit(of)
            case st.If():
                self._if(of)
            case st.Switch():
                self._switch(of)
            case st.Block():
                self._block(of)
            case st.Loop():
                self._loop(of)
            case st.Leave():
                self.used.add(of.label)
                self.unit.code.line(f"goto {self.unit.labels[of.label]};")
            case st.Return():
                self.ended = True
                self.unit.code.line(self.on_return)
            case st.Exit():
                self.ended = True
                self.unit.code.line(self.on_exit)
            case st.ApplyTable():
                self.unit.dialect.apply(self, of)
            case st.Count():
                self.unit.dialect.count(self, of)
            case st.Hash():
                hashes.write(self.unit, of, self.store)
            case st.Random():
                self.unit.dialect.random(self, of)
            case st.ReadRegister() | st.WriteRegister():
                self.unit.dialect.register(self, of)
            case st.RunMeter():
                self.unit.dialect.meter(self, of)
            case st.SendDigest():
                self.unit.dialect.digest(self, of)
            case _:
                assert_never(of)

    def show(self, e: ex.Expression) -> str:
        return self.unit.printer.show(e)

    def guarded(self, spot: places.Spot, line: str, valid_too: bool = True) -> None:
        """Write the line, in which {} is the place, for the case that there is such a place."""
        guards = list(spot.guards)
        if "false" in guards:
            return
        if spot.header is not None and valid_too:
            guards.append(f"{spot.header}.valid")
        text = line.replace("{}", spot.text)
        if guards:
            self.unit.code.line(f"if ({' && '.join(guards)})")
            self.unit.code.line(f"\t{text}")
        else:
            self.unit.code.line(text)

    # Assignments.

    def store(self, target: ex.Place, value: str) -> None:
        """Assign a printed number."""
        self.guarded(self.unit.printer.spot(target), f"{{}} = {value};")

    def assign(self, target: ex.Place, value: ex.Expression) -> None:
        of = target.type
        if isinstance(of, types.Bits | types.Bool):
            self.store(target, self.show(value))
            return
        assert isinstance(value, ex.Var | ex.Member | ex.Index)
        if isinstance(of, types.Struct):
            for m in of.members:
                self.assign(ex.Member(m.type, target, m.name), ex.Member(m.type, value, m.name))
            return
        spot = self.unit.printer.spot(value)
        copied = spot.text
        if spot.guards:
            nothing = self.nothing(of)
            found = expressions.condition(spot.guards)
            copied = nothing if "false" in spot.guards else f"{found} ? {spot.text} : {nothing}"
        self.guarded(self.unit.printer.spot(target), f"{{}} = {copied};")

    def nothing(self, of: types.Type) -> str:
        """The value of a type that nothing was written to."""
        if isinstance(of, types.Bits | types.Bool):
            return values.literal(0, of)
        return f"({self.unit.c_types.of(of)}){{0}}"

    def clear(self, target: ex.Place) -> None:
        of = target.type
        if isinstance(of, types.Struct):
            for m in of.members:
                self.clear(ex.Member(m.type, target, m.name))
            return
        # What is invalid is zero already.
        self.guarded(self.unit.printer.spot(target), f"{{}} = {self.nothing(of)};", valid_too=False)

    def _set_valid(self, of: st.SetValid) -> None:
        # An invalid header is zero all over, so that only its flag is missing.
        line = "{}.valid = true;" if of.valid else f"{{}} = {self.nothing(of.header.type)};"
        self.guarded(self.unit.printer.spot(of.header), line)

    def _move(self, of: st.Push | st.Pop) -> None:
        """Written out element by element: a loop would keep the stack out of registers."""
        code, stack = self.unit.code, of.stack.type
        assert isinstance(stack, types.Stack)
        text = self.unit.printer.spot(of.stack).text
        size, count = stack.size, min(of.count, stack.size)
        nothing = self.nothing(stack.element)
        if isinstance(of, st.Push):
            for i in reversed(range(count, size)):
                code.line(f"{text}.at[{i}] = {text}.at[{i - count}];")
            for i in range(count):
                code.line(f"{text}.at[{i}] = {nothing};")
            code.line(f"{text}.next = p4k_least({text}.next + {count}, {size});")
        else:
            for i in range(size - count):
                code.line(f"{text}.at[{i}] = {text}.at[{i + count}];")
            for i in range(size - count, size):
                code.line(f"{text}.at[{i}] = {nothing};")
            code.line(f"{text}.next = (uint32_t)p4k_sat_sub({text}.next, {count});")

    # Control flow.

    def _if(self, of: st.If) -> None:
        code = self.unit.code
        code.open(f"if ({self.show(of.condition)})")
        self.body(of.then)
        otherwise = of.otherwise
        while len(otherwise) == 1 and isinstance(otherwise[0], st.If):
            inner = otherwise[0]
            code.turn(f"else if ({self.show(inner.condition)})")
            self.body(inner.then)
            otherwise = inner.otherwise
        if otherwise:
            code.turn("else")
            self.body(otherwise)
        code.close()

    def _switch(self, of: st.Switch) -> None:
        subject = of.subject.type
        assert isinstance(subject, types.Bits)
        if subject.width > 64:
            self._if_chain(of, subject)
            return
        code = self.unit.code
        code.line(f"switch ({self.show(of.subject)}) {{")
        for case in of.cases:
            for value in case.values[:-1]:
                code.line(f"case {values.literal(value, subject)}:")
            code.open(f"case {values.literal(case.values[-1], subject)}:")
            self.body(case.body)
            code.line("break;")
            code.close()
        code.open("default:")
        self.body(of.otherwise)
        code.line("break;")
        code.close()
        code.line("}")

    def _if_chain(self, of: st.Switch, subject: types.Bits) -> None:
        code = self.unit.code
        code.open()
        code.line(f"const {values.c_type(subject)} subject = {self.show(of.subject)};")
        code.line()
        for position, case in enumerate(of.cases):
            tests = [f"subject == {values.literal(v, subject)}" for v in case.values]
            head = f"if ({' || '.join(tests)})"
            if position:
                code.turn(f"else {head}")
            else:
                code.open(head)
            self.body(case.body)
        if of.cases:
            code.turn("else")
        else:
            code.open()
        self.body(of.otherwise)
        code.close()
        code.close()

    def _block(self, of: st.Block) -> None:
        body = of.body
        while body and isinstance(last := body[-1], st.Leave) and last.label == of.label:
            body = body[:-1]  # it would jump to where it stands
        self.body(body)
        self._end(of.label)

    def _loop(self, of: st.Loop) -> None:
        code = self.unit.code
        turn = f"turn_{self.unit.labels[of.label]}"
        most = min(of.limit, self.unit.dialect.most_turns)
        code.open(f"for (uint32_t {turn} = 0; {turn} < {most}; {turn}++)")
        self.body(of.body)
        code.close()
        self._end(of.label)

    def _end(self, label: str) -> None:
        if label in self.used:
            self.unit.code.label(self.unit.labels[label])
            self.unit.code.line(";")

    # Parsers.

    def fail(self, error: str) -> None:
        """Jump to the parser's end with that error."""
        assert self.error is not None
        self.store(self.error, error)
        self.used.add("reject")
        self.unit.code.line("goto reject;")

    def fail_with(self, name: str) -> str:
        """The statement that fails with one of core.p4's errors."""
        self.used.add(name)
        return f"goto fail_{name};"


def declare(unit: Unit, variables: tuple[ir.Variable, ...], mentioned: set[str]) -> None:
    """Local variables of a function, zero at first; those that nothing mentions are left out."""
    for variable in variables:
        for cell in unit.storage.cells(variable):
            if not walk.is_mentioned(cell.path, mentioned):
                continue
            zero = "0"
            if isinstance(cell.type, types.Bool):
                zero = "false"
            elif not isinstance(cell.type, types.Bits):
                zero = "{0}"
            unit.code.line(f"{unit.c_types.of(cell.type)} {cell.text} = {zero};")
