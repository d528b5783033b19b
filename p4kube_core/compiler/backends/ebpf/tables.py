"""Tables and actions as C for BPF: each table is one function, which the verifier looks at once."""

from __future__ import annotations

from p4kube_core.compiler.backends import joined, layout, statements, values, walk, wire
from p4kube_core.compiler.backends.ebpf import dialect, maps
from p4kube_core.compiler.backends.unit import Unit
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st

_FOUND = "const struct p4k_bpf_entry *"
_ENTRY = f"{_FOUND}entry"


def write(unit: Unit) -> None:
    """All actions that an applied table may run, then those tables."""
    applied = {
        statement.table: statement
        for control in unit.program.controls
        for statement in st.walk(control.body)
        if isinstance(statement, st.ApplyTable)
    }
    tables = [t for t in unit.layout.tables if t.table.name in applied]
    wanted = {name for t in tables for name in _actions(t)}
    for action in unit.layout.actions:
        if action.action.name in wanted:
            _action(unit, action)
    for table in tables:
        if table.kind is layout.TableKind.TERNARY:
            _search_ternary(unit, table)
            if maps.remembers(table):
                _find_ternary(unit, table)
        elif maps.are_in_code(table):
            _find_in_code(unit, table)
        _apply(unit, table)


def _actions(of: layout.TableLayout) -> list[str]:
    names = [*(a.action for a in of.table.actions), of.table.default_action.action]
    return list(dict.fromkeys(names))


def _action(unit: Unit, of: layout.ActionLayout) -> None:
    code, action = unit.code, of.action
    code.function(
        f"P4K_INLINE bool {unit.function('action', action.name)}"
        f"(struct __sk_buff *skb, struct state *s, {_ENTRY})",
        f"action {action.control_name}",
    )
    mentioned = walk.mentioned_in(action.body)
    for field, parameter in zip(of.fields, action.parameters, strict=True):
        if parameter.name in mentioned:
            _parameter(unit, field, parameter)
    # The action may run again for the same packet.
    for variable in action.variables:
        for cell in unit.storage.cells(variable):
            if walk.is_mentioned(cell.path, mentioned):
                c_type = unit.c_types.of(cell.type)
                zero = "0" if not c_type.startswith("struct") else f"({c_type}){{0}}"
                code.line(f"s->{cell.text} = {zero};")
    writer = statements.Writer(unit, "return false;", "return true;")
    writer.body(action.body)
    code.line("return false;")
    code.close()


def _parameter(unit: Unit, field: layout.Field, parameter: ir.Parameter) -> None:
    variable = ir.Variable(parameter.name, parameter.type, unit.program.span)
    name = unit.storage.cells(variable)[0].text
    text = wire.load_leaf(parameter.type, field.offset_bytes * 8 + field.pad_bits, "entry->data")
    unit.code.line(f"{values.c_type(parameter.type)} {name} = {text};")


def _words(unit: Unit, of: layout.TableLayout) -> list[str]:
    """The packed key in words of 64 bits, as they lie in memory."""
    keys = (of.table.keys[f.index].expression for f in of.fields)
    leaves = joined.merged(
        [
            joined.leaf(unit.printer, key, f.offset_bytes * 8 + f.pad_bits)
            for key, f in zip(keys, of.fields, strict=True)
        ],
        64,
    )
    words = (joined.word(leaves, word * 64, 64).c for word in range(of.key_words))
    return [f"p4k_word({text})" for text in words]


def _key(unit: Unit, of: layout.TableLayout, to: str) -> None:
    """Write the packed key into the words from `to` on."""
    for number, word in enumerate(_words(unit, of)):
        unit.code.line(f"s->buffers.{to}[{number} + {to == 'key':d}] = {word};")


