"""The IR as text, for people and for golden tests; it is not read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

_INDENT = "  "


def program(of: ir.Program) -> str:
    """The whole program, types first, blocks last; ends in a line feed."""
    lines = [f"program {of.name} ({of.architecture})", ""]
    for t in of.types:
        lines.extend(_type(t))
    lines.append(f"errors {' '.join(of.errors)}")
    lines.extend(_variables(of.variables))
    for counter in of.counters:
        lines.extend(["", _counter(counter)])
    for meter in of.meters:
        owner = f" of table {meter.table}" if meter.table is not None else ""
        lines.extend(["", f"meter {meter.name}[{meter.size}] {meter.unit}{owner}"])
    for digest in of.digests:
        fields = ", ".join(f"{f.name}: {f.type}" for f in digest.fields)
        lines.extend(["", f"digest {digest.name}({fields})"])
    for header in of.controller_headers:
        fields = ", ".join(f"{f.name}: {f.width_bits}" for f in header.fields)
        lines.extend(["", f"controller header {header.name}({fields})"])
    for register in of.registers:
        lines.extend(["", f"register {register.name}[{register.size}]: {register.type}"])
    for action in of.actions:
        lines.extend(["", *_action(action)])
    for table in of.tables:
        lines.extend(["", *_table(table)])
    lines.extend(["", *_parser(of.parser)])
    for control in of.controls:
        lines.extend(["", f"{control.role} {control.name}"])
        lines.extend(_indented(_variables(control.variables)))
        lines.extend(_indented(body(control.body)))
    return "\n".join(lines) + "\n"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (_INDENT + line for line in lines)


def _type(of: types.Header | types.Struct) -> list[str]:
    word = "header" if isinstance(of, types.Header) else "struct"
    return [f"{word} {of.name}", *_indented(f"{m.name}: {m.type}" for m in of.members)]


def _variables(of: Iterable[ir.Variable]) -> list[str]:
    return [f"var {v.name}: {v.type}" for v in of]


def _counter(of: ir.Counter) -> str:
    owner = f" of table {of.table}" if of.table is not None else ""
    return f"counter {of.name}[{of.size}] {of.unit}{owner}{' automatic' if of.automatic else ''}"


def _action(of: ir.Action) -> list[str]:
    parameters = ", ".join(f"{p.name}: {p.type}" for p in of.parameters)
    alias = f" as {of.control_name}" if of.control_name != of.name else ""
    head = f"action {of.name}({parameters}){alias}"
    return [head, *_indented(_variables(of.variables)), *_indented(body(of.body))]


def _table(of: ir.Table) -> list[str]:
    lines = [f"table {of.name} size {of.size}"]
    if of.direct_counter is not None:
        lines[0] += f" counter {of.direct_counter}"
    if of.direct_meter is not None:
        lines[0] += f" meter {of.direct_meter}"
    lines += [f"  key {k.kind} {expression(k.expression)} as {k.control_name}" for k in of.keys]
    for a in of.actions:
        scope = " default_only" if a.default_only else " table_only" if a.table_only else ""
        lines.append(f"  action {a.action}{scope}")
    const = "const " if of.const_default else ""
    lines.append(f"  {const}default {_call(of.default_action)}")
    for entry in of.entries:
        keysets = ", ".join(map(_keyset, entry.keysets))
        priority = f" priority {entry.priority}" if entry.priority else ""
        const = "const " if of.const_entries else ""
        lines.append(f"  {const}entry ({keysets}){priority}: {_call(entry.call)}")
    return lines


def _call(of: ir.ActionCall) -> str:
    return f"{of.action}({', '.join(map(str, of.arguments))})"


def _keyset(of: ir.Keyset) -> str:
    match of:
        case ir.AnyValue():
            return "_"
        case ir.Exactly():
            return str(of.value)
        case ir.Masked():
            return f"{of.value:#x} &&& {of.mask:#x}"
        case ir.Between():
            return f"{of.low}..{of.high}"
        case _:
            assert_never(of)


def _parser(of: ir.Parser) -> list[str]:
    lines = [f"parser {of.name} error {expression(of.error)} on_reject {of.on_reject}"]
    lines.extend(_indented(_variables(of.variables)))
    for state in of.states:
        lines.append(f"  state {state.name}")
        lines.extend(_indented(_indented(body(state.body))))
        lines.extend(_indented(_indented(_transition(state.transition))))
    return lines


def _transition(of: ir.Goto | ir.Select) -> list[str]:
    if isinstance(of, ir.Goto):
        return [f"goto {of.state}"]
    lines = [f"select ({', '.join(map(expression, of.subjects))})"]
    lines += [f"  ({', '.join(map(_keyset, c.keysets))}): {c.state}" for c in of.cases]
    return lines


def body(of: st.Body) -> list[str]:
    """Lines without indentation of the outermost level."""
    return [line for s in of for line in statement(s)]


def statement(of: st.Statement) -> list[str]:
    """Lines of one statement, its bodies among them."""
    match of:
        case st.If():
            lines = [f"if {expression(of.condition)}", *_indented(body(of.then))]
            if len(of.otherwise) == 1 and isinstance(of.otherwise[0], st.If):
                first, *rest = statement(of.otherwise[0])
                return [*lines, f"else {first}", *rest]
            if of.otherwise:
                lines += ["else", *_indented(body(of.otherwise))]
            return lines
        case st.Switch():
            lines = [f"switch {expression(of.subject)}"]
            for case in of.cases:
                lines.append(f"  case {', '.join(map(str, case.values))}")
                lines.extend(_indented(_indented(body(case.body))))
            if of.otherwise:
                lines += ["  default", *_indented(_indented(body(of.otherwise)))]
            return lines
        case st.Block():
            return [f"block {of.label}", *_indented(body(of.body))]
        case st.Loop():
            return [f"loop {of.label} at most {of.limit}", *_indented(body(of.body))]
        case _:
            return [_simple(of)]


_Simple = (
    st.Assign | st.Clear | st.SetValid | st.Push | st.Pop | st.SetNextIndex
    | st.Extract | st.Advance | st.Lookahead | st.Verify | st.Emit
    | st.Leave | st.Return | st.Exit | st.ApplyTable | st.Count | st.Hash | st.Random
    | st.ReadRegister | st.WriteRegister | st.RunMeter | st.SendDigest
)  # fmt: skip


def _simple(of: _Simple) -> str:
    show = expression
    match of:
        case st.Assign():
            return f"{show(of.target)} = {show(of.value)}"
        case st.Clear():
            return f"clear {show(of.target)}"
        case st.SetValid():
            return f"set {show(of.header)} {'valid' if of.valid else 'invalid'}"
        case st.Push() | st.Pop():
            return f"{'push' if isinstance(of, st.Push) else 'pop'} {show(of.stack)} {of.count}"
        case st.SetNextIndex():
            return f"nextIndex({show(of.stack)}) = {show(of.value)}"
        case st.Extract():
            size = "" if of.varbit_bits is None else f" varbit {show(of.varbit_bits)}"
            return f"extract {show(of.header)}{size}"
        case st.Advance():
            return f"advance {show(of.bits)}"
        case st.Lookahead():
            return f"lookahead {show(of.target)}"
        case st.Verify():
            return f"verify {show(of.condition)} else {show(of.error)}"
        case st.Emit():
            return f"emit {show(of.header)}"
        case st.Leave():
            return f"leave {of.label}"
        case st.Return():
            return "return"
        case st.Exit():
            return "exit"
        case st.ApplyTable():
            hit = "" if of.hit is None else f" hit {show(of.hit)}"
            run = "" if of.action_run is None else f" action_run {show(of.action_run)}"
            return f"apply {of.table}{hit}{run}"
        case st.Count():
            return f"count {of.counter}{'' if of.index is None else f'[{show(of.index)}]'}"
        case st.Hash():
            data = ", ".join(map(show, of.data))
            return f"{show(of.result)} = {of.algorithm}({data}{', payload' if of.payload else ''})"
        case st.Random():
            return f"{show(of.result)} = random({show(of.low)}, {show(of.high)})"
        case st.ReadRegister():
            return f"{show(of.result)} = register {of.register}[{show(of.index)}]"
        case st.RunMeter():
            index = "" if of.index is None else f"[{show(of.index)}]"
            return f"{show(of.result)} = meter {of.meter}{index}"
        case st.SendDigest():
            return f"digest {of.digest}({', '.join(map(show, of.values))})"
        case st.WriteRegister():
            return f"register {of.register}[{show(of.index)}] = {show(of.value)}"
        case _:
            assert_never(of)


def expression(of: ex.Expression) -> str:
    """One line; every operator in brackets, so that no precedence need be known."""
    show = expression
    match of:
        case ex.Const():
            return _constant(of.type, of.value)
        case ex.Var():
            return of.name
        case ex.Member():
            return f"{show(of.base)}.{of.name}"
        case ex.Index():
            return f"{show(of.base)}[{show(of.index)}]"
        case ex.NextIndex():
            return f"nextIndex({show(of.stack)})"
        case ex.IsValid():
            return f"valid({show(of.header)})"
        case ex.PacketLength():
            return "packet_length"
        case ex.Unary():
            return f"{of.op}{show(of.operand)}"
        case ex.Binary():
            return f"({show(of.left)} {of.op} {show(of.right)})"
        case ex.Concat():
            return f"({show(of.left)} ++ {show(of.right)})"
        case ex.Slice():
            return f"{show(of.operand)}[{of.high}:{of.low}]"
        case ex.Cast():
            return f"{of.kind}<{of.type}>({show(of.operand)})"
        case ex.Mux():
            return f"({show(of.condition)} ? {show(of.then)} : {show(of.otherwise)})"
        case _:
            assert_never(of)


def _constant(of: types.Scalar, value: int) -> str:
    if isinstance(of, types.Bool):
        return "true" if value else "false"
    number = str(value) if abs(value) < 1 << 16 else f"{value:#x}"
    return f"{of.width}{'s' if of.signed else 'w'}{number}"
