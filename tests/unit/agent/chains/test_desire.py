"""Which functions an interface is to have, and where."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

from p4kube_core.agent.chains import desire
from p4kube_core.agent.chains.desire import Chain, Port
from p4kube_core.agent.chains.function import Excuse, Function
from p4kube_core.agent.endpoint import Endpoint
from p4kube_core.model.attachment import Attachment, InterfaceTarget, PodTarget
from p4kube_core.model.function import Sides


def function(name: str, *targets: str, **unfit: str) -> Function:
    stores = cast(Any, dict.fromkeys(targets))
    excuses = {target: Excuse("Unsupported", why) for target, why in unfit.items()}
    return Function(name, f"digest of {name}", Sides(), stores, excuses, {})


FUNCTIONS = {
    "web": function("web", "ebpf", "dpdk"),
    "nat": function("nat", "ebpf"),
    "odd": function("odd", "dpdk", ebpf="odd.p4:7:3: a loop"),
}
POD = Endpoint("c1", "eth0", "/run/netns/c1", "veth1", "prod", "shop", "pods")
PLACE = desire.Place(5, "veth1", "/run/p4kube/splice")
SHOP = PodTarget("prod", "shop", "eth0")


def attach(*names: str, target: Any = SHOP) -> Attachment:
    return Attachment("a", target, names)


def chain(attachment: Attachment, endpoint: Endpoint = POD) -> Chain | Excuse | None:
    return desire.wanted(FUNCTIONS, {attachment.target: attachment}, endpoint)


def test_a_pod_has_the_functions_that_are_attached_to_it_in_the_kernel() -> None:
    assert chain(attach("web", "nat")) == Chain("a", "ebpf", ("web", "nat"))


def test_others_have_none() -> None:
    for change in ({"name": "other"}, {"namespace": "default"}, {"interface": "net1"}):
        assert chain(attach("web"), dataclasses.replace(POD, **change)) is None
    assert chain(attach("web", target=InterfaceTarget("veth1"))) is None


def test_one_function_for_dpdk_takes_its_whole_chain_there() -> None:
    assert chain(attach("web", "odd")) == Chain("a", "dpdk", ("web", "odd"))


def test_functions_without_a_common_target_are_refused_with_what_each_has() -> None:
    assert chain(attach("nat", "odd")) == Excuse(
        "NoCommonTarget",
        "want functions that have a target in common, found nat (ebpf), odd (dpdk): play them "
        "once more, together",
    )


def test_an_interface_of_the_machine_has_functions_in_the_kernel_only() -> None:
    endpoint = desire.endpoint_of("veth9")
    target = InterfaceTarget("veth9")
    assert chain(attach("web", target=target), endpoint) == Chain("a", "ebpf", ("web",))
    excuse = chain(attach("odd", target=target), endpoint)
    assert isinstance(excuse, Excuse)
    assert excuse.message.endswith("odd cannot be on target ebpf: odd.p4:7:3: a loop")


def test_a_pods_interface_is_not_attached_once_more_as_the_machines() -> None:
    machine = desire.endpoint_of("veth1")
    other = Attachment("b", InterfaceTarget("veth1"), ("nat",))
    both = {SHOP: attach("web"), other.target: other}
    assert desire.wanted(FUNCTIONS, both, POD, [machine]) == Chain("a", "ebpf", ("web",))
    assert desire.wanted(FUNCTIONS, both, machine, [POD]) == Excuse(
        "InterfaceInUse",
        "interface veth1 has functions by attachment a, as pod prod/shop, eth0",
    )
    assert desire.wanted(FUNCTIONS, {other.target: other}, machine, [POD]) == Chain(
        "b", "ebpf", ("nat",)
    )


def test_the_first_function_is_outside_and_the_last_inside() -> None:
    made = desire.part(PLACE, 9, Chain("a", "ebpf", ("web", "nat")), FUNCTIONS)
    one, two = desire.instance_id(9, 0), desire.instance_id(9, 1)
    assert made.devices == {one: "digest of web", two: "digest of nat"}
    assert made.ports == {
        "e5.outside": Port("tc", (("interface", "veth1"), ("hook", "egress"))),
        "e5.inside": Port("tc", (("interface", "veth1"), ("hook", "ingress"))),
        "c9.0.inside": Port("patch", (("peer", "c9.1.outside"),)),
        "c9.1.outside": Port("patch", (("peer", "c9.0.inside"),)),
    }
    assert made.wires == {
        "e5.outside": (one, 1),
        "c9.0.inside": (one, 2),
        "c9.1.outside": (two, 1),
        "e5.inside": (two, 2),
    }


def test_what_is_on_a_data_plane_says_whose_it_is() -> None:
    made = desire.part(PLACE, 9, Chain("a", "ebpf", ("web", "nat")), FUNCTIONS)
    assert {desire.owner_of_port(name) for name in made.ports} == {("e", 5), ("c", 9)}
    assert {desire.chain_of_instance(device) for device in made.devices} == {9}
    for name in ("1.1-abcdef12", "e.outside", "e0.inside", "eth0", "c9"):
        assert desire.owner_of_port(name) is None
