"""VLAN tags, which the kernel keeps beside a packet's bytes, are headers as any other."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.dataplane.bpf_daemon import process
from tests.dataplane.daemon import hosts

PROGRAM: Final = Path(__file__).parent / "programs/tags.p4"
ADDRESSES: Final = "ffffffffffff020000000001"
REST: Final = "88b5" + "5a" * 60  # a type of nobody's, for experiments

TAGS: Final = (
    ("", ""),
    ("81000005", "81000005"),
    ("8100a00a", "8100a014"),  # with its priority
    ("8100001e", ""),
    ("88a8000a81000007", "88a8001481000007"),
    ("88a8001e81000007", "81000007"),
)
FRAMES: Final = [f"{ADDRESSES}{tags}{REST}" for tags, _ in TAGS]
WANTED: Final = [f"{ADDRESSES}{tags}{REST}" for _, tags in TAGS]


def sent(sender: hosts.Host, receiver: hosts.Host, frames: list[str]) -> list[str]:
    """What the receiver gets of these frames, in order."""
    sniffing = receiver.peer("sniff", "eth0", REST, str(len(frames)))
    try:
        assert sniffing.stdout is not None
        assert sniffing.stdout.readline() == "ready\n"
        for frame in frames:
            assert sender.peer("raw", "eth0", frame).wait(30) == 0
        return sniffing.communicate(timeout=30)[0].split()
    finally:
        sniffing.kill()


@pytest.mark.parametrize("way", [0, 1])
def test_a_tag_is_seen_changed_and_removed(bpf: process.Process, way: int) -> None:
    with hosts.pair() as pair:
        both = list(pair)
        bpf.put("device_add", 1, process.compiled(PROGRAM))
        for number, host in enumerate(both, start=1):
            bpf.call("port_add", name=host.wire, kind="packet", interface=host.wire)
            bpf.call("wire", device=1, port=number, name=host.wire)
        assert sent(both[way], both[1 - way], FRAMES) == WANTED


def test_a_tag_passes_a_hook_by_which_its_packet_goes_on(bpf: process.Process) -> None:
    """In at one hook of an interface and out at the other, through the host's stack."""
    with hosts.pair() as (pod, other), hosts.bridged(pod, other):
        bpf.put("device_add", 1, process.compiled(PROGRAM))
        for number, hook in ((1, "egress"), (2, "ingress")):
            bpf.call("port_add", name=hook, kind="tc", interface=pod.wire, hook=hook)
            bpf.call("wire", device=1, port=number, name=hook)
        for sender, receiver in ((pod, other), (other, pod)):
            assert sent(sender, receiver, FRAMES) == WANTED
