"""What the agent is told when it starts, and where its files lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

DEFAULT_STATE: Final = Path("/run/p4kube")
TARGETS: Final = ("dpdk", "ebpf")
KEPT: Final = ("journal", "functions", "attachments", "endpoints")
"""Directories below the state directory, with what was acknowledged."""
_PROGRAMS: Final = Path(__file__).parent.parent / "dataplane"
DEFAULT_DPDK: Final = _PROGRAMS / "dpdk/build/release/p4kube-dataplane"
DEFAULT_EBPF: Final = _PROGRAMS / "ebpf/build/release/p4kube-bpf"
CNI_PLUGIN: Final = _PROGRAMS / "cni/build/release/p4kube-cni"


def program_of(target: str) -> Path:
    """The data plane of a target."""
    return DEFAULT_EBPF if target == "ebpf" else DEFAULT_DPDK


@final
@dataclass(frozen=True, slots=True)
class Dataplane:
    """How the data plane of one target is started, and where its files lie."""

    target: str
    program: tuple[str, ...]  # and its first arguments
    state: Path

    @property
    def command(self) -> tuple[str, ...]:
        pins = ("--bpffs", str(self.state / "bpf")) if self.target == "ebpf" else ()
        return (*self.program, *pins, "--socket", str(self.socket))

    @property
    def socket(self) -> Path:
        return self.state / f"{self.target}.sock"

    @property
    def pid_file(self) -> Path:
        return self.state / f"{self.target}.pid"

    @property
    def log(self) -> Path:
        return self.state / f"{self.target}.log"

    @property
    def remains(self) -> Path | None:
        """A directory that is there while what a process made outlives it: the kernel's part."""
        return self.state / "bpf.kept" if self.target == "ebpf" else None

    def scratch(self, pid: int) -> Path | None:
        """A directory that a process which is killed leaves behind for nobody."""
        return self.state / "dpdk" / f"p4kube-{pid}" if self.target == "dpdk" else None


@final
@dataclass(frozen=True, slots=True)
class Settings:
    """Built once, in the command line, and passed down."""

    state: Path = DEFAULT_STATE
    """The state directory; made with mode 0700 where it is not there."""
    listen: str | None = None
    """HOST:PORT for P4Runtime over TCP. None: only the unix socket in the state directory."""
    certificate: Path | None = None
    """PEM; with `key` and `client_ca`, P4Runtime over TCP demands certificates of both sides."""
    key: Path | None = None
    client_ca: Path | None = None
    dpdk: tuple[str, ...] = (str(DEFAULT_DPDK),)
    """The data plane of target dpdk: program and first arguments."""
    ebpf: tuple[str, ...] = (str(DEFAULT_EBPF),)
    """The data plane of target ebpf: program and first arguments."""
    cni: Path | None = None
    """Socket for the CNI plug-in. None: cni.sock in the state directory."""
    verbose: bool = False

    def dataplane(self, target: str) -> Dataplane:
        return Dataplane(target, self.ebpf if target == "ebpf" else self.dpdk, self.state)

    @property
    def socket(self) -> Path:
        return self.state / "agent.sock"

    @property
    def cni_socket(self) -> Path:
        return self.cni or self.state / "cni.sock"

    @property
    def pid_file(self) -> Path:
        return self.state / "agent.pid"

    @property
    def journal(self) -> Path:
        return self.state / "journal"

    @property
    def objects(self) -> Path:
        return self.state / "objects"


def address_of(state: Path) -> str:
    """Where an agent of this state directory serves P4Runtime and its own service, for gRPC."""
    return f"unix:{(state / 'agent.sock').absolute()}"
