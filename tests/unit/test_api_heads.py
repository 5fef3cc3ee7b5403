"""The head of a request: whoever sends more than any client needs is cut off; whoever sends much else is not."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI, Request
from tests.fixtures_api import PATIENCE, serving

from towpath.api.heads import LONGEST_HEAD

app = FastAPI()


@app.post("/length")
async def length(request: Request) -> int:
    """How long the body is."""
    return len(await request.body())


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a server."""
    with serving(app) as url:
        yield int(url.rpartition(":")[2])


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A connection of one's own."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as line:
        yield line


def answers(line: socket.socket) -> bytes:
    """All that is said until the line is closed."""
    said = b""
    while more := line.recv(65536):
        said += more
    return said


def answered(line: socket.socket, end: bytes) -> bytes:
    """One answer, of which that is the end; it may come in pieces."""
    said = b""
    while not said.endswith(b"\r\n\r\n" + end):
        more = line.recv(65536)
        assert more, said
        said += more
    return said


@pytest.mark.parametrize(
    "begun", [b"GET /", b"GET / HTTP/1.1\r\nX-Long: ", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000]
)
def test_a_head_without_end_is_refused_before_it_has_one(port: int, begun: bytes) -> None:
    with connected(port) as line:
        line.sendall(begun)
        sent = len(begun)
        while sent <= LONGEST_HEAD:
            line.sendall(b"a" * 1000)
            sent += 1000
        said = answers(line)
    assert said.startswith(b"HTTP/1.1 431 ")
    assert told(said) == "headers: expected at most 65536 bytes, found more"


@pytest.mark.parametrize(
    "whole", [b"GET /?%s HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nX: %s\r\nContent-Length: 2\r\n\r\n{}"]
)
@pytest.mark.parametrize("before", [b"", b"POST /length HTTP/1.1\r\nContent-Length: 1\r\n\r\n1"])
def test_a_head_that_is_too_long_is_refused_alike_where_it_comes_in_one_piece(
    port: int, whole: bytes, before: bytes
) -> None:
    with connected(port) as line:
        if before:
            line.sendall(before)
            assert answered(line, b"1").startswith(b"HTTP/1.1 200 ")
        line.sendall(whole % (b"a" * LONGEST_HEAD))
        said = answers(line)
    assert said.startswith(b"HTTP/1.1 431 ")
    assert said.count(b"HTTP/1.1") == 1
    assert told(said) == "headers: expected at most 65536 bytes, found more"


def told(said: bytes) -> str:
    """The detail of the problem that an answer tells of."""
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    return str(json.loads(body)["detail"])


def test_many_requests_on_one_line_and_long_bodies_are_no_long_head(port: int) -> None:
    request = b"POST /length HTTP/1.1\r\nHost: a\r\nX-Some: " + b"b" * 5000 + b"\r\nContent-Length: "
    with connected(port) as line:
        for _ in range(30):
            for part in (request, b"100000", b"\r\n\r\n", b"c" * 50_000, b"c" * 50_000):
                line.sendall(part)
            assert answered(line, b"100000").startswith(b"HTTP/1.1 200 ")
