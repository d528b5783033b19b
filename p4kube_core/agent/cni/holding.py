"""Holds the packets of a pod from before it has an interface until its functions forward.

The plug-in that makes a pod's interface gives it its address too, so between that plug-in and us
packets would pass without functions. Where we are in front of it as well, two policies of the pod's
network namespace block whatever its sockets and its kernel would send or receive, by IPv4 or IPv6:
they need no interface, and are in force on the first one that comes. ARP passes, and so would what
a packet socket sends, but in a pod that is being made nobody has one.
"""

from __future__ import annotations

import errno
import socket
import struct
from contextlib import closing, suppress
from typing import Final, final

from p4kube_core.agent import netlink
from p4kube_core.agent.cni import namespaces

_NEW_POLICY, _DELETE_POLICY = 0x13, 0x14
_IN, _OUT = 0, 1
_BLOCK: Final = 1
_FOR_EVER: Final = (1 << 64) - 1
# struct xfrm_selector: addresses, ports with masks, family, prefixes, protocol, interface, user
_SELECTOR: Final = struct.Struct("=16s16s4HHBBB3xiI")
# struct xfrm_userpolicy_info behind its selector: limits, what was used, priority, index,
# direction, action, flags, share
_POLICY: Final = struct.Struct("=8Q4QIIBBBB4x")
# struct xfrm_userpolicy_id behind its selector: index, direction
_POLICY_ID: Final = struct.Struct("=IB3x")
_LIMITS: Final = (_FOR_EVER,) * 4 + (0,) * 4
_EVERY: Final = tuple(
    (family, way) for family in (socket.AF_INET, socket.AF_INET6) for way in (_IN, _OUT)
)


@final
class Impossible(Exception):
    """Packets of this namespace cannot, or must not, be held."""


def hold(netns: str) -> None:
    """Let no packet into or out of a namespace. A repetition is fine.

    Raises:
        namespaces.Missing: there is no such namespace.
        Impossible: it is our own, or the kernel has no policies.
        OSError: the kernel refuses.
    """
    with namespaces.opened(netns) as namespace:
        if namespaces.is_own(namespace):
            raise Impossible(f"{netns} is the network namespace of the agent, which is no pod's")
        try:
            told = netlink.open_in(namespace, netlink.XFRM)
        except OSError as e:
            if e.errno == errno.EPROTONOSUPPORT:
                raise Impossible(
                    "this kernel has no xfrm policies (CONFIG_XFRM_USER), which hold a pod's "
                    "packets until its functions forward; p4kube-cni can be at the list's end only"
                ) from e
            raise
        with closing(told):
            for family, way in _EVERY:
                with suppress(FileExistsError):
                    netlink.tell(told, _NEW_POLICY, _policy(family, way))


def release(netns: str) -> None:
    """Let packets pass again; fine where they are not held.

    Raises:
        namespaces.Missing: there is no such namespace.
        OSError: the kernel refuses.
    """
    with namespaces.opened(netns) as namespace:
        try:
            told = netlink.open_in(namespace, netlink.XFRM)
        except OSError as e:
            if e.errno == errno.EPROTONOSUPPORT:
                return  # so they are not held either
            raise
        with closing(told):
            for family, way in _EVERY:
                with suppress(FileNotFoundError):
                    netlink.tell(told, _DELETE_POLICY, _selector(family) + _POLICY_ID.pack(0, way))


def _policy(family: int, way: int) -> bytes:
    return _selector(family) + _POLICY.pack(*_LIMITS, *(0,) * 4, 0, 0, way, _BLOCK, 0, 0)


def _selector(family: int) -> bytes:
    """All packets of a family."""
    return _SELECTOR.pack(b"", b"", 0, 0, 0, 0, family, 0, 0, 0, 0, 0)
