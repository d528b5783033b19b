"""A p4kube-bpf process for one test, and programs for it from the compiler."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pathlib
import subprocess
import time
from typing import Any

from p4kube_core.compiler import driver
from p4kube_core.model import artifact
from tests.dataplane.bpf_program import libbpf
from tests.dataplane.daemon import dataplane

EBPF = dataplane.ROOT / "p4kube_core/dataplane/ebpf"
WIRES = pathlib.Path(__file__).parent / "programs/wires.p4"
START_PATIENCE_S = 30.0


class Process(dataplane.Client):
    """The process and a connection to it. Its state outlives a kill and is found by the next."""

    def __init__(self, directory: pathlib.Path, variant: str = "release") -> None:
        self.path = directory / "bpf.sock"
        self.bpffs = directory / "bpf"
        self.log = directory / "bpf.log"
        self.directory = directory
        self.variant = variant
        self.binary = EBPF / "build" / variant / "p4kube-bpf"
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "--socket", self.path, "--bpffs", self.bpffs],
                stdout=log,
                stderr=log,
                env={**os.environ, "ASAN_OPTIONS": "exitcode=99:detect_leaks=1"},
            )
        give_up = time.monotonic() + START_PATIENCE_S
        while True:
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                super().__init__(self.path)
                return
            if self.process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise RuntimeError(f"no data plane: {self.text()}")
            time.sleep(0.005)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        """Have it take all down; returns the exit code."""
        if self.process.poll() is None:
            self.call("shutdown")
        return self.left()

    def left(self, number: int | None = None) -> int:
        """After a signal: what it has in the kernel stays there. Returns the exit code."""
        with contextlib.suppress(AttributeError):
            self.close()
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def kill(self) -> None:
        with contextlib.suppress(AttributeError):
            self.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)

    def again(self) -> None:
        """Killed, and another in its place."""
        self.kill()
        self.start()

    def put(self, op: str, device: int, program: artifact.Artifact, **more: int) -> dict[str, Any]:
        """`device_add` or `device_replace` with a program."""
        path = self.directory / "program.o"
        path.write_bytes(program.object)
        try:
            name = {"name": program.manifest.name} if op == "device_add" else {}
            blob = artifact.manifest_json(program.manifest)
            return self.call(op, blob, id=device, object=str(path), **name, **more)[0]
        finally:
            path.unlink()


def compiled(path: pathlib.Path, *defines: str) -> artifact.Artifact:
    return driver.build(path, defines=dict.fromkeys(defines, "1"), target="ebpf").artifact


def changed(path: pathlib.Path, directory: pathlib.Path, *changes: str) -> artifact.Artifact:
    """The program with pieces of its text replaced, given in pairs."""
    text = path.read_text()
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    copy = directory / path.name
    copy.write_text(text)
    try:
        return compiled(copy)
    finally:
        copy.unlink()


Ids = tuple[set[int], set[int]]
"""Of programs, and of maps."""


def attached(interface: str) -> set[int]:
    """Ids of the program at the ingress of an interface."""
    shown = subprocess.run(
        ["tc", "-j", "filter", "show", "dev", interface, "ingress"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return {f["options"]["prog"]["id"] for f in json.loads(shown) if "options" in f}


def held(pid: int) -> Ids:
    """What a process has descriptors of."""
    ids: Ids = set(), set()
    for entry in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            text = entry.read_text()
        except FileNotFoundError:
            continue  # closed meanwhile
        for line in text.splitlines():
            name, _, value = line.partition(":")
            if name in ("prog_id", "map_id"):
                ids[name == "map_id"].add(int(value))
    return ids


def forget_keys(pid: int, name: str, keep: int) -> int:
    """Take all but so many keys out of each map of that name; returns how many went."""
    lib, went = libbpf.library(), 0
    for number in held(pid)[1]:
        map_ = lib.bpf_map_get_fd_by_id(number)
        try:
            fields = pathlib.Path(f"/proc/self/fdinfo/{map_}").read_text()
            key = ctypes.create_string_buffer(int(fields.partition("key_size:")[2].split()[0]))
            if _name_of(map_) != name or lib.bpf_map_get_next_key(map_, None, key):
                continue
            keys = [key.raw]
            while lib.bpf_map_get_next_key(map_, keys[-1], key) == 0:
                keys.append(key.raw)
            for one in keys[keep:]:
                went += lib.bpf_map_delete_elem(map_, one) == 0
        finally:
            os.close(map_)
    return went


def _name_of(map_: int) -> str:
    """struct bpf_map_info has it behind six numbers."""
    info = ctypes.create_string_buffer(88)
    size = ctypes.c_uint32(len(info))
    assert libbpf.library().bpf_obj_get_info_by_fd(map_, info, ctypes.byref(size)) == 0
    return info.raw[24:40].rstrip(b"\0").decode()


def until_unloaded(ids: Ids) -> None:
    """Wait until the kernel, which frees later, has none of these programs and maps."""
    give_up = time.monotonic() + 20
    programs, maps = ids
    assert programs | maps
    while any(_is_loaded("prog", n) for n in programs) or any(_is_loaded("map", n) for n in maps):
        assert time.monotonic() < give_up, f"programs or maps are left: {ids}"
        time.sleep(0.05)


def _is_loaded(kind: str, number: int) -> bool:
    descriptor: int = libbpf.library()[f"bpf_{kind}_get_fd_by_id"](number)
    if descriptor >= 0:
        os.close(descriptor)
    return descriptor >= 0
