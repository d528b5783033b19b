"""Tables and actions as C functions: find an entry, run its action."""

from __future__ import annotations

from p4kube_core.compiler.backends import joined, layout, statements, values, walk, wire
from p4kube_core.compiler.backends.unit import Unit
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st


def write(unit: Unit) -> None:
    """All actions that a table may run, then all tables."""
    wanted = {a.action for table in unit.program.tables for a in table.actions}
    wanted |= {table.default_action.action for table in unit.program.tables}
    for action in unit.layout.actions:
        if action.action.name in wanted:
            _action(unit, action)
    numbered = {
        statement.table
        for control in unit.program.controls
        for statement in st.walk(control.body)
        if isinstance(statement, st.ApplyTable) and statement.action_run is not None
    }
    for table in unit.layout.tables:
        if table.fields:
            _find(unit, table)
        if table.table.name in numbered:
            _position(unit, table)
        _run(unit, table)


def _action(unit: Unit, of: layout.ActionLayout) -> None:
    code, action = unit.code, of.action
    exits = action.name in unit.exiting
    head = f"P4K_INLINE {'bool' if exits else 'void'} {unit.function('action', action.name)}"
    parameters = "struct state *s, const struct p4k_entry *entry"
    code.function(f"{head}({parameters})", f"action {action.control_name}")
    mentioned = walk.mentioned_in(action.body)
    for field, parameter in zip(of.fields, action.parameters, strict=True):
        if parameter.name in mentioned:
            _parameter(unit, field, parameter)
    statements.declare(unit, action.variables, mentioned)
    ends = "return false;" if exits else "return;"
    writer = statements.Writer(unit, ends, "return true;")
    writer.body(action.body)
    if exits:
        code.line("return false;")
    code.close()


def _parameter(unit: Unit, field: layout.Field, parameter: ir.Parameter) -> None:
    variable = ir.Variable(parameter.name, parameter.type, unit.program.span)
    name = unit.storage.cells(variable)[0].text
    text = wire.load_parameter(parameter.type, field.offset_bytes, field.size_bytes)
    unit.code.line(f"{values.c_type(parameter.type)} {name} = {text};")


def _find(unit: Unit, of: layout.TableLayout) -> None:
    code, printer = unit.code, unit.printer
    name = unit.function("find", of.table.name)
    code.function(
        f"P4K_INLINE const struct p4k_entry *{name}(const struct state *s)",
        f"table {of.table.name}: {', '.join(f.name for f in of.fields)}",
    )
    code.at(of.table.span)
    keys = [of.table.keys[f.index].expression for f in of.fields]
    leaves = joined.fields(printer, keys, of.fields)
    code.line(f"const uint64_t key[{of.key_words}] = {{")
    for word in range(of.key_words):
        code.line(f"\tp4k_word({joined.word(leaves, word * 64, 64).c}),")
    code.line("};")
    code.line()
    table = f"s->context->tables[{of.index}]"
    match of.kind:
        case layout.TableKind.LPM:
            code.line(f"return p4k_lpm_lookup({table}, (const uint8_t *)key, {of.key_bytes});")
        case layout.TableKind.EXACT | layout.TableKind.TERNARY:
            code.line(f"return p4k_{of.kind}_lookup({table}, key, {of.key_words});")
    code.close()


def _position(unit: Unit, of: layout.TableLayout) -> None:
    """Where an action stands in the table's own list, which is what action_run gives."""
    code = unit.code
    name = unit.function("position", of.table.name)
    code.function(f"P4K_INLINE uint32_t {name}(uint16_t action)")
    code.line("switch (action) {")
    for position, action in enumerate(of.table.actions):
        code.line(f"case {unit.layout.action(action.action).index}:")
        code.line(f"\treturn {position};")
    code.line("default:")
    code.line(f"\treturn {len(of.table.actions)};")
    code.line("}")
    code.close()


def _run(unit: Unit, of: layout.TableLayout) -> None:
    code = unit.code
    name = unit.function("run", of.table.name)
    actions = list(dict.fromkeys([a.action for a in of.table.actions] + [_default(of)]))
    exits = any(a in unit.exiting for a in actions)
    code.function(
        f"P4K_INLINE {'bool' if exits else 'void'} {name}"
        "(struct state *s, const struct p4k_entry *entry)",
        f"table {of.table.name}",
    )
    counter = None if of.counter is None else unit.layout.counters[of.counter]
    if counter is not None and counter.automatic:
        code.line(f"p4k_count(s->context->counters[{of.counter}], entry->slot, s->length);")
    code.line("switch (entry->action) {")
    for action in actions:
        code.line(f"case {unit.layout.action(action).index}:")
        if action == actions[-1]:
            # No other comes; without it the compiler would keep a way on which nothing happens.
            code.line("default:")
        call = f"{unit.function('action', action)}(s, entry);"
        if action in unit.exiting:
            code.line(f"\treturn {call}")
        else:
            code.line(f"\t{call}")
            code.line("\tbreak;")
    code.line("}")
    if exits:
        code.line("return false;")
    code.close()


def _default(of: layout.TableLayout) -> str:
    return of.table.default_action.action
