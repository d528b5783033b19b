"""NetworkFunctionAttachments as people write them, rightly and wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.cli.play import manifest
from p4kube_core.model.attachment import InterfaceTarget, PodTarget
from p4kube_core.model.function import Sides

FUNCTION = """\
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunction
metadata: {name: web}
spec: {program: firewall}
---
"""
ATTACHMENT = """\
apiVersion: p4kube.io/v1alpha1
kind: NetworkFunctionAttachment
metadata: {name: shop}
spec:
  target: {apiVersion: v1, kind: Pod, name: shop-0}
  functions: [web, nat]
"""


def read(directory: Path, text: str) -> manifest.Manifest:
    path = directory / "f.yaml"
    path.write_text(text)
    return manifest.read([path])


def refused(directory: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(errors.ManifestError) as caught:
        read(directory, text)
    return caught.value.problems


def test_a_function_without_ports_can_be_attached(tmp_path: Path) -> None:
    found = read(tmp_path, FUNCTION + ATTACHMENT)
    (function,), (attachment,) = found.functions, found.attachments
    assert (function.ports, function.sides) == ((), Sides(1, 2))
    assert attachment.functions == ("web", "nat")
    assert attachment.target == PodTarget("default", "shop-0", "eth0")
    assert str(attachment.target) == "pod default/shop-0, eth0"


def test_a_target_may_say_more_or_be_an_interface_of_the_machine(tmp_path: Path) -> None:
    more = "name: shop-0.a, namespace: prod, interface: net1"
    (attachment,) = read(tmp_path, ATTACHMENT.replace("name: shop-0", more)).attachments
    assert attachment.target == PodTarget("prod", "shop-0.a", "net1")
    text = ATTACHMENT.replace("{apiVersion: v1, kind: Pod, name: shop-0}", TARGET)
    (attachment,) = read(tmp_path, text).attachments
    assert attachment.target == InterfaceTarget("veth12ab")


TARGET = "{kind: Interface, name: veth12ab}"
MANY = ", ".join(["web"] * 9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "kind: Pod",
            "kind: Pood",
            "spec.target.kind: want Pod or Interface (did you mean 'Pod'?)",
        ),
        ("apiVersion: v1,", "", "spec.target: want 'apiVersion', found nothing"),
        (", name: shop-0", "", "spec.target: want 'name', found nothing"),
        ("name: shop-0", "name: Shop", "spec.target.name: want a pod's name (lower-case"),
        ("name: shop-0", "nam: shop-0", "spec.target: unknown 'nam' (did you mean 'name'?)"),
        ("name: shop-0", "name: s, interface: a/b", "spec.target.interface: want an interface's"),
        ("[web, nat]", "[]", "spec.functions: want at least 1, got 0"),
        ("[web, nat]", f"[{MANY}]", "spec.functions: want at most 8, got 9"),
        ("[web, nat]", "web", "spec.functions: want a list, got 'web'"),
        ("[web, nat]", "[web, 5]", "spec.functions[1]: want "),
        ("functions:", "function:", "spec: unknown 'function' (did you mean 'functions'?)"),
        ("NetworkFunctionAttachment", "NetworkFunctionAttachmnt", "(did you mean 'NetworkFunction"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in ATTACHMENT
    problems = refused(tmp_path, ATTACHMENT.replace(old, new))
    assert any(message in problem for problem in problems), problems
    assert all(problem.startswith(f"{tmp_path}/f.yaml: ") for problem in problems)


def test_one_interface_has_one_attachment(tmp_path: Path) -> None:
    other = ATTACHMENT.replace("name: shop}", "name: other}")
    place = f"{tmp_path}/f.yaml, document"
    assert refused(tmp_path, f"{ATTACHMENT}---\n{other}") == (
        (
            f"{place} 2: spec.target: pod default/shop-0, eth0 has functions by {place} 1; want "
            "all in one attachment, in their order"
        ),
    )
    elsewhere = ATTACHMENT.replace("shop-0", "shop-1")
    assert refused(tmp_path, f"{ATTACHMENT}---\n{elsewhere}") == (
        f"{place} 2: the name 'shop' is taken by {place} 1",
    )


def test_a_function_is_attached_or_stands_between_ports(tmp_path: Path) -> None:
    function = FUNCTION.replace("firewall}", "firewall, ports: [{port: 1, tap: t0}]}")
    place = f"{tmp_path}/f.yaml, document"
    assert refused(tmp_path, function + ATTACHMENT) == (
        (
            f"{place} 1: spec.ports: want none in a function that is attached ({place} 2); the "
            "attachment says where it stands"
        ),
    )


def test_functions_of_a_program_with_two_ports_alike_can_be_attached(tmp_path: Path) -> None:
    found = read(tmp_path, FUNCTION.replace("firewall", "l2fwd") + ATTACHMENT)
    assert found.functions[0].sides == Sides(1, 2)


def test_every_function_may_have_a_cpu_port(tmp_path: Path) -> None:
    one = FUNCTION.replace("firewall}", "firewall, ports: [{port: 510, cpu: true}]}")
    found = read(tmp_path, one + one.replace("name: web", "name: other"))
    assert len(found.functions) == 2
    twice = one.replace("[{port: 510", "[{port: 509, cpu: true}, {port: 510")
    assert "the CPU port of web is in use by" in refused(tmp_path, twice)[0]
