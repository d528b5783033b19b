"""What a runtime gets for each verb, and what becomes of the endpoint."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from p4kube_core.agent import refusal
from p4kube_core.agent.cni import configuration, holding, veth
from p4kube_core.agent.cni.fault import Code
from p4kube_core.agent.cni.namespaces import Missing
from p4kube_core.agent.cni.verbs import Kernel, Verbs
from p4kube_core.agent.refusal import Refusal
from tests.unit.agent.cni import calls
from tests.unit.agent.cni.calls import CONTAINER, ENDPOINT, RESULT, FakeEndpoints

KEY = (CONTAINER, "eth0")
GC: dict[str, Any] = {"cniVersion": "1.1.0", configuration.VALID_ATTACHMENTS: []}


class Node:
    """Verbs on endpoints that are fake, where every pod's interface has the same peer."""

    def __init__(self, patience_s: float = 30.0) -> None:
        self.endpoints = FakeEndpoints()
        self.lookup: BaseException | None = None
        self.kernel: list[tuple[str, str]] = []
        kernel = Kernel(self._host_interface, self._shut, self._hold, self._release)
        self.verbs = Verbs(self.endpoints, kernel, patience_s)

    def _host_interface(self, netns: str, interface: str) -> str:
        assert (netns, interface) == (calls.NETNS, "eth0")
        if self.lookup is not None:
            raise self.lookup
        return "veth3243"

    def _shut(self, netns: str, interface: str) -> None:
        self.kernel.append(("shut", f"{netns} {interface} {len(self.endpoints.held)}"))
        if self.lookup is not None:
            raise self.lookup

    def _hold(self, netns: str) -> None:
        self.kernel.append(("hold", netns))
        if self.lookup is not None:
            raise self.lookup

    def _release(self, netns: str) -> None:
        assert self.endpoints.held or self.endpoints.refusal is not None
        self.kernel.append(("release", netns))

    async def ask(
        self, command: str, variables: dict[str, str | None] | None = None, **given: Any
    ) -> tuple[int, Any]:
        block = calls.block(calls.variables(command, **(variables or {})))
        status, text = await self.verbs.answer(block, calls.text(**given))
        return status, json.loads(text) if text else None

    def call(
        self, command: str, variables: dict[str, str | None] | None = None, **given: Any
    ) -> Any:
        return asyncio.run(self.ask(command, variables, **given))


@pytest.mark.parametrize("version", configuration.VERSIONS)
def test_add_attaches_and_gives_the_result_on_in_the_version_asked_for(version: str) -> None:
    node = Node()
    previous = {**RESULT, "cniVersion": version, "ours": ["é", 1, None, {"a": 0.5}]}
    status, result = node.call("ADD", cniVersion=version, prevResult=previous)
    assert (status, result) == (0, previous)
    assert node.endpoints.calls == [("add", ENDPOINT)]


def test_in_front_of_the_main_plugin_packets_are_held_and_behind_it_they_are_released() -> None:
    node = Node()
    assert node.call("ADD", cniVersion="0.4.0", prevResult=None) == (0, {"cniVersion": "0.4.0"})
    assert (node.kernel, node.endpoints.calls) == ([("hold", calls.NETNS)], [])
    assert node.call("ADD") == (0, RESULT)
    assert node.kernel == [("hold", calls.NETNS), ("release", calls.NETNS)]


def test_packets_of_a_pod_that_is_refused_stay_held() -> None:
    node = Node()
    node.endpoints.refusal = UNFIT
    assert node.call("ADD")[0] == 1
    assert node.kernel == []


def test_a_result_without_a_version_is_given_on_with_the_configurations() -> None:
    _, result = Node().call("ADD", cniVersion="0.4.0", prevResult={"ips": []})
    assert result == {"ips": [], "cniVersion": "0.4.0"}


def test_a_container_that_is_no_pod_is_let_through_untouched() -> None:
    node = Node()
    node.lookup = AssertionError("nobody looks into it")
    assert node.call("ADD", {"ARGS": None}, prevResult=None) == (0, {"cniVersion": "1.0.0"})
    assert node.call("ADD", {"ARGS": None}) == (0, RESULT)
    assert node.call("CHECK", {"ARGS": None}) == (0, None)
    assert (node.endpoints.calls, node.kernel) == ([], [])


def test_del_takes_away_what_add_attached_and_may_be_repeated() -> None:
    node = Node()
    node.call("ADD")
    for _ in range(3):
        assert node.call("DEL") == (0, None)
        assert node.endpoints.held == {}


