"""Netlink: a socket of any network namespace, and the few questions that we have for the kernel.

Numbers on a netlink socket are in the machine's byte order.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

ROUTE, XFRM = 0, 6  # protocols

_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_LINK: Final = struct.Struct("=BxHiII")  # family, type, index, flags, change
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
_INT: Final = struct.Struct("=i")
_REQUEST, _ACKNOWLEDGE = 1, 4
_ERROR, _NEW_LINK, _GET_LINK, _NEW_NSID, _GET_NSID = 2, 16, 18, 88, 90
_NAME, _PEER, _INFO, _FILTER, _PEER_NAMESPACE = 3, 5, 18, 29, 37
_INFO_KIND: Final = 1
_UP: Final = 1
_NO_STATISTICS: Final = 1 << 3
_NSID, _NSID_FD = 1, 3
_NESTED_MASK: Final = 0x3FFF
_ANSWER_BYTES: Final = 1 << 16
_TIMEOUT_S: Final = 10.0
_CLONE_NEWNET: Final = 0x40000000
_libc: Final = ctypes.CDLL(None, use_errno=True)


@final
@dataclass(frozen=True, slots=True)
class Link:
    index: int
    name: str
    kind: str | None  # such as veth; None: a device of its own
    peer: int | None  # index of the link below or at the other end
    peer_namespace: int | None  # that of the peer, by its number in this namespace; None: this one


def open_here(protocol: int = ROUTE) -> socket.socket:
    """A netlink socket of the process's own network namespace."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    made.settimeout(_TIMEOUT_S)
    return made


def open_in(namespace: int, protocol: int = ROUTE) -> socket.socket:
    """A netlink socket of the network namespace behind a file descriptor.

    Made in a thread that goes there and ends: a socket stays where it was made, and no other
    thread is ever anywhere else.

    Raises:
        OSError: EINVAL where that is no network namespace.
    """
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def enter() -> None:
        try:
            if _libc.setns(namespace, _CLONE_NEWNET) != 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))
            made.append(open_here(protocol))
        except OSError as e:
            failed.append(e)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def link_by_name(asked: socket.socket, name: str) -> Link:
    """Raises OSError, ENODEV where there is none."""
    return _link(_ask(asked, _GET_LINK, _NEW_LINK, _link_request(0, name)))


def link_by_index(asked: socket.socket, index: int) -> Link:
    """Raises OSError, ENODEV where there is none."""
    return _link(_ask(asked, _GET_LINK, _NEW_LINK, _link_request(index, None)))


def namespace_number(asked: socket.socket, namespace: int) -> int:
    """The number of the namespace behind a file descriptor; -1 where it was given none yet."""
    question = bytes(4) + _attribute(_NSID_FD, _INT.pack(namespace))
    answer = _ask(asked, _GET_NSID, _NEW_NSID, question)
    return _number(dict(_attributes(answer[4:])).get(_NSID)) or 0


def set_down(told: socket.socket, index: int) -> None:
    """Let no packet through a link any more. Raises OSError, ENODEV where there is none."""
    tell(told, _NEW_LINK, _LINK.pack(0, 0, index, 0, _UP))


def _link_request(index: int, name: str | None) -> bytes:
    question = _LINK.pack(0, 0, index, 0, 0) + _attribute(_FILTER, _INT.pack(_NO_STATISTICS))
    return question if name is None else question + _attribute(_NAME, name.encode() + b"\0")


def _link(answer: bytes) -> Link:
    _, _, index, _, _ = _LINK.unpack_from(answer)
    found = dict(_attributes(answer[_LINK.size :]))
    kind = dict(_attributes(found.get(_INFO, b""))).get(_INFO_KIND)
    return Link(
        index,
        _text(found[_NAME]),
        _text(kind) if kind is not None else None,
        _number(found.get(_PEER)),
        _number(found.get(_PEER_NAMESPACE)),
    )


def tell(told: socket.socket, kind: int, order: bytes) -> None:
    """Have the kernel do something. Raises OSError as the kernel says."""
    kind, body = _exchange(told, kind, _REQUEST | _ACKNOWLEDGE, order)
    if kind != _ERROR:
        raise OSError(f"want an acknowledgement of the kernel, got message {kind}")
    _raise_if_refused(body)


def _ask(asked: socket.socket, kind: int, wanted: int, question: bytes) -> bytes:
    kind, body = _exchange(asked, kind, _REQUEST, question)
    if kind == _ERROR:
        _raise_if_refused(body)
    if kind != wanted:
        raise OSError(f"want message {wanted} of the kernel, got {kind}")
    return body


def _exchange(other: socket.socket, kind: int, flags: int, body: bytes) -> tuple[int, bytes]:
    other.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body)
    answer = other.recv(_ANSWER_BYTES)
    length, kind, *_ = _HEADER.unpack_from(answer)
    return kind, answer[_HEADER.size : length]


def _raise_if_refused(body: bytes) -> None:
    code = -_INT.unpack_from(body)[0]
    if code != 0:
        raise OSError(code, os.strerror(code))


def _attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def _attributes(block: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(block):
        length, kind = _ATTRIBUTE.unpack_from(block, at)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _NESTED_MASK, block[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3


def _number(value: bytes | None) -> int | None:
    return None if value is None else int(_INT.unpack(value)[0])


def _text(value: bytes) -> str:
    return value.partition(b"\0")[0].decode(errors="replace")
