"""IR made by hand: small programs, without the front end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p4kube_core.compiler.frontend.source import Source, Span
from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types

SPAN = Span(Source("made.p4", "line\n" * 40), 0, 4)

STANDARD_METADATA = types.Struct(
    "standard_metadata_t",
    (
        types.Member("ingress_port", types.Bits(9)),
        types.Member("egress_spec", types.Bits(9)),
        types.Member("egress_port", types.Bits(9)),
        types.Member("instance_type", types.Bits(32)),
        types.Member("packet_length", types.Bits(32)),
        types.Member("ingress_global_timestamp", types.Bits(48)),
        types.Member("mcast_grp", types.Bits(16)),
        types.Member("checksum_error", types.Bits(1)),
        types.Member("parser_error", types.Bits(8)),
    ),
)
METADATA = ir.Variable("standard_metadata", STANDARD_METADATA, SPAN)

ERRORS = (
    "NoError",
    "PacketTooShort",
    "NoMatch",
    "StackOutOfBounds",
    "HeaderTooShort",
    "ParserTimeout",
    "ParserInvalidArgument",
)

ETHERNET = types.Header(
    "ethernet_t",
    (
        types.Member("dst", types.Bits(48)),
        types.Member("src", types.Bits(48)),
        types.Member("type", types.Bits(16)),
    ),
)
IPV4 = types.Header(
    "ipv4_t",
    (
        types.Member("version", types.Bits(4)),
        types.Member("ihl", types.Bits(4)),
        types.Member("tos", types.Bits(8)),
        types.Member("total_length", types.Bits(16)),
        types.Member("id", types.Bits(16)),
        types.Member("flags", types.Bits(3)),
        types.Member("offset", types.Bits(13)),
        types.Member("ttl", types.Bits(8)),
        types.Member("protocol", types.Bits(8)),
        types.Member("checksum", types.Bits(16)),
        types.Member("src", types.Bits(32)),
        types.Member("dst", types.Bits(32)),
    ),
)


def path(variable: ir.Variable, *names: str) -> ex.Place:
    """variable.name.name"""
    place: ex.Place = ex.Var(variable.type, variable.name)
    for name in names:
        found = types.member(place.type, name)
        assert found is not None, (place, name)
        place = ex.Member(found.type, place, name)
    return place


def meta(name: str) -> ex.Place:
    return path(METADATA, name)


def const(value: int, width: int) -> ex.Const:
    return ex.Const(types.Bits(width), value)


def assign(target: ex.Place, value: ex.Expression) -> st.Assign:
    return st.Assign(SPAN, target, value)


def state(name: str, body: st.Body, transition: ir.Goto | ir.Select | str = ir.ACCEPT) -> ir.State:
    if isinstance(transition, str):
        transition = ir.Goto(transition)
    return ir.State(name, body, transition, SPAN)


def program(
    variables: Sequence[ir.Variable],
    states: Sequence[ir.State],
    ingress: st.Body = (),
    *,
    egress: st.Body = (),
    verify: st.Body = (),
    compute: st.Body = (),
    deparser: st.Body = (),
    actions: Sequence[ir.Action] = (),
    tables: Sequence[ir.Table] = (),
    counters: Sequence[ir.Counter] = (),
    local: Mapping[ir.Role, tuple[ir.Variable, ...]] | None = None,
    parser_variables: tuple[ir.Variable, ...] = (),
) -> ir.Program:
    def control(role: ir.Role, body: st.Body) -> ir.Control:
        return ir.Control(role, f"my_{role}", (local or {}).get(role, ()), body, SPAN)

    error = path(METADATA, "parser_error")
    return ir.Program(
        name="made",
        architecture="v1model",
        types=(),
        errors=ERRORS,
        variables=(METADATA, *variables),
        metadata="standard_metadata",
        actions=tuple(actions),
        tables=tuple(tables),
        counters=tuple(counters),
        parser=ir.Parser(
            "my_parser", tuple(states), parser_variables, error, ir.OnReject.CONTINUE, SPAN
        ),
        controls=(
            control(ir.Role.VERIFY_CHECKSUM, verify),
            control(ir.Role.INGRESS, ingress),
            control(ir.Role.EGRESS, egress),
            control(ir.Role.COMPUTE_CHECKSUM, compute),
            control(ir.Role.DEPARSER, deparser),
        ),
        span=SPAN,
    )
