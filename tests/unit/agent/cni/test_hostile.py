"""10,000 calls that are wrong, cut off or meant to harm: each gets an error of CNI or a result."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

from p4kube_core.agent.cni.fault import Code
from p4kube_core.agent.cni.namespaces import Missing
from p4kube_core.agent.cni.verbs import Kernel, Verbs
from tests.unit.agent.cni import hostile
from tests.unit.agent.cni.calls import NETNS, FakeEndpoints

MANY = 10_000
SEED = 20_240_601


def enter(netns: str, interface: str = "") -> None:
    if netns != NETNS:
        raise Missing(f"want a network namespace at {netns}")


def host_interface(netns: str, interface: str) -> str:
    enter(netns)
    return "veth3243"


async def answers() -> Counter[int]:
    """How often each code came; 0 is a result."""
    verbs = Verbs(FakeEndpoints(), Kernel(host_interface, enter, enter, enter))
    seen: Counter[int] = Counter()
    for block, text in hostile.generate(MANY, SEED):
        status, answer = await verbs.answer(block, text)
        answer.encode()
        made = json.loads(answer) if answer else {}
        assert isinstance(made, dict)
        if status == 0:
            assert "code" not in made
            seen[0] += 1
            continue
        assert set(made) == {"cniVersion", "code", "msg", "details"}
        assert made["code"] in set(Code) - {Code.INTERNAL}, made
        assert made["msg"]
        assert len(made["details"]) < 500
        seen[made["code"]] += 1
    return seen


def test_each_gets_an_error_of_cni_or_a_result() -> None:
    seen = asyncio.run(answers())
    assert sum(seen.values()) == MANY
    # They reach all there is: results, and each error that an input can cause.
    for code in (0, 1, 2, 3, 4, 6, 7):
        assert seen[code] > 20, seen


def test_a_seed_makes_the_same_calls_again() -> None:
    assert list(hostile.generate(50, 7)) == list(hostile.generate(50, 7))
