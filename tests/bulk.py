"""Both ends of bulk traffic, each of which knows what the other sends and compares every byte.

Run inside the namespaces: `serve` until killed; `tcp` and `udp` say `same`, or what differed.
"""

from __future__ import annotations

import random
import socket
import struct
import sys
import threading
from typing import Any

UDP_SEGMENT = 103
UDP_GRO = 104
TIMEOUT_S = 20.0
FROM_CLIENT, FROM_SERVER = 1, 2
HEAD = struct.Struct("!III")  # of a datagram: its burst, its place there, how many there are


def _socket(address: str, kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    made.settimeout(TIMEOUT_S)
    return made


# --- TCP: both send at once.


def _data(side: int, size: int) -> bytes:
    return random.Random(side).randbytes(size)


def _compared(connection: socket.socket, wanted: bytes) -> str:
    at = 0
    while at < len(wanted):
        part = connection.recv(min(1 << 18, len(wanted) - at))
        if not part:
            return f"ended after {at} of {len(wanted)} bytes"
        if part != wanted[at : at + len(part)]:
            return f"differs within {len(part)} bytes from {at} on"
        at += len(part)
    return "same"


def _exchange(connection: socket.socket, side: int, size: int) -> str:
    sender = threading.Thread(target=connection.sendall, args=(_data(side, size),))
    sender.start()
    said = _compared(connection, _data(FROM_CLIENT + FROM_SERVER - side, size))
    sender.join()
    return said


def tcp(address: str, port: int, size: int) -> str:
    with _socket(address, socket.SOCK_STREAM) as connection:
        connection.connect((address, port))
        connection.sendall(size.to_bytes(8, "big"))
        said = _exchange(connection, FROM_CLIENT, size)
        connection.shutdown(socket.SHUT_WR)
        other = b""
        while part := connection.recv(1000):
            other += part
    return said if said != "same" else other.decode()


def serve_tcp(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(TIMEOUT_S)
            size = int.from_bytes(connection.recv(8, socket.MSG_WAITALL), "big")
            said = _exchange(connection, FROM_SERVER, size)
            connection.sendall(said.encode())


# --- UDP: a burst there, a burst back, each by one call that the kernel cuts into datagrams.


def _burst(side: int, number: int, count: int, size: int) -> list[bytes]:
    """The last of several is shorter, as it may be."""
    rng = random.Random(f"{side} {number}")
    sizes = [size] * (count - 1) + [max(HEAD.size, size // 2) if count > 1 else size]
    return [
        HEAD.pack(number, place, count) + rng.randbytes(size - HEAD.size)
        for place, size in enumerate(sizes)
    ]


def _send(sender: socket.socket, burst: list[bytes], peer: Any) -> None:
    segment = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", len(burst[0])))]
    sender.sendmsg([b"".join(burst)], segment if len(burst) > 1 else [], 0, peer)


def _receive(receiver: socket.socket) -> tuple[list[bytes], Any]:
    """A datagram, or several that the kernel has left together."""
    data, others, _, peer = receiver.recvmsg(1 << 16, 1000)
    size = next((struct.unpack("=i", v)[0] for _, kind, v in others if kind == UDP_GRO), len(data))
    return [data[at : at + size] for at in range(0, len(data), size)], peer


def udp(address: str, port: int, size: int, count: int) -> str:
    """Bursts until there is enough to say that they arrive."""
    with _socket(address, socket.SOCK_DGRAM) as client:
        for number in range(50):
            _send(client, _burst(FROM_CLIENT, number, count, size), (address, port))
            wanted = _burst(FROM_SERVER, number, count, size)
            got: list[bytes] = []
            while len(got) < count:
                got += _receive(client)[0]
            if sorted(got) != sorted(wanted):
                return f"burst {number} differs"
    return "same"


def serve_udp(server: socket.socket) -> None:
    """Answer a burst when all of it is there as it should be, and else never."""
    got: list[bytes] = []
    while True:
        parts, peer = _receive(server)
        got += parts
        number, _, count = HEAD.unpack_from(got[0])
        if len(got) == count:
            wanted = _burst(FROM_CLIENT, number, count, max(map(len, got)))
            if sorted(got) == sorted(wanted):
                _send(server, _burst(FROM_SERVER, number, count, max(map(len, got))), peer)
            got = []


def serve(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    whole = _socket(address, socket.SOCK_DGRAM)
    whole.settimeout(None)
    whole.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    cut = _socket(address, socket.SOCK_DGRAM)
    cut.settimeout(None)
    for server, number in ((whole, port), (cut, port + 1)):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        server.bind((address, number))
        threading.Thread(target=serve_udp, args=(server,), daemon=True).start()
    listener = socket.create_server((address, port), family=family)
    print("ready", flush=True)
    serve_tcp(listener)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", address, port]:
            serve(address, int(port))
        case ["tcp", address, port, size]:
            print(tcp(address, int(port), int(size)))
        case ["udp", address, port, size, count]:
            print(udp(address, int(port), int(size), int(count)))
        case _:
            sys.exit("want serve, tcp or udp")
