"""Which interface of the host is the other end of a pod's, as the kernel says."""

from __future__ import annotations

import errno
import socket
from contextlib import closing
from typing import Final, final

from p4kube_core.agent import netlink
from p4kube_core.agent.cni import namespaces
from p4kube_core.agent.cni.namespaces import Missing
from p4kube_core.agent.netlink import Link

_VETH: Final = "veth"


@final
class Unfit(Exception):
    """An interface is there, but is none that we can stand at the other end of."""


def host_interface(netns: str, interface: str) -> str:
    """The interface in our own network namespace whose veth peer a pod's interface is.

    Args:
        netns: path of the pod's network namespace.
        interface: its name there.

    Raises:
        Missing: there is no such namespace, or no such interface in it.
        Unfit: the interface is no end of a veth whose other end is here.
        OSError: the kernel does not answer.
    """
    with closing(netlink.open_here()) as here:
        return _other_end(here, netns, interface).name


def shut(netns: str, interface: str) -> None:
    """Let no packet through a pod's interface any more. Raises as `host_interface` does."""
    with closing(netlink.open_here()) as here:
        netlink.set_down(here, _other_end(here, netns, interface).index)


def _other_end(here: socket.socket, netns: str, interface: str) -> Link:
    with namespaces.opened(netns) as namespace:
        with closing(netlink.open_in(namespace)) as there:
            inner = _inner(there, netns, interface)
        outer = _peer(here, inner, namespace)
    if outer is None:
        raise Unfit(
            f"{interface} in {netns}: want the other end of its veth in the agent's network "
            "namespace, found it in another"
        )
    return outer


def _inner(there: socket.socket, netns: str, interface: str) -> Link:
    try:
        found = netlink.link_by_name(there, interface)
    except OSError as e:
        if e.errno == errno.ENODEV:
            raise Missing(f"want interface {interface} in {netns}, found none") from e
        raise
    if found.kind != _VETH:
        kind = found.kind or "a device of no kind"
        raise Unfit(f"{interface} in {netns}: want an end of a veth, found {kind}")
    return found


def _peer(here: socket.socket, inner: Link, namespace: int) -> Link | None:
    """The other end, if it is here: a link of that number is here in any case, but which one?"""
    try:
        found = netlink.link_by_index(here, inner.peer or 0)
    except OSError as e:
        if e.errno == errno.ENODEV:
            return None
        raise
    # Asked after the link: telling of a peer is what gives its namespace a number.
    number = netlink.namespace_number(here, namespace)
    wanted = (_VETH, inner.index, number)
    return found if (found.kind, found.peer, found.peer_namespace) == wanted else None
