"""p4kube-bpf in a guest of another kernel, and its control socket from the host."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests import built
from tests.dataplane.bpf_daemon.process import EBPF
from tests.e2e import guest

DAEMON: Final = EBPF / "build/release/p4kube-bpf"
RELAY: Final = Path(__file__).with_name("relay.c")
MEMORY_MIB: Final = 1024
_MODULES: Final = ("veth", "sch_ingress", "cls_bpf")
_INIT: Final = """\
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /run
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /bin/busybox insmod /$module; done
/bin/busybox ip link set lo up
{more}
/p4kube-bpf --socket /run/control --bpffs /run/bpf >/dev/console 2>&1 &
/relay /dev/ttyS1 /run/control >/dev/console &
while [ ! -S /run/control ]; do /bin/busybox sleep 0.1; done
echo {ready} >/dev/console
while :; do /bin/busybox sleep 1000; done
"""


@contextmanager
def running(
    root: Path, directory: Path, files: Mapping[str, bytes], more: str = ""
) -> Iterator[socket.socket]:
    """Boot a kernel with p4kube-bpf; gives a connection to its control socket.

    Args:
        root: where the kernel's package was unpacked.
        files: what else is there, by path.
        more: commands of busybox's shell before p4kube-bpf starts.
    """
    path = directory / "control"
    modules = guest.modules(root, _MODULES)
    everything = {
        "bin/busybox": guest.busybox(),
        "init": _INIT.format(modules=" ".join(modules), more=more, ready=guest.READY).encode(),
        "relay": _relay().read_bytes(),
        "p4kube-bpf": DAEMON.read_bytes(),
        **_libraries(DAEMON),
        **modules,
        **files,
    }
    # Not of virtio, of which QEMU 7.2 under TCG does not always hear that the guest opened it.
    words = ("-serial", f"unix:{path},server=on,wait=off")
    with (
        guest.booted(root, directory, everything, MEMORY_MIB, words),
        socket.socket(socket.AF_UNIX) as connection,
    ):
        connection.settimeout(300)
        _connect(connection, path)
        yield connection


def _connect(connection: socket.socket, path: Path) -> None:
    give_up = time.monotonic() + 5
    while True:
        try:
            connection.connect(str(path))
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)
        else:
            return


def _relay() -> Path:
    return built.build("relay", ("cc", "-O2", "-static", "-Wall", "-Wextra", "-Werror"), (RELAY,))


def _libraries(program: Path) -> dict[str, bytes]:
    """The shared libraries of a program, the loader among them, at the paths where it looks."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    paths = [word for line in said.splitlines() for word in line.split() if word.startswith("/")]
    return {path.lstrip("/"): Path(path).read_bytes() for path in paths}
