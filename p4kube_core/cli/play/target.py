"""Where a function's packets are moved: by a process of ours (dpdk) or in the kernel (ebpf)."""

from __future__ import annotations

from p4kube_core import errors
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
        f"{port.place}: {model.wire_name(port.wire)} needs target dpdk"
        for port in function.ports
        if target == "ebpf" and isinstance(port.wire, model.TapPort | model.VhostUserPort)
    ]
    if wrong:
        raise errors.ManifestError(wrong)
    return target
