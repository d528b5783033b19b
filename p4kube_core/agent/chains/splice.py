"""Splices a pod's wire: the pod's end comes to us, and the pod gets another one in its place.

    before   host: HOST === pod: eth0
    after    host: HOST === ours: p4kNo     ours: p4kNi === pod: eth0

So both sides of the pod's wire can be ports, and whatever the host has bound to its end (a bridge,
routes) stays where it is. Ours is a network namespace without addresses, kept by a file in the
state directory: in the node's own its stack would hear, and answer, what comes in.

Each step is taken only where it is not done yet, so that what was cut short is taken up again.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, final

from p4kube_core.agent import netlink
from p4kube_core.agent.chains import belongings, desire
from p4kube_core.agent.chains.belongings import Belongings
from p4kube_core.agent.chains.held import Held
from p4kube_core.agent.cni import namespaces
from p4kube_core.agent.cni.namespaces import Missing
from p4kube_core.agent.refusal import ABORTED, FAILED_PRECONDITION, NOT_FOUND, Refusal

_NEW_LINK, _DELETE_LINK = 16, 17
_KIND, _DATA, _PEER = 1, 2, 1  # of a veth's information
_INFO, _NAMESPACE, _NEW_INDEX = 18, 28, 49  # attributes of a link
_UP: Final = 1
_CARRIER_S: Final = 2.0
_LOOK_AGAIN_S: Final = 0.002
_BIND, _DETACH = 0x1000, 2  # flags of mount(2), umount2(2)
_libc: Final = ctypes.CDLL(None, use_errno=True)


@final
class Splicer:
    """`keep` is called with an endpoint whose splice is about to begin, or was undone."""

    def __init__(self, namespace: Path, keep: Callable[[Held], None]) -> None:
        self.namespace = namespace
        self._keep = keep
        self._lock = asyncio.Lock()  # held while the namespace comes and goes

    def index_of(self, interface: str) -> int:
        """The index of an interface on the host.

        Raises:
            Refusal: NOT_FOUND.
        """
        try:
            return socket.if_nametoindex(interface)
        except OSError as e:
            raise Refusal(NOT_FOUND, f"no interface {interface} on this machine") from e

    def is_there(self, one: Held) -> bool:
        """Say whether the wire of an endpoint is there, as far as can be seen from here."""
        try:
            there = self.index_of(one.endpoint.host_interface) == one.index
        except Refusal:
            return False
        # Both ends of the first pair are ours then; the pod may be gone all the same.
        return there and (one.splice is None or Path(one.endpoint.netns).exists())

    async def splice(self, one: Held) -> None:
        """Have both sides of an endpoint's wire in our namespace.

        Raises:
            Refusal: it cannot be; some of it may have been done.
        """
        async with self._lock:
            with _refused(one):
                if one.splice is None:
                    one.splice = await asyncio.to_thread(_read, one)
                    try:
                        self._keep(one)
                    except Refusal:
                        one.splice = None
                        raise
                await asyncio.to_thread(self._splice, one)
            one.splice["done"] = True
            self._keep_if_possible(one)

    async def unsplice(self, one: Held) -> None:
        """Give a pod its own end back; of one that goes, take both pairs away.

        Raises:
            Refusal: it cannot be.
        """
        async with self._lock:
            assert one.splice is not None
            if one.is_spliced and not one.going:
                with suppress(Missing, OSError):  # what was kept is older
                    one.splice = await asyncio.to_thread(_read, one)
            one.splice["done"] = False
            if one.going:  # nobody takes that back
                self._keep_if_possible(one)
            else:
                self._keep(one)
            with _refused(one):
                await asyncio.to_thread(self._clear if one.going else self._unsplice, one)
            one.splice = None
            self._keep_if_possible(one)
            await asyncio.to_thread(self._release)

    def _keep_if_possible(self, one: Held) -> None:
        """Where to do it once more, after a crash, does no harm."""
        with suppress(Refusal):
            self._keep(one)

    # --- in a thread

    def _splice(self, one: Held) -> None:
        kept = belongings.from_json(one.splice or {})
        outside, inside = (desire.spliced(one.number, side) for side in desire.SIDES)
        with (
            self._opened() as ours,
            namespaces.opened(one.endpoint.netns) as pods,
            closing(netlink.open_in(ours)) as here,
            closing(netlink.open_in(pods)) as there,
        ):
            if not _has(here, outside):
                _move_out(there, kept.name, outside, ours)
            if not _has(here, inside):
                _make(there, kept, inside, ours)
            netlink.inside(pods, lambda: belongings.give(kept))
            for name in (outside, inside):
                _set_up(here, name)
            with closing(netlink.open_here()) as nodes:
                _wait_for(
                    ((nodes, one.endpoint.host_interface), (here, outside)),
                    ((there, kept.name), (here, inside)),
                )

    def _unsplice(self, one: Held) -> None:
        kept = belongings.from_json(one.splice or {})
        outside, inside = (desire.spliced(one.number, side) for side in desire.SIDES)
        with (
            self._opened() as ours,
            namespaces.opened(one.endpoint.netns) as pods,
            closing(netlink.open_in(ours)) as here,
            closing(netlink.open_in(pods)) as there,
        ):
            _delete(here, inside)
            if _has(here, outside):
                _move_back(here, kept, outside, pods)
            if _has(there, outside):
                _rename(there, outside, kept.name)
            netlink.inside(pods, lambda: belongings.give(kept))

    def _clear(self, one: Held) -> None:
        """The pod's new end is left to who takes the pod down, and with it goes ours."""
        if not _is_mounted(self.namespace):
            return
        with self._opened() as ours, closing(netlink.open_in(ours)) as here:
            _delete(here, desire.spliced(one.number, desire.OUTSIDE))

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Our namespace, made where it is not there."""
        if not _is_mounted(self.namespace):
            self.namespace.touch(mode=0o600)
            netlink.inside(None, lambda: _found(self.namespace))
        with namespaces.opened(str(self.namespace)) as namespace:
            yield namespace

    def release(self) -> bool:
        """Let go of our namespace, where nothing is in it; say whether that is so."""
        with suppress(OSError, Missing):
            return self._release()
        return False

    def _release(self) -> bool:
        if not _is_mounted(self.namespace):
            self.namespace.unlink(missing_ok=True)
            return True
        with namespaces.opened(str(self.namespace)) as namespace:
            names = netlink.inside(namespace, socket.if_nameindex)
        if any(name.startswith("p4k") for _, name in names):
            return False
        _libc.umount2(str(self.namespace).encode(), _DETACH)
        self.namespace.unlink(missing_ok=True)
        return True


@contextmanager
def _refused(one: Held) -> Iterator[None]:
    try:
        yield
    except Missing as e:
        raise Refusal(FAILED_PRECONDITION, f"{one.name} cannot be spliced: {e}") from e
    except OSError as e:
        why = e.strerror or str(e)
        raise Refusal(FAILED_PRECONDITION, f"{one.name} cannot be spliced: {why}") from e


def _read(one: Held) -> dict[str, Any]:
    with namespaces.opened(one.endpoint.netns) as pods:
        found: Belongings = netlink.inside(pods, lambda: belongings.read(one.endpoint.interface))
    return found.to_json()


def _found(place: Path) -> None:
    """Make the namespace that this thread is in one without IPv6, and keep it at a place."""
    for group in ("all", "default"):
        setting = Path("/proc/sys/net/ipv6/conf") / group / "disable_ipv6"
        if setting.exists():
            setting.write_text("1")
    source = f"/proc/self/task/{_thread()}/ns/net".encode()
    if _libc.mount(source, str(place).encode(), None, _BIND, None) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot keep a network namespace at {place}: {os.strerror(code)}")


def _wait_for(*pairs: tuple[tuple[socket.socket, str], ...]) -> None:
    """Wait until both ends of each pair, where both are set up, know that they have a carrier.

    The kernel tells them some time after: until then they drop what they are to send, and a bridge
    what comes by its port.

    Raises:
        Refusal: it does not come to be so.
    """
    deadline = time.monotonic() + _CARRIER_S
    for pair in pairs:
        while True:
            links = [netlink.link_by_name(asked, name) for asked, name in pair]
            if not all(link.up for link in links) or all(link.passes for link in links):
                break
            if time.monotonic() > deadline:
                names = " and ".join(link.name for link in links)
                raise Refusal(ABORTED, f"{names} have no carrier {_CARRIER_S:g} s after set up")
            time.sleep(_LOOK_AGAIN_S)


def _thread() -> int:
    return int(Path("/proc/thread-self").readlink().name)


def _is_mounted(place: Path) -> bool:
    """Whether a namespace is at the place: its file is of another device than the directory."""
    try:
        return place.stat().st_dev != place.parent.stat().st_dev
    except OSError:
        return False


def _has(asked: socket.socket, name: str) -> bool:
    return _index(asked, name) is not None


def _index(asked: socket.socket, name: str) -> int | None:
    try:
        return netlink.link_by_name(asked, name).index
    except OSError as e:
        if e.errno == errno.ENODEV:
            return None
        raise


def _change(told: socket.socket, index: int, *attributes: bytes, up: bool | None = None) -> None:
    flags, mask = (_UP if up else 0), (0 if up is None else _UP)
    head = netlink.LINK.pack(0, 0, index, flags, mask)
    netlink.tell(told, _NEW_LINK, head + b"".join(attributes))


def _move_out(there: socket.socket, name: str, outside: str, ours: int) -> None:
    """Renamed first, since in our namespace names are to be told apart."""
    index = _index(there, outside)
    if index is None:
        index = netlink.link_by_name(there, name).index
        _change(there, index, up=False)
        _change(there, index, _named(outside))
    _change(there, index, _number(_NAMESPACE, ours))


def _move_back(here: socket.socket, kept: Belongings, outside: str, pods: int) -> None:
    index = netlink.link_by_name(here, outside).index
    _change(here, index, up=False)
    try:
        _change(here, index, _number(_NAMESPACE, pods), _number(_NEW_INDEX, kept.index))
    except OSError:
        # Before Linux 5.13 the kernel alone chooses the number.
        if _has(here, outside):
            _change(here, index, _number(_NAMESPACE, pods))


def _make(there: socket.socket, kept: Belongings, inside: str, ours: int) -> None:
    """A new pair, whose one end is made in the pod with the number that the old one had."""
    peer = netlink.LINK.pack(0, 0, 0, 0, 0) + _named(inside) + _number(_NAMESPACE, ours)
    mtu = kept.link.get(belongings.MTU)
    if mtu is not None:
        peer += netlink.attribute(belongings.MTU, mtu)
    data = netlink.attribute(_DATA, netlink.attribute(_PEER, peer))
    head = netlink.LINK.pack(0, 0, kept.index, 0, 0) + _named(kept.name)
    info = netlink.attribute(_INFO, netlink.attribute(_KIND, b"veth\0") + data)
    netlink.tell(there, _NEW_LINK, head + info, netlink.CREATE | netlink.EXCLUSIVE)


def _rename(told: socket.socket, name: str, wanted: str) -> None:
    _change(told, netlink.link_by_name(told, name).index, _named(wanted))


def _set_up(told: socket.socket, name: str) -> None:
    _change(told, netlink.link_by_name(told, name).index, up=True)


def _delete(told: socket.socket, name: str) -> None:
    index = _index(told, name)
    if index is not None:
        netlink.tell(told, _DELETE_LINK, netlink.LINK.pack(0, 0, index, 0, 0))


def _named(name: str) -> bytes:
    return netlink.attribute(netlink.NAME, name.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return netlink.attribute(kind, value.to_bytes(4, sys.byteorder))
