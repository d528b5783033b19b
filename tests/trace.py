"""A datagram each millisecond, from a process that stamps it to one that says when it arrived.

Run inside the namespaces: `send ADDRESS PORT` until killed; `receive ADDRESS PORT` until it is told
to end by the end of its input, then it writes a line each datagram: number, sent, arrived (ns).
Arrival is the kernel's time, so that nobody has to be woken for it.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
import time

STAMP = struct.Struct("!QQ")  # number, time of sending in ns
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
EVERY_S = 0.001


def send(address: str, port: int) -> None:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((address, port))
    number = 0
    while not select.select([sys.stdin], [], [], EVERY_S)[0]:
        sender.send(STAMP.pack(number, time.time_ns()))
        number += 1
    print(number)


def receive(address: str, port: int) -> None:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    receiver.bind((address, port))
    print("ready", flush=True)
    seen = []
    while True:
        ready = select.select([receiver, sys.stdin], [], [])[0]
        if receiver in ready:
            data, more, _, _ = receiver.recvmsg(100, 100)
            seconds, rest = struct.unpack("=qq", more[0][2])
            seen.append((*STAMP.unpack(data), seconds * 10**9 + rest))
        elif ready:
            break
    for number, sent, arrived in seen:
        print(number, sent, arrived)


if __name__ == "__main__":
    {"send": send, "receive": receive}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
