"""`p4kube demo`: functions on a pod's wire on both targets, real traffic."""

from __future__ import annotations

import argparse


def run(options: argparse.Namespace) -> int:
    from p4kube_core.cli.demo import command

    return command.run(options)
