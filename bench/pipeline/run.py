"""Forwarding IPv4, packets made in memory: p4kube beside DPDK's SWX and C by hand.

With `--target ebpf` it is the kernel that forwards, beside BPF by hand: kernel.py.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import shlex
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from bench import commands, figures
from bench.pipeline import kernel
from p4kube_core.compiler import driver
from p4kube_core.compiler.backends.toolchain import Toolchain

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
RUNTIME: Final = ROOT / "p4kube_core/dataplane/dpdk/runtime"
PACKETS: Final = 32768  # a round and candidate: a few milliseconds, so that rounds interleave
DIFFERENT: Final = (4096, 32768)  # packets before they repeat: what caches and predictors learn
FLAGS: Final = ("-std=gnu11", "-O3", "-Wall", "-Wextra", "-Werror", "-DALLOW_EXPERIMENTAL_API")
OURS: Final = "p4kube"
PACKETS_ONLY: Final = "packets"
OPTIONS: Final = frozenset({"target", "rounds", "json", "plot"})


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What to run, and where to keep what was built for it."""

    cache: Path
    toolchain: Toolchain
    rounds: int = 201
    swx_library: Path | None = None
    """l3.spec as rte_swx_pipeline_codegen() translates it, compiled for the DPDK installed.

    None: SWX is measured interpreted only. The C needs headers that DPDK does not install.
    """


def settings_from(environ: dict[str, str]) -> Settings:
    """Read XDG_CACHE_HOME and P4KUBE_SWX_LIBRARY, and what the compiler's toolchain reads."""
    base = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME", "/root"), ".cache"))
    library = environ.get("P4KUBE_SWX_LIBRARY")
    return Settings(
        cache=Path(base, "p4kube", "bench"),
        toolchain=Toolchain.from_environment(environ),
        swx_library=Path(library) if library else None,
    )


def run(options: argparse.Namespace) -> int:
    """Build, measure, print the table; for `p4kube bench`.

    Returns:
        The exit status.
    """
    if options.target == "ebpf":
        return kernel.run(options)
    settings = settings_from(dict(os.environ))
    if options.rounds is not None:
        settings = dataclasses.replace(settings, rounds=options.rounds)
    result = measure(settings)
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.plot is not None:
        options.plot.write_text(picture(result["runs"]), encoding="utf-8")
    return 0


def measure(settings: Settings) -> dict[str, Any]:
    """Build, measure, print a table for each number of different packets.

    Returns:
        In each of `runs`, `ns` has nanoseconds a packet for each candidate, a value each round.
    """
    with tempfile.TemporaryDirectory(prefix="p4kube-bench-") as directory:
        print(f"compiling {HERE / 'l3.p4'}", flush=True)
        program = Path(directory, "l3.so")
        program.write_bytes(translate(settings.toolchain))
        print("building the candidates", flush=True)
        binary = build(settings.cache)
        print(f"measuring {settings.rounds} rounds of {PACKETS} packets", flush=True)
        last = [program] if settings.swx_library is None else [program, settings.swx_library]
        runs = []
        for different in DIFFERENT:
            command = [binary, str(settings.rounds), str(PACKETS), str(different), *last]
            runs.append(json.loads(commands.succeed(command, directory)))
            print(f"\n{table(runs[-1])}", flush=True)
    about = machine()
    print("\nevery candidate did the same to every packet")
    print(", ".join(about.values()))
    return {"machine": about, "runs": runs}


def picture(runs: list[dict[str, Any]]) -> str:
    measures = [
        figures.Measure(f"{run['different']} different packets", "ns a packet") for run in runs
    ]
    rounds = {measure.name: run["ns"] for measure, run in zip(measures, runs, strict=True)}
    return figures.Figures(measures, tuple(runs[0]["ns"]), rounds=rounds).picture()


def translate(toolchain: Toolchain) -> bytes:
    """The shared object of l3.p4."""
    return driver.build(HERE / "l3.p4", toolchain=toolchain).artifact.object


def build(cache: Path) -> Path:
    """The program that measures; from the cache if nothing of it has changed."""
    sources = sorted([*HERE.glob("*.c"), *RUNTIME.glob("*.c")])
    headers = sorted([*HERE.glob("*.h"), *RUNTIME.glob("*.h"), HERE / "l3.spec", HERE / "spec.py"])
    dpdk = shlex.split(commands.succeed(["pkg-config", "--cflags", "libdpdk"], HERE))
    libraries = shlex.split(commands.succeed(["pkg-config", "--libs", "libdpdk"], HERE))
    digest = hashlib.sha256("\0".join([*FLAGS, *dpdk, *libraries]).encode())
    for file in [*sources, *headers]:
        digest.update(file.read_bytes())
    kept = cache / f"pipeline-{digest.hexdigest()[:16]}"
    if kept.exists():
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as directory:
        made = Path(directory, "pipeline")
        header = commands.succeed([sys.executable, HERE / "spec.py", HERE / "l3.spec"], HERE)
        Path(directory, "l3_spec.h").write_text(header)
        include = [f"-I{path}" for path in (ROOT, RUNTIME, directory)]
        commands.succeed(
            ["cc", *FLAGS, *dpdk, *include, *sources, *libraries, "-ldl", "-o", made], directory
        )
        made.rename(kept)
    return kept


def machine() -> dict[str, str]:
    """What the figures depend on."""
    return {
        **figures.machine(),
        "dpdk": commands.succeed(["pkg-config", "--modversion", "libdpdk"], HERE).strip(),
        "compiler": commands.succeed(["cc", "--version"], HERE).splitlines()[0],
    }


def table(result: dict[str, Any]) -> str:
    """Median and quartiles of each; the median less what packets cost; the time over ours."""
    ns: dict[str, list[float]] = result["ns"]
    packets = statistics.median(ns[PACKETS_ONLY])
    lines = [
        f"{result['different']} different packets, {result['forwarded']:.1%} forwarded",
        f"{'':16} {'ns a packet':>12} {'quartiles':>15} {'less packets':>13} {'over p4kube':>12}",
    ]
    for name, values in ns.items():
        middle = statistics.median(values)
        low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else (middle,) * 3
        over = statistics.median(v / o for v, o in zip(values, ns[OURS], strict=True))
        lines.append(
            f"{name:16} {middle:12.1f} {f'{low:.1f}-{high:.1f}':>15} "
            f"{middle - packets:13.1f} {over:12.2f}"
        )
    return "\n".join(lines)
