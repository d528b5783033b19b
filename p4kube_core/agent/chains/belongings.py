"""What belongs to a network interface, read from the kernel, and given to the one in its place.

Addresses, routes and neighbours are kept as the kernel's own messages and told to it again: what we
do not know of comes back as well. Its settings are those of /proc/sys/net.
"""

from __future__ import annotations

import base64
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from p4kube_core.agent import netlink

_NEW_LINK, _GET_LINK = 16, 18
_NEW_ADDRESS, _GET_ADDRESS = 20, 22
_NEW_ROUTE, _DELETE_ROUTE, _GET_ROUTE = 24, 25, 26
_NEW_NEIGHBOUR, _GET_NEIGHBOUR = 28, 30
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)

# Of a link.
ADDRESS, MTU, QUEUE, GROUP = 1, 4, 13, 27
_KEPT: Final = (ADDRESS, MTU, QUEUE, GROUP)
_UP: Final = 1

_IFADDR: Final = struct.Struct("=BBBBi")  # family, prefix, flags, scope, index
_TEMPORARY: Final = 1  # made by the kernel, of another IPv6 address
_ADDRESS_FLAGS: Final = 8  # attribute, of a u32
_NO_SEARCH: Final = 2  # IFA_F_NODAD

_ROUTE: Final = struct.Struct("=BBBBBBBBI")
"""Family, destination's and source's prefix, TOS, table, protocol, scope, type, flags."""
_OUT, _GATEWAY, _MULTIPATH, _CACHE, _VIA, _NEXT_HOP = 4, 5, 9, 12, 18, 30
_LOCAL_TABLE: Final = 255  # the kernel's own, made with the addresses
_BY_ADVERTISEMENT: Final = 9  # protocol: routers say it again
_CLONED: Final = 0x200
_ON_LINK: Final = 4  # the one flag that is not a state
_HOP: Final = struct.Struct("=HBBi")  # length, flags, hops, index

_NEIGHBOUR: Final = struct.Struct("=BxxxiHBB")  # family, index, state, flags, type
_PERMANENT: Final = 0x80

_SETTINGS: Final = ("ipv4/conf", "ipv6/conf", "ipv4/neigh", "ipv6/neigh")


@final
@dataclass(frozen=True, slots=True)
class Belongings:
    name: str
    index: int
    up: bool
    link: Mapping[int, bytes]  # attributes
    addresses: tuple[bytes, ...]
    routes: tuple[bytes, ...]
    neighbours: tuple[bytes, ...]
    settings: Mapping[str, str]  # by path below /proc/sys/net, the interface's name left out

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "index": self.index,
            "up": self.up,
            "link": {str(kind): _text(value) for kind, value in self.link.items()},
            "addresses": [_text(message) for message in self.addresses],
            "routes": [_text(message) for message in self.routes],
            "neighbours": [_text(message) for message in self.neighbours],
            "settings": dict(self.settings),
        }


def from_json(value: Mapping[str, Any]) -> Belongings:
    """Read what `to_json` wrote."""
    return Belongings(
        name=value["name"],
        index=value["index"],
        up=value["up"],
        link={int(kind): base64.b64decode(text) for kind, text in value["link"].items()},
        addresses=tuple(base64.b64decode(text) for text in value["addresses"]),
        routes=tuple(base64.b64decode(text) for text in value["routes"]),
        neighbours=tuple(base64.b64decode(text) for text in value["neighbours"]),
        settings=value["settings"],
    )


