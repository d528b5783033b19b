"""A small valid program of the IR, for tests to break."""

from __future__ import annotations

import dataclasses

from p4kube_core.compiler.frontend.source import BUILT_IN
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

SPAN = BUILT_IN
B8 = types.Bits(8)
B16 = types.Bits(16)
B32 = types.Bits(32)
I8 = types.Bits(8, signed=True)

HEADER = types.Header("h_t", (types.Member("a", B8), types.Member("b", B16)))
LONG = types.Header("long_t", (types.Member("size", B8), types.Member("rest", types.Varbit(32))))
STACK = types.Stack(HEADER, 4)
HEADERS = types.Struct(
    "headers_t",
    (types.Member("h", HEADER), types.Member("s", STACK), types.Member("v", LONG)),
)
METADATA = types.Struct("standard_metadata_t", (types.Member("parser_error", B8),))

HDR = ex.Var(HEADERS, "hdr")
H = ex.Member(HEADER, HDR, "h")
S = ex.Member(STACK, HDR, "s")
V = ex.Member(LONG, HDR, "v")
A = ex.Member(B8, H, "a")
B = ex.Member(B16, H, "b")
FLAG = ex.Var(types.BOOL, "flag")
WORD = ex.Var(B32, "word")
META = ex.Var(METADATA, "standard_metadata")
PORT = ex.Var(B16, "port")

COUNT = ir.Counter("ingress.count", ir.CounterUnit.BOTH, 8, None, False, SPAN)
DIRECT = ir.Counter("ingress.direct", ir.CounterUnit.BOTH, 16, "ingress.t", False, SPAN)
METER = ir.Meter("ingress.meter", ir.MeterUnit.PACKETS, 8, None, SPAN)
RATES = ir.Meter("ingress.rates", ir.MeterUnit.BYTES, 16, "ingress.t", SPAN)
FORWARD = ir.Action(
    "ingress.forward",
    "ingress.forward",
    (ir.Parameter("port", "port", B16),),
    (),
    (
        st.Assign(SPAN, B, PORT),
        st.Count(SPAN, "ingress.direct", None),
        st.RunMeter(SPAN, "ingress.rates", None, A),
        st.SendDigest(SPAN, "learn_t", (A, B)),
    ),
    SPAN,
)
TABLE = ir.Table(
    name="ingress.t",
    keys=(ir.Key(A, ir.MatchKind.TERNARY, "hdr.h.a", SPAN),),
    actions=(ir.TableAction("ingress.forward"),),
    default_action=ir.ActionCall("ingress.forward", (1,)),
    const_default=False,
    size=16,
    entries=(ir.Entry((ir.Masked(1, 3),), ir.ActionCall("ingress.forward", (7,)), 1, SPAN),),
    const_entries=True,
    direct_counter="ingress.direct",
    annotations=(),
    span=SPAN,
    direct_meter="ingress.rates",
)
PARSER = ir.Parser(
    name="parse",
    states=(
        ir.State(
            "start",
            (st.Extract(SPAN, H),),
            ir.Select((A,), (ir.SelectCase((ir.Exactly(1),), "more"),)),
            SPAN,
        ),
        ir.State("more", (), ir.Goto(ir.ACCEPT), SPAN),
    ),
    variables=(),
    error=ex.Member(B8, META, "parser_error"),
    on_reject=ir.OnReject.DROP,
    span=SPAN,
)
INGRESS = ir.Control(
    ir.Role.INGRESS, "ingress", (), (st.ApplyTable(SPAN, "ingress.t", hit=FLAG),), SPAN
)
DEPARSER = ir.Control(ir.Role.DEPARSER, "deparse", (), (st.Emit(SPAN, H),), SPAN)
PROGRAM = ir.Program(
    name="sample",
    architecture="v1model",
    types=(HEADER, LONG, HEADERS, METADATA),
    errors=("NoError", "PacketTooShort"),
    variables=tuple(ir.Variable(v.name, v.type, SPAN) for v in (HDR, META, FLAG, WORD)),
    metadata="standard_metadata",
    actions=(FORWARD,),
    tables=(TABLE,),
    counters=(COUNT, DIRECT),
    parser=PARSER,
    controls=(INGRESS, DEPARSER),
    span=SPAN,
    registers=(ir.Register("ingress.seen", B16, 4, SPAN),),
    meters=(METER, RATES),
    digests=(ir.Digest("learn_t", (ir.DigestField("a", B8), ir.DigestField("b", B16)), SPAN),),
)


def number(value: int, of: types.Bits = B8) -> ex.Const:
    return ex.Const(of, value)


def with_ingress(*body: st.Statement) -> ir.Program:
    ingress = dataclasses.replace(INGRESS, body=body)
    return dataclasses.replace(PROGRAM, controls=(ingress, DEPARSER))


def with_state(*body: st.Statement) -> ir.Program:
    first, *rest = PARSER.states
    states = (dataclasses.replace(first, body=body), *rest)
    return dataclasses.replace(PROGRAM, parser=dataclasses.replace(PARSER, states=states))


def with_action(*body: st.Statement) -> ir.Program:
    return dataclasses.replace(PROGRAM, actions=(dataclasses.replace(FORWARD, body=body),))


def with_table(table: ir.Table) -> ir.Program:
    return dataclasses.replace(PROGRAM, tables=(table,))


def with_value(value: ex.Expression) -> ir.Program:
    """Ingress assigns the value to a variable of its type, so that only the value can be wrong."""
    target = ex.Var(value.type, "target")
    program = with_ingress(st.Assign(SPAN, target, value))
    made = ir.Variable("target", value.type, SPAN)
    return dataclasses.replace(program, variables=(*PROGRAM.variables, made))
