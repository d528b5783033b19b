"""What a controller is told by telemetry's digests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from p4kube_core.switch import blocking, values

PATIENCE_S: Final = 15.0


def told(
    session: blocking.BlockingSession, wanted: Callable[[str, dict[str, int]], bool]
) -> dict[str, int]:
    """The first flow of a digest that is wanted; what comes before it is not."""
    names = ("src", "dst", "protocol", "src_port", "dst_port", "ingress_port", "estimate")
    while (heard := session.hear(PATIENCE_S)) is not None:
        if not isinstance(heard, values.Digests):
            continue
        session.acknowledge(heard)
        for data in heard.data:
            flow = dict(zip(names, data, strict=False))
            if wanted(heard.digest, flow):
                return flow
    raise AssertionError("no such digest came")