def _find_in_code(unit: Unit, of: layout.TableLayout) -> None:
    """Compare with one entry after the other; they are data that the program brings."""
    code = unit.code
    records = [
        layout.record(of, unit.layout.action(entry.call.action), entry)
        for entry in of.table.entries
    ]
    code.line()
    for number, record in enumerate(records):
        action, data = record[of.key_bytes : of.key_bytes + 2], record[of.key_bytes + 2 :]
        code.line(
            f'static const struct p4k_bpf_entry entry_{of.index}_{number} SEC(".rodata.entries") = '
            f"{{.action = {int.from_bytes(action)}, .data = {{{', '.join(map(str, data))}}}}};"
        )
    code.function(
        f"P4K_INLINE {_FOUND}{unit.function('find', of.table.name)}(const struct state *s)",
        f"table {of.table.name}: {', '.join(f.name for f in of.fields)}",
    )
    code.at(of.table.span)
    for number, word in enumerate(_words(unit, of)):
        code.line(f"const uint64_t word{number} = {word};")
    code.own()
    code.line()
    for number, record in enumerate(records):
        key = record[: of.key_bytes].ljust(of.key_words * 8, b"\0")
        words = [int.from_bytes(key[at : at + 8]) for at in range(0, len(key), 8)]
        tests = [
            f"word{i} == p4k_word({values.unsigned_literal(word, 64)})"
            for i, word in enumerate(words)
        ]
        code.line(f"if ({' && '.join(tests)})")
        code.line(f"\treturn &entry_{of.index}_{number};")
    code.line("return NULL;")
    code.close()


def _search_ternary(unit: Unit, of: layout.TableLayout) -> None:
    """A look-up a mask; the masks stand in descending order of their highest priority."""
    code = unit.code
    code.function(
        f"P4K_INLINE {_FOUND}{unit.function('search', of.table.name)}(struct state *s)",
        f"table {of.table.name}: {', '.join(f.name for f in of.fields)}",
    )
    code.lines(
        "const struct p4k_bpf_entry *best = NULL;",
        f"void *table = p4k_own(table_{of.index}, &s->work);",
        f"void *masks = p4k_own(masks_{of.index}, &s->work);",
        "",
        "if (!table || !masks)",
        "\treturn NULL;",
    )
    code.open("for (uint32_t i = 0; i < P4K_BPF_MASKS; i++)")
    code.lines(
        "const struct p4k_bpf_entry *entry;",
        "uint32_t index = i;",
        "const struct p4k_bpf_mask *mask = bpf_map_lookup_elem(masks, &index);",
        "",
        "if (!mask || !mask->used || (best && best->priority >= mask->priority))",
        "\tbreak;",
        "((uint32_t *)s->buffers.key)[1] = mask->tuple;",
    )
    for word in range(of.key_words):
        size = min(8, of.key_bytes - word * 8)
        mask = f"p4k_mask_word(mask->mask + {word * 8}, {size})"
        code.line(f"s->buffers.key[{word + 1}] = s->buffers.wanted[{word}] & {mask};")
    code.lines(
        "entry = bpf_map_lookup_elem(table, (uint32_t *)s->buffers.key + 1);",
        "if (entry && (!best || entry->priority > best->priority))",
        "\tbest = entry;",
    )
    code.close()
    code.line("return best;")
    code.close()


def _find_ternary(unit: Unit, of: layout.TableLayout) -> None:
    """What is remembered for the key; else search, and remember what comes of it."""
    code, words = unit.code, of.key_words
    code.function(
        f"P4K_INLINE {_FOUND}{unit.function('find', of.table.name)}"
        "(struct state *s, const struct p4k_bpf_default *both)"
    )
    code.lines(
        "const uint64_t owner = p4k_owner(&s->work, both);",
        f"const uint32_t at = p4k_cached_at(s->buffers.wanted, {words}, &s->work);",
        f"struct cached_{of.index} *cached = bpf_map_lookup_elem(&cache_{of.index}, &at);",
        f"{_FOUND}found;",
        "",
        "if (!cached)",
        "\treturn NULL;",
        f"if (cached->owner == owner && p4k_is_key(cached->key, s->buffers.wanted, {words}))",
        f"\treturn cached->found ? ({_FOUND})cached->entry : NULL;",
        "p4k_disown(&cached->owner, owner, &s->work);",
        f"found = {unit.function('search', of.table.name)}(s);",
        f"__builtin_memcpy(cached->key, s->buffers.wanted, {8 * words});",
        "cached->found = found != NULL;",
        "if (found)",
        "\t__builtin_memcpy(cached->entry, found, sizeof(cached->entry));",
        "*(volatile uint64_t *)&cached->owner = owner;",
        "return found;",
    )
    code.close()


