"""Packets through devices and ring ports."""

from __future__ import annotations

import random

import pytest

from tests.dataplane.daemon import conftest, dataplane


def test_a_packet_leaves_by_the_port_the_program_says(
    dp: dataplane.Dataplane, program: conftest.Program
) -> None:
    declared, _ = dp.call("device_add", id=1, object=str(program("forward")), name="f")
    assert declared["drops"] == ["other"]
    dp.rings(1, 1, 2)
    dp.inject("r1", b"a" * 60, b"b" * 2000, b"c")
    dp.inject("r2", b"back" * 20)
    assert dp.collect("r2") == [b"a" * 60, b"b" * 2000, b"c"]
    assert dp.collect("r1") == [b"back" * 20]
    assert dp.collect("r1") == []
    ports = dp.ports()
    assert (ports["r1"]["rx_packets"], ports["r1"]["rx_bytes"]) == (3, 2061)
    assert (ports["r2"]["tx_packets"], ports["r2"]["tx_bytes"]) == (3, 2061)
    assert (ports["r1"]["device"], ports["r1"]["port"], ports["r1"]["kind"]) == (1, 1, "ring")
    assert dp.devices()[1]["packets"] == 4


def test_many_packets_stay_in_order(dp: dataplane.Dataplane, program: conftest.Program) -> None:
    dp.call("device_add", id=1, object=str(program("forward")), name="f")
    dp.rings(1, 1, 2)
    rng = random.Random(7)
    packets = [rng.randbytes(rng.randrange(0, 300)) for _ in range(20_000)]
    dp.inject("r1", *packets)
    assert dp.collect("r2") == packets


def test_every_way_to_lose_a_packet_is_counted(
    dp: dataplane.Dataplane, program: conftest.Program
) -> None:
    dp.call("port_add", name="loose", kind="ring")
    dp.inject("loose", b"x" * 60)
    assert dp.ports()["loose"]["drops"]["no_device"] == 1
    dp.call("device_add", id=9, object=str(program("forward")), name="f")
    dp.rings(9, 1, 3, 4)
    dp.inject("r1", b"x" * 60, b"y" * 60)  # to port 2, which is not wired
    dp.inject("r3", b"x" * 60)  # to port 77
    dp.inject("r4", b"x" * 60)
    assert dp.devices()[9]["drops"] == {"other": 1, "no_port": 3}


def test_an_empty_packet_is_no_harm(dp: dataplane.Dataplane, program: conftest.Program) -> None:
    dp.call("device_add", id=1, object=str(program("switch")), name="s")
    dp.rings(1, 1)
    dp.inject("r1", b"")
    assert dp.devices()[1]["drops"]["malformed"] == 1


def test_devices_do_not_see_each_others_packets(
    dp: dataplane.Dataplane, program: conftest.Program
) -> None:
    for device in (1, 2):
        dp.call("device_add", id=device, object=str(program("forward")), name=f"f{device}")
        for port in (1, 2):
            dp.call("port_add", name=f"d{device}p{port}", kind="ring")
            dp.call("wire", device=device, port=port, name=f"d{device}p{port}")
    dp.inject("d1p1", b"one")
    dp.inject("d2p1", b"two")
    assert dp.collect("d1p2") == [b"one"]
    assert dp.collect("d2p2") == [b"two"]


def test_replacing_a_program_keeps_its_ports(
    dp: dataplane.Dataplane, program: conftest.Program
) -> None:
    dp.call("device_add", id=1, object=str(program("switch")), name="s")
    dp.rings(1, 1, 2)
    dp.inject("r1", b"x" * 60)
    assert dp.collect("r2") == []
    dp.call("device_replace", id=1, object=str(program("forward")))
    dp.inject("r1", b"x" * 60)
    assert dp.collect("r2") == [b"x" * 60]
    with pytest.raises(dataplane.RefusedError, match="not_found"):
        dp.call("device_replace", id=1, object="/nowhere.so")
    dp.inject("r1", b"y" * 60)
    assert dp.collect("r2") == [b"y" * 60]


def test_removing_a_device_unwires_its_ports(
    dp: dataplane.Dataplane, program: conftest.Program
) -> None:
    dp.call("device_add", id=1, object=str(program("forward")), name="f")
    dp.rings(1, 1, 2)
    dp.call("device_remove", id=1)
    assert dp.devices() == {}
    assert {port["device"] for port in dp.ports().values()} == {None}
    dp.inject("r1", b"x")
    assert dp.ports()["r1"]["drops"]["no_device"] == 1


def test_ports_come_and_go_while_packets_run(
    dp: dataplane.Dataplane, program: conftest.Program
) -> None:
    dp.call("device_add", id=1, object=str(program("forward")), name="f")
    dp.rings(1, 1, 2)
    other = dataplane.Client(dp.path)
    for i in range(400):
        other.call("port_add", name=f"x{i}", kind="ring")
        dp.inject("r1", b"%d" % i)
        other.call("wire", device=1, port=10 + i, name=f"x{i}")
        if i % 2:
            other.call("port_remove", name=f"x{i}")
    assert dp.collect("r2") == [b"%d" % i for i in range(400)]
    assert len(dp.ports()) == 202


def test_unwire_by_port_or_name(dp: dataplane.Dataplane, program: conftest.Program) -> None:
    dp.call("device_add", id=1, object=str(program("forward")), name="f")
    dp.rings(1, 1, 2)
    dp.call("unwire", device=1, port=1)
    dp.call("unwire", device=1, name="r2")
    assert {port["device"] for port in dp.ports().values()} == {None}
    with pytest.raises(dataplane.RefusedError, match="not_found"):
        dp.call("unwire", device=1, port=1)


def test_several_workers(variant: str, tmp_path, program: conftest.Program) -> None:  # type: ignore[no-untyped-def]
    dp = dataplane.Dataplane(tmp_path, "--workers", "3", "--mbufs", "4096", variant=variant)
    try:
        dp.call("device_add", id=1, object=str(program("switch")), name="s")
        dp.rings(1, 1, 2, 3, 4, 5)
        entry = b"\1" * 6 + b"\0\1" + b"\0\5"
        dp.call("entries_write", entry, device=1, table=0, mode="insert", count=1)
        for port in range(1, 5):
            dp.inject(f"r{port}", *[b"\1" * 60] * 100)
        assert len(dp.collect("r5")) == 400
        _, counts = dp.call("counter_read", device=1, counter=3, first=1, count=4)
        assert counts == (100).to_bytes(8, "big").__add__((6000).to_bytes(8, "big")) * 4
    finally:
        assert dp.stop() == 0, dp.text()
