"""A program for tests, with a table of every kind: manifest, P4Info, and C that really loads."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from p4kube_core import protos
from p4kube_core.model import artifact
from p4kube_core.model.artifact import (
    Action,
    ControllerHeader,
    Counter,
    Digest,
    DigestField,
    HeaderField,
    Manifest,
    MatchField,
    Meter,
    Param,
    Register,
    Table,
)

ROOT = Path(__file__).resolve().parents[3]
RUNTIME = ROOT / "p4kube_core/dataplane/dpdk/runtime"

NO_ACTION, FORWARD, DROP, REWRITE, DENY, MARK = (0x01000000 + n for n in range(1, 7))
HOSTS, ROUTES, ACL, FIXED, WIDE, ALWAYS, SPANS = (0x02000000 + n for n in range(1, 8))
PORTS = 0x12000001
HOSTS_COUNTER, ACL_COUNTER = 0x13000001, 0x13000002
SHAPER, SPANS_METER = 0x14000001, 0x15000001
SEEN = 0x17000001
CELLS, WIDE_CELLS, WIDEST_CELLS = 0x16000001, 0x16000002, 0x16000003

ACTIONS = (
    Action(0, NO_ACTION, "NoAction", (), 0),
    Action(1, FORWARD, "ingress.forward", (Param(1, "port", 9, 0, 2),), 2),
    Action(2, DROP, "ingress.drop", (), 0),
    Action(
        3,
        REWRITE,
        "ingress.rewrite",
        (Param(1, "dst", 48, 0, 6), Param(2, "vlan", 12, 6, 2), Param(3, "wide", 128, 8, 16)),
        24,
    ),
    Action(4, DENY, "ingress.deny", (), 0),
    Action(5, MARK, "ingress.mark", (Param(1, "colour", 3, 0, 1),), 1),
)


def _table(
    index: int, number: int, name: str, kind: str, size: int, *fields: MatchField, **rest: Any
) -> Table:
    values: dict[str, Any] = {
        "const": False,
        "direct_counter": None,
        "actions": (0, 1, 2, 3),
        "default_only": (),
        "const_default": False,
        "default": b"\0\0",
        "data_bytes": 24,
    } | rest
    key_bytes = sum(field.bytes for field in fields)
    return Table(index, number, name, kind, size, key_bytes, fields=fields, **values)


TABLES = (
    _table(
        0,
        HOSTS,
        "ingress.hosts",
        "exact",
        4096,
        MatchField(1, "hdr.ipv4.dst", "exact", 32, 0, 4),
        MatchField(2, "meta.port", "exact", 9, 4, 2),
        direct_counter=0,
    ),
    _table(
        1,
        ROUTES,
        "ingress.routes",
        "lpm",
        1024,
        MatchField(1, "hdr.ipv4.dst", "lpm", 32, 2, 4),
        MatchField(2, "meta.vrf", "exact", 12, 0, 2),
    ),
    _table(
        2,
        ACL,
        "ingress.acl",
        "ternary",
        8,
        MatchField(1, "hdr.ipv4.src", "ternary", 32, 0, 4),
        MatchField(2, "hdr.ipv6.dst", "ternary", 128, 4, 16),
        MatchField(3, "hdr.ipv4.protocol", "exact", 8, 20, 1),
        MatchField(4, "meta.port", "optional", 9, 21, 2),
        MatchField(5, "hdr.ipv4.dst", "lpm", 20, 23, 3),
        direct_counter=1,
        actions=(1, 2, 4, 5),
        default_only=(4,),
        table_only=(5,),
        default=b"\0\4",
        data_bytes=2,
    ),
    _table(
        3,
        FIXED,
        "ingress.fixed",
        "exact",
        2,
        MatchField(1, "meta.kind", "exact", 8, 0, 1),
        const=True,
        const_default=True,
        actions=(0, 1),
        data_bytes=2,
        entries=(bytes.fromhex("01 0001 0007"), bytes.fromhex("02 0000 0000")),
    ),
    _table(
        4,
        WIDE,
        "ingress.wide",
        "exact",
        4,
        MatchField(1, "hdr.ipv6.src", "exact", 128, 0, 16),
        actions=(0, 1),
        data_bytes=2,
        entries=(bytes(15) + b"\x09" + bytes.fromhex("0001 0009"),),
    ),
    _table(5, ALWAYS, "ingress.always", "exact", 1, actions=(0, 1), data_bytes=2),
    _table(
        6,
        SPANS,
        "ingress.spans",
        "ternary",
        8,
        MatchField(1, "hdr.tcp.dst", "range", 16, 0, 2),
        MatchField(2, "meta.kind", "ternary", 8, 2, 1),
        MatchField(3, "meta.port", "range", 9, 3, 2),
        direct_meter=1,
        actions=(0, 1),
        data_bytes=2,
    ),
)
COUNTERS = (
    Counter(0, HOSTS_COUNTER, "ingress.hosts_hits", "both", 4096, 0),
    Counter(1, ACL_COUNTER, "ingress.acl_hits", "both", 8, 2),
    Counter(2, PORTS, "ingress.ports", "both", 512, None),
)
METERS = (
    Meter(0, SHAPER, "ingress.shaper", "packets", 64, None),
    Meter(1, SPANS_METER, "ingress.spans_rates", "bytes", 8, 6),
)
REGISTERS = (
    Register(0, CELLS, "ingress.cells", 12, 16),
    Register(1, WIDE_CELLS, "ingress.wide_cells", 64, 4),
    Register(2, WIDEST_CELLS, "ingress.widest_cells", 65, 4),
)
DIGESTS = (Digest(0, SEEN, "seen_t", 8, (DigestField("f0", 48, 0, 6), DigestField("f1", 1, 6, 1))),)
CONTROLLER_HEADERS = (
    ControllerHeader("packet_out", 2, (HeaderField(1, "port", 9, 0), HeaderField(0, "pad", 7, 9))),
)


def manifest(
    name: str = "sample",
    tables: tuple[Table, ...] = TABLES,
    actions: tuple[Action, ...] = ACTIONS,
    target: str = "dpdk",
) -> Manifest:
    digest = "sha256:" + hashlib.sha256(repr((name, tables, actions)).encode()).hexdigest()
    return Manifest(
        1,
        name,
        "v1model",
        target,
        artifact.ABI,
        "tests",
        digest,
        tables,
        actions,
        COUNTERS,
        ("malformed", "ingress", "egress", "no_room"),
        0,
        tuple(m for m in METERS if m.table is None or m.table < len(tables)),
        REGISTERS,
        DIGESTS,
        CONTROLLER_HEADERS,
    )


def p4info(held: Manifest) -> Any:
    info = protos.p4info.P4Info()
    types = protos.p4info.MatchField
    for table in held.tables:
        made = info.tables.add(size=table.size, is_const_table=table.const)
        _preamble(made, table.id, table.name)
        for field in table.fields:
            kind = types.MatchType.Value(field.match.upper())
            made.match_fields.add(
                id=field.id, name=field.name, bitwidth=field.width, match_type=kind
            )
        for index in table.actions:
            made.action_refs.add(id=held.actions[index].id)
        if table.direct_counter is not None:
            made.direct_resource_ids.append(held.counters[table.direct_counter].id)
        if table.direct_meter is not None:
            made.direct_resource_ids.append(held.meters[table.direct_meter].id)
    for action in held.actions:
        made = info.actions.add()
        _preamble(made, action.id, action.name)
        for param in action.params:
            made.params.add(id=param.id, name=param.name, bitwidth=param.width)
    for counter in held.counters:
        if counter.table is None:
            made = info.counters.add(size=counter.size)
        else:
            made = info.direct_counters.add(direct_table_id=held.tables[counter.table].id)
        _preamble(made, counter.id, counter.name)
        made.spec.unit = protos.p4info.CounterSpec.BOTH
    for meter in held.meters:
        if meter.table is None:
            made = info.meters.add(size=meter.size)
        else:
            made = info.direct_meters.add(direct_table_id=held.tables[meter.table].id)
        _preamble(made, meter.id, meter.name)
        made.spec.unit = protos.p4info.MeterSpec.Unit.Value(meter.unit.upper())
    for register in held.registers:
        made = info.registers.add(size=register.size)
        _preamble(made, register.id, register.name)
        made.type_spec.bitstring.bit.bitwidth = register.width
    for digest in held.digests:
        made = info.digests.add()
        _preamble(made, digest.id, digest.name)
        for leaf in digest.fields:
            made.type_spec.tuple.members.add().bitstring.bit.bitwidth = leaf.width
    for header in held.controller_headers:
        made = info.controller_packet_metadata.add()
        _preamble(made, 0x18000001, header.name)
        for position, of in enumerate(header.fields, 1):
            made.metadata.add(id=of.id or 100 + position, name=of.name, bitwidth=of.width)
    return info


def _preamble(message: Any, number: int, name: str) -> None:
    message.preamble.id = number
    message.preamble.name = name
    message.preamble.alias = name.rpartition(".")[2]


def config(held: Manifest | None = None, object_: bytes | None = None, cookie: int = 0) -> Any:
    """A ForwardingPipelineConfig; its object is what the fake data plane loads, unless given."""
    held = held or manifest()
    info = p4info(held)
    made = artifact.Artifact(held, info.SerializeToString(), "/* */", object_ or fake_object(held))
    message = protos.p4runtime.ForwardingPipelineConfig()
    message.p4info.CopyFrom(info)
    message.p4_device_config = artifact.pack(made)
    message.cookie.cookie = cookie
    return message


def fake_object(held: Manifest) -> bytes:
    return b"\x7fELF" + json.dumps(_plain(held)).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return value


def real_object(held: Manifest, directory: Path) -> bytes:
    """Compile C with the manifest's tables; it sends what comes in at port 1 to 2, and back."""
    source, output = directory / f"{held.name}.c", directory / f"{held.name}.so"
    source.write_text(_c(held))
    subprocess.run(
        ["gcc", "-O1", "-shared", "-fPIC", "-I", str(RUNTIME), "-o", output, source], check=True
    )
    return output.read_bytes()


