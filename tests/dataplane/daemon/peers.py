"""What runs inside the namespaces: `echo` answers; `tcp` and `udp` send, receive and compare.

`raw` sends a frame, `sniff` says which frames come.
"""

from __future__ import annotations

import random
import socket
import struct
import sys
import threading

PORT = 5001
UDP_SEGMENT = 103
SOL_PACKET, PACKET_AUXDATA, ETH_P_ALL = 263, 8, 3
TP_STATUS_VLAN_VALID = 1 << 4
TIMEOUT_S = 60


def echo(address: str) -> None:
    """One TCP connection and any number of datagrams, until killed."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.bind((address, PORT))
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    listener = socket.create_server((address, PORT), family=family)
    print("ready", flush=True)

    def serve_udp() -> None:
        while True:
            data, peer = udp.recvfrom(65536)
            udp.sendto(data, peer)

    threading.Thread(target=serve_udp, daemon=True).start()
    while True:
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(1 << 18):
                connection.sendall(data)


def tcp(address: str, size: int) -> None:
    data = random.Random(size).randbytes(size)
    connection = socket.create_connection((address, PORT), timeout=TIMEOUT_S)

    def send() -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    received = bytearray()
    while part := connection.recv(1 << 18):
        received += part
    sender.join()
    print("same" if received == data else f"differs: {len(received)} of {size} bytes")


def udp(address: str, segment: int) -> None:
    """Datagrams of many sizes; with `segment`, several of that size by one call (USO)."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    client = socket.socket(family, socket.SOCK_DGRAM)
    client.settimeout(10)
    client.connect((address, PORT))
    rng = random.Random(segment)
    if not segment:
        for size in [1, 2, 3, 100, 1400, 1472, 1473, 3000, 8000, *rng.sample(range(1, 1472), 50)]:
            data = rng.randbytes(size)
            client.send(data)
            assert client.recv(65536) == data, size
    else:
        client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, segment)
        data = rng.randbytes(10 * segment + segment // 2)
        client.send(data)
        wanted = [data[i : i + segment] for i in range(0, len(data), segment)]
        assert [client.recv(65536) for _ in wanted] == wanted
    print("same")


def raw(interface: str, frame: str) -> None:
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind((interface, 0))
    sender.send(bytes.fromhex(frame))


def sniff(interface: str, end: str, count: int) -> None:
    """Print frames that end so, with the outermost tag, which the kernel tells apart, put back."""
    receiver = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    receiver.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    receiver.bind((interface, 0))
    receiver.settimeout(10)
    print("ready", flush=True)
    while count:
        data, more, _, _ = receiver.recvmsg(2000, 100)
        if not data.hex().endswith(end):
            continue
        status, tag, kind = struct.unpack_from("=I12xHH", more[0][2])
        if status & TP_STATUS_VLAN_VALID:
            data = data[:12] + struct.pack("!HH", kind, tag) + data[12:]
        print(data.hex(), flush=True)
        count -= 1


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["echo", address]:
            echo(address)
        case ["tcp", address, size]:
            tcp(address, int(size))
        case ["udp", address, segment]:
            udp(address, int(segment))
        case ["raw", interface, frame]:
            raw(interface, frame)
        case ["sniff", interface, end, count]:
            sniff(interface, end, int(count))
        case _:
            sys.exit("want echo, tcp, udp, raw or sniff")
