"""A firewall on the wire of a virtual machine."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from p4kube_core.cli.demo import traffic
from tests.e2e import guest
from tests.e2e.playing import ECHO, FIREWALL, INSIDE, PING, Site, eventually

pytestmark = [pytest.mark.needs_root, pytest.mark.needs_dpdk, pytest.mark.needs_qemu]


def play(site: Site, socket: Path, *rules: str) -> None:
    wire = f"vhostUser: {{socket: {socket}, mode: client}}"
    text = FIREWALL.format(rules="".join(rules)).replace("interface: inside", wire)
    site.manifest.write_text(text)
    done = site.p4kube("play", site.manifest)
    assert done.returncode == 0, done.stderr


def test_a_guest_is_reached_as_far_as_its_firewall_lets(site: Site, tmp_path: Path) -> None:
    socket = site.state / "vm.sock"
    play(site, socket, PING)  # before there is a guest: the port waits for it
    with guest.running(tmp_path, socket, INSIDE) as qemu:
        assert eventually(lambda: traffic.ping(site.outside, INSIDE, 1).passed)
        assert traffic.ping(site.outside, INSIDE, 10).passed
        play(site, socket, ECHO)
        assert not traffic.ping(site.outside, INSIDE, 2).passed
        play(site, socket, PING)
        os.kill(site.pid("dpdk"), signal.SIGKILL)
        assert eventually(lambda: traffic.ping(site.outside, INSIDE, 1).passed)
        assert qemu.poll() is None
    assert eventually(lambda: not traffic.ping(site.outside, INSIDE, 1).passed)
