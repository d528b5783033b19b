"""StreamChannels without gRPC: what becomes of clients that do not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from p4kube_core import protos
from p4kube_core.agent import channel
from p4kube_core.agent.channel import Channel
from p4kube_core.agent.events import Events
from p4kube_core.agent.node import Node
from p4kube_core.agent.settings import Settings
from p4kube_core.agent.streams import Streams


class Deaf:
    """The context of a call whose client reads nothing."""

    def __init__(self) -> None:
        self.ended: tuple[grpc.StatusCode, str] | None = None

    async def write(self, _: Any) -> None:
        await asyncio.Event().wait()

    async def abort(self, code: grpc.StatusCode, message: str) -> None:
        self.ended = code, message


async def endless(message: Any) -> AsyncIterator[Any]:
    while True:
        yield message
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (protos.p4runtime.StreamMessageRequest(), f"{channel.MOST_QUEUED} messages"),
        (
            protos.p4runtime.StreamMessageRequest(
                packet=protos.p4runtime.PacketOut(payload=bytes(1 << 19))
            ),
            "64 messages",
        ),
    ],
)
def test_a_client_that_reads_no_errors_is_ended_and_does_not_make_the_agent_grow(
    message: Any, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "FAREWELL_S", 0.0)

    async def play() -> Deaf:
        node = Node(Settings(), {})
        context = Deaf()
        await Streams(node, Events(node)).serve(endless(message), context)
        return context

    context = asyncio.run(asyncio.wait_for(play(), 60))
    assert context.ended is not None
    code, sentence = context.ended
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert sentence.startswith(why), sentence
    assert sentence.endswith("wait to be read by this controller")


def test_news_leave_room_for_answers() -> None:
    async def play() -> None:
        made = Channel(1)
        news = protos.p4runtime.StreamMessageResponse()
        news.packet.payload = b"news"
        while made.offer(news):
            pass
        made.put(protos.p4runtime.StreamMessageResponse())
        assert not made.ended.done()

    asyncio.run(play())
