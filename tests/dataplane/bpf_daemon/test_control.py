"""The control socket under requests that nobody would send."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

import pytest

from p4kube_core.model import artifact
from tests.dataplane.bpf_daemon import process
from tests.dataplane.daemon import dataplane, test_control

pytestmark = pytest.mark.parametrize("variant", ["asan"], indirect=True, scope="session")

FIELDS = [*test_control.FIELDS, "hook"]


def value(rng: random.Random) -> Any:
    words = (
        "r1",
        "ring",
        "tc",
        "packet",
        "lo",
        "ingress",
        "insert",
        "upsert",
        "delete",
        "",
        "x" * 99,
    )
    return rng.choice([0, 1, 2, 3, -1, 2**31, 2**63, None, True, [], {}, 1.5, rng.choice(words)])


def test_random_requests(bpf: process.Process, switch: artifact.Artifact) -> None:
    rng = random.Random(3)
    bpf.put("device_add", 1, switch)
    bpf.rings(1, 1, 2)
    for _ in range(3000):
        fields = {name: value(rng) for name in rng.sample(FIELDS, rng.randrange(8))}
        if rng.random() < 0.5:
            fields |= {"device": 1, "table": rng.randrange(3), "mode": "upsert", "port": "r1"}
        if fields.get("interface") == "lo":
            del fields["interface"]  # it is everybody's
        blob = rng.randbytes(rng.choice([0, 2, 10, 12, 16, 24, 28, 100]))
        answer, _ = bpf.ask(rng.choice(test_control.OPERATIONS), blob, **fields)
        assert answer.get("ok") or answer["error"]["code"] in test_control.CODES
    assert bpf.call("hello")[0]["ok"]


def test_mutated_manifests_and_objects(bpf: process.Process, switch: artifact.Artifact) -> None:
    rng = random.Random(4)
    manifest = artifact.manifest_json(switch.manifest)
    path = bpf.directory / "mutated.o"
    path.write_bytes(switch.object)
    for _ in range(300):
        text = bytearray(manifest)
        for _ in range(rng.randrange(1, 4)):
            text[rng.randrange(len(text))] = rng.randrange(32, 127)
        answer, _ = bpf.ask("device_add", bytes(text), id=1, object=str(path), name="x")
        if answer.get("ok"):
            bpf.call("device_remove", id=1)
        else:
            assert answer["error"]["code"] in test_control.CODES
    for size in (1, 63, 64, 200, 1000, len(switch.object) // 2):
        path.write_bytes(switch.object[:size])
        with pytest.raises(dataplane.RefusedError, match="invalid"):
            bpf.call("device_add", manifest, id=1, object=str(path), name="x")
    path.unlink()
    assert bpf.devices() == {}


def test_broken_framing_ends_that_connection_only(bpf: process.Process) -> None:
    other = dataplane.Client(bpf.path)
    other.socket.sendall(struct.pack("!I", 1 << 31))
    assert other.socket.recv(1) == b""
    other.close()
    other = dataplane.Client(bpf.path)
    other.socket.sendall(struct.pack("!II", 8, 100) + b"{{{{")
    answer, _ = other.answer()
    assert answer["error"]["code"] == "invalid", json.dumps(answer)
    other.close()
    assert bpf.call("hello")[0]["target"] == "ebpf"
