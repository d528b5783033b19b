from __future__ import annotations

from pathlib import Path

import pytest

from p4kube_core import errors
from p4kube_core.cli.play import target
from p4kube_core.model import function as model
from p4kube_core.model.state import State


def function(*wires: model.Wire, said: str | None = None) -> model.NetworkFunction:
    ports = tuple(model.Port(n, wire, f"f.yaml: spec.ports[{n}]") for n, wire in enumerate(wires))
    return model.NetworkFunction("f", Path("f.p4"), State(), ports, None, said, "f.yaml")


INTERFACE = model.InterfacePort("veth0")
TAP = model.TapPort("tap0")


@pytest.mark.parametrize(
    ("said", "given", "chosen"),
    [
        (None, None, "dpdk"),
        ("ebpf", None, "ebpf"),
        ("dpdk", "ebpf", "ebpf"),
        ("ebpf", "dpdk", "dpdk"),
    ],
)
def test_the_command_line_comes_before_the_file(
    said: str | None, given: str | None, chosen: str
) -> None:
    assert target.choose(function(INTERFACE, said=said), given) == chosen


def test_ports_that_only_target_dpdk_has_are_refused_elsewhere() -> None:
    vhost = model.VhostUserPort(Path("/run/vm.sock"), server=True)
    assert target.choose(function(TAP, vhost), None) == "dpdk"
    with pytest.raises(errors.ManifestError) as caught:
        target.choose(function(INTERFACE, TAP, vhost, said="ebpf"), None)
    only = "needs target dpdk"
    assert caught.value.problems == (
        f"f.yaml: spec.ports[1]: interface tap0 {only}",
        f"f.yaml: spec.ports[2]: socket /run/vm.sock {only}",
    )
