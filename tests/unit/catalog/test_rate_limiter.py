from __future__ import annotations

from typing import Any

import pytest

from p4kube_core import errors
from p4kube_core.catalog import package, quantity, traffic
from p4kube_core.model import match
from p4kube_core.model.entry import NamedEntry
from p4kube_core.model.meter import Rates


def limited(*classes: dict[str, Any]) -> tuple[NamedEntry, ...]:
    named = [{"name": f"class-{i}", **one} for i, one in enumerate(classes)]
    return package.load("rate-limiter").state({"classes": named}).entries


def in_table(entries: tuple[NamedEntry, ...], table: str) -> list[NamedEntry]:
    return [entry for entry in entries if entry.table == f"ingress.{table}"]


def rates(**one: Any) -> Rates | None:
    entries = limited(one)
    (limit,) = in_table(entries, "byte_limits") + in_table(entries, "packet_limits")
    return limit.rates


@pytest.mark.parametrize(
    ("one", "wanted"),
    [
        ({"rate": "10Mbit/s"}, Rates(1_250_000, 131_072, 1_250_000, 131_072)),
        ({"rate": "1Gbit/s"}, Rates(125_000_000, 12_500_000, 125_000_000, 12_500_000)),
        ({"rate": "1Mbit/s", "burst": "10kB"}, Rates(125_000, 10_000, 125_000, 10_000)),
        ({"rate": "1Mbit/s", "peak": "2Mbit/s"}, Rates(125_000, 131_072, 250_000, 131_072)),
        (
            {"rate": "1Mbit/s", "burst": "1kB", "peak": "1Mbit/s", "peakBurst": "9kB"},
            Rates(125_000, 1000, 125_000, 9000),
        ),
        ({"rate": "500 packets/s"}, Rates(500, 100, 500, 100)),
        (
            {
                "rate": "9kpackets/s",
                "burst": "5 packets",
                "peak": "9kpackets/s",
                "peakBurst": "6 packets",
            },
            Rates(9000, 5, 9000, 6),
        ),
    ],
)
def test_human_units_become_the_rates_of_a_meter(one: dict[str, Any], wanted: Rates) -> None:
    assert rates(**one) == wanted


def test_the_unit_of_the_rate_says_which_table_holds_the_limit() -> None:
    entries = limited({"rate": "1Mbit/s"}, {"rate": "5 packets/s"})
    (bytes_,) = in_table(entries, "byte_limits")
    (packets,) = in_table(entries, "packet_limits")
    assert (bytes_.label, bytes_.action) == ("class-0", "measure_bytes")
    assert (packets.label, packets.action) == ("class-1", "measure_packets")
    assert [entry.action for entry in in_table(entries, "classes4")] == [
        "limit_bytes", "limit_packets",
    ]  # fmt: skip


def test_all_entries_of_a_class_say_its_number() -> None:
    entries = limited({"rate": "1Mbit/s", "match": [{"protocol": "tcp"}, {"protocol": "udp"}]})
    classes = in_table(entries, "classes4") + in_table(entries, "classes6")
    assert len(classes) == 4
    ((_, number),) = classes[0].params
    assert {entry.params for entry in classes} == {(("class", number),)}
    limits = in_table(entries, "byte_limits") + in_table(entries, "outcomes")
    assert {dict(entry.match)["class"] for entry in limits} == {match.Exactly(number)}


def test_a_class_keeps_its_number_and_limit_when_others_come_and_go() -> None:
    web = {"name": "web", "rate": "10Mbit/s", "match": [{"protocol": "tcp"}]}
    dns = {"name": "dns", "rate": "100 packets/s", "match": [{"protocol": "udp"}]}
    function = package.load("rate-limiter")
    alone = function.state({"classes": [web]}).entries
    second = function.state({"classes": [dns, web]}).entries
    for table in ("byte_limits", "outcomes"):
        there = [e for e in in_table(second, table) if (e.label or "").startswith("web")]
        assert [(e.match, e.action, e.params, e.rates) for e in there] == [
            (e.match, e.action, e.params, e.rates) for e in in_table(alone, table)
        ]


def test_a_class_added_at_the_end_moves_no_entry() -> None:
    one, two = {"rate": "10Mbit/s", "match": [{"protocol": "tcp"}]}, {"rate": "1Mbit/s"}
    assert set(limited(one)) <= set(limited(one, two))
    priorities = [entry.priority for entry in in_table(limited(one, two), "classes4")]
    assert priorities == sorted(priorities, key=lambda p: -(p or 0))


def test_a_thousand_classes_have_a_thousand_numbers() -> None:
    entries = limited(*({"rate": "1Mbit/s"} for _ in range(1024)))
    assert len({entry.match for entry in in_table(entries, "byte_limits")}) == 1024
    assert len(in_table(entries, "outcomes")) == 3 * 1024


