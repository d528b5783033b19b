"""`p4kube play`: NetworkFunction objects on this machine, without a cluster."""

from p4kube_core.cli.play.command import run

__all__ = ["run"]
