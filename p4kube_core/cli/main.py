"""What can be typed after `p4kube`, and what an error becomes; the commands are imported on use.

Exit status: 0 done, 1 the input is wrong or a test failed, 2 wrong usage, 3 a fault of ours or of
the machine, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from p4kube_core import VERSION, errors

DONE: Final = 0
FAILED: Final = 1
MISUSED: Final = 2
BROKEN: Final = 3
INTERRUPTED: Final = 130

EMITTED: Final = ("p4info", "c", "object", "ir", "graph")
DEFAULT_STATE: Final = "/run/p4kube"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the console script's entry point.

    Returns:
        The exit status.
    """
    # A service manager's TERM and a closed terminal are to undo what Ctrl-C undoes.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    command = "p4kube"
    try:
        options = parser().parse_args(arguments)
        command = f"p4kube {options.command}"
        status: int = importlib.import_module(options.module).run(options)
        sys.stdout.flush()
    except errors.ProgramError as e:
        return _say(str(e), FAILED)  # diagnostics have a place of their own
    except errors.ManifestError as e:
        return _say("\n".join(f"{command}: {problem}" for problem in e.problems), FAILED)
    except errors.UserError as e:
        return _say(f"{command}: {e}", FAILED)
    except errors.P4KubeError as e:
        return _say(f"{command}: {e}", BROKEN)
    except KeyboardInterrupt:
        return _say(f"{command}: interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Who read our output has gone; what is buffered must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN
    except OSError as e:
        name = f"{e.filename}: " if e.filename else ""
        return _say(f"{command}: {name}{(e.strerror or str(e)).lower()}", BROKEN)
    except Exception as e:
        if os.environ.get("P4KUBE_TRACEBACK"):
            raise
        what = f"{type(e).__name__}: {e}".splitlines()[0]
        hint = "P4KUBE_TRACEBACK=1 shows where"
        return _say(f"{command}: internal error: {what} (our fault; {hint})", BROKEN)
    return status


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _say(message: str, status: int) -> int:
    with contextlib.suppress(OSError):  # where nobody reads it, the status still tells
        print(message, file=sys.stderr, flush=True)
    return status


def parser() -> argparse.ArgumentParser:
    """Build the grammar; each sub-command names the module that runs it."""
    # As a plug-in of kubectl it is called by another name, which messages should not show.
    plugin = Path(sys.argv[0]).name == "kubectl-p4kube"
    top = argparse.ArgumentParser(
        prog="kubectl p4kube" if plugin else "p4kube",
        description="Network functions written in P4: compile them, test them, run them.",
        epilog="exit status: 0 done, 1 the input is wrong or a test failed, "
        "2 wrong usage, 3 a fault of ours or of the machine",
    )
    top.add_argument("--version", action="version", version=f"p4kube {VERSION}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_compile(commands)
    _add_test(commands)
    _add_play(commands)
    _add_status(commands)
    _add_agent(commands)
    _add_bench(commands)
    _add_demo(commands)
    return top


Commands = argparse._SubParsersAction  # argparse gives it no public name


def _add(
    commands: Commands[argparse.ArgumentParser], name: str, does: str, epilog: str | None = None
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=does, description=does, epilog=epilog)
    command.set_defaults(module=f"p4kube_core.cli.{name}")
    return command


def _add_source(command: argparse.ArgumentParser) -> None:
    command.add_argument("program", metavar="PROG.p4", type=Path, help="a P4_16 program")
    command.add_argument(
        "-I", dest="include", metavar="DIR", action="append", default=[], type=Path,
        help="look for included files here too; may be repeated",
    )  # fmt: skip
    command.add_argument(
        "-D", dest="define", metavar="NAME[=VAL]", action="append", default=[], type=_define,
        help="define a macro, as 1 where no value is given; may be repeated",
    )  # fmt: skip
    command.add_argument(
        "--arch", choices=("auto", "v1model"), default="auto",
        help="architecture; auto: by what the program includes (default)",
    )  # fmt: skip
    command.add_argument("--target", choices=("dpdk", "ebpf"), default="dpdk", help="default: dpdk")


def _define(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name.isidentifier() or not name.isascii():
        raise argparse.ArgumentTypeError(f"want NAME or NAME=VALUE, got {text!r}")
    return name, value if equals else "1"


def _emitted(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(","))
    for word in words:
        if word not in EMITTED:
            raise argparse.ArgumentTypeError(f"want some of {','.join(EMITTED)}, got {word!r}")
    return words


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"want a number of at least 1, got {text!r}")
    return int(text)


def _add_state(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--state", metavar="DIR", type=Path,
        default=Path(os.environ.get("P4KUBE_STATE", DEFAULT_STATE)),
        help=f"the agent's state directory (default: $P4KUBE_STATE or {DEFAULT_STATE})",
    )  # fmt: skip


def _add_compile(commands: Commands[argparse.ArgumentParser]) -> None:
    command = _add(commands, "compile", "compile a P4 program to native code")
    _add_source(command)
    command.add_argument(
        "-o", dest="output", metavar="DIR", type=Path, default=Path(),
        help="where PROG.p4kube goes, and what --emit asks for (default: here)",
    )  # fmt: skip
    command.add_argument(
        "--emit", metavar="WHAT[,WHAT]...", type=_emitted, default=(),
        help=f"also write these, to read: {','.join(EMITTED)}",
    )  # fmt: skip


def _add_test(commands: Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands,
        "test",
        "send packets through a program on the real data plane and check what comes out",
        "the last line is `N passed, N failed`; each expect, no_packet and check_... of a "
        "script is one test, and so is `nothing else came out` at the end of each script",
    )
    _add_source(command)
    command.add_argument(
        "scripts", metavar="SCRIPT.stf", nargs="*", type=Path,
        help="STF scripts (default: PROG.stf beside the program)",
    )  # fmt: skip
    command.add_argument("--jobs", metavar="N", type=_count, default=1, help="scripts at a time")
    command.add_argument("-v", "--verbose", action="store_true", help="name what passes too")


def _add_play(commands: Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands, "play", "run network functions on this machine, without a cluster",
        "played again, a file changes only what differs; packets keep flowing meanwhile",
    )  # fmt: skip
    command.add_argument(
        "files",
        metavar="FILE.yaml",
        nargs="*",
        type=Path,
        help="NetworkFunction and NetworkFunctionAttachment objects",
    )  # fmt: skip
    command.add_argument(
        "--down", action="store_true",
        help="take these functions away; without files, all that were played",
    )  # fmt: skip
    command.add_argument(
        "--dry-run", action="store_true", help="check everything and say what would be done"
    )
    command.add_argument(
        "--target", choices=("dpdk", "ebpf"),
        help="where packets are moved: in a process of ours, or in the kernel (default: what each "
        "function's spec.target says, else dpdk between ports, and for attachments ebpf where it "
        "can be)",
    )  # fmt: skip
    _add_state(command)


def _add_status(commands: Commands[argparse.ArgumentParser]) -> None:
    command = _add(commands, "status", "show what runs here and what it has counted")
    command.add_argument(
        "name", metavar="NAME", nargs="?",
        help="only this function, attachment or device; of what is attached, with its rules",
    )  # fmt: skip
    command.add_argument("--json", action="store_true", help="for programs")
    _add_state(command)


def _add_agent(commands: Commands[argparse.ArgumentParser]) -> None:
    command = _add(
        commands, "agent", "run the agent: P4Runtime server and keeper of the data plane"
    )
    _add_state(command)
    command.add_argument(
        "--listen", metavar="HOST:PORT",
        help="serve P4Runtime over TCP too; anything but loopback needs the three files below",
    )  # fmt: skip
    command.add_argument("--cert", metavar="PEM", type=Path, help="the server's certificate")
    command.add_argument("--key", metavar="PEM", type=Path, help="the server's private key")
    command.add_argument(
        "--client-ca", metavar="PEM", type=Path, help="who signs the clients' certificates"
    )
    for target in ("dpdk", "ebpf"):
        command.add_argument(
            f"--{target}", metavar="WORD", action="append", default=[],
            help=f"data plane of target {target}, program and its first arguments (default: what "
            "`make build` made)",
        )  # fmt: skip
    command.add_argument(
        "--cni-socket", metavar="PATH", type=Path,
        help="where the CNI plug-in asks (default: cni.sock in the state directory)",
    )  # fmt: skip
    command.add_argument("--verbose", action="store_true", help="log what decisions were made of")


def _add_bench(commands: Commands[argparse.ArgumentParser]) -> None:
    command = _add(commands, "bench", "measure, beside what others use")
    command.add_argument("name", metavar="NAME", nargs="?", help="one benchmark (default: list)")
    command.add_argument(
        "--target", choices=("dpdk", "ebpf"),
        help="of what is ours (default: the one that the benchmark is about)",
    )  # fmt: skip
    command.add_argument("--json", metavar="FILE", type=Path, help="write the figures here too")
    command.add_argument("--plot", metavar="FILE", type=Path, help="draw them here, as SVG")
    command.add_argument("--rounds", metavar="N", type=_count, help="how often each is measured")
    command.add_argument("--seconds", metavar="N", type=_count, help="how long each, in a round")


def _add_demo(commands: Commands[argparse.ArgumentParser]) -> None:
    command = _add(commands, "demo", "functions on a pod's wire on both targets, real traffic")
    command.add_argument(
        "--seconds", metavar="N", type=_count, default=2,
        help="how long traffic runs where something is changed meanwhile (default: 2)",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