def test_del_shuts_the_interface_before_its_functions_go() -> None:
    node = Node()
    node.call("ADD")
    node.kernel.clear()
    node.call("DEL")
    assert node.kernel == [("shut", f"{calls.NETNS} eth0 1")]
    node.call("DEL", {"NETNS": None})
    assert len(node.kernel) == 1


@pytest.mark.parametrize("why", [Missing("gone"), veth.Unfit("macvlan"), OSError(1, "no")])
def test_functions_go_from_an_interface_that_cannot_be_shut(why: BaseException) -> None:
    node = Node()
    node.call("ADD")
    node.lookup = why
    assert node.call("DEL") == (0, None)
    assert node.endpoints.held == {}


def test_check_says_whether_it_is_as_it_was() -> None:
    node = Node()
    node.call("ADD")
    assert node.call("CHECK") == (0, None)
    assert node.endpoints.calls[-1] == ("check", ENDPOINT)


def test_check_of_a_pod_whose_other_end_is_elsewhere_is_for_the_node_to_judge() -> None:
    """That of a spliced pod is."""
    node = Node()
    node.call("ADD")
    node.lookup = SAYS_NO
    assert node.call("CHECK") == (0, None)
    assert node.endpoints.calls[-1] == ("check", replace(ENDPOINT, host_interface=""))


def test_gc_keeps_what_the_runtime_knows_in_this_network_and_all_of_others() -> None:
    node = Node()
    for container, network in (("a", "pods"), ("b", "pods"), ("c", "other")):
        node.call("ADD", {"CONTAINERID": container}, name=network)
    valid = [{"containerID": "a", "ifname": "eth0"}]
    given: dict[str, Any] = {**GC, configuration.VALID_ATTACHMENTS: valid}
    assert node.call("GC", **given) == (0, None)
    assert {container for container, _ in node.endpoints.held} == {"a", "c"}


def test_status_is_well() -> None:
    assert Node().call("STATUS", cniVersion="1.1.0") == (0, None)


UNAVAILABLE = Refusal(refusal.UNAVAILABLE, "the data plane is gone")
FULL = Refusal(refusal.RESOURCE_EXHAUSTED, "no more devices")
UNFIT = Refusal(refusal.FAILED_PRECONDITION, "program x is for v1model")
UNKNOWN = Refusal(refusal.NOT_FOUND, "it was never added")
POD = "pod shop/web-0, eth0: "

