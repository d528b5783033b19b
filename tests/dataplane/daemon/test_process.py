"""The process itself: how it starts, rests, ends and what it says to wrong inputs."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import time

import pytest

from tests.dataplane.daemon import conftest, dataplane


def resident_mb(pid: int) -> float:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line) / 1024


def cpu_s(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start(variant: str, *options: str) -> subprocess.CompletedProcess[str]:
    binary = dataplane.DPDK / "build" / variant / "p4kube-dataplane"
    return subprocess.run(
        [binary, *options], capture_output=True, text=True, timeout=60, check=False
    )


def test_hello(dp: dataplane.Dataplane) -> None:
    hello, _ = dp.call("hello")
    assert (hello["pid"], hello["abi"], hello["workers"]) == (dp.process.pid, 4, 1)


def test_it_rests_when_nothing_comes(
    dp: dataplane.Dataplane, program: conftest.Program, variant: str
) -> None:
    dp.call("device_add", id=1, object=str(program("forward")), name="f")
    dp.rings(1, 1, 2)
    interface = f"t{os.getpid()}"
    dp.call("port_add", name="t", kind="tap", interface=interface)
    dp.inject("r1", b"x" * 60)
    time.sleep(0.1)
    before = cpu_s(dp.process.pid)
    time.sleep(2)
    assert cpu_s(dp.process.pid) - before <= 0.02  # 1 % of a core
    dp.inject("r1", b"y" * 60)
    assert dp.collect("r2") == [b"x" * 60, b"y" * 60]
    if variant == "release":
        assert resident_mb(dp.process.pid) < 150


def test_several_at_once(tmp_path: pathlib.Path, variant: str) -> None:
    directories = [tmp_path / str(i) for i in range(3)]
    for directory in directories:
        directory.mkdir()
    options = ("--mbufs", "512", "--memory", "64")
    started = [dataplane.Dataplane(d, *options, variant=variant) for d in directories]
    assert len({dp.call("hello")[0]["pid"] for dp in started}) == 3
    assert [dp.stop() for dp in started] == [0, 0, 0]


def test_in_one_directory_too(tmp_path: pathlib.Path, variant: str) -> None:
    dp = dataplane.Dataplane(tmp_path, "--mbufs", "512", variant=variant)
    second = start(variant, "--socket", str(dp.path))
    assert second.returncode == 1
    assert "another process serves it" in second.stderr
    assert dp.call("hello")[0]["pid"] == dp.process.pid
    assert dp.stop() == 0


def test_a_killed_one_leaves_nothing_in_the_way(tmp_path: pathlib.Path, variant: str) -> None:
    first = dataplane.Dataplane(tmp_path, "--mbufs", "512", "--name", "same", variant=variant)
    interface = f"k{os.getpid()}"
    first.call("port_add", name="t", kind="tap", interface=interface)
    first.kill()
    assert first.path.exists()
    assert not pathlib.Path("/sys/class/net", interface).exists()
    second = dataplane.Dataplane(tmp_path, "--mbufs", "512", "--name", "same", variant=variant)
    second.call("port_add", name="t", kind="tap", interface=interface)
    assert second.stop() == 0, second.text()
    assert not second.path.exists()
    assert not pathlib.Path("/sys/class/net", interface).exists()


def test_what_killed_ones_left_is_removed(tmp_path: pathlib.Path, variant: str) -> None:
    for _ in range(2):
        dataplane.Dataplane(tmp_path, "--mbufs", "512", variant=variant).kill()
    last = dataplane.Dataplane(tmp_path, "--mbufs", "512", variant=variant)
    assert last.stop() == 0
    assert {path.name for path in tmp_path.iterdir()} == {"dataplane.log"}


def test_it_ends_when_asked(tmp_path: pathlib.Path, variant: str) -> None:
    dp = dataplane.Dataplane(tmp_path, "--mbufs", "512", variant=variant)
    dp.call("shutdown")
    assert dp.process.wait(30) == 0
    dp.close()
    dp = dataplane.Dataplane(tmp_path, "--mbufs", "512", variant=variant)
    dp.process.send_signal(signal.SIGINT)
    assert dp.process.wait(30) == 0


def test_a_crash_names_the_device(
    tmp_path: pathlib.Path, program: conftest.Program, variant: str
) -> None:
    dp = dataplane.Dataplane(tmp_path, "--mbufs", "512", variant=variant)
    dp.call("device_add", id=7, object=str(program("bad", "-DCRASH")), name="guilty one")
    dp.rings(7, 1)
    with pytest.raises(ConnectionError):
        dp.inject("r1", b"x" * 60)
    assert dp.process.wait(30) == (99 if variant == "asan" else -signal.SIGSEGV)
    assert "crashed in the program of device 7 (guilty one)" in dp.text()
    dp.close()


@pytest.mark.parametrize("variant", ["asan"], indirect=True)
def test_reading_past_the_end_is_found(
    tmp_path: pathlib.Path, program: conftest.Program, variant: str
) -> None:
    dp = dataplane.Dataplane(tmp_path, "--mbufs", "512", variant=variant)
    dp.call("device_add", id=7, object=str(program("bad", "-DOVERREAD")), name="guilty")
    dp.rings(7, 1)
    with pytest.raises(ConnectionError):
        dp.inject("r1", b"x" * 61)
    assert dp.process.wait(30) == 99
    assert "use-after-poison" in dp.text()
    dp.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--workers", "0"), "--workers: want a number from 1 to"),
        (("--workers", "many"), "got 'many'"),
        (("--huge", "perhaps"), "--huge: want auto or no"),
        (("--name", "a/b"), "--name: want"),
        (("--name", ""), "--name: want"),
        (("--socket", "x" * 200), "--socket: want a path of"),
        (("--nonsense",), "usage:"),
        (("more",), "unexpected argument 'more'"),
    ],
)
def test_wrong_options(variant: str, options: tuple[str, ...], words: str) -> None:
    done = start(variant, *options)
    assert done.returncode == 2
    assert words in done.stderr


def test_only_root_starts_it(variant: str) -> None:
    binary = dataplane.DPDK / "build" / variant / "p4kube-dataplane"
    done = subprocess.run([binary], capture_output=True, text=True, user=65534, check=False)
    assert done.returncode == 1
    assert "want to be started by root" in done.stderr


def test_no_place_for_the_socket(variant: str, tmp_path: pathlib.Path) -> None:
    done = start(variant, "--socket", str(tmp_path / "no/such/place.sock"))
    assert done.returncode == 1
    assert "cannot use directory" in done.stderr
    file = tmp_path / "file"
    file.write_text("mine")
    done = start(variant, "--socket", str(file), "--mbufs", "512")
    assert done.returncode == 1
    assert "want a socket; found another file" in done.stderr
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_too_little_memory(variant: str, tmp_path: pathlib.Path) -> None:
    options = ("--memory", "32", "--mbufs", "100000", "--huge", "no")
    done = start(variant, "--socket", str(tmp_path / "s"), *options)
    assert done.returncode == 1
    assert "more --memory or fewer --mbufs" in done.stderr


def test_objects_that_are_no_programs(
    dp: dataplane.Dataplane, program: conftest.Program, tmp_path: pathlib.Path
) -> None:
    def refused(code: str, words: str, path: object) -> None:
        with pytest.raises(dataplane.RefusedError, match=words) as raised:
            dp.call("device_add", id=1, object=str(path), name="x")
        assert raised.value.code == code

    text = tmp_path / "text.so"
    text.write_text("no ELF")
    empty = tmp_path / "empty.so"
    empty.touch()
    other = tmp_path / "other.so"
    subprocess.run(["cc", "-shared", "-xc", "-o", other, "/dev/null"], check=True)
    unresolved = tmp_path / "unresolved.so"
    unresolved_c = "extern int nowhere(void); int call(void) { return nowhere(); }"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-xc", "-o", unresolved, "-"],
        input=unresolved_c,
        text=True,
        check=True,
    )
    not_elf = tmp_path / "not_elf.so"
    not_elf.write_bytes(b"x" * 5000)
    cut = tmp_path / "cut.so"
    cut.write_bytes(program("forward").read_bytes()[:3000])
    refused("not_found", "No such file", tmp_path / "nothing.so")
    refused("invalid", "want a file", tmp_path)
    refused("invalid", "want a file", empty)
    refused("invalid", "want a shared object", text)
    refused("invalid", "want a whole shared object", cut)
    refused("invalid", "want a whole shared object", not_elf)
    refused("invalid", "cannot be loaded", unresolved)
    refused("invalid", "want symbol p4k_program", other)
    refused("unsupported", r"want ABI \d+; it has 99", program("forward", "-DABI=99"))
    other_headers = ("-include", "p4k_program.h", '-DP4K_HEADERS="0123456789abcdef"')
    refused("unsupported", "with headers 0123456789ab; this", program("forward", *other_headers))
    dp.call("device_add", id=1, object=str(program("forward")), name="x")
    refused("exists", "there is a device 1", program("forward"))
    assert list(dp.devices()) == [1]


def test_an_object_may_change_after_it_was_loaded(
    dp: dataplane.Dataplane, program: conftest.Program, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "program.so"
    path.write_bytes(program("forward").read_bytes())
    dp.call("device_add", id=1, object=str(path), name="a")
    path.write_bytes(program("switch").read_bytes())
    dp.call("device_add", id=2, object=str(path), name="b")
    path.unlink()
    assert [dp.devices()[i]["program"] for i in (1, 2)] == ["forward", "switch"]


def test_only_root_is_served(variant: str) -> None:
    with tempfile.TemporaryDirectory(prefix="p4kube") as name:
        directory = pathlib.Path(name)
        directory.chmod(0o711)
        dp = dataplane.Dataplane(directory, "--mbufs", "512", variant=variant)
        try:
            dp.path.chmod(0o777)
            assert nobody_says_hello(dp.path) == b"closed"
            assert dp.call("hello")[0]["ok"]
        finally:
            assert dp.stop() == 0, dp.text()


def nobody_says_hello(path: pathlib.Path) -> bytes:
    """What becomes of a peer that is not root."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        outcome = b"served"
        try:
            os.setuid(65534)
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(str(path))
            text = b'{"op":"hello"}'
            peer.send(struct.pack("!II", 4 + len(text), len(text)) + text)
            outcome = b"served" if peer.recv(1) else b"closed"
        except ConnectionError:
            outcome = b"closed"
        except OSError as e:
            outcome = str(e).encode()
        finally:
            os.write(writer, outcome)
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    said = os.read(reader, 100)
    os.close(reader)
    return said
