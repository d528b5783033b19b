"""Which interface of the host is the other end of a pod's, as the kernel says."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, final

from p4kube_core.agent import netlink
from p4kube_core.agent.netlink import Link

_VETH: Final = "veth"


@final
class Missing(Exception):
    """There is no such namespace, or no such interface in it."""


@final
class Unfit(Exception):
    """The interface is there, but is no end of a veth whose other end is here."""


def host_interface(netns: str, interface: str) -> str:
    """The interface in our own network namespace whose veth peer a pod's interface is.

    Args:
        netns: path of the pod's network namespace.
        interface: its name there.

    Raises:
        Missing, Unfit: with a sentence.
        OSError: the kernel does not answer.
    """
    with _opened(netns) as namespace, closing(netlink.open_here()) as here:
        with closing(_socket_in(namespace, netns)) as there:
            inner = _inner(there, netns, interface)
        outer = _peer(here, inner, namespace)
    if outer is None:
        raise Unfit(
            f"{interface} in {netns}: want the other end of its veth in the agent's network "
            "namespace, found it in another"
        )
    return outer.name


@contextmanager
def _opened(netns: str) -> Iterator[int]:
    try:
        # Nothing else is even opened: of a device or a pipe that would be more than a look.
        if not stat.S_ISREG(Path(netns).stat().st_mode):
            raise _no_namespace(netns)
        namespace = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as e:
        raise Missing(f"want a network namespace at {netns}: {e.strerror}") from e
    try:
        yield namespace
    finally:
        os.close(namespace)


def _socket_in(namespace: int, netns: str) -> socket.socket:
    try:
        return netlink.open_in(namespace)
    except OSError as e:
        if e.errno == errno.EINVAL:
            raise _no_namespace(netns) from e
        raise


def _no_namespace(netns: str) -> Missing:
    return Missing(f"want a network namespace at {netns}, found something else")


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
