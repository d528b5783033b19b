"""What the checker hands on of a program without faults."""

from __future__ import annotations

import pytest

from p4kube_core.compiler.frontend import ast, types
from p4kube_core.compiler.frontend.ast import walk
from p4kube_core.compiler.frontend.checked import (
    CallKind,
    Checked,
    EnumValue,
    ErrorValue,
    RecordValue,
)
from tests.unit.frontend_types import checking

PROGRAM = """
#include <core.p4>
#include <v1model.p4>
error { Odd }
enum bit<16> Kind { IPV4 = 0x800, IPV6 = 0x86dd }
header eth_t { bit<48> dst; bit<48> src; Kind kind; }
struct pair_t { bit<8> a; bit<16> b; }
struct headers_t { eth_t eth; }
struct meta_t { bit<8> n; pair_t pair; }
const bit<8> K = 3 * 5 + 1;
const pair_t PAIR = { b = K ++ 8w1, a = 2 };
bit<8> most(in bit<8> x, in bit<8> y = 7) { if (x > y) { return x; } return y; }
parser P(packet_in b, out headers_t h, inout meta_t m, inout standard_metadata_t s) {
    state start {
        b.extract(h.eth);
        m.n = b.lookahead<bit<8>>();
        transition select(h.eth.kind) { Kind.IPV4: more; 0x900 &&& 0xff00: accept; _: reject; }
    }
    state more { transition accept; }
}
control V(inout headers_t h, inout meta_t m) { apply { } }
control I(inout headers_t h, inout meta_t m, inout standard_metadata_t s) {
    register<bit<32>>(64) seen;
    action drop() { mark_to_drop(s); }
    action send(inout bit<8> count, bit<9> port) { s.egress_spec = port; count = count + 1; }
    table t {
        key = { h.eth.dst: ternary; h.eth.isValid(): exact @name("valid"); }
        actions = { send(m.n); drop; @defaultonly NoAction; }
        const default_action = drop;
        size = 16 * 4;
        largest_priority_wins = false;
        priority_delta = 10;
        entries = {
            (1 &&& 3, true): send(1);
            const (_, false): drop();
            priority = 99: (2, true): send(port = 2);
        }
    }
    apply {
        bit<32> old;
        seen.read(old, 1);
        m.n = most(m.n);
        m.n = most(y = 2, x = m.n);
        m.pair = { 1, 2 };
        m.n[3:0] = h.eth.kind == Kind.IPV6 ? 4w1 : 2;
        hash(m.pair.b, HashAlgorithm.crc16, 16w0, { h.eth.dst, m.n }, 16w9);
        if (t.apply().hit) { h.eth.setInvalid(); }
    }
}
control E(inout headers_t h, inout meta_t m, inout standard_metadata_t s) { apply { } }
control D(packet_out b, in headers_t h) { apply { b.emit(h.eth); } }
V1Switch(P(), V(), I(), E(), V(), D()) main;
"""


@pytest.fixture(scope="module")
def checked() -> Checked:
    return checking.legal(PROGRAM.replace("priority = 99: ", ""))


def call(checked: Checked, text: str) -> ast.Call:
    return checking.written(checked, text, ast.Call)


def test_blocks_of_main_are_found_by_parameter(checked: Checked) -> None:
    main = checked.main_call()
    assert main is not None
    ingress = main.argument("ig")
    assert isinstance(ingress, ast.Call)
    made = checked.call(ingress)
    assert (made.kind, made.method) == (CallKind.CONSTRUCTOR, "I")
    assert isinstance(made.callee, ast.ControlDeclaration)
    assert [str(t) for t in main.type_arguments] == ["headers_t", "meta_t"]


def test_a_constant_knows_its_value(checked: Checked) -> None:
    value = checking.written(checked, "3 * 5 + 1", ast.Binary)
    assert checked.constant_of(value) == 16
    assert checked.cast_of(value) == types.Bit(8)
    pair = checking.written(checked, "{ b = K ++ 8w1, a = 2 }", ast.StructExpression)
    assert checked.constant_of(pair) == RecordValue((("a", 2), ("b", 0x1001)))
    assert str(checked.type_of(pair)) == "pair_t"


def test_an_implicit_cast_is_said_at_the_part_that_is_cast(checked: Checked) -> None:
    braces = checking.written(checked, "{ 1, 2 }", ast.ListExpression)
    assert str(checked.type_of(braces)) == "pair_t"
    assert [checked.cast_of(e) for e in braces.elements] == [types.Bit(8), types.Bit(16)]
    choice = checking.written(checked, "h.eth.kind == Kind.IPV6 ? 4w1 : 2", ast.Conditional)
    assert checked.cast_of(choice.otherwise) == types.Bit(4)


