"""Several hubs on one bus: each question is answered by one of them, and a nudge is heard by all."""

import asyncio
from collections import Counter
from functools import partial

import pytest
from tests.fixtures_nats import Bus, bare, until

from towpath.bus.connection import HubLink, NodeLink
from towpath.bus.subjects import NUDGE
from towpath.hub.link import Answer

pytestmark = pytest.mark.anyio

QUESTIONS = 60
PATIENCE = 20.0


async def test_each_question_is_answered_by_one_hub_and_all_hubs_have_their_share(bus: Bus) -> None:
    bus.let_in(("oslo", "n1"))
    asked: Counter[bytes] = Counter()
    answered: Counter[str] = Counter()
    links = {name: HubLink(bus.hub) for name in ("one", "two")}

    def answering(name: str) -> Answer:
        async def answer(site: str, node: str, verb: str, payload: bytes) -> bytes:
            asked[payload] += 1
            answered[name] += 1
            return payload

        return answer

    for name, link in links.items():
        await link.serve(answering(name))
        assert await link.is_reachable(PATIENCE)
    async with NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as node:
        for number in range(QUESTIONS):
            payload = b"%d" % number
            assert await node.request("claim", payload, PATIENCE) == payload
    assert set(asked.values()) == {1}
    assert set(answered) == {"one", "two"}
    for link in links.values():
        await link.close()


async def test_a_nudge_is_heard_by_all_hubs_and_no_node_can_give_one(bus: Bus) -> None:
    bus.let_in(("oslo", "n1"))
    heard: Counter[str] = Counter()
    links = {name: HubLink(bus.hub) for name in ("one", "two")}

    async def answer(site: str, node: str, verb: str, payload: bytes) -> bytes:
        return payload

    for name, link in links.items():
        link.on_nudge(partial(heard.update, [name]))
        await link.serve(answer)
        assert await link.is_reachable(PATIENCE)
    async with bare(bus.node("oslo", "n1"), "_INBOX.oslo.n1") as node:
        await node.say(NUDGE)
        assert node.refused
    await links["one"].nudge()
    await until(lambda: set(heard) == {"one", "two"}, "both had heard it")
    assert heard == {"one": 1, "two": 1}
    await asyncio.gather(*(link.close() for link in links.values()))
