"""The CNI_* variables: what each may be, and what is said of what it may not be."""

from __future__ import annotations

from typing import Any

import pytest

from p4kube_core.agent.cni import configuration, environment, wish
from p4kube_core.agent.cni.environment import Pod
from p4kube_core.agent.cni.fault import Code, Fault
from tests.unit.agent.cni import calls


def read(command: str, **changed: str | None) -> wish.Wish:
    version = {"GC": "1.1.0", "STATUS": "1.1.0"}.get(command, "1.0.0")
    more: dict[str, Any] = {configuration.VALID_ATTACHMENTS: []} if command == "GC" else {}
    given = configuration.parse(calls.text(cniVersion=version, **more))
    return wish.read(calls.variables(command, **changed), given)


SANDBOX = wish.Sandbox(calls.CONTAINER, "eth0", calls.NETNS, Pod("shop", "web-0"))


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("ADD", wish.Add(SANDBOX, "pods", calls.RESULT)),
        ("CHECK", wish.Check(SANDBOX, "pods")),
        ("DEL", wish.Delete(calls.CONTAINER, "eth0", calls.NETNS)),
        ("GC", wish.Collect("pods", frozenset())),
        ("STATUS", wish.Status()),
    ],
)
def test_each_verb_is_a_value(command: str, wanted: wish.Wish) -> None:
    assert read(command) == wanted


def test_a_pod_that_is_gone_is_deleted_without_its_namespace() -> None:
    for gone in (None, ""):
        assert read("DEL", NETNS=gone, ARGS=None) == wish.Delete(calls.CONTAINER, "eth0", None)


def test_gc_and_status_need_no_container() -> None:
    nothing = dict.fromkeys(("CONTAINERID", "NETNS", "IFNAME", "ARGS"))
    assert read("STATUS", **nothing) == wish.Status()
    assert read("GC", **nothing) == wish.Collect("pods", frozenset())


@pytest.mark.parametrize(
    "arguments", [None, "", "IgnoreUnknown=1", "IgnoreUnknown=true;IP=10.0.0.1"]
)
def test_a_container_that_is_no_pod(arguments: str | None) -> None:
    made = read("ADD", ARGS=arguments)
    assert isinstance(made, wish.Add)
    assert made.sandbox.pod is None


CONTAINER = "CNI_CONTAINERID: want a letter or digit and then letters, digits, '_', '.' and '-'"
INTERFACE = "CNI_IFNAME: want an interface's name, of 1 to 15 bytes"
NETNS = "CNI_NETNS: want the absolute path of a network namespace"
KEYS = "CNI_ARGS: want KEY=VALUE, separated by semicolons"
NAMESPACE = "CNI_ARGS: K8S_POD_NAMESPACE: want a namespace's name"
NAME = "CNI_ARGS: K8S_POD_NAME: want a pod's name"

