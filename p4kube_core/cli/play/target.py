"""Where a function's packets are moved: by a process of ours (dpdk) or in the kernel (ebpf)."""

from __future__ import annotations

from p4kube_core import errors
from p4kube_core.cli.play import manifest
from p4kube_core.model import function as model


def choose(function: model.NetworkFunction, given: str | None) -> str:
    """The target of a function with ports.

    Args:
        given: what the command line says, which comes first.

    Raises:
        errors.ManifestError: that target has no such ports.
    """
    target = given or function.target or "dpdk"
    wrong = [
        f"{port.place}: {manifest.wire_name(port.wire)} needs target dpdk; target ebpf has "
        "interfaces only"
        for port in function.ports
        if target == "ebpf" and not isinstance(port.wire, model.InterfacePort)
    ]
    if wrong:
        raise errors.ManifestError(wrong)
    return target
