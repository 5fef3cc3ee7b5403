"""What a compromised node may try on the bus, each with a real server: it can spoil nothing but its own work."""

import json
from collections.abc import AsyncIterator

import pytest
from nats import errors
from nats.js.api import StreamConfig
from tests.fixtures_nats import Bare, Bus, bare, until

from towpath.bus.connection import HubLink, NodeLink

pytestmark = pytest.mark.anyio


@pytest.fixture
async def spy(bus: Bus) -> AsyncIterator[Bare]:
    """Hears every message that anybody could hear, with the hub's key."""
    bus.let_in(("oslo", "n1"), ("oslo", "n2"), ("rome", "n1"), ("a_b", "c"), ("a", "b_c"))
    async with bare(bus.hub) as client:
        await client.listen(">")
        yield client


@pytest.fixture
async def intruder(bus: Bus, spy: Bare) -> AsyncIterator[Bare]:
    """The node oslo/n1, gone bad."""
    async with bare(bus.node("oslo", "n1"), "_INBOX.oslo.n1") as client:
        yield client


FOREIGN = [
    "hub.oslo.n2.claim",
    "hub.rome.n1.claim",
    "hub.oslo.n1",
    "site.oslo.wake",
    "site.rome.wake",
    "_INBOX.rome.n1.x",
    "_INBOX.oslo.n2.x",
    "_INBOX.oslo.n1.x",
    "_INBOX.x",
    "_HUB.x",
    "anything",
    "$SYS.REQ.SERVER.PING",
]


async def _try_to_say(intruder: Bare, subject: str, payload: bytes = b"", reply: str = "") -> None:
    await intruder.say(subject, payload, reply)
    await until(lambda: len(intruder.refused) > 0, f"publishing to {subject} is refused")
    assert "permissions violation for publish" in intruder.refused.pop().lower()


@pytest.mark.parametrize("subject", FOREIGN)
async def test_a_node_cannot_publish_outside_its_own_subject(intruder: Bare, spy: Bare, subject: str) -> None:
    await _try_to_say(intruder, subject)
    await spy.say("end")
    await until(lambda: "end" in spy.subjects, "all that was said has been heard")
    assert subject not in spy.subjects


@pytest.mark.parametrize(
    "subject",
    [
        ">",
        "*.>",
        "hub.>",
        "hub.oslo.n1.>",
        "site.>",
        "site.*.wake",
        "site.rome.>",
        "_INBOX.>",
        "_INBOX.*.*.>",
        "_INBOX.oslo.>",
        "_INBOX.oslo.n2.>",
        "_INBOX.rome.n1.>",
        "_HUB.>",
        "$JS.>",
        "$SYS.>",
    ],
)
async def test_a_node_cannot_listen_to_others(intruder: Bare, spy: Bare, subject: str) -> None:
    await intruder.listen(subject)
    await until(lambda: len(intruder.refused) > 0, f"listening to {subject} is refused")
    assert "permissions violation for subscription" in intruder.refused.pop().lower()
    await intruder.listen("_INBOX.oslo.n1.>")
    for spoken in ("site.rome.wake", "_INBOX.rome.n1.x", "_INBOX.oslo.n2.x", "_INBOX.oslo.n1.end"):
        await spy.say(spoken)
    await until(lambda: "_INBOX.oslo.n1.end" in intruder.subjects, "the node hears what is meant for it")
    assert intruder.subjects == ["_INBOX.oslo.n1.end"]


@pytest.mark.parametrize(
    "reply", [*(r for r in FOREIGN if r != "_INBOX.oslo.n1.x"), "$JS.API.STREAM.CREATE.X"]
)
async def test_the_hub_does_not_answer_where_a_node_has_no_inbox(
    bus: Bus, intruder: Bare, spy: Bare, reply: str
) -> None:
    asked: list[str] = []

    async def handler(site: str, node: str, verb: str, payload: bytes) -> bytes:
        asked.append(verb)
        return b"answer"

    hub = HubLink(bus.hub, in_flight=1)
    await hub.serve(handler)
    await _heard_by(hub)
    await intruder.say("hub.oslo.n1.claim", b"", reply)
    async with NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        # The hub works on one request at a time, in order: an answer to the first would have gone out by now.
        assert await link.request("hello", b"", 30) == b"answer"
    await hub.close()
    await spy.say("end")
    await until(lambda: "end" in spy.subjects, "all that was said has been heard")
    assert asked == ["hello"]
    assert reply not in spy.subjects


