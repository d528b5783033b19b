"""SetForwardingPipelineConfig, GetForwardingPipelineConfig, Capabilities."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from p4kube_core import protos
from tests.conformance.p4runtime.conftest import Target
from tests.conformance.p4runtime.controller import (
    Controller,
    code,
    entry,
    exact,
    failure,
    lpm,
    method,
    p4,
)
from tests.unit.agent import program

Connect = Callable[..., Controller]
ENTRY = entry(program.HOSTS, [exact(1, 1), exact(2, 1)], program.FORWARD, [3])
ROUTE = entry(program.ROUTES, [lpm(1, 0x0A000000, 8), exact(2, 5)], program.DROP)


def test_committed_pipeline_is_given_back(target: Target, connect: Connect) -> None:
    one = connect()
    config = target.config(cookie=42)
    one.set_pipeline(config)
    assert one.get_pipeline().config == config


@pytest.mark.parametrize(
    ("response_type", "fields"),
    [
        ("ALL", {"p4info", "p4_device_config", "cookie"}),
        ("COOKIE_ONLY", {"cookie"}),
        ("P4INFO_AND_COOKIE", {"p4info", "cookie"}),
        ("DEVICE_CONFIG_AND_COOKIE", {"p4_device_config", "cookie"}),
    ],
)
def test_response_types(primary: Controller, response_type: str, fields: set[str]) -> None:
    held = primary.get_pipeline(response_type).config
    assert {field.name for field, _ in held.ListFields()} == fields


def test_without_a_pipeline_config_is_unset(connect: Connect) -> None:
    assert not connect().get_pipeline().HasField("config")


def test_get_of_an_unknown_device(connect: Connect) -> None:
    one = connect()
    one.device_id = 4_000_000
    assert failure(one.get_pipeline).code == code.NOT_FOUND


def test_cookie_left_out_stays_out(target: Target, connect: Connect) -> None:
    one = connect()
    config = target.config()
    config.ClearField("cookie")
    one.set_pipeline(config)
    assert not one.get_pipeline().config.HasField("cookie")


def test_device_is_checked_before_primary(target: Target, connect: Connect) -> None:
    one = connect(primary=False)
    one.device_id = 4_000_000
    assert failure(lambda: one.set_pipeline(target.config())).code == code.NOT_FOUND


def test_primary_is_checked_before_config(connect: Connect) -> None:
    one = connect(primary=False)
    assert failure(lambda: one.set_pipeline(None)).code == code.PERMISSION_DENIED


@pytest.mark.parametrize(
    "action", ["VERIFY", "VERIFY_AND_SAVE", "VERIFY_AND_COMMIT", "RECONCILE_AND_COMMIT"]
)
def test_config_is_wanted(connect: Connect, action: str) -> None:
    refused = failure(lambda: connect().set_pipeline(None, action))
    assert refused.code == code.INVALID_ARGUMENT
    assert refused.message == "want a config with this action, found none"


def test_action_unspecified_is_refused(target: Target, connect: Connect) -> None:
    one = connect()
    refused = failure(lambda: one.set_pipeline(target.config(), "UNSPECIFIED"))
    assert refused.code == code.INVALID_ARGUMENT


def _garbled(change: Callable[[Any], None]) -> Any:
    config = program.config()
    change(config)
    return config


BAD = {
    "no artifact": (
        lambda c: c.ClearField("p4_device_config"),
        "want an artifact of p4kube compile in p4_device_config, found nothing",
    ),
    "no zip": (
        lambda c: setattr(c, "p4_device_config", b"hello"),
        "p4_device_config: want an artifact of p4kube compile (a zip file): File is not a zip file",
    ),
    "no P4Info": (
        lambda c: c.ClearField("p4info"),
        "the P4Info is not of program sample: want table ingress.hosts (33554433)",
    ),
    "another table": (
        lambda c: program._preamble(c.p4info.tables.add(), 0x02000099, "ingress.more"),
        "the P4Info is not of program sample, which has no table ingress.more (33554585)",
    ),
    "another width": (
        lambda c: setattr(c.p4info.tables[0].match_fields[0], "bitwidth", 31),
        "the P4Info is not of program sample: the match fields of table ingress.hosts differ",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_realised_is_refused(primary: Controller, name: str) -> None:
    change, message = BAD[name]
    before = primary.get_pipeline().config
    for action in ("VERIFY", "VERIFY_AND_SAVE", "VERIFY_AND_COMMIT", "RECONCILE_AND_COMMIT"):
        refused = failure(lambda a=action: primary.set_pipeline(_garbled(change), a))  # type: ignore[misc]
        assert (refused.code, refused.message) == (code.INVALID_ARGUMENT, message)
    assert primary.get_pipeline().config == before


def test_object_that_does_not_load_leaves_the_old_program(primary: Controller) -> None:
    primary.insert(ENTRY)
    bad = program.config(program.manifest("other"), b"\x7fELF but no more")
    refused = failure(lambda: primary.set_pipeline(bad))
    assert refused.code == code.INVALID_ARGUMENT
    assert "the data plane refused the program" in refused.message
    assert primary.read(entry(program.HOSTS)) == [ENTRY]


def test_verify_changes_nothing(target: Target, primary: Controller) -> None:
    primary.insert(ENTRY)
    before = primary.get_pipeline().config
    primary.set_pipeline(target.config(program.manifest("other"), cookie=9), "VERIFY")
    assert primary.get_pipeline().config == before
    assert primary.read(entry(program.HOSTS)) == [ENTRY]


def test_commit_clears_the_entries(target: Target, primary: Controller) -> None:
    primary.insert(ENTRY)
    primary.set_pipeline(target.config())
    assert primary.read(entry(program.HOSTS)) == []


def test_saved_pipeline_takes_writes_which_commit_realises(
    target: Target, primary: Controller
) -> None:
    primary.insert(ROUTE)
    primary.set_pipeline(target.config(program.manifest("other"), cookie=7), "VERIFY_AND_SAVE")
    assert primary.get_pipeline("COOKIE_ONLY").config.cookie.cookie == 7
    assert primary.read(entry(program.ROUTES)) == []
    primary.insert(ENTRY)
    assert primary.read(entry(program.HOSTS)) == [ENTRY]
    primary.set_pipeline(None, "COMMIT")
    assert primary.read(entry(program.HOSTS)) == [ENTRY]
    counted = primary.read(entry(program.HOSTS, counter_data=p4.CounterData()))
    assert [one.HasField("counter_data") for one in counted] == [True]


def test_commit_without_a_saved_pipeline(primary: Controller) -> None:
    refused = failure(lambda: primary.set_pipeline(None, "COMMIT"))
    assert refused.code == code.NOT_FOUND


def test_commit_takes_no_config(target: Target, primary: Controller) -> None:
    primary.set_pipeline(target.config(), "VERIFY_AND_SAVE")
    refused = failure(lambda: primary.set_pipeline(target.config(), "COMMIT"))
    assert refused.code == code.INVALID_ARGUMENT


def test_second_commit_finds_nothing_saved(target: Target, primary: Controller) -> None:
    primary.set_pipeline(target.config(), "VERIFY_AND_SAVE")
    primary.set_pipeline(None, "COMMIT")
    assert failure(lambda: primary.set_pipeline(None, "COMMIT")).code == code.NOT_FOUND


def test_reconcile_keeps_entries_of_tables_that_are_alike(
    target: Target, primary: Controller
) -> None:
    primary.insert(ENTRY, ROUTE)
    primary.set_pipeline(target.config(program.manifest("other")), "RECONCILE_AND_COMMIT")
    assert primary.read(entry(program.HOSTS), entry(program.ROUTES)) == [ENTRY, ROUTE]


def test_reconcile_refuses_what_cannot_be_kept(target: Target, primary: Controller) -> None:
    primary.insert(ENTRY)
    hosts = program.TABLES[0]
    narrow = dataclasses.replace(hosts.fields[0], width=31)
    changed = dataclasses.replace(hosts, fields=(narrow, hosts.fields[1]))
    config = target.config(program.manifest("other", (changed, *program.TABLES[1:])))
    refused = failure(lambda: primary.set_pipeline(config, "RECONCILE_AND_COMMIT"))
    assert refused.code == code.INVALID_ARGUMENT
    assert refused.message == (
        "the entries of table ingress.hosts cannot be kept: its key differs in the new program"
    )
    assert primary.read(entry(program.HOSTS)) == [ENTRY]


def test_reconcile_takes_changes_of_empty_tables(target: Target, primary: Controller) -> None:
    primary.insert(ROUTE)
    hosts = dataclasses.replace(program.TABLES[0], size=17)
    config = target.config(program.manifest("other", (hosts, *program.TABLES[1:])))
    primary.set_pipeline(config, "RECONCILE_AND_COMMIT")
    assert primary.read(entry(program.ROUTES)) == [ROUTE]


def test_capabilities_tell_the_version(target: Target) -> None:
    ask = method(target.channel, "unary_unary", "Capabilities")
    answer = ask(p4.CapabilitiesRequest(), timeout=20)
    assert answer.p4runtime_api_version == "1.5.0"


def test_capabilities_of_an_unknown_device(target: Target) -> None:
    ask = method(target.channel, "unary_unary", "Capabilities")
    request = p4.CapabilitiesRequest(device_id=4_000_000)
    assert failure(lambda: ask(request, timeout=20)).code == protos.code.NOT_FOUND


def test_reconcile_with_the_same_program_keeps_counters(
    target: Target, primary: Controller
) -> None:
    counted = p4.TableEntry.FromString(ENTRY.SerializeToString())
    counted.counter_data.packet_count = 5
    primary.insert(counted)
    primary.set_pipeline(target.config(cookie=8), "RECONCILE_AND_COMMIT")
    assert primary.get_pipeline("COOKIE_ONLY").config.cookie.cookie == 8
    asked = entry(program.HOSTS, counter_data=p4.CounterData())
    assert primary.read(asked) == [counted]
