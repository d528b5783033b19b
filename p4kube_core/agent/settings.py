"""What the agent is told when it starts, and where its files lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

DEFAULT_STATE: Final = Path("/run/p4kube")
DEFAULT_DATAPLANE: Final = (
    Path(__file__).parent.parent / "dataplane/dpdk/build/release/p4kube-dataplane"
)

DEFAULT_EBPF: Final = Path(__file__).parent.parent / "dataplane/ebpf/build/release/p4kube-bpf"


def program_of(target: str) -> Path:
    """The data plane of a target."""
    return DEFAULT_EBPF if target == "ebpf" else DEFAULT_DATAPLANE


def dataplane_of(target: str, state: Path) -> tuple[str, ...]:
    """How the data plane of a target is started for a state directory, for `Settings.dataplane`."""
    program = str(program_of(target))
    return (program, "--bpffs", str(state / "bpf")) if target == "ebpf" else (program,)


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
    dataplane: tuple[str, ...] = (str(DEFAULT_DATAPLANE),)
    """The data plane's program and first arguments; `--socket PATH` is appended."""
    verbose: bool = False

    @property
    def socket(self) -> Path:
        return self.state / "agent.sock"

    @property
    def dataplane_socket(self) -> Path:
        return self.state / "dataplane.sock"

    @property
    def pid_file(self) -> Path:
        return self.state / "agent.pid"

    @property
    def dataplane_pid_file(self) -> Path:
        return self.state / "dataplane.pid"

    @property
    def dataplane_log(self) -> Path:
        return self.state / "dataplane.log"

    @property
    def journal(self) -> Path:
        return self.state / "journal"

    @property
    def objects(self) -> Path:
        return self.state / "objects"


def address_of(state: Path) -> str:
    """Where an agent of this state directory serves P4Runtime and its own service, for gRPC."""
    return f"unix:{(state / 'agent.sock').absolute()}"
