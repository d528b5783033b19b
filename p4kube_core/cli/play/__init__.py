"""`p4kube play`: NetworkFunction objects on this machine, without a cluster."""

from __future__ import annotations

import argparse


def run(options: argparse.Namespace) -> int:
    """Play, or take down; reading a manifest alone does not need what this imports."""
    from p4kube_core.cli.play import command

    return command.run(options)
