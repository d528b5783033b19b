"""Hosts as network namespaces, wires between them, and sockets inside of them."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar, final

from p4kube_core import errors

NAMESPACES: Final = Path("/run/netns")
PATIENCE_S: Final = 15.0  # with a program that was told to end
_CLONE_NEWNET: Final = 0x40000000
_libc: Final = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


@final
@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace of this name."""

    name: str

    def run(
        self, *words: str, timeout_s: float = 60.0, check: bool = True, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside.

        Raises:
            errors.MachineError: it failed, and `check` is set.
        """
        inside = ("ip", "netns", "exec", self.name)
        return _run(*inside, *words, timeout_s=timeout_s, check=check, stdin=stdin)

    def inside(self, make: Callable[[], T]) -> T:
        """Call a function in a thread that is inside; a socket made there stays there."""
        result: list[T] = []
        failure: list[BaseException] = []

        def enter() -> None:
            try:
                with (NAMESPACES / self.name).open("rb") as namespace:
                    if _libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                        code = ctypes.get_errno()
                        raise OSError(code, os.strerror(code))
                result.append(make())
            except BaseException as e:
                failure.append(e)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return result[0]

    def socket(self, kind: socket.SocketKind) -> socket.socket:
        return self.inside(lambda: socket.socket(socket.AF_INET, kind))


@contextmanager
def host(name: str) -> Iterator[Host]:
    """Make a namespace with its loopback up; it goes, with all that is in it, at the end."""
    _run("ip", "netns", "add", name)
    try:
        made = Host(name)
        made.run("ip", "link", "set", "lo", "up")
        # No router advertisements and the like: only the traffic that we make is on the wires.
        made.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", check=False)
        made.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", check=False)
        yield made
    finally:
        _run("ip", "netns", "delete", name, check=False)


def wire(one: Host, its_end: str, other: Host, other_end: str) -> None:
    """Connect two namespaces by a pair of interfaces, both up."""
    _run(
        "ip", "link", "add", its_end, "netns", one.name, "type", "veth",
        "peer", "name", other_end, "netns", other.name,
    )  # fmt: skip
    one.run("ip", "link", "set", its_end, "up")
    other.run("ip", "link", "set", other_end, "up")


def _run(
    *words: str, timeout_s: float = 60.0, check: bool = True, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            output, said = process.communicate(stdin, timeout=timeout_s)
        except BaseException:
            # Asked rather than killed, as subprocess.run would do: it may have to clean up.
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=PATIENCE_S)
            process.kill()
            raise
    done = subprocess.CompletedProcess(words, process.returncode, output, said)
    if check and done.returncode != 0:
        reason = (said or output).strip() or f"exit status {done.returncode}"
        raise errors.MachineError(f"{_shown(words)}: {reason}")
    return done


def _shown(words: Sequence[str]) -> str:
    return " ".join(words)