def test_arguments_are_bound_by_place_name_and_default(checked: Checked) -> None:
    given = checked.call(call(checked, "most(m.n)"))
    assert given.kind is CallKind.FUNCTION
    assert [b.is_default for b in given.bindings] == [False, True]
    named = checked.call(call(checked, "most(y = 2, x = m.n)"))
    assert [b.parameter.name for b in named.bindings] == ["x", "y"]
    second = named.bindings[1].argument
    assert second is not None
    assert checked.constant_of(second) == 2


def test_a_method_comes_with_its_receiver_and_specialised_types(checked: Checked) -> None:
    read = checked.call(call(checked, "seen.read(old, 1)"))
    assert read.kind is CallKind.EXTERN_METHOD
    assert str(read.receiver_type) == "register<bit<32>>"
    assert read.bindings[0].parameter.type == types.Bit(32)
    look = next(c for c in checked.calls.values() if c.method == "lookahead")
    assert (look.type_arguments, look.result) == ((types.Bit(8),), types.Bit(8))


def test_type_arguments_are_inferred_from_braces(checked: Checked) -> None:
    made = checked.call(
        call(checked, "hash(m.pair.b, HashAlgorithm.crc16, 16w0, { h.eth.dst, m.n }, 16w9)")
    )
    assert made.kind is CallKind.EXTERN_FUNCTION
    wanted = ["bit<16>", "bit<16>", "tuple<bit<48>, bit<8>>", "bit<16>"]
    assert [str(t) for t in made.type_arguments] == wanted


def test_built_in_methods_say_what_they_are(checked: Checked) -> None:
    assert checked.call(call(checked, "h.eth.setInvalid()")).kind is CallKind.BUILT_IN
    applied = checked.call(call(checked, "t.apply()"))
    assert applied.kind is CallKind.TABLE_APPLY
    assert isinstance(applied.callee, ast.TableDeclaration)


def test_a_table_is_resolved(checked: Checked) -> None:
    table = next(iter(checked.tables.values()))
    assert [(k.name, k.match_kind, str(k.type)) for k in table.keys] == [
        ("h.eth.dst", "ternary", "bit<48>"),
        ("valid", "exact", "bool"),
    ]
    assert [use.action.name for use in table.actions] == ["send", "drop", "NoAction"]
    bound, left = table.actions[0].bindings
    assert (bound.by_control_plane, left.by_control_plane) == (False, True)
    assert table.default_action is not None
    assert (table.default_action.action.name, table.default_is_const) == ("drop", True)
    assert (table.size, table.entries_are_const) == (64, False)


def test_entries_have_priorities_by_their_order(checked: Checked) -> None:
    table = next(iter(checked.tables.values()))
    assert [e.priority for e in table.entries] == [1, 11, 21]
    assert [e.is_const for e in table.entries] == [False, True, False]
    assert [b.parameter.name for b in table.entries[2].action.bindings] == ["count", "port"]


def test_a_later_priority_wants_a_first_one() -> None:
    _, diagnostics = checking.check(PROGRAM)
    assert [e.code for e in diagnostics.errors] == ["P4K0322"]


def test_errors_are_numbered_in_order_with_those_of_core(checked: Checked) -> None:
    assert checked.enum_number(ErrorValue("NoError")) == 0
    assert checked.enum_number(ErrorValue("Odd")) == len(checked.errors) - 1
    kind = checking.written(checked, "Kind.IPV4", ast.Member)
    value = checked.constant_of(kind)
    assert isinstance(value, EnumValue)
    assert checked.enum_number(value) == 0x800


def test_states_are_referred_to(checked: Checked) -> None:
    case = checking.written(checked, "Kind.IPV4: more;", ast.SelectCase)
    state = checked.use(case)
    assert isinstance(state, ast.State)
    assert state.name == "more"


def test_every_expression_has_a_settled_type(checked: Checked) -> None:
    for node, found in checked.expression_types.items():
        final = checked.casts.get(node, found)
        assert not isinstance(final, types.Sequence | types.Record), node.span
        assert final not in (types.UNKNOWN, types.INVALID, types.DEFAULT), node.span


def test_every_call_and_name_is_resolved(checked: Checked) -> None:
    for node in checking.own(checked):
        if isinstance(node, ast.NameExpression):
            assert checked.use(node) is not None, node.span
        if isinstance(node, ast.CallStatement | ast.Instantiation):
            inner = node.call if isinstance(node, ast.CallStatement) else node
            assert checked.call(inner)
    assert sum(1 for _ in walk.walk(checked.program)) > 100
