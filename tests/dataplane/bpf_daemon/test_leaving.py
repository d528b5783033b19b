"""What stays in the kernel when the process ends, and what the next one makes of it."""

from __future__ import annotations

import json
import pathlib
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import process
from tests.dataplane.bpf_daemon.test_wires import filters, wired
from tests.dataplane.daemon import dataplane, hosts

BLACK_HOLE = ("std.egress_spec = std.ingress_port == 1 ? 9w2 : 9w1", "std.egress_spec = 9w511")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_pod_is_filtered_on_when_a_service_manager_stops_the_process(
    bpf: process.Process, wires: artifact.Artifact, number: signal.Signals
) -> None:
    with wired(bpf, wires) as both:
        one, two = both
        one.run("ping", "-c", "1", "-W", "2", two.ipv4)
        with hosts.pinged(one, two) as lost:
            before = [process.attached(host.wire) for host in both]
            assert bpf.left(number) == 0
            assert not bpf.path.exists()
            assert [process.attached(host.wire) for host in both] == before
            bpf.start()
        assert not lost
        assert [bpf.ports()[host.wire]["port"] for host in both] == [1, 2]


def test_a_process_that_has_nothing_leaves_nothing(
    bpf: process.Process, wires: artifact.Artifact
) -> None:
    bpf.put("device_add", 1, wires)
    bpf.call("device_remove", id=1)
    assert bpf.left(signal.SIGTERM) == 0
    assert not bpf.bpffs.exists()
    bpf.start()


def test_a_process_whose_files_were_deleted_takes_its_hooks_along(
    bpf: process.Process, wires: artifact.Artifact
) -> None:
    """As when a state directory is removed: no process would find them again."""
    with wired(bpf, wires) as both:
        shutil.rmtree(kept(bpf))
        assert bpf.left(signal.SIGTERM) == 0
        assert not any("p4k_hook" in filters(host) for host in both)
    bpf.start()


