"""The demonstration: what is done, what was expected, what happened; nothing stays behind."""

from __future__ import annotations

import argparse
import os
import shutil

from p4kube_core import errors
from p4kube_core.agent import settings
from p4kube_core.cli import machine
from p4kube_core.cli.demo import chain, firewall, place
from p4kube_core.cli.demo.telling import Telling

WHERE = {
    "dpdk": "in a process of ours, on DPDK: for VMs, network cards, and what the kernel cannot",
    "ebpf": "in the kernel, at the tc hooks of the pod's wire",
}


def run(options: argparse.Namespace) -> int:
    for target in WHERE:
        machine.require_dataplane(target)
    if not os.access(settings.CNI_PLUGIN, os.X_OK):
        raise errors.MachineError(f"no CNI plug-in at {settings.CNI_PLUGIN}: run `make build`")
    for tool in ("ip", "ping"):
        if shutil.which(tool) is None:
            raise errors.MachineError(f"want the program {tool!r}, found none: run `make build`")
    print(
        "P4Kube: network functions written in P4 on a pod's wire, in the two ways to move packets"
    )
    telling = Telling()
    left: list[str] = []
    shown = False
    for target, where in WHERE.items():
        telling.part(f"Target {target}: {where}")
        with place.made(target, telling) as here:
            firewall.tell(here, target, options.seconds, shown=shown)
            if target == "ebpf":
                chain.tell(here, options.seconds)
            firewall.take_away(here)
        left += here.left_behind
        shown = True
    print(f"\n{'Everything is gone again.' if not left else 'LEFT BEHIND: ' + ', '.join(left)}")
    if telling.failed or left:
        print(f"{telling.failed} expectation{'s' * (telling.failed != 1)} failed")
        return 1
    print("All went as expected.")
    return 0
