"""`p4kube bench`: runs what is in bench/ of a checkout."""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import sys
from pathlib import Path
from typing import Final

from p4kube_core import errors

BENCHES: Final = Path(__file__).parent.parent.parent / "bench"
FILES: Final = ("json", "plot")
OPTIONS: Final = ("target", "rounds", "seconds", *FILES)


def run(options: argparse.Namespace) -> int:
    found = {path.parent.name: path for path in sorted(BENCHES.glob("*/run.py"))}
    if not found:
        raise errors.MachineError(f"no benchmarks in {BENCHES}: they come with a checkout")
    if options.name is None:
        width = max(map(len, found))
        for name, path in found.items():
            print(f"{name.ljust(width)}  {_summary(path)}")
        return 0
    if options.name not in found:
        near = difflib.get_close_matches(options.name, found, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise errors.UserError(f"no benchmark {options.name!r} ({', '.join(found)}){hint}")
    for name in FILES:
        path = getattr(options, name)
        if path is not None and not path.absolute().parent.is_dir():
            raise errors.UserError(f"no such directory: {path.absolute().parent}")
    sys.path.insert(0, str(BENCHES.parent))  # what benchmarks share is a package of the checkout's
    module = importlib.import_module(f"bench.{options.name}.run")
    for name in OPTIONS:
        if getattr(options, name) is not None and name not in module.OPTIONS:
            raise errors.UserError(f"the benchmark {options.name!r} has no use for --{name}")
    status: int = module.run(options)
    return status


def _summary(path: Path) -> str:
    """The first line of what a benchmark says of itself; nothing of it is run."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return said.partition("\n")[0]
