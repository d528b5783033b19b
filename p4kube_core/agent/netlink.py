"""Netlink: a socket of any network namespace, and the few questions that we have for the kernel.

Numbers on a netlink socket are in the machine's byte order.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar, final

ROUTE, XFRM = 0, 6  # protocols

_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
LINK: Final = struct.Struct("=BxHiII")  # family, type, index, flags, change
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
_INT: Final = struct.Struct("=i")
_REQUEST, _ACKNOWLEDGE, _INTERRUPTED, _DUMP = 1, 4, 16, 0x300
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400  # flags of what is told
_DONE: Final = 3
_ERROR, _NEW_LINK, _GET_LINK, _NEW_NSID, _GET_NSID = 2, 16, 18, 88, 90
NAME: Final = 3
_PEER, _OPERATION, _INFO, _FILTER, _PEER_NAMESPACE = 5, 16, 18, 29, 37
_OPERATIONAL: Final = 6  # of the states of RFC 2863
_INFO_KIND: Final = 1
_UP: Final = 1
_NO_STATISTICS: Final = 1 << 3
_NSID, _NSID_FD = 1, 3
_NESTED_MASK: Final = 0x3FFF
_ANSWER_BYTES: Final = 1 << 16
_TIMEOUT_S: Final = 10.0
_CLONE_NEWNET: Final = 0x40000000
_libc: Final = ctypes.CDLL(None, use_errno=True)


T = TypeVar("T")


@final
@dataclass(frozen=True, slots=True)
class Link:
    index: int
    name: str
    kind: str | None  # such as veth; None: a device of its own
    peer: int | None  # index of the link below or at the other end
    peer_namespace: int | None  # that of the peer, by its number in this namespace; None: this one
    up: bool  # as it was told
    passes: bool  # and packets do: it knows of its carrier, and so do those that it belongs to


def open_here(protocol: int = ROUTE) -> socket.socket:
    """A netlink socket of the process's own network namespace."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    made.settimeout(_TIMEOUT_S)
    return made


def open_in(namespace: int, protocol: int = ROUTE) -> socket.socket:
    """A netlink socket of the network namespace behind a file descriptor; it stays there.

    Raises:
        OSError: EINVAL where that is no network namespace.
    """
    return inside(namespace, lambda: open_here(protocol))


def inside(namespace: int | None, call: Callable[[], T]) -> T:
    """Call something in the network namespace behind a file descriptor; None: in a new one.

    In a thread that goes there and ends, so that no other thread is ever anywhere else.

    Raises:
        OSError: the kernel does not let us in, or what the call raises.
    """
    made: list[T] = []
    failed: list[BaseException] = []

    def enter() -> None:
        try:
            if namespace is None:
                entered = _libc.unshare(_CLONE_NEWNET)
            else:
                entered = _libc.setns(namespace, _CLONE_NEWNET)
            if entered != 0:
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))
            made.append(call())
        except BaseException as e:
            failed.append(e)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def link_by_name(asked: socket.socket, name: str) -> Link:
    """Raises OSError, ENODEV where there is none."""
    return _link(ask(asked, _GET_LINK, _NEW_LINK, _link_request(0, name)))


def link_by_index(asked: socket.socket, index: int) -> Link:
    """Raises OSError, ENODEV where there is none."""
    return _link(ask(asked, _GET_LINK, _NEW_LINK, _link_request(index, None)))


def namespace_number(asked: socket.socket, namespace: int) -> int:
    """The number of the namespace behind a file descriptor; -1 where it was given none yet."""
    question = bytes(4) + attribute(_NSID_FD, _INT.pack(namespace))
    answer = ask(asked, _GET_NSID, _NEW_NSID, question)
    return _number(dict(attributes(answer[4:])).get(_NSID)) or 0


def set_down(told: socket.socket, index: int) -> None:
    """Let no packet through a link any more. Raises OSError, ENODEV where there is none."""
    tell(told, _NEW_LINK, LINK.pack(0, 0, index, 0, _UP))


def _link_request(index: int, name: str | None) -> bytes:
    question = LINK.pack(0, 0, index, 0, 0) + attribute(_FILTER, _INT.pack(_NO_STATISTICS))
    return question if name is None else question + attribute(NAME, name.encode() + b"\0")


def _link(answer: bytes) -> Link:
    _, _, index, flags, _ = LINK.unpack_from(answer)
    found = dict(attributes(answer[LINK.size :]))
    kind = dict(attributes(found.get(_INFO, b""))).get(_INFO_KIND)
    return Link(
        index,
        _text(found[NAME]),
        _text(kind) if kind is not None else None,
        _number(found.get(_PEER)),
        _number(found.get(_PEER_NAMESPACE)),
        bool(flags & _UP),
        found.get(_OPERATION, b"\0")[0] == _OPERATIONAL,
    )


def tell(told: socket.socket, kind: int, order: bytes, flags: int = 0) -> None:
    """Have the kernel do something. Raises OSError as the kernel says."""
    kind, body = _exchange(told, kind, _REQUEST | _ACKNOWLEDGE | flags, order)
    if kind != _ERROR:
        raise OSError(f"want an acknowledgement of the kernel, got message {kind}")
    _raise_if_refused(body)


def dump(asked: socket.socket, kind: int, question: bytes) -> list[bytes]:
    """All messages with which the kernel answers a question for many, without their heads.

    Raises:
        OSError: as the kernel says; EAGAIN where things changed meanwhile.
    """
    asked.send(_HEADER.pack(_HEADER.size + len(question), kind, _REQUEST | _DUMP, 1, 0) + question)
    found: list[bytes] = []
    changed = False
    while True:
        answer = asked.recv(_ANSWER_BYTES)
        at = 0
        while at + _HEADER.size <= len(answer):
            length, said, flags, *_ = _HEADER.unpack_from(answer, at)
            body = answer[at + _HEADER.size : at + length]
            changed = changed or bool(flags & _INTERRUPTED)
            if said == _ERROR:
                _raise_if_refused(body)
            if said == _DONE:
                if changed:
                    raise OSError(errno.EAGAIN, "it changed while the kernel listed it")
                return found
            found.append(body)
            at += (length + 3) & ~3


def ask(asked: socket.socket, kind: int, wanted: int, question: bytes) -> bytes:
    """The kernel's answer, which is to be of the kind that is wanted. Raises OSError."""
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


def attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def attributes(block: bytes) -> Iterator[tuple[int, bytes]]:
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