async def _heard_by(hub: HubLink) -> None:
    while not await hub.is_reachable():
        pass


@pytest.mark.parametrize(
    ("subject", "payload"),
    [
        ("$JS.API.INFO", {}),
        ("$JS.API.STREAM.CREATE.EVIL", {"name": "EVIL", "subjects": ["site.>"]}),
        ("$JS.API.STREAM.MSG.GET.EVENTS", {"seq": 1}),
        ("$JS.API.DIRECT.GET.EVENTS", {"seq": 1}),
        ("$JS.API.STREAM.PURGE.EVENTS", {}),
        (
            "$JS.API.CONSUMER.CREATE.EVENTS",
            {
                "stream_name": "EVENTS",
                "config": {"deliver_subject": "_INBOX.rome.n1.x", "ack_policy": "none"},
            },
        ),
        ("$JS.API.CONSUMER.MSG.NEXT.EVENTS.ALL", {"batch": 1}),
        ("$JS.ACK.EVENTS.ALL.1.1.1.1.0", {}),
        ("$JS.FC.EVENTS.ALL.x", {}),
        ("events.forged", {}),
    ],
)
async def test_a_node_cannot_make_the_event_log_write_for_it(
    intruder: Bare, spy: Bare, subject: str, payload: dict[str, object]
) -> None:
    log = spy.client.jetstream()
    await log.add_stream(StreamConfig(name="EVENTS", subjects=["events.>"], allow_direct=True))
    await log.publish("events.true", b"1")
    await _try_to_say(intruder, subject, json.dumps(payload).encode(), "_INBOX.rome.n1.x")
    stream = await log.stream_info("EVENTS")
    assert (stream.state.messages, stream.state.consumer_count) == (1, 0)
    assert subject not in spy.subjects
    assert "_INBOX.rome.n1.x" not in spy.subjects


async def test_the_event_log_would_write_into_any_inbox_for_one_who_had_the_right(spy: Bare) -> None:
    await spy.client.jetstream().add_stream(StreamConfig(name="EVENTS", subjects=["events.>"]))
    await spy.say("$JS.API.INFO", b"", "_INBOX.rome.n1.x")
    await until(
        lambda: "_INBOX.rome.n1.x" in spy.subjects, "the answer is in the inbox that the sender chose"
    )


async def test_nodes_whose_names_join_to_the_same_text_do_not_hear_each_other(bus: Bus, spy: Bare) -> None:
    async with (
        bare(bus.node("a_b", "c"), "_INBOX.a_b.c") as first,
        bare(bus.node("a", "b_c"), "_INBOX.a.b_c") as second,
    ):
        await first.listen("_INBOX.a.b_c.>")
        await until(lambda: len(first.refused) > 0, "listening to the other's inbox is refused")
        await first.listen("_INBOX.a_b.c.>")
        await second.listen("_INBOX.a.b_c.>")
        await spy.say("_INBOX.a.b_c.x")
        await spy.say("_INBOX.a_b.c.x")
        await until(lambda: bool(first.heard and second.heard), "each heard something")
        assert (first.subjects, second.subjects) == (["_INBOX.a_b.c.x"], ["_INBOX.a.b_c.x"])


async def test_an_answer_cannot_be_sent_by_the_right_to_answer(intruder: Bare, spy: Bare) -> None:
    await intruder.listen("site.oslo.>")
    await spy.say("site.oslo.wake", b"", "_INBOX.rome.n1.x")
    await until(lambda: bool(intruder.heard), "the node heard the hint")
    await _try_to_say(intruder, intruder.heard[0].reply)
    assert "_INBOX.rome.n1.x" not in spy.subjects


async def test_whoever_has_no_key_or_another_is_not_let_in(bus: Bus, spy: Bare) -> None:
    stranger = bus.node("oslo", "stranger")
    for settings in (stranger, type(stranger)(stranger.urls)):
        with pytest.raises((errors.Error, ConnectionError)) as caught:
            async with bare(settings):
                pass
        # The server says why and hangs up; which of the two a client sees first is chance.
        assert "Authorization Violation" in str(caught.value) or isinstance(caught.value, ConnectionError)