REFUSED: dict[str, tuple[str, dict[str, str | None], str]] = {
    "no container": ("ADD", {"CONTAINERID": None}, f"{CONTAINER}; found none"),
    "container to delete": ("DEL", {"CONTAINERID": ""}, f"{CONTAINER}; found none"),
    "a path": ("ADD", {"CONTAINERID": "../../etc"}, f"{CONTAINER}; found '../../etc'"),
    "no interface": ("ADD", {"IFNAME": None}, f"{INTERFACE}; found none"),
    "a long interface": ("ADD", {"IFNAME": "e" * 16}, f"{INTERFACE}; found 'eeee"),
    "long in bytes": ("ADD", {"IFNAME": "é" * 8}, f"{INTERFACE}; found 'éééé"),
    "a dot": ("ADD", {"IFNAME": "."}, f"{INTERFACE}; found '.'"),
    "two dots": ("DEL", {"IFNAME": ".."}, f"{INTERFACE}; found '..'"),
    "a slash": ("ADD", {"IFNAME": "a/b"}, f"{INTERFACE}; found 'a/b'"),
    "a space": ("ADD", {"IFNAME": "a b"}, f"{INTERFACE}; found 'a b'"),
    "no namespace": ("ADD", {"NETNS": None}, f"{NETNS}; found none"),
    "empty namespace": ("CHECK", {"NETNS": ""}, f"{NETNS}; found none"),
    "namespace to delete": ("DEL", {"NETNS": "a"}, f"{NETNS}; found 'a'"),
    "relative namespace": ("ADD", {"NETNS": "netns/a"}, f"{NETNS}; found 'netns/a'"),
    "long namespace": ("ADD", {"NETNS": "/" * 5000}, f"{NETNS}; found '////"),
    "no value": ("ADD", {"ARGS": "K8S_POD_NAME"}, f"{KEYS}; found 'K8S_POD_NAME'"),
    "no key": ("ADD", {"ARGS": "=web-0"}, f"{KEYS}; found '=web-0'"),
    "unknown key": (
        "ADD",
        {"ARGS": "K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;MAC=x"},
        (
            "CNI_ARGS: want keys of IgnoreUnknown, K8S_POD_INFRA_CONTAINER_ID, K8S_POD_NAME, "
            "K8S_POD_NAMESPACE, K8S_POD_UID, or IgnoreUnknown=1; found 'MAC'"
        ),
    ),
    "ignore what": (
        "ADD",
        {"ARGS": "IgnoreUnknown=maybe"},
        "CNI_ARGS: IgnoreUnknown: want 1, 0, true or false; found 'maybe'",
    ),
    "half a pod": ("ADD", {"ARGS": "K8S_POD_NAME=web-0"}, f"{NAMESPACE}; found none"),
    "other half": ("ADD", {"ARGS": "K8S_POD_NAMESPACE=shop"}, f"{NAME}; found none"),
    "empty name": ("ADD", {"ARGS": "K8S_POD_NAMESPACE=shop;K8S_POD_NAME="}, f"{NAME}; found none"),
    "a path in a namespace": (
        "ADD",
        {"ARGS": "K8S_POD_NAMESPACE=../a;K8S_POD_NAME=b"},
        f"{NAMESPACE}; found '../a'",
    ),
    "a namespace too long": (
        "ADD",
        {"ARGS": f"K8S_POD_NAMESPACE={'a' * 64};K8S_POD_NAME=b"},
        f"{NAMESPACE}; found 'aaaa",
    ),
    "a pod too long": (
        "ADD",
        {"ARGS": f"K8S_POD_NAMESPACE=a;K8S_POD_NAME={'b' * 254}"},
        f"{NAME}; found 'bbbb",
    ),
    "a pod's name of two lines": (
        "ADD",
        {"ARGS": "K8S_POD_NAMESPACE=a;K8S_POD_NAME=b\n"},
        rf"{NAME}; found 'b\n'",
    ),
    "no command": (
        "",
        {},
        "CNI_COMMAND: want one of ADD, DEL, CHECK, STATUS, GC; found none",
    ),
    "another command": (
        "add",
        {},
        "CNI_COMMAND: want one of ADD, DEL, CHECK, STATUS, GC; found 'add'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_with_the_variable_and_a_sentence(name: str) -> None:
    command, changed, sentence = REFUSED[name]
    with pytest.raises(Fault) as caught:
        read(command, **changed)
    assert caught.value.code == Code.INVALID_ENVIRONMENT
    assert caught.value.details.startswith(sentence)
    assert len(caught.value.details) < 250


def test_a_block_of_variables_is_decoded_and_the_first_of_a_name_counts() -> None:
    given = b"CNI_IFNAME=eth0\0CNI_ARGS=A=1;B=2\0CNI_IFNAME=eth1\0"
    assert environment.decode(given) == {"CNI_IFNAME": "eth0", "CNI_ARGS": "A=1;B=2"}
    assert environment.decode(b"") == {}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (b"CNI_IFNAME=eth0", "want a zero byte after CNI_IFNAME=eth0"),
        (b"CNI_IFNAME=\xff\0", "want CNI_* variables in UTF-8: 'utf-8' codec can't decode"),
    ],
)
def test_a_block_of_another_form_is_refused(given: bytes, sentence: str) -> None:
    with pytest.raises(Fault) as caught:
        environment.decode(given)
    assert caught.value.code == Code.INVALID_ENVIRONMENT
    assert sentence in caught.value.details
