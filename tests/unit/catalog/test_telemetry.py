from __future__ import annotations

from typing import Any

import pytest

from p4kube_core import errors
from p4kube_core.catalog import package, quantity
from p4kube_core.model import match
from p4kube_core.model.entry import NamedEntry
from p4kube_core.model.state import NamedDigest, State


def state(**parameters: Any) -> State:
    return package.load("telemetry").state(parameters)


def flows(*written: dict[str, Any]) -> list[NamedEntry]:
    return [e for e in state(flows=list(written)).entries if not e.is_default]


def settings(**parameters: Any) -> dict[str, int]:
    (entry,) = (e for e in state(**parameters).entries if e.table == "ingress.settings")
    return dict(entry.params)


def test_told_nothing_it_watches_everything() -> None:
    found = state()
    assert [(e.table, e.action, e.params) for e in found.entries if "flows" in e.table] == [
        ("ingress.flows4", "count4", (("watched", 1),)),
        ("ingress.flows6", "count6", (("watched", 1),)),
    ]
    assert settings() == {
        "report_new": 1, "in_bytes": 1, "threshold": 10_000_000, "pace": 28_147_498,
    }  # fmt: skip


def test_a_controller_is_to_get_both_digests() -> None:
    assert state(reportWithin="20ms").digests == tuple(
        NamedDigest(name, 20_000_000, 256, 0, "parameters")
        for name in ("new_flow_t", "heavy_flow_t")
    )


@pytest.mark.parametrize(
    ("written", "in_bytes", "threshold"),
    [("64KiB", 1, 65536), ("1000 packets", 0, 1000), ("none", 1, 0), ("1TB", 1, 10**12)],
)
def test_a_threshold_is_bytes_or_packets(written: str, in_bytes: int, threshold: int) -> None:
    found = settings(heavyFlows=written)
    assert (found["in_bytes"], found["threshold"]) == (in_bytes, threshold)


@pytest.mark.parametrize(
    ("epoch", "seconds"), [("1s", 1), ("10s", 10), ("5min", 300), ("24h", 86400)]
)
def test_the_program_counts_epochs_of_the_wanted_length(epoch: str, seconds: int) -> None:
    pace = settings(epoch=epoch)["pace"]
    assert pace < 1 << 32
    ticks = 1000 * seconds * 10**6 // 65_536  # of a thousand epochs
    assert (ticks * pace >> 32) in (999, 1000)


def test_a_flow_with_replies_is_counted_both_ways_under_one_name() -> None:
    there, back = flows(
        {"name": "web", "protocol": "tcp", "source": "10.0.0.1", "destinationPort": "80-90",
         "replies": True, "from": "inside", "watch": False}
    )  # fmt: skip
    assert (there.label, back.label) == ("web", "web")
    assert there.params == back.params == (("watched", 0),)
    assert dict(there.match)["dst_port"] == match.Between(80, 90)
    assert dict(back.match)["src_port"] == match.Between(80, 90)
    assert dict(back.match)["ingress_port"] == match.Exactly(1)


def test_a_flow_without_addresses_is_counted_in_both_versions_of_ip() -> None:
    assert [e.table for e in flows({"protocol": "udp"})] == ["ingress.flows4", "ingress.flows6"]
    assert [e.label for e in flows({"protocol": "icmp"})] == ["flows[0]"]


def test_the_first_flow_counts() -> None:
    priorities = [e.priority or 0 for e in flows({"protocol": "icmp"}, {"source": "10.0.0.0/8"})]
    assert priorities == sorted(priorities, reverse=True)
    assert len(set(priorities)) == 2


def test_what_is_not_listed_may_be_left_alone() -> None:
    defaults = [e for e in state(watchOthers=False).entries if e.label == "others"]
    assert [e.params for e in defaults] == [(("watched", 0),)] * 2


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epoch": "10"}, f"p.epoch: want {quantity.TIME}, got '10'"),
        ({"epoch": "10ms"}, "p.epoch: want 1s to 24h, got 0.01s"),
        ({"epoch": "25h"}, "p.epoch: want 1s to 24h, got 90000s"),
        ({"heavyFlows": "10Mbit"}, f"p.heavyFlows: want {quantity.SIZE}, got '10Mbit'"),
        ({"heavyFlows": "2TB"}, "p.heavyFlows: want at most 1TB, got '2TB'"),
        ({"heavyFlows": 10}, f"p.heavyFlows: want {quantity.SIZE}, or none, got 10"),
        ({"reportWithin": "soon"}, f"p.reportWithin: want {quantity.TIME}, got 'soon'"),
        ({"newFlow": True}, "p: unknown 'newFlow' (did you mean 'newFlows'?)"),
        ({"flows": [{"sourcePort": 5}]}, "p.flows[0].protocol: want tcp, udp"),
        ({"flows": [{"source": "10.0.0.300"}]}, "p.flows[0].source: want an IPv4 or IPv6 address"),
    ],
)
def test_wrong_parameters_are_refused_with_their_path(
    parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(errors.ManifestError) as caught:
        package.load("telemetry").state(parameters, "p")
    assert message in str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(errors.ManifestError) as caught:
        state(reportWithin="1", heavyFlows="x", flows=[{"source": "y"}, {"dscp": "z"}])
    assert len(caught.value.problems) == 4
