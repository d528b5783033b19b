"""Target dpdk: from a program's IR to its artifact."""

from __future__ import annotations

from typing import Any, Final

from p4kube_core.compiler.backends import generated as generation
from p4kube_core.compiler.backends import manifest as manifests
from p4kube_core.compiler.backends.dpdk import limits, program
from p4kube_core.compiler.backends.dpdk import object as objects
from p4kube_core.compiler.backends.generated import Generated
from p4kube_core.compiler.backends.toolchain import Toolchain
from p4kube_core.compiler.ir import program as ir
from p4kube_core.model import artifact

NAME: Final = "dpdk"


def generate(of: ir.Program, p4info: Any, compiler: str) -> Generated:
    """Make C and manifest.

    Args:
        p4info: p4.config.v1.P4Info of the program.
        compiler: name and version, for the manifest.
    Raises:
        errors.UnsupportedByTarget: with every reason why not.
    """
    limits.check(of)
    parts = program.make(of)
    c = program.write(parts)
    manifest = manifests.make(of, parts.layout, p4info, NAME, compiler, program.DROPS)
    return generation.finished(manifest, p4info, c, limits.warnings(of))


def build(generated: Generated, toolchain: Toolchain) -> artifact.Artifact:
    """Add the object.

    Raises:
        errors.MachineError: no compiler.
    """
    made = objects.build(generated.c, toolchain)
    return artifact.Artifact(generated.manifest, generated.p4info, generated.c, made)
