"""An interface of a pod on this node, and what is asked about such by who adds and removes pods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final


@final
@dataclass(frozen=True, slots=True)
class Endpoint:
    """One interface of one running pod: a veth pair, of which the host has the other end."""

    container_id: str  # of the pod's sandbox
    interface: str  # in the pod, as CNI_IFNAME says
    netns: str  # path
    host_interface: str  # the veth's other end, on the host; in `check`, empty where none is
    namespace: str  # of the pod
    name: str  # of the pod
    network: str  # of the CNI configuration; a pod may be on several


class Endpoints(Protocol):
    """What the CNI server asks of the node. Every method may be repeated."""

    async def add(self, endpoint: Endpoint) -> None:
        """Have the endpoint; return when its chain forwards, or at once where it has none.

        Raises:
            Refusal: the chain cannot be; nothing of the endpoint is left behind, nor is it when
                the call is cancelled.
        """

    async def remove(self, container_id: str, interface: str) -> None:
        """Have no such endpoint; fine where there is none."""

    async def check(self, endpoint: Endpoint) -> None:
        """Find the endpoint's chain as it was when `add` returned.

        Raises:
            Refusal: it is not; NOT_FOUND where the endpoint was never added.
        """

    async def keep_only(self, network: str, valid: frozenset[tuple[str, str]]) -> None:
        """Remove every endpoint of a network but these, each a container's id and an interface."""

    async def ready(self) -> None:
        """Find that an endpoint can be added now.

        Raises:
            Refusal: it cannot; UNAVAILABLE where those there may not forward either.
        """