def test_ranges_of_ports_dscp_and_the_way_back_become_keys() -> None:
    there, back = in_table(
        limited(
            {
                "rate": "1Mbit/s",
                "match": [
                    {
                        "from": "outside", "protocol": "sctp", "source": "10.0.0.0/8",
                        "destinationPort": "1000-1999", "dscp": "af41", "replies": True,
                    }
                ],
            }
        ),
        "classes4",
    )  # fmt: skip
    assert dict(there.match) == {
        "ingress_port": match.Exactly(1), "src": match.Prefixed(10 << 24, 8),
        "protocol": match.Exactly(132), "dscp": match.Exactly(34), "has_ports": match.Exactly(1),
        "dst_port": match.Between(1000, 1999),
    }  # fmt: skip
    assert dict(back.match) == {
        "ingress_port": match.Exactly(2), "dst": match.Prefixed(10 << 24, 8),
        "protocol": match.Exactly(132), "dscp": match.Exactly(34), "has_ports": match.Exactly(1),
        "src_port": match.Between(1000, 1999),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "actions"),
    [
        ({}, ["let_pass", "let_pass", "drop_it"]),
        ({"peak": "2Mbit/s"}, ["let_pass", ("mark", 12), "drop_it"]),
        ({"peak": "2Mbit/s", "exceed": "drop"}, ["let_pass", "drop_it", "drop_it"]),
        ({"conform": {"mark": "ef"}}, [("mark", 46), ("mark", 46), "drop_it"]),
        ({"violate": {"mark": 7}}, ["let_pass", "let_pass", ("mark", 7)]),
        (
            {"peak": "2Mbit/s", "conform": {"mark": "af11"}, "violate": {"mark": "af13"}},
            [("mark", 10), ("mark", 12), ("mark", 14)],
        ),
    ],
)
def test_each_colour_has_its_outcome(one: dict[str, Any], actions: list[Any]) -> None:
    outcomes = in_table(limited({"rate": "1Mbit/s", **one}), "outcomes")
    assert [(e.action, e.params[0][1]) if e.params else e.action for e in outcomes] == actions
    assert [e.label for e in outcomes] == [f"class-0: {c}" for c in ("green", "yellow", "red")]


def test_code_points_have_their_standard_names() -> None:
    names = {
        "default": 0,
        "cs1": 8,
        "af11": 10,
        "af12": 12,
        "af43": 38,
        "ef": 46,
        "cs7": 56,
        "le": 1,
    }
    assert {name: traffic.DSCPS[name] for name in names} == names
    assert len(traffic.DSCPS) == 3 + 8 + 12


@pytest.mark.parametrize(
    ("one", "message"),
    [
        ({}, ": want 'rate', found nothing"),
        ({"rate": "10Mbps"}, f".rate: want {quantity.RATE}, got '10Mbps'"),
        ({"rate": 10}, f".rate: want {quantity.RATE}, got 10"),
        ({"rate": "1Mbit/s", "peak": "1kbit/s"},
         ".peak: want at least the rate, 1Mbit/s, got 1kbit/s"),
        ({"rate": "1MB/s", "peak": "9 packets/s"},
         ".peak: want bits or bytes as in rate, got '9 packets/s'"),
        ({"rate": "9 packets/s", "burst": "1kB"}, ".burst: want packets as in rate, got '1kB'"),
        ({"rate": "1Mbit/s", "peak": "1Mbit/s", "peakBurst": "3 packets"},
         ".peakBurst: want bits or bytes as in rate, got '3 packets'"),
        ({"rate": "1Mbit/s", "exceed": "drop"}, ".exceed: want a peak beside it"),
        ({"rate": "1Mbit/s", "peakBurst": "1MB"}, ".peakBurst: want a peak beside it"),
        ({"rate": "1Mbit/s", "violate": "mark"},
         ".violate: want pass, drop or {mark: DSCP}, as {mark: af12}, got 'mark'"),
        ({"rate": "1Mbit/s", "violate": {"mark": "af44"}}, ".violate.mark: want af11 to af43, cs0"),
        ({"rate": "1Mbit/s", "violate": {"mark": 64}},
         f".violate.mark: want {traffic.DSCP}, got 64"),
        ({"rate": "1Mbit/s", "match": [{"dscp": "gold"}]}, ".match[0].dscp: want af11 to af43"),
        ({"rate": "1Mbit/s", "match": [{"sourcePort": 5}]},
         ".match[0].protocol: want tcp, udp, sctp, dccp or udplite beside ports, got any"),
        ({"rate": "1Mbit/s", "match": []}, ".match: want at least 1, got 0"),
    ],
)  # fmt: skip
def test_a_class_that_contradicts_itself_is_refused(one: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.ManifestError) as caught:
        package.load("rate-limiter").state({"classes": [{"name": "x", **one}]}, "p")
    assert f"p.classes[0]{message}" in str(caught.value)


def test_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(
        errors.ManifestError, match=r"classes\[1\].name: the same as that of classes\[0\]"
    ):
        limited({"name": "web", "rate": "1Mbit/s"}, {"name": "web", "rate": "2Mbit/s"})
