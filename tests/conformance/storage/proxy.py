"""A real proxy in front of an S3 server that flips one bit on the way, or hides what the server vouches for."""

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
_ETAG = re.compile(rb"(\r\netag: *)[^\r\n]*", re.IGNORECASE)


@dataclass
class Proxy:
    """Where it listens and leads to, what it does, and the first lines of the requests that it saw and changed."""

    upstream: str
    flips: Flips
    hides_etags: bool
    watch: Callable[[bytes], None]
    seen: list[bytes] = field(default_factory=list)
    flipped: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
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
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Carry requests and answers, one after the other, until either side has had enough."""
        with suppress(OSError), socket.create_connection(self._to) as server:
            self._open.append(server)
            with client.makefile("rb") as asking, server.makefile("rb") as answering:
                while head := _head(asking):
                    line = head.partition(b"\r\n")[0]
                    server.sendall(head + self._changed(line, _body(head, asking)))
                    answer = _head(answering)
                    body = b"" if line.startswith(b"HEAD ") else _body(answer, answering)
                    client.sendall(self._vouching(answer) + body)
        client.close()

    def _changed(self, line: bytes, body: bytes) -> bytes:
        self.seen.append(line)
        self.watch(line)
        if not body or not self.flips(line):
            return body
        self.flipped.append(line)
        middle = len(body) // 2
        return body[:middle] + bytes([body[middle] ^ 0x10]) + body[middle + 1 :]

    def _vouching(self, answer: bytes) -> bytes:
        return _ETAG.sub(rb'\1"0x8DOPAQUE"', answer) if self.hides_etags else answer


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
) -> Iterator[Proxy]:
    """A proxy for as long as the `with` lasts; `watch` is told of each request before it goes on."""
    running = Proxy(upstream, flips, hides_etags, watch)
    try:
        yield running
    finally:
        running.close()
