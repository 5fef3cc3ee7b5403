"""A real proxy in front of an S3 server, and what is bad about a network: bits flip, lines break, or hardly move."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urlsplit

Flips = Callable[[bytes], bool]
"""Whether the body of the request with this first line gets a bit flipped."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_RANGE = re.compile(rb"\r\nrange: *bytes=(\d+)-", re.IGNORECASE)
_ETAG = re.compile(rb"(\r\netag: *)[^\r\n]*", re.IGNORECASE)


@dataclass(frozen=True)
class Weather:
    """What else may go wrong: bits flip in answers, a connection (by its number, from 1 on) is cut in the midst of its
    first request's body, a request (by its first line) and its answer creep by one byte a second."""

    spoils: Flips = lambda _line: False
    cuts: Callable[[int], bool] = lambda _number: False
    creeps: Flips = lambda _line: False
    loses: Flips = lambda _line: False
    """The line breaks once the server has done what was asked, before anything of its answer has come."""
    brief: bool = False
    """Each connection serves one request, so that many are made."""


FAIR = Weather()


@dataclass
class Proxy:
    """Where it listens and leads to, what it does, and the first lines of the requests that it saw and changed."""

    upstream: str
    flips: Flips
    hides_etags: bool
    watch: Callable[[bytes], None]
    weather: "Weather"
    answers: Callable[[bytes], bytes | None]
    """What it answers to the head of a request in place of the server, if anything."""
    seen: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    """Of each request, all of its head."""
    flipped: list[bytes] = field(default_factory=list)

    ranges: list[tuple[bytes, int]] = field(default_factory=list)
    """The first line of each request for a range, and where that begins."""
    connections: int = 0
    cut: int = 0
    crept: int = 0

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        parts = urlsplit(self.upstream)
        self._to = (parts.hostname or "", parts.port or 80)
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """Its own address, as an S3 endpoint."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Break all connections off."""
        self._over.set()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                self.connections += 1
                cut = self.weather.cuts(self.connections)
                threading.Thread(target=self._serve, args=(client, cut), daemon=True).start()

    def _serve(self, client: socket.socket, cut: bool) -> None:
        """Carry requests and answers, one after the other, until either side has had enough."""
        with suppress(OSError), socket.create_connection(self._to) as server:
            self._open.append(server)
            with client.makefile("rb") as asking, server.makefile("rb") as answering:
                while head := _head(asking):
                    line = head.partition(b"\r\n")[0]
                    if self.weather.creeps(line):
                        self._creep(head, asking, client)
                        break
                    self._note_range(head)
                    body = _body(head, asking)
                    self.heads.append(head)
                    if (own := self.answers(head)) is not None:
                        client.sendall(own)
                        continue
                    sent = self._changed(line, body)
                    if cut:
                        server.sendall(head + sent[: len(sent) // 2])
                        self.cut += 1
                        break
                    server.sendall(head + sent)
                    answer = _head(answering)
                    if self.weather.loses(line):
                        self.cut += 1
                        break
                    body = b"" if line.startswith(b"HEAD ") else _body(answer, answering)
                    if self.weather.spoils(line):
                        self.flipped.append(line)
                        body = _flipped(body, IN_ANSWERS)
                    client.sendall(self._vouching(answer) + body)
                    if self.weather.brief:
                        break
            server.shutdown(socket.SHUT_RDWR)
        client.close()

    def _changed(self, line: bytes, body: bytes) -> bytes:
        self.seen.append(line)
        self.watch(line)
        if not body or not self.flips(line):
            return body
        self.flipped.append(line)
        return _flipped(body, IN_REQUESTS)

    def _creep(self, head: bytes, asking: BinaryIO, client: socket.socket) -> None:
        """Take a byte a second of what is sent, or, where nothing is, give one, until they have had enough."""
        length = _LENGTH.search(head)
        self.crept += 1
        if length and int(length[1]):
            while not self._over.wait(1) and asking.read(1):
                pass
            return
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000)
        for byte in answer:
            client.sendall(bytes([byte]))
            if self._over.wait(1):
                return

    def _note_range(self, head: bytes) -> None:
        found = _RANGE.search(head)
        if found:
            self.ranges.append((head.partition(b"\r\n")[0], int(found[1])))

    def _vouching(self, answer: bytes) -> bytes:
        return _ETAG.sub(rb'\1"0x8DOPAQUE"', answer) if self.hides_etags else answer


IN_REQUESTS, IN_ANSWERS = 0x10, 0x20
"""Which bit flips: an object that went there with one wrong must not come back right by chance."""


def _flipped(body: bytes, bit: int) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ bit]) + body[middle + 1 :] if body else body


def _head(stream: BinaryIO) -> bytes:
    """The lines up to and with the empty one; b"" at the end of the connection."""
    lines = []
    while line := stream.readline():
        lines.append(line)
        if line == b"\r\n":
            return b"".join(lines)
    return b""


def _body(head: bytes, stream: BinaryIO) -> bytes:
    """The body as it travels."""
    length = _LENGTH.search(head)
    if length:
        return stream.read(int(length[1]))
    if not _CHUNKED.search(head):
        return b""
    parts = []
    while size := int(size_line := stream.readline(), 16):
        parts += [size_line, stream.read(size + 2)]
    return b"".join([*parts, size_line, stream.readline()])


def puts(line: bytes) -> bool:
    """Each PUT."""
    return line.startswith(b"PUT ")


def nothing(_line: bytes) -> bool:
    """No request at all."""
    return False


@contextmanager
def proxy(
    upstream: str,
    flips: Flips = nothing,
    *,
    hides_etags: bool = False,
    watch: Callable[[bytes], None] = lambda _line: None,
    weather: Weather = FAIR,
    answers: Callable[[bytes], bytes | None] = lambda _head: None,
) -> Iterator[Proxy]:
    """A proxy for as long as the `with` lasts; `watch` is told of each request before it goes on."""
    running = Proxy(upstream, flips, hides_etags, watch, weather, answers)
    try:
        yield running
    finally:
        running.close()
