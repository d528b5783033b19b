"""A small Linux guest under QEMU, with one interface on a vhost-user socket."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.conftest import GUEST
from tests.e2e.playing import eventually

BOOT_TIMEOUT_S: Final = 50.0
READY: Final = "guest is ready"
# In the order in which they need each other; a kernel that has one built in has no file of it.
MODULES: Final = (
    "failover", "net_failover", "virtio_ring", "virtio", "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev", "virtio_pci", "virtio_net",
)  # fmt: skip
INIT: Final = """\
#!/bin/busybox sh
for module in {modules}; do /bin/busybox insmod /$module.ko; done
/bin/busybox ip link set eth0 up
/bin/busybox ip address add {address}/24 dev eth0
echo {ready} >/dev/console
while :; do /bin/busybox sleep 1000; done
"""


@contextmanager
def booted(
    root: Path, directory: Path, files: Mapping[str, bytes], memory_mib: int, words: Iterable[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Boot a kernel with these files until its console says READY.

    Args:
        root: where a kernel's package was unpacked.
        files: what it starts with, `init` among them.
        words: further arguments of QEMU.
    """
    initramfs = directory / "initramfs"
    initramfs.write_bytes(archive(files))
    console = directory / "console"
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    log = directory / "qemu.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [
                "qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none",
                "-machine", "q35,accel=tcg", "-m", str(memory_mib), "-smp", "1",
                "-serial", f"file:{console}",
                "-kernel", str(kernel), "-initrd", str(initramfs),
                "-append", "console=ttyS0 quiet panic=-1",
                *words,
            ],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        ) as qemu,
    ):  # fmt: skip
        try:

            def said() -> str:
                return console.read_text(errors="replace") if console.exists() else ""

            eventually(lambda: READY in said() or qemu.poll() is not None, BOOT_TIMEOUT_S)
            assert READY in said(), f"{said()[-2000:]}\n{log.read_text(errors='replace')}"
            yield qemu
        finally:
            with suppress(ProcessLookupError):
                qemu.kill()


@contextmanager
def running(directory: Path, socket: Path, address: str) -> Iterator[subprocess.Popen[bytes]]:
    """Boot a guest that serves `socket` and answers at `address`; it is ready inside the block."""
    words = (
        # The data plane maps the guest's memory.
        "-object", "memory-backend-memfd,id=memory,size=192M,share=on",
        "-numa", "node,memdev=memory",
        "-chardev", f"socket,id=wire,path={socket},server=on,wait=off",
        "-netdev", "vhost-user,id=net,chardev=wire",
        # QEMU 7.2 crashes under TCG with interrupt vectors here.
        "-device", "virtio-net-pci,netdev=net,vectors=0",
    )  # fmt: skip
    with booted(GUEST / "root", directory, _files(address), 192, words) as qemu:
        yield qemu


def modules(root: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Those of the modules that are files of this kernel, as /NAME.ko, in that order."""
    paths = {path.stem: path for path in (root / "lib").rglob("*.ko")}
    return {f"{name}.ko": paths[name].read_bytes() for name in names if name in paths}


def busybox() -> bytes:
    """A shell and the usual commands, in one static program."""
    (path,) = (path for path in (GUEST / "root").rglob("bin/busybox") if path.is_file())
    return path.read_bytes()


def _files(address: str) -> Mapping[str, bytes]:
    found = modules(GUEST / "root", MODULES)
    names = " ".join(name.removesuffix(".ko") for name in found)
    init = INIT.format(modules=names, address=address, ready=READY)
    return {"bin/busybox": busybox(), "init": init.encode(), **found}


def archive(files: Mapping[str, bytes]) -> bytes:
    """An initramfs of these files, all executable, and the folders above them.

    Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst, "newc".
    """
    members: list[tuple[str, int, int, bytes]] = [
        (str(folder), 0o040755, 0, b"")
        for folder in sorted({folder for name in files for folder in Path(name).parents})
        if folder != Path()
    ]
    members += [("dev", 0o040755, 0, b""), ("dev/console", 0o020600, 5 << 8 | 1, b"")]
    members += [(name, 0o100755, 0, content) for name, content in files.items()]
    made = bytearray()
    for number, (name, mode, device, content) in enumerate([*members, ("TRAILER!!!", 0, 0, b"")]):
        fields = (
            number + 1, mode, 0, 0, 1, 0, len(content), 0, 0,
            device >> 8, device & 0xFF, len(name) + 1, 0,
        )  # fmt: skip
        made += b"070701" + b"".join(b"%08X" % field for field in fields)
        made += name.encode() + b"\0"
        made += bytes(-len(made) % 4) + content
        made += bytes(-len(made) % 4)
    return bytes(made)
