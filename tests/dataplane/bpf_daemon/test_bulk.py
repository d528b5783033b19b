"""Bulk traffic whose IPv6 addresses and ports are rewritten, compared byte by byte at both ends.

What the catalogue's functions do to it is in tests/e2e/test_bulk.py.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.dataplane.bpf_daemon import process
from tests.dataplane.daemon import hosts

BULK: Final = Path(__file__).parents[2] / "bulk.py"
PROGRAM: Final = Path(__file__).parent / "programs/rewrite6.p4"
PUBLIC, PORT, PUBLIC_PORT = "fd77::100", 5001, 7001
SIZE: Final = 32 << 20


@contextlib.contextmanager
def served(host: hosts.Host) -> Iterator[None]:
    command = ("ip", "netns", "exec", host.namespace, sys.executable, str(BULK))
    with subprocess.Popen(
        [*command, "serve", host.ipv6, str(PORT)], stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            yield
        finally:
            running.kill()


def mac(host: hosts.Host) -> str:
    (link,) = json.loads(host.run("ip", "-j", "link", "show", "dev", "eth0"))
    address: str = link["address"]
    return address


@pytest.mark.parametrize("how", ["ADJUSTED", "WHOLE"])
@pytest.mark.parametrize("made", ["never", "before"])
def test_every_byte_arrives_through_rewritten_addresses(
    bpf: process.Process, made: str, how: str
) -> None:
    with hosts.pair() as (client, server):
        if made == "before":
            for host in (client, server):
                host.run("ethtool", "-K", "eth0", "tx", "off")
        bpf.put("device_add", 1, process.compiled(PROGRAM, how))
        for number, host in enumerate((client, server), start=1):
            bpf.call("port_add", name=host.wire, kind="packet", interface=host.wire)
            bpf.call("wire", device=1, port=number, name=host.wire)
        client.run("ip", "neigh", "add", PUBLIC, "lladdr", mac(server), "dev", "eth0")
        with served(server):
            for words in (
                ("tcp", PUBLIC, PUBLIC_PORT, SIZE),
                *(
                    ("udp", PUBLIC, port, size, count)
                    for port in (PUBLIC_PORT, PUBLIC_PORT + 1)
                    for size, count in ((1400, 40), (100, 60), (1232, 1), (17, 3))
                ),
            ):
                said = client.run(sys.executable, str(BULK), *map(str, words))
                assert said == "same\n", words
