"""The compiler as the commands use it: warnings to stderr, progress where it takes long."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from p4kube_core.cli import progress
from p4kube_core.compiler import driver
from p4kube_core.model.artifact import Artifact


def compile_program(options: argparse.Namespace) -> driver.Built:
    """Compile what the options of `p4kube compile` and `p4kube test` name."""
    return compile_source(
        options.program, options.include, dict(options.define), options.arch, options.target
    )


def compile_source(
    program: Path,
    include: Iterable[Path] = (),
    defines: Mapping[str, str] | None = None,
    architecture: str = "auto",
    target: str = "dpdk",
) -> driver.Built:
    """Compile one program.

    Raises:
        errors.ProgramError: with all diagnostics, warnings among them.
        errors.MachineError: there is no C compiler.
    """
    with progress.step(f"compiling {program}"):
        built = driver.build(program, include, defines, architecture, target)
    for warning in built.warnings:
        print(warning, file=sys.stderr)
    return built


def artifact_of(program: Path, target: str = "dpdk") -> Artifact:
    return compile_source(program, target=target).artifact
