from __future__ import annotations

import pytest

from p4kube_core import errors, protos
from p4kube_core.model import match as model
from p4kube_core.model.entry import NamedEntry
from p4kube_core.reconciler import desire
from p4kube_core.switch import schema, values

P4INFO = """
tables {
  preamble { id: 1 name: "ingress.acl" alias: "acl" }
  match_fields { id: 1 name: "hdr.ipv4.src" bitwidth: 32 match_type: TERNARY }
  match_fields { id: 2 name: "meta.port" bitwidth: 9 match_type: TERNARY }
  action_refs { id: 11 } action_refs { id: 12 }
  size: 10
}
tables {
  preamble { id: 2 name: "ingress.routes" alias: "routes" }
  match_fields { id: 1 name: "hdr.ipv4.dst" bitwidth: 32 match_type: LPM }
  action_refs { id: 12 }
  size: 10
}
tables {
  preamble { id: 3 name: "ingress.macs" alias: "macs" }
  match_fields { id: 1 name: "mac" bitwidth: 48 match_type: EXACT }
  action_refs { id: 12 }
  size: 10
}
actions { preamble { id: 11 name: "ingress.drop" alias: "drop" } }
actions {
  preamble { id: 12 name: "ingress.forward" alias: "forward" }
  params { id: 1 name: "port" bitwidth: 9 }
}
"""
SCHEMA = schema.from_p4info(protos.from_text(P4INFO, protos.p4info.P4Info()))


def entry(
    table: str = "acl",
    key: dict[str, str | int] | None = None,
    action: str = "drop",
    priority: int | None = 5,
    **params: int,
) -> NamedEntry:
    parsed = tuple((name, model.parse(text)) for name, text in (key or {}).items())
    return NamedEntry(table, parsed, action, tuple(params.items()), priority, place="here")


def test_names_become_full_and_values_what_the_fields_match_by() -> None:
    found = desire.table_entry(SCHEMA, entry(key={"src": "10.1.2.3/8", "meta.port": 3}))
    assert found == values.TableEntry(
        "ingress.acl",
        {
            "hdr.ipv4.src": values.Ternary(0x0A000000, 0xFF000000),
            "meta.port": values.Ternary(3, 511),
        },
        5,
        "ingress.drop",
    )


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("*", None),
        ("0/0", None),
        ("0x0*&&&0", None),
        ("0x00000001", values.Ternary(1, 0xFFFFFFFF)),
        ("0x0000000*", values.Ternary(0, 0xFFFFFFF0)),
        ("0x*1", values.Ternary(1, 0xFFFFFF0F)),
        ("10.0.0.0/255.0.0.255", values.Ternary(0x0A000000, 0xFF0000FF)),
    ],
)
def test_ternary_forms(written: str, wanted: values.Match | None) -> None:
    if written == "0x0*&&&0":
        written = "5&&&0"
    found = desire.table_entry(SCHEMA, entry(key={"src": written}))
    assert found.matches.get("hdr.ipv4.src") == wanted


def test_a_route_needs_no_priority_and_takes_none() -> None:
    found = desire.table_entry(
        SCHEMA, entry("routes", {"dst": "10.0.0.1/8"}, "forward", None, port=1)
    )
    assert found.matches == {"hdr.ipv4.dst": values.Lpm(0x0A000000, 8)}
    with pytest.raises(errors.UserError, match=r"takes no priority"):
        desire.table_entry(SCHEMA, entry("routes", {"dst": "10.0.0.1/8"}, "forward", 3, port=1))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (entry("acll"), "no table 'acll'; there are: ingress.acl, ingress.macs, ingress"),
        (entry(action="dorp"), "did you mean 'drop'?"),
        (entry(key={"srcc": 1}), "did you mean 'src'?"),
        (entry(key={"port": 512}), "field meta.port: 0x200 is too wide for 9 bits, at most 0x1ff"),
        (entry(key={"src": "1..2"}), "want a value, value/length, value&&&mask or *, got 1..2"),
        (entry(key={"src": "1/33"}), "want a length of at most 32, got 33"),
        (entry(priority=None), "want a priority for an entry of ingress.acl"),
        (entry(priority=0), "want a priority from 1 to 2147483647, got 0"),
        (entry("macs", {}, "forward", None, port=1), "ingress.macs: want a value of mac (exact)"),
        (entry("macs", {"mac": "0x1*"}, "forward", None, port=1), "want one value, got"),
        (entry("macs", {"mac": 1}, "forward", None), "ingress.forward: want a value of port"),
        (
            entry("macs", {"mac": 1}, "forward", None, port=512),
            "parameter port: 0x200 is too wide for 9 bits",
        ),
        (
            entry("routes", {"dst": "1&&&5"}, "forward", None, port=1),
            "want a prefix, got the mask 0x",
        ),
    ],
)
def test_what_does_not_fit_is_refused(wrong: NamedEntry, message: str) -> None:
    with pytest.raises(errors.UserError) as caught:
        desire.table_entry(SCHEMA, wrong)
    assert message in str(caught.value)


def test_all_that_is_wrong_is_said_at_once_with_its_place() -> None:
    with pytest.raises(errors.ManifestError) as caught:
        desire.table_entries(SCHEMA, [entry("a"), entry(), entry("b")])
    assert [problem[:15] for problem in caught.value.problems] == [
        "here: no table ",
        "here: no table ",
    ]


def test_the_same_key_twice_is_refused() -> None:
    twice = [
        NamedEntry("acl", (), "drop", (), 5, place="first"),
        NamedEntry("acl", (), "forward", (("port", 1),), 5, place="second"),
    ]
    with pytest.raises(errors.ManifestError, match="second: the same key and priority of"):
        desire.table_entries(SCHEMA, twice)
