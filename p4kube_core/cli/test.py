"""`p4kube test`: packets in, packets out, on the real data plane."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from concurrent import futures
from pathlib import Path

from p4kube_core import errors
from p4kube_core.agent import client, settings
from p4kube_core.cli import compilation, machine, private_agent, progress
from p4kube_core.cli.stf import check, parser, runner, script


def run(options: argparse.Namespace) -> int:
    if not options.scripts and not options.program.exists():
        raise errors.ScriptError(f"no such file: {options.program}")
    scripts = read_scripts(options.program, options.scripts)
    machine.require_dataplane(options.target)
    artifact = compilation.compile_program(options).artifact
    program = runner.Program.of(artifact)
    with contextlib.ExitStack() as stack:
        with progress.step("starting the data plane"):
            private = stack.enter_context(private_agent.private_agent())
        passed, failed = _run_all(program, scripts, private.state, options)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _run_all(
    program: runner.Program,
    scripts: Sequence[script.Script],
    state: Path,
    options: argparse.Namespace,
) -> tuple[int, int]:
    passed = failed = 0
    with futures.ThreadPoolExecutor(options.jobs) as pool:
        running = [
            pool.submit(_run_one, program, one, state, device)
            for device, one in enumerate(scripts, start=1)
        ]
        for one, future in zip(scripts, running, strict=True):
            verdicts = future.result()
            report(one, verdicts, options.verbose)
            wrong = sum(v.wrong is not None for v in verdicts)
            failed += wrong
            passed += len(verdicts) - wrong
    return passed, failed


def read_scripts(program: Path, given: Sequence[Path]) -> list[script.Script]:
    """Read every script; by default the one beside the program.

    Raises:
        errors.ScriptError: with what is wrong in all of them.
    """
    scripts: list[script.Script] = []
    problems: list[str] = []
    for path in given or [program.with_suffix(".stf")]:
        try:
            scripts.append(parser.parse(path, path.read_text(encoding="utf-8")))
        except errors.ScriptError as e:
            problems.append(str(e))
        except FileNotFoundError:
            default = "" if given else f" (the default; or name a script behind {program})"
            problems.append(f"no such file: {path}{default}")
        except (OSError, UnicodeDecodeError) as e:
            reason = e.strerror.lower() if isinstance(e, OSError) and e.strerror else "not UTF-8"
            problems.append(f"cannot read {path}: {reason}")
    if problems:
        raise errors.ScriptError("\n".join(problems))
    return scripts


def _run_one(
    program: runner.Program, one: script.Script, state: Path, device: int
) -> list[check.Verdict]:
    dataplane = settings.Settings(state=state).dataplane(program.target)
    with client.AgentClient(state) as agent:
        return runner.run(program, one, agent, dataplane.socket, device)


def report(one: script.Script, verdicts: Sequence[check.Verdict], verbose: bool) -> None:
    """Print what failed, each with its place; and what passed, where that is wanted."""
    for verdict in verdicts:
        place = f"{one.path}:{verdict.line}" if verdict.line < runner.END else f"{one.path}: end"
        if verdict.wrong is not None:
            print(f"{place}: {verdict.wrong}")
        elif verbose:
            print(f"{place}: passed")
    sys.stdout.flush()
