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
        dataplane=tuple(options.dataplane) or (str(settings.DEFAULT_DATAPLANE),),
        verbose=options.verbose,
    )
    return agent.run(wanted)
