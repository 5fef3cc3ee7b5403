"""Nodes ask, the hub answers, over a real server that may die at any moment."""

import asyncio
import os
import shutil
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.fixtures_nats import Bus, bare, until

from towpath.bus import tether
from towpath.bus.connection import WAITING_PER_NODE, BusAway, Handler, HubLink, NodeLink, Refused
from towpath.bus.line import SignInClient
from towpath.bus.server import find_server
from towpath.bus.settings import BusSettings
from towpath.wire import Malformed

pytestmark = pytest.mark.anyio


async def echo(site: str, node: str, verb: str, payload: bytes) -> bytes:
    """Answers with what was asked and by whom."""
    return f"{site} {node} {verb} ".encode() + payload


@asynccontextmanager
async def serving(settings: BusSettings, handler: Handler) -> AsyncIterator[HubLink]:
    hub = HubLink(settings)
    await hub.serve(handler)
    try:
        while not await hub.is_reachable():
            pass
        yield hub
    finally:
        await hub.close()


async def patiently(ask: Callable[[], Awaitable[bytes]]) -> bytes:
    """The answer, however often the bus is away before it comes."""
    answers: list[bytes] = []

    async def try_once() -> None:
        while not answers:
            try:
                answers.append(await ask())
            except BusAway:
                await asyncio.sleep(0.01)

    async with asyncio.timeout(60):
        await try_once()
    return answers[0]


async def turned_away(link: NodeLink, reason: str) -> None:
    """Ask until the answer is that there is none, for that reason."""
    reasons = [""]

    async def ask_on() -> None:
        while reason not in reasons[-1].lower():
            with pytest.raises(BusAway) as away:
                await link.request("hello", b"", 0.2)
            reasons.append(str(away.value))

    try:
        async with asyncio.timeout(60):
            await ask_on()
    except TimeoutError:
        raise AssertionError(f"expected '{reason}' as the reason, found {reasons}") from None


async def test_the_hub_answers_a_node_and_knows_which_one_asked(bus: Bus) -> None:
    bus.let_in(("oslo", "n1"))
    async with serving(bus.hub, echo), NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        assert await link.request("claim", b"\x00work", 30) == b"oslo n1 claim \x00work"


