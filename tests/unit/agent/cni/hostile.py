"""CNI calls that are wrong, cut off or meant to harm; made of right ones, the same for a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

from p4kube_core.agent.cni.configuration import VALID_ATTACHMENTS
from tests.unit.agent.cni import calls

_COMMANDS: Final = ("ADD", "DEL", "CHECK", "STATUS", "GC")
_WORDS: Final = (
    "", "0", "-1", "1.0.0", "1.1.0", "9.9.9", "../../etc/passwd", "/proc/self/ns/net",
    "/dev/zero", "eth0;rm -rf /", "%s%n", "a" * 300, "a" * 70_000, "é" * 20, "\x7f", "\u202e",
    "K8S_POD_NAME", "K8S_POD_NAMESPACE=;K8S_POD_NAME=", "=;=;=", ";" * 1000, "IgnoreUnknown=2",
    "\n", " ", ".", "..", "null", "{}", "\ud800",
)  # fmt: skip
_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1 << 70, 1.5, 1e300, "", [], {}, [[]], {"": ""}, [None] * 50,
    {"cniVersion": "1.0.0"}, [{"containerID": 1, "ifname": None}],
)  # fmt: skip
_RAW: Final = (
    b"", b"\0", b"{", b"}", b"[" * 20_000, b'{"a":' * 20_000, b'"', b"nul", b"\xff\xfe", b"1e999",
    b"NaN", b"-", b"9" * 6000, rb'"\ud83d"', rb"\u0000", b"{}" * 9, b"\xef\xbb\xbf{}",
)  # fmt: skip


def generate(count: int, seed: int) -> Iterator[tuple[bytes, bytes]]:
    """Pairs of a block of variables and a configuration; a few of them are right by chance."""
    chance = random.Random(seed)
    for _ in range(count):
        yield _block(chance), _text(chance)


def _block(chance: random.Random) -> bytes:
    made = calls.variables(chance.choice(_COMMANDS))
    for _ in range(chance.randrange(3)):
        _change_variable(chance, made)
    given = b"".join(
        f"{name}={value}\0".encode(errors="surrogatepass") for name, value in made.items()
    )
    return _damage(chance, given) if chance.random() < 0.2 else given


def _change_variable(chance: random.Random, made: dict[str, str]) -> None:
    name = chance.choice([*calls.variables("ADD"), "CNI_", "CNI_\n"])
    if chance.random() < 0.3:
        made.pop(name, None)
    else:
        # A variable ends at a zero byte, whoever made it.
        made[name] = chance.choice(_WORDS).replace("\0", "")


def _text(chance: random.Random) -> bytes:
    if chance.random() < 0.05:
        return chance.choice(_RAW)
    made = calls.configuration()
    if chance.random() < 0.5:
        made["cniVersion"] = "1.1.0"
        made[VALID_ATTACHMENTS] = [{"containerID": calls.CONTAINER, "ifname": "eth0"}]
    for _ in range(chance.randrange(4)):
        _change_value(chance, made)
    given = json.dumps(made).encode()
    return _damage(chance, given) if chance.random() < 0.4 else given


def _change_value(chance: random.Random, made: dict[str, Any]) -> None:
    name = chance.choice([*made, "ipam", "prevResult", VALID_ATTACHMENTS, "capabilities", ""])
    if chance.random() < 0.2:
        made.pop(name, None)
    else:
        made[name] = chance.choice((*_VALUES, *_WORDS))


def _damage(chance: random.Random, given: bytes) -> bytes:
    ways: tuple[Callable[[random.Random, bytes], bytes], ...] = (_cut, _flip, _insert, _repeat)
    for _ in range(chance.randrange(1, 4)):
        given = chance.choice(ways)(chance, given)
    return given


def _cut(chance: random.Random, given: bytes) -> bytes:
    return given[: chance.randrange(len(given) + 1)]


def _flip(chance: random.Random, given: bytes) -> bytes:
    if not given:
        return given
    at = chance.randrange(len(given))
    return given[:at] + bytes([given[at] ^ 1 << chance.randrange(8)]) + given[at + 1 :]


def _insert(chance: random.Random, given: bytes) -> bytes:
    at = chance.randrange(len(given) + 1)
    return given[:at] + chance.choice(_RAW) + given[at:]


def _repeat(chance: random.Random, given: bytes) -> bytes:
    first, last = sorted(chance.randrange(len(given) + 1) for _ in range(2))
    return given[:last] + given[first:last] + given[last:]
