"""The bus by TLS: an authority of its own vouches for the server, and nobody is heard in the clear."""

import asyncio
import contextlib
import dataclasses
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from tests.fixtures_nats import Bus, anyio_backend, until

from towpath.bus import authority as authorities
from towpath.bus.authority import SERVER_NAME, Authority
from towpath.bus.connection import HubLink, NodeLink
from towpath.bus.keys import public_key
from towpath.bus.server import NatsChild
from towpath.bus.settings import BusSettings
from towpath.config import Listen

__all__ = ["anyio_backend"]

pytestmark = pytest.mark.anyio


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """One whose files are there."""
    made = Authority(tmp_path / "bus")
    made.prepare()
    return made


@pytest.fixture
def bus(tmp_path: Path, authority: Authority) -> Iterator[Bus]:
    """A server that speaks TLS, and lets n1 of oslo in."""
    own = Bus(tmp_path / "nats")
    key = public_key(own.hub_seed)
    own.child = NatsChild(own.directory, key, listen=Listen("127.0.0.1", 0), authority=authority)
    own.start()
    own.let_in(("oslo", "n1"))
    try:
        yield own
    finally:
        own.child.stop(grace=1)


def by_tls(settings: BusSettings, authority: Authority) -> BusSettings:
    """With whom to trust."""
    return dataclasses.replace(settings, ca=authority.ca, name=SERVER_NAME)


async def echo(site: str, node: str, verb: str, payload: bytes) -> bytes:
    """What was asked."""
    return payload


@pytest.fixture
async def hub(bus: Bus, authority: Authority) -> AsyncIterator[HubLink]:
    """A hub that answers by TLS."""
    link = HubLink(by_tls(bus.hub, authority))
    await link.serve(echo)
    while not await link.is_reachable():
        pass
    yield link
    await link.close()


@pytest.mark.usefixtures("hub")
async def test_a_node_that_trusts_the_authority_asks_and_hears(bus: Bus, authority: Authority) -> None:
    assert bus.child.url.startswith("tls://127.0.0.1:")
    async with NodeLink(by_tls(bus.node("oslo", "n1"), authority), "oslo", "n1") as node:
        assert await node.request("hello", b"hi", 30) == b"hi"


async def test_a_node_is_told_nothing_by_a_server_that_its_authority_does_not_vouch_for(
    bus: Bus, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    other.prepare()
    node = NodeLink(by_tls(bus.node("oslo", "n1"), other), "oslo", "n1")
    async with node:
        await until(lambda: "CERTIFICATE_VERIFY_FAILED" in node._line.fault, "the certificate was refused")
        assert not node.is_connected


async def test_nobody_is_let_in_in_the_clear(bus: Bus) -> None:
    with socket.create_connection(("127.0.0.1", bus.child.port), 10) as line:
        line.sendall(b"CONNECT {}\r\nPING\r\n")
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while heard := line.recv(1000):
                said += heard
    assert b"INFO" not in said
    assert b"PONG" not in said


async def test_a_client_does_not_go_on_in_the_clear_with_who_says_that_it_may(authority: Authority) -> None:
    heard = b""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        writer.write(b'INFO {"server_id":"x","version":"2.12.0","proto":1,"max_payload":1000}\r\n')
        with suppress(ConnectionResetError):  # The client leaves with our greeting unread.
            heard += await reader.read(1000)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        for name in (SERVER_NAME, ""):
            settings = BusSettings((f"tls://127.0.0.1:{port}",), ca=authority.ca, name=name)
            async with NodeLink(settings, "oslo", "n1") as node:
                await until(lambda: node._line._fault is not None, "the client gave up")
                assert not node.is_connected
    assert b"CONNECT" not in heard
    assert b"SUB" not in heard


async def test_a_node_that_is_taken_out_is_cut_off(bus: Bus, hub: HubLink, authority: Authority) -> None:
    async with NodeLink(by_tls(bus.node("oslo", "n1"), authority), "oslo", "n1") as node:
        assert await node.request("hello", b"hi", 30) == b"hi"
        bus.let_in()
        await until(lambda: not node.is_connected, "the node was cut off")
        await until(lambda: "Authorization Violation" in node._line.fault, "its key was refused")
        assert await hub.is_reachable()


def test_the_authority_stays_and_its_server_is_certified_anew_in_time(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = {file: file.read_bytes() for file in authority.ca.parent.iterdir()}
    assert all(file.stat().st_mode & 0o077 == 0 for file in first)
    authority.prepare()
    assert {file: file.read_bytes() for file in authority.ca.parent.iterdir()} == first
    monkeypatch.setattr(authorities, "RENEWED_BEFORE", authorities.SERVER_LIFE + timedelta(days=1))
    authority.prepare()
    assert authority.ca.read_bytes() == first[authority.ca]
    assert authority.cert.read_bytes() != first[authority.cert]