REFUSED: dict[str, tuple[str, dict[str, Any], Refusal, Code, str]] = {
    "add now": ("ADD", {}, UNAVAILABLE, Code.TRY_AGAIN_LATER, f"{POD}the data plane is gone"),
    "add when full": ("ADD", {}, FULL, Code.TRY_AGAIN_LATER, f"{POD}no more devices"),
    "add at all": ("ADD", {}, UNFIT, Code.REFUSED, f"{POD}program x is for v1model"),
    "check now": ("CHECK", {}, UNAVAILABLE, Code.TRY_AGAIN_LATER, f"{POD}the data plane is gone"),
    "check": ("CHECK", {}, UNFIT, Code.REFUSED, f"{POD}program x is for v1model"),
    "check what is not": ("CHECK", {}, UNKNOWN, Code.UNKNOWN_CONTAINER, f"{POD}it was never added"),
    "gc": ("GC", GC, UNAVAILABLE, Code.TRY_AGAIN_LATER, "network pods: the data plane is gone"),
    "status without data plane": (
        "STATUS",
        {"cniVersion": "1.1.0"},
        UNAVAILABLE,
        Code.LIMITED_CONNECTIVITY,
        "the data plane is gone",
    ),
    "status when full": (
        "STATUS",
        {"cniVersion": "1.1.0"},
        FULL,
        Code.NOT_AVAILABLE,
        "no more devices",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_of_the_endpoints_is_an_error_of_cni(name: str) -> None:
    command, given, why, code, sentence = REFUSED[name]
    node = Node()
    node.endpoints.refusal = why
    status, error = node.call(command, **given)
    assert status == 1
    assert error["cniVersion"] == given.get("cniVersion", "1.0.0")
    assert (error["code"], error["details"]) == (code, sentence)
    assert error["msg"]


MISSING = Missing("want interface eth0 in /x, found none")
SAYS_NO = veth.Unfit("eth0 in /x: want an end of a veth, found macvlan")


@pytest.mark.parametrize(
    ("command", "why", "code", "sentence"),
    [
        ("ADD", MISSING, Code.INVALID_ENVIRONMENT, f"CNI_NETNS, CNI_IFNAME: {MISSING}"),
        ("CHECK", MISSING, Code.UNKNOWN_CONTAINER, str(MISSING)),
        ("ADD", SAYS_NO, Code.INVALID_CONFIGURATION, f"network pods: {SAYS_NO}"),
        (
            "ADD",
            OSError(24, "Too many open files"),
            Code.IO_FAILURE,
            f"in {calls.NETNS}: Too many open files",
        ),
    ],
)
def test_an_interface_that_is_not_what_it_must_be(
    command: str, why: BaseException, code: Code, sentence: str
) -> None:
    node = Node()
    node.lookup = why
    status, error = node.call(command)
    assert (status, error["code"], error["details"]) == (1, code, sentence)
    assert node.endpoints.calls == []


@pytest.mark.parametrize(
    ("why", "code", "sentence"),
    [
        (MISSING, Code.INVALID_ENVIRONMENT, f"CNI_NETNS: {MISSING}"),
        (holding.Impossible("it is ours"), Code.REFUSED, "it is ours"),
        (OSError(1, "Not permitted"), Code.IO_FAILURE, f"in {calls.NETNS}: Not permitted"),
    ],
)
def test_a_namespace_whose_packets_cannot_be_held(
    why: BaseException, code: Code, sentence: str
) -> None:
    node = Node()
    node.lookup = why
    status, error = node.call("ADD", prevResult=None)
    assert (status, error["code"], error["details"]) == (1, code, sentence)


@pytest.mark.parametrize("why", [UNAVAILABLE, RuntimeError("a bug"), TimeoutError()])
def test_del_succeeds_whatever_happens(why: Exception) -> None:
    node = Node()
    node.endpoints.refusal = why
    assert node.call("DEL") == (0, None)


def test_a_fault_of_ours_is_an_error_of_cni_too() -> None:
    node = Node()
    node.endpoints.refusal = RuntimeError("a bug")
    status, error = node.call("ADD")
    assert (status, error["code"]) == (1, Code.INTERNAL)
    assert error["details"] == "a fault of p4kube's: RuntimeError('a bug')"


def test_what_takes_too_long_is_given_up_and_said_so() -> None:
    node = Node(patience_s=0.01)
    node.endpoints.takes_s = 60
    status, error = node.call("ADD")
    assert (status, error["code"]) == (1, Code.TRY_AGAIN_LATER)
    assert error["details"] == "the agent did not do it within 0.01 s"
    assert node.endpoints.busy == 0
    assert node.call("DEL") == (0, None)


@pytest.mark.parametrize(
    ("command", "given", "code", "sentence"),
    [
        (
            "CHECK",
            {"prevResult": None},
            Code.INVALID_CONFIGURATION,
            "prevResult: want the result of ADD, found none, in network pods",
        ),
        (
            "GC",
            {"cniVersion": "1.1.0"},
            Code.INVALID_CONFIGURATION,
            "cni.dev/valid-attachments: want a list, found none",
        ),
        (
            "CHECK",
            {"cniVersion": "0.3.1"},
            Code.INCOMPATIBLE_VERSION,
            "cniVersion: want 0.4.0 or later for CHECK, found 0.3.1",
        ),
        (
            "STATUS",
            {"cniVersion": "1.0.0"},
            Code.INCOMPATIBLE_VERSION,
            "cniVersion: want 1.1.0 or later for STATUS, found 1.0.0",
        ),
        (
            "GC",
            {**GC, "cniVersion": "1.0.0"},
            Code.INCOMPATIBLE_VERSION,
            "cniVersion: want 1.1.0 or later for GC, found 1.0.0",
        ),
    ],
)
def test_what_a_verb_needs(command: str, given: dict[str, Any], code: Code, sentence: str) -> None:
    node = Node()
    status, error = node.call(command, **given)
    assert (status, error["code"], error["details"]) == (1, code, sentence)
    assert node.endpoints.calls == []


def test_calls_for_one_interface_come_one_by_one_and_for_others_at_once() -> None:
    async def at_once(node: Node, containers: list[str]) -> None:
        given = [
            node.ask(command, {"CONTAINERID": container})
            for container in containers
            for command in ("ADD", "DEL")
        ]
        assert all(status == 0 for status, _ in await asyncio.gather(*given))

    for containers, busiest in ((["a", "a", "a"], 1), (["a", "b", "c"], 3)):
        node = Node()
        node.endpoints.takes_s = 0.01
        asyncio.run(at_once(node, containers))
        assert node.endpoints.busiest == busiest