def test_a_second_process_by_mistake_takes_nothing_from_the_first(
    bpf: process.Process, wires: artifact.Artifact
) -> None:
    with wired(bpf, wires) as both:
        hooks = [process.attached(host.wire) for host in both]
        for socket in (bpf.path, bpf.directory / "other.sock"):
            second = subprocess.run(
                [bpf.binary, "--socket", socket, "--bpffs", bpf.bpffs],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert second.returncode == 1
            assert f"--bpffs {bpf.bpffs}: another process uses it" in second.stderr
        assert [process.attached(host.wire) for host in both] == hooks
        both[0].run("ping", "-c", "1", "-W", "2", both[1].ipv4)
        bpf.put("device_replace", 1, wires)


def test_a_process_that_cannot_serve_leaves_what_it_found(
    bpf: process.Process, wires: artifact.Artifact
) -> None:
    with wired(bpf, wires) as both:
        bpf.kill()
        bpf.path.unlink()
        bpf.path.mkdir()
        with pytest.raises(RuntimeError, match="want a socket; found another file"):
            bpf.start()
        bpf.path.rmdir()
        both[0].run("ping", "-c", "1", "-W", "2", both[1].ipv4)
        bpf.start()
        assert [bpf.ports()[host.wire]["device"] for host in both] == [1, 1]


def kept(bpf: process.Process) -> pathlib.Path:
    return bpf.bpffs.with_name("bpf.kept")


@pytest.fixture
def upgraded(
    bpf: process.Process, wires: artifact.Artifact
) -> Iterator[tuple[process.Process, list[hosts.Host]]]:
    """A wire whose program of before has another ABI than the process."""
    with wired(bpf, wires) as both:
        bpf.kill()
        for path in kept(bpf).glob("p*.json"):
            path.write_text(json.dumps(json.loads(path.read_text()) | {"abi": 99}))
        bpf.start()
        assert bpf.devices() == {}
        yield bpf, both


def test_a_pod_is_filtered_by_the_old_program_until_the_new_one_is_wired(
    upgraded: tuple[process.Process, list[hosts.Host]], tmp_path: pathlib.Path
) -> None:
    """After an upgrade to another ABI, by which the old program cannot be taken up."""
    bpf, (one, two) = upgraded
    black_hole = process.changed(process.WIRES, tmp_path, *BLACK_HOLE)
    one.run("ping", "-c", "1", "-W", "2", two.ipv4)
    bpf.put("device_add", 1, black_hole)
    one.run("ping", "-c", "1", "-W", "2", two.ipv4)
    bpf.again()  # killed before it came to wiring
    one.run("ping", "-c", "1", "-W", "2", two.ipv4)
    assert len(list(kept(bpf).glob("p*.json"))) == 2
    for number, host in enumerate((one, two), start=1):
        bpf.call("wire", device=1, port=number, name=host.wire)
    assert len(list(kept(bpf).glob("p*.json"))) == 1
    lost = one.run("ping", "-c", "2", "-i", "0.1", "-W", "1", two.ipv4, check=False)
    assert "100% packet loss" in lost


@pytest.mark.parametrize("how", ["remove", "stop"])
def test_hooks_of_another_abi_go_when_they_are_to(
    upgraded: tuple[process.Process, list[hosts.Host]], how: str
) -> None:
    bpf, both = upgraded
    if how == "stop":
        assert bpf.stop() == 0
    else:
        for host in both:
            bpf.call("port_remove", name=host.wire)
        assert not list(kept(bpf).glob("p*.json"))
    assert not any("clsact" in filters(host) for host in both)


def test_a_wire_that_fails_after_an_upgrade_stays_shut(
    upgraded: tuple[process.Process, list[hosts.Host]], wires: artifact.Artifact
) -> None:
    bpf, (one, two) = upgraded
    hosts.run("tc", "qdisc", "del", "dev", two.wire, "clsact")
    hosts.run("tc", "qdisc", "add", "dev", two.wire, "ingress")
    bpf.put("device_add", 1, wires)
    both = [{"device": 1, "port": n, "name": h.wire} for n, h in ((1, one), (2, two))]
    with pytest.raises(dataplane.RefusedError, match="want clsact or none"):
        bpf.call("wire", wires=both)
    assert "p4k_hook" in filters(one)
    hosts.run("tc", "qdisc", "del", "dev", two.wire, "ingress")
    bpf.call("wire", wires=both)
    one.run("ping", "-c", "1", "-W", "2", two.ipv4)


def test_what_was_being_written_when_the_process_was_killed_is_no_second_device(
    bpf: process.Process, wires: artifact.Artifact
) -> None:
    with wired(bpf, wires) as both:
        bpf.kill()
        for path in (*kept(bpf).glob("device-*"), *kept(bpf).glob("port-*")):
            text = json.loads(path.read_text())
            slot = {"slot": 1} if "slot" in text else {"number": text["number"] + 10}
            path.with_name(f"{path.name}.new").write_text(json.dumps(text | slot))
        bpf.start()
        assert len(bpf.call("device_list")[0]["devices"]) == 1
        both[0].run("ping", "-c", "1", "-W", "2", both[1].ipv4)
        bpf.again()
        assert len(bpf.call("port_list")[0]["ports"]) == 2


def test_no_packet_is_lost_where_the_process_was_killed_while_it_exchanged_a_program(
    bpf: process.Process, wires: artifact.Artifact, tmp_path: pathlib.Path
) -> None:
    """The file names the new one already, the hooks lead to the old one still."""
    other = process.changed(process.WIRES, tmp_path, "counter(8,", "counter(9,")
    with wired(bpf, wires) as (one, two):
        bpf.put("device_add", 2, other, like=1)
        with hosts.pinged(one, two) as lost:
            bpf.kill()
            file = kept(bpf) / "device-1"
            file.write_text(json.dumps(json.loads(file.read_text()) | {"image": 1, "slot": 0}))
            bpf.start()
        assert not lost
        assert len(list(kept(bpf).glob("p*.json"))) == 1
        assert bpf.devices()[1]["digest"] == other.manifest.digest


def test_a_wire_that_cannot_be_kept_is_not_made(
    bpf: process.Process, wires: artifact.Artifact
) -> None:
    """As on a full disk: the next process would take the hook off, which it does not know."""
    with hosts.pair() as both:
        one, two = both
        plain = [filters(host) for host in both]
        bpf.put("device_add", 1, wires)
        for host in both:
            bpf.call("port_add", name=host.wire, kind="packet", interface=host.wire)
        in_the_way = kept(bpf) / "port-2.new"
        in_the_way.mkdir()
        wanted = [{"device": 1, "port": n, "name": h.wire} for n, h in ((1, one), (2, two))]
        with pytest.raises(dataplane.RefusedError, match=r"port-2: Is a directory"):
            bpf.call("wire", wires=wanted)
        assert [filters(host) for host in both] == plain
        assert all(port["device"] is None for port in bpf.ports().values())
        in_the_way.rmdir()
        bpf.call("wire", wires=wanted)
        one.run("ping", "-c", "1", "-W", "2", two.ipv4)


def test_a_device_can_be_added_where_pins_of_before_lost_their_files(
    bpf: process.Process, wires: artifact.Artifact
) -> None:
    bpf.put("device_add", 1, wires)
    bpf.kill()
    for path in kept(bpf).iterdir():
        if path.name not in ("made", "mounted"):
            path.unlink()
    bpf.start()
    bpf.put("device_add", 1, wires)
