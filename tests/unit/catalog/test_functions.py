from __future__ import annotations

from typing import Any

import pytest

from p4kube_core import errors
from p4kube_core.catalog import package
from p4kube_core.model import match
from p4kube_core.model.entry import NamedEntry


def firewall(**rule: Any) -> list[NamedEntry]:
    state = package.load("firewall").state({"rules": [{"action": "allow", **rule}]})
    return [entry for entry in state.entries if entry.label not in (None, "default")]


def test_the_catalogue_has_its_functions_each_with_its_program() -> None:
    assert package.names() == ("firewall", "l2fwd", "portfwd", "rate-limiter", "telemetry")
    for name in package.names():
        found = package.load(name)
        assert found.name == name
        assert found.program.is_file()


def test_an_unknown_function_is_refused_with_the_nearest() -> None:
    with pytest.raises(errors.ManifestError, match="did you mean 'firewall'"):
        package.load("firwall")


def test_a_firewall_told_nothing_denies() -> None:
    entries = package.load("firewall").state({}).entries
    assert [(e.table, e.action) for e in entries if e.is_default] == [
        ("ingress.acl4", "deny"), ("ingress.acl6", "deny6"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "tables"),
    [
        ({}, ["ingress.acl4", "ingress.acl6"]),
        ({"source": "10.0.0.0/8"}, ["ingress.acl4"]),
        ({"destination": "2001:db8::/32"}, ["ingress.acl6"]),
        ({"protocol": "icmp"}, ["ingress.acl4"]),
        ({"protocol": "icmpv6"}, ["ingress.acl6"]),
    ],
)
def test_a_rule_goes_where_its_addresses_are(rule: dict[str, Any], tables: list[str]) -> None:
    assert [entry.table for entry in firewall(**rule)] == tables


@pytest.mark.parametrize(
    ("ports", "prefixes"),
    [
        (80, [(80, 16)]),
        ("0-65535", [(0, 0)]),
        ("1000-1007", [(1000, 13)]),
        ("1-3", [(1, 16), (2, 15)]),
        ("65535", [(65535, 16)]),
    ],
)
def test_a_range_of_ports_becomes_prefixes(
    ports: int | str, prefixes: list[tuple[int, int]]
) -> None:
    found = firewall(protocol="tcp", destinationPort=ports, source="10.0.0.1")
    assert [dict(entry.match)["dst_port"] for entry in found] == [
        match.Prefixed(*prefix) for prefix in prefixes
    ]


def test_every_port_of_a_range_is_in_exactly_one_prefix() -> None:
    found = firewall(protocol="tcp", destinationPort="999-5001", source="10.0.0.1")
    covered: list[int] = []
    for entry in found:
        prefix = dict(entry.match)["dst_port"]
        assert isinstance(prefix, match.Prefixed)
        covered += range(prefix.value, prefix.value + (1 << 16 - prefix.length))
    assert sorted(covered) == list(range(999, 5002))


def test_replies_exchange_source_and_destination() -> None:
    there, back = firewall(
        protocol="udp", source="10.0.0.1", destinationPort=53, replies=True, **{"from": "outside"}
    )
    assert dict(there.match)["ingress_port"] == match.Exactly(1)
    assert dict(back.match)["ingress_port"] == match.Exactly(2)
    assert dict(back.match)["dst"] == match.Prefixed(0x0A000001, 32)
    assert dict(back.match)["src_port"] == match.Prefixed(53, 16)


def test_the_first_rule_has_the_highest_priority_and_adding_one_moves_none() -> None:
    one = {"action": "deny", "source": "10.0.0.1"}
    two = {"action": "allow", "source": "10.0.0.0/8"}
    before = package.load("firewall").state({"rules": [one]}).entries
    after = package.load("firewall").state({"rules": [one, two]}).entries
    assert set(before) <= set(after)
    priorities = [entry.priority for entry in after if entry.priority]
    assert priorities == sorted(priorities, reverse=True)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("firewall", {"rule": []}, "p: unknown 'rule' (did you mean 'rules'?)"),
        ("firewall", {"rules": [{}]}, "p.rules[0]: want 'action', found nothing"),
        ("firewall", {"rules": [{"action": "allow", "source": "10.0.0.300"}]},
         "p.rules[0].source: want an IPv4 or IPv6 address"),
        ("firewall", {"rules": [{"action": "allow", "destinationPort": 80}]},
         "p.rules[0].protocol: want tcp or udp beside ports, got any"),
        ("firewall", {"rules": [{"action": "allow", "protocol": "tcp", "sourcePort": "9-2"}]},
         "p.rules[0].sourcePort: want a port, or low-high up to 65535, got '9-2'"),
        ("firewall", {"rules": [{"action": "allow", "source": "::1", "destination": "1.1.1.1"}]},
         "p.rules[0].destination: want an IPv6 address as the source is, got 1.1.1.1"),
        ("l2fwd", {"stations": [{"mac": "52:54", "port": 1}]},
         "p.stations[0].mac: want a MAC address such as 52:54:00:12:34:56, got '52:54'"),
        ("l2fwd", {"unknown": "flod"}, "p.unknown: want drop or flood (did you mean 'flood'?)"),
        ("portfwd", {}, "p: want 'forwards', found nothing"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused_with_their_path(
    name: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(errors.ManifestError) as caught:
        package.load(name).state(parameters, "p")
    assert message in str(caught.value)


def test_two_forwards_of_one_port_are_refused() -> None:
    forward = {
        "protocol": "tcp",
        "public": {"address": "203.0.113.1", "port": 80},
        "inside": {"address": "10.0.0.2", "port": 8080},
    }
    other = {**forward, "inside": {"address": "10.0.0.3", "port": 8080}}
    with pytest.raises(errors.ManifestError, match=r"forwards\[1\].public: the same tcp"):
        package.load("portfwd").state({"forwards": [forward, other]})
    found = package.load("portfwd").state({"forwards": [forward]}).entries
    assert [(e.table, e.action) for e in found if not e.is_default] == [
        ("ingress.forwards", "forward"), ("ingress.answers", "answer_as"),
    ]  # fmt: skip


def test_stations_and_flooding() -> None:
    parameters = {
        "stations": [{"mac": "52:54:00:00:00:01", "port": 2, "name": "vm"}], "unknown": "flood",
    }  # fmt: skip
    found = package.load("l2fwd").state(parameters).entries
    assert found[0].label == "vm"
    assert found[0].params == (("port", 2),)
    assert [e.table for e in found[1:]] == ["ingress.unknown_to"] * 2 + ["ingress.groups_to"] * 2
