"""A webhook's server on loopback: it keeps what it is sent, and answers with a status."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


class Receiver(BaseHTTPRequestHandler):
    """Keeps each request, and answers with the status that is set."""

    status: ClassVar[int] = 204
    got: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        """Keep it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((dict(self.headers), body))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """Serve while this lasts."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def receiving(port: int = 0, status: int = 204) -> Iterator[tuple[int, type[Receiver]]]:
    """A receiver while this lasts: its port, and what keeps what it got."""
    kind = type("One", (Receiver,), {"got": [], "status": status})
    server = ThreadingHTTPServer(("127.0.0.1", port), kind)
    with serving(server):
        yield server.server_port, kind
