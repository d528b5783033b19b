"""The rules of `p4kube bench pod`: the same for each who filters by them."""

from __future__ import annotations

import re

from bench.pod import rules
from p4kube_core.catalog import package

CLIENT, SERVER = "10.96.1.2", "10.96.2.2"
WANTED = rules.rules(1000, CLIENT, SERVER, 5203)


def test_a_rule_is_one_entry_of_our_table() -> None:
    entries = package.load("firewall").state(rules.parameters(WANTED)).entries
    assert len([e for e in entries if e.table == "ingress.acl4" and not e.is_default]) == 1000
    assert not [e for e in entries if e.table == "ingress.acl6" and not e.is_default]


def test_a_rule_is_one_of_nftables_in_the_same_order() -> None:
    lines = re.findall(r"^ip saddr .* (?:drop|accept)$", rules.nftables(WANTED), re.M)
    assert [line.split()[2] for line in lines] == [rule.source for rule in WANTED]


def test_in_sets_is_what_the_rules_deny() -> None:
    text = rules.nftables_sets(WANTED)
    elements = [e for found in re.findall(r"elements = \{(.*?)\}", text) for e in found.split(",")]
    assert sorted(e.split()[0] for e in elements) == sorted(
        rule.source for rule in WANTED if rule.action == "deny"
    )


def test_only_the_last_six_let_something_through() -> None:
    assert [n for n, rule in enumerate(WANTED) if rule.action == "allow"] == list(range(994, 1000))
    assert {(rule.source, rule.destination) for rule in WANTED[994:]} == {
        (CLIENT, SERVER),
        (SERVER, CLIENT),
    }


def test_a_rule_in_the_middle_denies_the_client_one_port() -> None:
    (number,) = (n for n, rule in enumerate(WANTED[:994]) if rule.source == f"{CLIENT}/32")
    assert (WANTED[number].action, WANTED[number].destination_port) == ("deny", 5203)
    assert 400 < number < 600
