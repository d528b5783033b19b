"""Network namespaces by path, as a runtime names a pod's."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

_GET_KIND: Final = 0xB703  # NS_GET_NSTYPE
_NETWORK: Final = 0x40000000  # CLONE_NEWNET


@final
class Missing(Exception):
    """There is no such namespace, or not what is looked for in it."""


@contextmanager
def opened(path: str) -> Iterator[int]:
    """A file descriptor of the network namespace at a path.

    Raises:
        Missing: there is none; of a device or a pipe, whose opening may do things, none is opened.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise _other(path)
        namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as e:
        raise Missing(f"want a network namespace at {path}: {e.strerror}") from e
    try:
        if not _is_network(namespace):
            raise _other(path)
        yield namespace
    finally:
        os.close(namespace)


def is_own(namespace: int) -> bool:
    """Whether it is the one that this process is in."""
    return os.path.samestat(os.fstat(namespace), Path("/proc/self/ns/net").stat())


def _is_network(namespace: int) -> bool:
    try:
        return fcntl.ioctl(namespace, _GET_KIND) == _NETWORK
    except OSError:
        return False


def _other(path: str) -> Missing:
    return Missing(f"want a network namespace at {path}, found something else")
