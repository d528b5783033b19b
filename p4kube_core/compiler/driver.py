"""From a P4 file to the IR, P4Info and artifact: all stages in order, the passes in a list.

Stages are imported when they are needed, so that importing this module costs nothing.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from p4kube_core import VERSION, errors

if TYPE_CHECKING:
    from p4kube_core.compiler.backends.generated import Generated
    from p4kube_core.compiler.backends.toolchain import Toolchain
    from p4kube_core.compiler.frontend.checked import Checked
    from p4kube_core.compiler.frontend.diagnostics import Diagnostic, Diagnostics
    from p4kube_core.compiler.frontend.source import Source
    from p4kube_core.compiler.ir.program import Program
    from p4kube_core.model.artifact import Artifact

COMPILER: Final = f"p4kube {VERSION}"
ARCHITECTURES: Final = {"V1Switch": "v1model", "PSA_Switch": "psa", "PNA_NIC": "pna"}
"""Architectures by the package that `main` is an instance of."""

TARGETS: Final = ("dpdk", "ebpf")
"""Each has a module `target` and a module `object` in backends/."""

After = Callable[[str, "Program"], None]
"""Is told the name of each pass, and what it made; golden tests print there."""


@final
@dataclass(frozen=True, slots=True)
class Compiled:
    """A program in the IR, before any target."""

    program: Program
    checked: Checked
    warnings: tuple[Diagnostic, ...]

    def p4info(self) -> Any:
        """P4Info of the program (p4.config.v1.P4Info).

        Raises:
            errors.ProgramError: something of the program has no form in P4Info.
        """
        from p4kube_core.compiler import p4info
        from p4kube_core.compiler.frontend.diagnostics import Diagnostics

        found = Diagnostics()
        message = p4info.build(self.checked, self.program.architecture, found)
        found.raise_if_any()
        return message


@final
@dataclass(frozen=True, slots=True)
class Built:
    artifact: Artifact
    compiled: Compiled
    warnings: tuple[Diagnostic, ...]


def compile(  # noqa: A001 - it is what this does
    path: Path | Source,
    include_dirs: Iterable[Path] = (),
    defines: Mapping[str, str] | None = None,
    architecture: str = "auto",
    after: After | None = None,
) -> Compiled:
    """Read, check and lower a program, and run the passes.

    Args:
        path: the P4 file, or a text.
        include_dirs: where #include looks, before our own architecture files.
        defines: macro names and their replacement texts.
        architecture: the one that the program must be for; `auto` takes what its `main` says.
        after: see After.
    Raises:
        errors.ProgramError: the program is wrong, or legal P4 that is not supported; with all
            diagnostics.
    """
    from p4kube_core.compiler.frontend.diagnostics import Diagnostics

    found = Diagnostics()
    checked = check(path, include_dirs, defines, found)
    found.raise_if_any()
    _expect(checked, architecture, found)
    from p4kube_core.compiler.lowering import lower

    program = lower.lower(checked, found)
    found.raise_if_any()
    if program is None:
        raise errors.InvariantViolated("the lowering gave neither a program nor an error")
    return Compiled(run_passes(program, after), checked, found.warnings)


def check(
    path: Path | Source,
    include_dirs: Iterable[Path],
    defines: Mapping[str, str] | None,
    found: Diagnostics,
) -> Checked:
    """The front end alone."""
    from p4kube_core.compiler.frontend import checker
    from p4kube_core.compiler.frontend.parser import program as parser

    tree = parser.parse_program(path, include_dirs, defines, found)
    found.raise_if_any()
    return checker.check(tree, found)


def _expect(checked: Checked, architecture: str, found: Diagnostics) -> None:
    from p4kube_core.compiler.lowering import refusal

    main = checked.main_call()
    if main is None or architecture == "auto":
        return
    actual = ARCHITECTURES.get(main.method, main.method)
    if actual != architecture and checked.main is not None:
        message = f"wanted a program for {architecture}, found one for {actual}"
        found.error(refusal.UNKNOWN_ARCHITECTURE, message, checked.main.span)
        found.raise_if_any()


def run_passes(program: Program, after: After | None = None) -> Program:
    """The mid end: every pass takes a valid program and gives one.

    Raises:
        errors.InvariantViolated: the program given, or one that a pass made, is not valid.
    """
    from p4kube_core.compiler.ir import verifier
    from p4kube_core.compiler.midend import flow, forwarding, locality, rejection, turns, unused

    passes: tuple[tuple[str, Callable[[Program], Program]], ...] = (
        ("flow", flow.simplify),  # jumps and blocks that inlining left behind
        ("forwarding", forwarding.forward),  # values that are used once, at once
        ("unused", unused.remove),  # variables nobody reads
        ("flow again", flow.simplify),  # branches that are empty now
        ("turns", turns.limit),  # how often loops turn at most
        ("rejection", rejection.decide),  # what becomes of packets that the parser rejects
        ("locality", locality.localise),  # who owns each variable
    )
    verifier.check(program, "lowering")
    if after is not None:
        after("lowering", program)
    for name, run in passes:
        program = run(program)
        verifier.check(program, name)
        if after is not None:
            after(name, program)
    return program


def generate(compiled: Compiled, target: str = "dpdk") -> Generated:
    """C, manifest and P4Info for a target.

    Raises:
        errors.UnsupportedByTarget: legal P4 that the target cannot do.
    """
    generated: Generated = _backend(target, "target").generate(
        compiled.program, compiled.p4info(), COMPILER
    )
    return generated


def _backend(target: str, module: str) -> Any:
    if target not in TARGETS:
        raise errors.UserError(f"wanted a target of {', '.join(TARGETS)}, found {target!r}")
    return importlib.import_module(f"p4kube_core.compiler.backends.{target}.{module}")


def build(
    path: Path,
    include_dirs: Iterable[Path] = (),
    defines: Mapping[str, str] | None = None,
    architecture: str = "auto",
    target: str = "dpdk",
    toolchain: Toolchain | None = None,
) -> Built:
    """From a P4 file to what a device is given.

    Args:
        toolchain: makes the object; the machine's own where it is None.
    Raises:
        errors.ProgramError, errors.UnsupportedByTarget: see compile and generate.
        errors.MachineError: there is no C compiler.
    """
    compiled = compile(path, include_dirs, defines, architecture)
    generated = generate(compiled, target)
    if toolchain is None:
        toolchain = _backend(target, "object").toolchain(os.environ)
    artifact = _backend(target, "target").build(generated, toolchain)
    return Built(artifact, compiled, (*compiled.warnings, *generated.warnings))