async def test_an_outside_server_without_keys_will_do(bus: Bus) -> None:
    bus.child.stop()
    config = "listen: 127.0.0.1:" + bus.child.url.rpartition(":")[2]
    (bus.directory / "plain.conf").write_text(config)
    tied = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), str(find_server())]
    outside = await asyncio.create_subprocess_exec(
        *tied, "--config", str(bus.directory / "plain.conf"), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        settings = BusSettings((bus.child.url,))
        async with serving(settings, echo), NodeLink(settings, "oslo", "n1") as link:
            assert await link.request("hello", b"", 30) == b"oslo n1 hello "
    finally:
        outside.kill()
        await outside.wait()


async def test_a_refusal_reaches_the_node_with_its_reason(bus: Bus) -> None:
    async def refuse(site: str, node: str, verb: str, payload: bytes) -> bytes:
        raise Refused(f"site {site}: drained by ana")

    bus.let_in(("oslo", "n1"))
    async with serving(bus.hub, refuse), NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        with pytest.raises(Refused, match="site oslo: drained by ana"):
            await link.request("claim", b"", 30)


async def test_a_hub_that_fails_on_one_request_answers_the_next_and_tells_nodes_no_secrets(bus: Bus) -> None:
    async def fail_on_claim(site: str, node: str, verb: str, payload: bytes) -> bytes:
        if verb == "claim":
            raise RuntimeError("password is 1234")
        if verb == "huge":
            return bytes(2 * 1024 * 1024)
        return b"well"

    bus.let_in(("oslo", "n1"))
    async with serving(bus.hub, fail_on_claim), NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        for verb in ("claim", "huge"):
            with pytest.raises(Refused, match=f"the hub failed on '{verb}'; its log says why"):
                await link.request(verb, b"", 30)
        assert await link.request("beat", b"", 30) == b"well"


async def test_several_requests_are_worked_on_at_the_same_time(bus: Bus) -> None:
    gathered = asyncio.Barrier(10)

    async def wait_for_the_others(site: str, node: str, verb: str, payload: bytes) -> bytes:
        await gathered.wait()
        return payload

    bus.let_in(("oslo", "n1"))
    async with serving(bus.hub, wait_for_the_others), NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        asked = [link.request("claim", str(i).encode(), 30) for i in range(10)]
        assert await asyncio.gather(*asked) == [str(i).encode() for i in range(10)]


async def test_a_node_that_floods_the_hub_does_not_keep_others_from_it(bus: Bus) -> None:
    release = asyncio.Event()

    async def stall_oslo(site: str, node: str, verb: str, payload: bytes) -> bytes:
        if site == "oslo":
            await release.wait()
        return b"done"

    bus.let_in(("oslo", "n1"), ("rome", "n1"))
    async with (
        serving(bus.hub, stall_oslo),
        NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as flood,
        NodeLink(bus.node("rome", "n1"), "rome", "n1") as other,
    ):
        asked = [asyncio.create_task(flood.request("claim", b"", 60)) for _ in range(WAITING_PER_NODE + 3)]
        await until(lambda: sum(task.done() for task in asked) == 3, "three too many were turned away")
        assert await other.request("claim", b"", 30) == b"done"
        release.set()
        endings = await asyncio.gather(*asked, return_exceptions=True)
        assert endings.count(b"done") == WAITING_PER_NODE
        assert sum(isinstance(ending, Refused) for ending in endings) == 3
        assert await flood.request("claim", b"", 30) == b"done"


async def test_a_node_hears_at_once_that_no_hub_listens(bus: Bus) -> None:
    bus.let_in(("oslo", "n1"))
    async with NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        with pytest.raises(BusAway, match="no hub listens"):
            await link.request("claim", b"", 600)


async def test_a_hub_that_takes_too_long_is_away(bus: Bus) -> None:
    async def never(site: str, node: str, verb: str, payload: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    bus.let_in(("oslo", "n1"))
    async with serving(bus.hub, never), NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        await until(lambda: link.is_connected, "the node is let in")
        with pytest.raises(BusAway, match=r"hub\.oslo\.n1\.claim: no answer within 0\.1 s"):
            await link.request("claim", b"", 0.1)


async def test_a_bus_that_is_not_there_is_away_and_the_reason_is_told(bus: Bus) -> None:
    bus.child.stop()
    async with NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        with pytest.raises(BusAway, match=r"no answer within 1 s .*111"):
            await link.request("claim", b"", 1)
        assert not link.is_connected


async def test_a_request_too_big_for_the_bus_is_refused_before_it_is_sent(bus: Bus) -> None:
    bus.let_in(("oslo", "n1"))
    async with serving(bus.hub, echo), NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        with pytest.raises(Malformed, match="more than the bus takes"):
            await link.request("report", bytes(2 * 1024 * 1024), 30)
        assert await link.request("report", bytes(512 * 1024), 30) == b"oslo n1 report " + bytes(512 * 1024)


async def test_a_closed_link_asks_nothing_more(bus: Bus) -> None:
    bus.let_in(("oslo", "n1"))
    async with serving(bus.hub, echo), NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        await link.request("hello", b"", 30)
        await link.close()
        with pytest.raises(BusAway, match="closed"):
            await link.request("hello", b"", 30)


async def test_the_nodes_of_a_site_are_woken_and_no_others(bus: Bus) -> None:
    bus.let_in(("oslo", "n1"), ("oslo", "n2"), ("rome", "n1"))
    woken: list[str] = []
    async with (
        serving(bus.hub, echo) as hub,
        NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as first,
        NodeLink(bus.node("oslo", "n2"), "oslo", "n2") as second,
        NodeLink(bus.node("rome", "n1"), "rome", "n1") as third,
    ):
        links = {"oslo n1": first, "oslo n2": second, "rome n1": third}
        for link in links.values():
            await link.request("hello", b"", 30)
        for name, link in links.items():
            link.on_wake(lambda name=name: woken.append(name))  # type: ignore[misc]
        await hub.wake("oslo")
        await until(lambda: len(woken) >= 2, "both nodes of oslo are woken")
        await hub.wake("rome")
        await until(lambda: len(woken) >= 3, "the node of rome is woken")
        assert sorted(woken) == ["oslo n1", "oslo n2", "rome n1"]


async def test_a_request_that_a_dead_hub_heard_ends_as_soon_as_another_begins(bus: Bus) -> None:
    heard = asyncio.Event()

    async def never(site: str, node: str, verb: str, payload: bytes) -> bytes:
        heard.set()
        await asyncio.Event().wait()
        return b""

    bus.let_in(("oslo", "n1"))
    ups: list[str] = []
    woken: list[str] = []
    async with NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        link.on_wake(lambda: woken.append("oslo"))
        async with serving(bus.hub, never):
            await until(lambda: link.is_connected, "the node is let in")
            asked = asyncio.create_task(link.request("claim", b"", 600))
            await heard.wait()
        another = HubLink(bus.hub)
        another.on_up(lambda: ups.append("up"))
        await another.serve(echo)
        await until(lambda: bool(ups), "the other hub is there")
        woken.clear()
        await another.wake("oslo")
        await until(lambda: bool(woken), "a hint that there is work")
        assert not asked.done(), "which says nothing of what was asked"
        await another.wake("oslo", began=True)
        with pytest.raises(BusAway, match="a hub began anew"):
            await asked
        assert await link.request("claim", b"", 30) == b"oslo n1 claim "
        await another.close()


async def test_a_request_under_way_ends_as_soon_as_the_server_dies(bus: Bus) -> None:
    heard = asyncio.Event()

    async def never(site: str, node: str, verb: str, payload: bytes) -> bytes:
        heard.set()
        await asyncio.Event().wait()
        return b""

    bus.let_in(("oslo", "n1"))
    async with serving(bus.hub, never) as hub, NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        asked = asyncio.create_task(link.request("claim", b"", 600))
        await heard.wait()
        bus.kill()
        with pytest.raises(BusAway, match="the connection broke"):
            await asked
        assert not await hub.is_reachable(0.2)


@pytest.mark.parametrize("wiped", [False, True], ids=["data kept", "data deleted"])
async def test_after_a_killed_server_comes_back_everything_goes_on(bus: Bus, wiped: bool) -> None:
    bus.let_in(("oslo", "n1"))
    wakes: list[None] = []
    async with serving(bus.hub, echo) as hub, NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        await link.request("hello", b"", 30)
        link.on_wake(lambda: wakes.append(None))
        for _ in range(2):
            bus.kill()
            if wiped:
                shutil.rmtree(bus.directory)
            await until(lambda: not link.is_connected, "the node has noticed")
            wakes.clear()
            bus.start()
            assert await patiently(lambda: link.request("claim", b"x", 30)) == b"oslo n1 claim x"
            assert wakes, "the node looks for work by itself: hints may have been lost"
            assert await hub.is_reachable(30)


async def test_requests_go_on_while_the_server_dies_under_load(bus: Bus) -> None:
    bus.let_in(("oslo", "n1"))
    answered: list[bytes] = []
    async with serving(bus.hub, echo), NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:

        async def ask_on() -> None:
            while len(answered) < 400:
                answered.append(await patiently(lambda: link.request("report", bytes(20_000), 30)))

        asking = asyncio.gather(*(ask_on() for _ in range(16)))
        for milestone in (100, 200, 300):
            await until(lambda milestone=milestone: len(answered) >= milestone, "enough is answered")  # type: ignore[misc]
            bus.kill()
            bus.start()
        await asking
    assert set(answered) == {b"oslo n1 report " + bytes(20_000)}


async def test_a_node_is_let_in_while_others_stay_connected(bus: Bus) -> None:
    bus.let_in(("oslo", "n1"))
    async with serving(bus.hub, echo), NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as old:
        await old.request("hello", b"", 30)
        async with (
            bare(bus.node("oslo", "n1"), "_INBOX.oslo.n1") as witness,
            NodeLink(bus.node("rome", "n1"), "rome", "n1") as new,
        ):
            await turned_away(new, "authorization")
            bus.let_in(("oslo", "n1"), ("rome", "n1"))
            assert await patiently(lambda: new.request("hello", b"", 30)) == b"rome n1 hello "
            assert await old.request("hello", b"", 30) == b"oslo n1 hello "
            assert witness.losses == 0


async def test_a_node_has_said_all_when_a_server_says_why_it_lets_nobody_in() -> None:
    heard: list[bytes] = []

    def meet(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b'INFO {"server_id":"S","version":"2.10.0","max_payload":1048576}\r\n')
            heard.append(connection.recv(65536))
            connection.sendall(b"-ERR 'Authorization Violation'\r\n")
            heard.append(connection.recv(65536))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        # A thread of its own takes what comes as soon as it comes.
        meeting = asyncio.create_task(asyncio.to_thread(meet, listening))
        port = listening.getsockname()[1]
        async with NodeLink(BusSettings((f"nats://127.0.0.1:{port}",)), "oslo", "n1") as link:
            await turned_away(link, "authorization")
            await meeting
    signed_in, more = heard
    assert signed_in.startswith(b"CONNECT ")
    assert signed_in.endswith(b"}\r\nPING\r\n")
    assert more == b""


async def test_no_ping_is_lost_that_comes_after_a_sign_in_that_had_to_be_begun_again() -> None:
    met: list[None] = []
    pings: list[bytes] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(None)
        writer.write(b'INFO {"server_id":"S","version":"2.10.0","max_payload":1048576}\r\n')
        while line := await reader.readline():
            if line == b"PING\r\n":
                pings.append(line)
                writer.write(b"PONG\r\n")
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client: Any = SignInClient()
    async with server:
        await client.connect(f"nats://127.0.0.1:{port}")
        # As an attempt leaves it that ended between the sign-in and the ping; then the one that comes about.
        client._connect_command()
        client._connect_command()
        client._transport.write(b"PING\r\n")
        await client.flush(30)
        await client.close()
    assert len(pings) == 2


async def test_what_the_server_said_is_the_reason_though_later_attempts_are_cut_off_without_a_word() -> None:
    met: list[None] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(None)
        writer.write(b'INFO {"server_id":"S","version":"2.10.0","max_payload":1048576}\r\n')
        await reader.readline()
        if len(met) == 1:
            writer.write(b"-ERR 'Authorization Violation'\r\n")
            await writer.drain()
        else:
            # Closed so, a connection is reset.
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, NodeLink(BusSettings((f"nats://127.0.0.1:{port}",)), "oslo", "n1") as link:
        await until(lambda: len(met) > 3, "it was cut off three times without a word")
        await turned_away(link, "authorization")


async def test_a_node_that_is_shut_out_is_cut_off_and_comes_back_when_let_in_again(bus: Bus) -> None:
    bus.let_in(("oslo", "n1"), ("rome", "n1"))
    async with (
        serving(bus.hub, echo) as hub,
        NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link,
    ):
        await link.request("hello", b"", 30)
        bus.let_in(("rome", "n1"))
        await until(lambda: not link.is_connected, "the node is cut off")
        assert await hub.is_reachable(30)
        bus.let_in(("oslo", "n1"), ("rome", "n1"))
        assert await patiently(lambda: link.request("hello", b"", 30)) == b"oslo n1 hello "


async def test_a_link_lasts_though_the_library_cancels_what_it_waits_for(bus: Bus) -> None:
    bus.let_in(("oslo", "n1"))
    async with serving(bus.hub, echo), NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        await link.request("hello", b"", 30)
        client: Any = link._line.client
        # As the library leaves it where its own task is cancelled while it waits for the end of a lost connection.
        client._transport._io_writer._protocol._closed.cancel()
        bus.kill()
        bus.start()
        assert await patiently(lambda: link.request("hello", b"", 30)) == b"oslo n1 hello "


@pytest.mark.parametrize("anyio_backend", ["asyncio", ("asyncio", {"use_uvloop": True})])
async def test_a_link_lasts_though_bytes_wait_to_be_sent_when_the_server_dies(bus: Bus) -> None:
    """The hub's loop says in its own words that a connection is lost, and is asked for what waits even then."""
    async with serving(bus.hub, echo) as hub:
        for _ in range(3):
            client: Any = await hub._line.connected()
            for number in range(300):
                await client.publish("nobody.hears", bytes(30_000))
                if number % 7 == 0:
                    await asyncio.sleep(0)
            bus.kill()
            bus.start()
            while hub._line.client in (None, client):
                await asyncio.sleep(0.01)
            assert await hub.is_reachable(60)


async def test_a_link_that_is_closed_leaves_nothing_running(bus: Bus) -> None:
    bus.let_in(("oslo", "n1"))
    before = asyncio.all_tasks()
    async with serving(bus.hub, echo), NodeLink(bus.node("oslo", "n1"), "oslo", "n1") as link:
        await link.request("hello", b"", 30)
        bus.kill()
        bus.start()
        await patiently(lambda: link.request("hello", b"", 30))
    await until(lambda: asyncio.all_tasks() <= before, "all tasks of the links have ended")
