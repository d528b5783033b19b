"""Layer-3 forwarding as IR: longest prefix, next hop, time to live, checksum."""

from __future__ import annotations

from p4kube_core.compiler.ir import expressions as ex
from p4kube_core.compiler.ir import program as ir
from p4kube_core.compiler.ir import statements as st
from p4kube_core.compiler.ir import types
from tests.unit.backends import handmade as h

HEADERS = types.Struct(
    "headers", (types.Member("ethernet", h.ETHERNET), types.Member("ipv4", h.IPV4))
)
HDR = ir.Variable("hdr", HEADERS, h.SPAN)
NEXT_HOP = ir.Variable("ingress.next_hop", types.Bits(32), h.SPAN)
HIT = ir.Variable("ingress.hit", types.BOOL, h.SPAN)


def hdr(*names: str) -> ex.Place:
    return h.path(HDR, *names)


def _action(name: str, parameters: tuple[tuple[str, int], ...], body: st.Body) -> ir.Action:
    found = tuple(ir.Parameter(f"{name}.{n}", n, types.Bits(w)) for n, w in parameters)
    return ir.Action(name, name, found, (), body, h.SPAN)


def _table(name: str, key: ex.Expression, kind: ir.MatchKind, actions: list[str]) -> ir.Table:
    return ir.Table(
        name=name,
        keys=(ir.Key(key, kind, "key", h.SPAN),),
        actions=tuple(ir.TableAction(a) for a in actions),
        default_action=ir.ActionCall("ingress.drop", ()),
        const_default=False,
        size=1024,
        entries=(),
        const_entries=False,
        direct_counter=None,
        annotations=(),
        span=h.SPAN,
    )


def router() -> ir.Program:
    def parameter(name: str, width: int) -> ex.Var:
        return ex.Var(types.Bits(width), name)

    drop = _action("ingress.drop", (), (h.assign(h.meta("egress_spec"), h.const(511, 9)),))
    route = _action(
        "ingress.route",
        (("hop", 32),),
        (h.assign(h.path(NEXT_HOP), parameter("ingress.route.hop", 32)),),
    )
    ttl = hdr("ipv4", "ttl")
    forward = _action(
        "ingress.forward",
        (("port", 9), ("source", 48), ("target", 48)),
        (
            h.assign(h.meta("egress_spec"), parameter("ingress.forward.port", 9)),
            h.assign(hdr("ethernet", "src"), parameter("ingress.forward.source", 48)),
            h.assign(hdr("ethernet", "dst"), parameter("ingress.forward.target", 48)),
            h.assign(ttl, ex.Binary(types.Bits(8), ex.BinaryOp.SUB, ttl, h.const(1, 8))),
        ),
    )
    actions = (drop, route, forward)
    routes = _table(
        "ingress.routes",
        hdr("ipv4", "dst"),
        ir.MatchKind.LPM,
        ["ingress.route", "ingress.drop"],
    )
    hops = _table(
        "ingress.hops", h.path(NEXT_HOP), ir.MatchKind.EXACT, ["ingress.forward", "ingress.drop"]
    )
    valid = ex.IsValid(types.BOOL, hdr("ipv4"))
    hit = ex.Var(types.BOOL, HIT.name)
    ingress = (
        st.If(
            h.SPAN,
            ex.Binary(
                types.BOOL,
                ex.BinaryOp.LOGICAL_AND,
                valid,
                ex.Binary(types.BOOL, ex.BinaryOp.GT, ttl, h.const(1, 8)),
            ),
            (
                st.ApplyTable(h.SPAN, "ingress.routes", hit=hit),
                st.If(h.SPAN, hit, (st.ApplyTable(h.SPAN, "ingress.hops"),)),
            ),
            (h.assign(h.meta("egress_spec"), h.const(511, 9)),),
        ),
    )
    fields = tuple(hdr("ipv4", m.name) for m in h.IPV4.members if m.name != "checksum")
    compute = (
        st.If(
            h.SPAN,
            valid,
            (st.Hash(h.SPAN, st.HashAlgorithm.CSUM16, fields, False, hdr("ipv4", "checksum")),),
        ),
    )
    select = ir.Select(
        (hdr("ethernet", "type"),),
        (
            ir.SelectCase((ir.Exactly(0x0800),), "parse_ipv4"),
            ir.SelectCase((ir.AnyValue(),), ir.ACCEPT),
        ),
    )
    return h.program(
        (HDR, NEXT_HOP),
        (
            h.state(
                "start",
                (st.Clear(h.SPAN, ex.Var(HEADERS, "hdr")), st.Extract(h.SPAN, hdr("ethernet"))),
                select,
            ),
            h.state("parse_ipv4", (st.Extract(h.SPAN, hdr("ipv4")),)),
        ),
        ingress,
        compute=compute,
        deparser=(st.Emit(h.SPAN, hdr("ethernet")), st.Emit(h.SPAN, hdr("ipv4"))),
        actions=actions,
        tables=(routes, hops),
        local={ir.Role.INGRESS: (HIT,)},
    )
