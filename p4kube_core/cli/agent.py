"""`p4kube agent`: the long-running process of a node."""

from __future__ import annotations

import argparse

from p4kube_core.agent import main as agent
from p4kube_core.agent import settings


def run(options: argparse.Namespace) -> int:
    wanted = settings.Settings(
        state=options.state,
        listen=options.listen,
        certificate=options.cert,
        key=options.key,
        client_ca=options.client_ca,
        dpdk=tuple(options.dpdk) or settings.Settings().dpdk,
        ebpf=tuple(options.ebpf) or settings.Settings().ebpf,
        cni=options.cni_socket,
        verbose=options.verbose,
    )
    return agent.run(wanted)