def _ranges(table: Table) -> str:
    spans = [f"{{{f.offset}, {f.bytes}}}" for f in table.fields if f.match == "range"]
    if not spans:
        return "0, NULL"
    return f"{len(spans)}, (const struct p4k_range_spec[]){{{', '.join(spans)}}}"


def _c(held: Manifest) -> str:
    def blob(data: bytes) -> str:
        return f"(const uint8_t[]){{{', '.join(map(str, data))}}}" if data else "NULL"

    actions = ",\n".join(f'\t{{"{a.name}", {a.data_bytes}}}' for a in held.actions)
    tables = ",\n".join(
        f'\t{{"{t.name}", P4K_{t.kind.upper()}, {t.size}, {t.key_bytes}, {t.data_bytes}, '
        f"{int.from_bytes(t.default[:2], 'big')}, {blob(t.default[2:])}, {len(t.entries)}, "
        f"{blob(b''.join(t.entries))}, {_ranges(t)}}}"
        for t in held.tables
    )
    meters = ",\n".join(
        f'\t{{"{m.name}", {"true" if m.unit == "bytes" else "false"}, {m.size}, '
        f"{-1 if m.table is None else m.table}}}"
        for m in held.meters
    )
    registers = ",\n".join(f'\t{{"{r.name}", {r.width}, {r.size}}}' for r in held.registers)
    digests = ",\n".join(f'\t{{"{d.name}", {d.data_bytes}}}' for d in held.digests)
    counters = ",\n".join(
        f'\t{{"{c.name}", {c.size}, {-1 if c.table is None else c.table}}}' for c in held.counters
    )
    drops = ", ".join(f'"{reason}"' for reason in held.drops)
    return f"""#include "p4k.h"
static const struct p4k_action_spec actions[] = {{
{actions}
}};
static const struct p4k_table_spec tables[] = {{
{tables}
}};
static const struct p4k_counter_spec counters[] = {{
{counters}
}};
static const struct p4k_meter_spec meters[] = {{
{meters}
}};
static const struct p4k_register_spec registers[] = {{
{registers}
}};
static const struct p4k_digest_spec digests[] = {{
{digests}
}};
static const char *const drops[] = {{{drops}}};
static void process(const struct p4k_context *c, struct p4k_packet *p, unsigned int n)
{{
\tfor (unsigned int i = 0; i < n; i++) {{
\t\tp[i].egress_port = p[i].ingress_port ^ 3;
\t\tc->counters[2][p[i].ingress_port].packets++;
\t\tc->counters[2][p[i].ingress_port].bytes += p[i].length;
\t}}
}}
const struct p4k_program p4k_program = {{
\tP4K_ABI, "{held.name}", "{held.digest}", {len(held.actions)}, {len(held.tables)},
\t{len(held.counters)}, {len(held.drops)}, actions, tables, counters, drops, process,
\t{len(held.registers)}, registers, {len(held.meters)}, {len(held.digests)}, meters, digests,
}};
"""