def read(name: str) -> Belongings:
    """What belongs to an interface of the network namespace that this thread is in.

    Raises:
        OSError: ENODEV where there is none of this name, or as the kernel says.
    """
    with closing(netlink.open_here()) as asked:
        question = netlink.LINK.pack(0, 0, 0, 0, 0)
        question += netlink.attribute(netlink.NAME, name.encode() + b"\0")
        answer = netlink.ask(asked, _GET_LINK, _NEW_LINK, question)
        _, _, index, flags, _ = netlink.LINK.unpack_from(answer)
        found = dict(netlink.attributes(answer[netlink.LINK.size :]))
        return Belongings(
            name=name,
            index=index,
            up=bool(flags & _UP),
            link={kind: found[kind] for kind in _KEPT if kind in found},
            addresses=tuple(_addresses(asked, index)),
            routes=tuple(_routes(asked, index)),
            neighbours=tuple(_neighbours(asked, index)),
            settings=_settings(name),
        )


def give(one: Belongings) -> None:
    """Have the interface of that name, in the namespace that this thread is in, have all of it.

    What it has already is fine. It comes up in the end, if the other one was.

    Raises:
        OSError: as the kernel says.
    """
    with closing(netlink.open_here()) as told:
        index = netlink.link_by_name(told, one.name).index
        link = b"".join(netlink.attribute(kind, value) for kind, value in one.link.items())
        netlink.tell(told, _NEW_LINK, netlink.LINK.pack(0, 0, index, 0, 0) + link)
        _set(one.name, one.settings)
        if one.up:
            netlink.tell(told, _NEW_LINK, netlink.LINK.pack(0, 0, index, _UP, _UP))
        for address in one.addresses:
            _give_address(told, _address_of(address, index))
        _give_routes(told, one, index)
        for neighbour in one.neighbours:
            _tell_again(told, _NEW_NEIGHBOUR, _neighbour_of(neighbour, index))


# --- from the kernel


def _addresses(asked: socket.socket, index: int) -> Iterator[bytes]:
    for message in netlink.dump(asked, _GET_ADDRESS, _IFADDR.pack(0, 0, 0, 0, 0)):
        family, _, flags, _, owner = _IFADDR.unpack_from(message)
        if owner == index and not (family == socket.AF_INET6 and flags & _TEMPORARY):
            yield message


def _routes(asked: socket.socket, index: int) -> Iterator[bytes]:
    for family in _FAMILIES:
        for message in netlink.dump(asked, _GET_ROUTE, _ROUTE.pack(family, *(0,) * 8)):
            *_, table, protocol, _, _, flags = _ROUTE.unpack_from(message)
            kernels = table == _LOCAL_TABLE or protocol == _BY_ADVERTISEMENT or flags & _CLONED
            if not kernels and index in _ways_out(message):
                yield message


def _ways_out(route: bytes) -> set[int]:
    """Indices of the interfaces that a route leads to."""
    found = dict(netlink.attributes(route[_ROUTE.size :]))
    ways = {_HOP.unpack_from(hop)[3] for hop in _hops(found.get(_MULTIPATH, b""))}
    if _OUT in found:
        ways.add(int.from_bytes(found[_OUT], sys.byteorder))
    return ways


def _hops(block: bytes) -> Iterator[bytes]:
    at = 0
    while at + _HOP.size <= len(block):
        length = _HOP.unpack_from(block, at)[0]
        yield block[at : at + length]
        at += (length + 3) & ~3


def _neighbours(asked: socket.socket, index: int) -> Iterator[bytes]:
    for family in _FAMILIES:
        for message in netlink.dump(asked, _GET_NEIGHBOUR, _NEIGHBOUR.pack(family, 0, 0, 0, 0)):
            _, owner, state, _, _ = _NEIGHBOUR.unpack_from(message)
            if owner == index and state & _PERMANENT:
                yield message


def _settings(name: str) -> dict[str, str]:
    found = {}
    for kind in _SETTINGS:
        for path in (Path("/proc/sys/net") / kind / name).glob("*"):
            with suppress(OSError, UnicodeDecodeError):  # some are for writing, or not set
                found[f"{kind}/{path.name}"] = path.read_text().rstrip("\n")
    return found


# --- to the kernel


