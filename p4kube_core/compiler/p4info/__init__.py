"""P4Info: what of a program the control plane sees, with the names and ids that p4c gives."""

from p4kube_core.compiler.p4info.build import build

__all__ = ["build"]