def _look_up(unit: Unit, of: layout.TableLayout) -> None:
    """Set `entry`, NULL if there is none."""
    code = unit.code
    if maps.are_in_code(of):
        code.line(f"entry = {unit.function('find', of.table.name)}(s);")
        return
    code.at(of.table.span)
    if of.kind is layout.TableKind.TERNARY:
        _key(unit, of, "wanted")
        code.own()
        if maps.remembers(of):
            code.line(f"entry = {unit.function('find', of.table.name)}(s, both);")
        else:
            code.line(f"entry = {unit.function('search', of.table.name)}(s);")
        return
    _key(unit, of, "key")
    code.own()
    key = "s->buffers.key + 1"
    if of.kind is layout.TableKind.LPM:
        code.line(f"((uint32_t *)s->buffers.key)[1] = {of.key_bytes * 8};")
        key = "(uint32_t *)s->buffers.key + 1"
    code.line(f"table = p4k_own(table_{of.index}, &s->work);")
    code.line(f"entry = table ? bpf_map_lookup_elem(table, {key}) : NULL;")


def _apply(unit: Unit, of: layout.TableLayout) -> None:
    """`apply_T(skb)`: see dialect.HIT and so on for what it returns."""
    code = unit.code
    name = unit.function("apply", of.table.name)
    both = f"both = bpf_map_lookup_elem(&default_{of.index}, &s->work.slot);"
    remembers = maps.remembers(of)
    code.function(f"P4K_GLOBAL int {name}(struct __sk_buff *skb)", f"table {of.table.name}")
    code.lines(
        "struct state *const s = p4k_enter(skb);",
        "const struct p4k_bpf_default *both;",
        "const struct p4k_bpf_entry *entry = NULL;",
        "uint32_t ran = 0;",
    )
    if of.fields and of.kind is not layout.TableKind.TERNARY and not maps.are_in_code(of):
        code.line("void *table;")
    code.lines("", "if (!s)", "\treturn 0;")
    if remembers:  # which looks at it for its generation
        code.lines(both, "if (!both)", "\treturn 0;")
    if of.fields:
        _look_up(unit, of)
    code.line("if (entry) {")
    code.line(f"\tran = {dialect.HIT};")
    code.line("} else {")
    if not remembers:
        code.lines(f"\t{both}", "\tif (!both)", "\t\treturn 0;")
    code.line(f"\tentry = p4k_default(both, P4K_BPF_STRIDE({of.data_bytes}));")
    code.line("}")
    counter = None if of.counter is None else unit.layout.counters[of.counter]
    if counter is not None and counter.automatic:
        code.line(f"p4k_count_entry(counter_{of.counter}, &s->work, entry);")
    _run(unit, of)
    code.line("return (int)ran;")
    code.close()


def _run(unit: Unit, of: layout.TableLayout) -> None:
    code = unit.code
    positions = {a.action: position for position, a in enumerate(of.table.actions)}
    code.line("switch (entry->action) {")
    for action in _actions(of):
        position = positions.get(action, len(of.table.actions))
        code.line(f"case {unit.layout.action(action).index}:")
        code.line(f"\tran |= {position << dialect.POSITION_SHIFT};")
        code.line(f"\tif ({unit.function('action', action)}(skb, s, entry))")
        code.line(f"\t\tran |= {dialect.EXITED};")
        code.line("\tbreak;")
    code.line("}")