def _set(name: str, settings: Mapping[str, str]) -> None:
    for place, value in settings.items():
        kind, _, setting = place.rpartition("/")
        path = Path("/proc/sys/net") / kind / name / setting
        with suppress(OSError):  # some are for reading, or of another kernel
            if path.read_text().rstrip("\n") != value:
                path.write_text(value)


def _give_address(told: socket.socket, address: bytes) -> None:
    """One that was in use needs no search for others who have it, which takes a second or more."""
    if _IFADDR.unpack_from(address)[0] != socket.AF_INET6:
        _tell_again(told, _NEW_ADDRESS, address)
        return
    made = address[: _IFADDR.size]
    for kind, value in netlink.attributes(address[_IFADDR.size :]):
        if kind == _ADDRESS_FLAGS:
            flags = int.from_bytes(value, sys.byteorder) | _NO_SEARCH
            value = flags.to_bytes(4, sys.byteorder)
        made += netlink.attribute(kind, value)
    _tell_again(told, _NEW_ADDRESS, made)
    # It is in use by now, and keeps that without the flag.
    netlink.tell(told, _NEW_ADDRESS, address, netlink.CREATE | netlink.REPLACE)


def _give_routes(told: socket.socket, one: Belongings, index: int) -> None:
    """With addresses came routes that may not be wanted, and be in the way of those that are."""
    wanted = [_route_of(route, one.index, index) for route in sorted(one.routes, key=_is_indirect)]
    for route in _routes(told, index):
        known = _route_of(route, index, index)
        if known not in wanted:
            with suppress(ProcessLookupError):  # it went by itself
                netlink.tell(told, _DELETE_ROUTE, known)
    for route in wanted:
        if _ways_out(route) == {index}:
            _tell_again(told, _NEW_ROUTE, route)
        else:  # its ways by other interfaces stayed
            netlink.tell(told, _NEW_ROUTE, route, netlink.CREATE | netlink.REPLACE)


def _tell_again(told: socket.socket, kind: int, message: bytes) -> None:
    with suppress(FileExistsError):
        netlink.tell(told, kind, message, netlink.CREATE | netlink.EXCLUSIVE)


def _address_of(message: bytes, index: int) -> bytes:
    family, prefix, flags, scope, _ = _IFADDR.unpack_from(message)
    return _IFADDR.pack(family, prefix, flags, scope, index) + message[_IFADDR.size :]


def _neighbour_of(message: bytes, index: int) -> bytes:
    family, _, state, flags, kind = _NEIGHBOUR.unpack_from(message)
    return _NEIGHBOUR.pack(family, index, state, flags, kind) + message[_NEIGHBOUR.size :]


def _route_of(message: bytes, old: int, new: int) -> bytes:
    """The route as the kernel can be told it, with another interface in the place of one."""
    *head, flags = _ROUTE.unpack_from(message)
    made = [_ROUTE.pack(*head, flags & _ON_LINK)]
    for kind, value in netlink.attributes(message[_ROUTE.size :]):
        if kind in (_CACHE, _NEXT_HOP):  # what was observed, and a hop's number beside the hop
            continue
        if kind == _OUT and int.from_bytes(value, sys.byteorder) == old:
            value = new.to_bytes(4, sys.byteorder)
        elif kind == _MULTIPATH:
            value = b"".join(_hop_of(hop, old, new) for hop in _hops(value))
        made.append(netlink.attribute(kind, value))
    return b"".join(made)


def _hop_of(hop: bytes, old: int, new: int) -> bytes:
    length, flags, weight, index = _HOP.unpack_from(hop)
    index = new if index == old else index
    made = _HOP.pack(length, flags & _ON_LINK, weight, index) + hop[_HOP.size :]
    return made + bytes(-len(made) % 4)


def _is_indirect(route: bytes) -> bool:
    """Routes by a gateway need those to the gateway."""
    return any(
        kind in (_GATEWAY, _MULTIPATH, _VIA) for kind, _ in netlink.attributes(route[_ROUTE.size :])
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
