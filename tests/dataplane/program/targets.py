"""Same test, other target: which one programs are loaded for."""

from __future__ import annotations

from typing import Final

from p4kube_core.compiler.backends.dpdk import limits
from p4kube_core.compiler.backends.dpdk import program as programs
from p4kube_core.compiler.backends.ebpf import limits as bpf_limits
from p4kube_core.compiler.ir import program as ir
from tests.dataplane.bpf_program import kernel
from tests.dataplane.program import harness

NAMES: Final = ("dpdk", "ebpf")
current = "dpdk"  # conftest.py sets it for each test

Loaded = harness.Program | kernel.Program


def check(program: ir.Program) -> None:
    """Refuse what the target refuses."""
    if current == "ebpf":
        bpf_limits.check(program)
    else:
        limits.check(program)


def load(program: ir.Program) -> Loaded:
    if current == "ebpf":
        return kernel.Program(program)
    return harness.Program(programs.write(programs.make(program)))
