"""`p4kube compile`: a P4 program to an artifact, and what else is wanted to read."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from p4kube_core import errors, protos
from p4kube_core.cli import compilation
from p4kube_core.compiler import driver
from p4kube_core.model import artifact


def run(options: argparse.Namespace) -> int:
    built = compilation.compile_program(options)
    directory: Path = options.output
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in _files(options.program.stem, built, options.emit):
            _write(directory / name, content)
    except (FileExistsError, NotADirectoryError, PermissionError) as e:
        raise errors.UserError(f"cannot write to {directory}: {(e.strerror or '').lower()}") from e
    return 0


def _files(stem: str, built: driver.Built, emit: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of what is written; the artifact comes last, when all else is there."""
    if "p4info" in emit:
        info = protos.p4info.P4Info.FromString(built.artifact.p4info)
        yield f"{stem}.p4info.txtpb", protos.to_text(info).encode()
    if "c" in emit:
        yield f"{stem}.c", built.artifact.source.encode()
    if "object" in emit:
        yield f"{stem}.so", built.artifact.object
    if "ir" in emit:
        from p4kube_core.compiler.ir import printer

        yield f"{stem}.ir", printer.program(built.compiled.program).encode()
    if "graph" in emit:
        from p4kube_core.cli import graph

        yield f"{stem}.dot", graph.show(built.compiled.program).encode()
    yield f"{stem}.p4kube", artifact.pack(built.artifact)


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
