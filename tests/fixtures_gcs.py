"""Pytest fixtures: a front that speaks Google's XML API (`gcs_front`), before the session's S3 server."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

import pytest
from tests.fixtures_seaweed import Seaweed
from tests.gcs_accounts import OBJECT_USER, Account
from tests.gcs_front import Front, Request
from tests.receiver import serving


class Exchange(BaseHTTPRequestHandler):
    """One connection, with one request after the other."""

    front: ClassVar[Front]
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "UploadServer", ""
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def do_GET(self) -> None:
        """Any request."""
        path, _, query = self.path.partition("?")
        bucket, _, key = path.lstrip("/").partition("/")
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        asked = dict(parse_qsl(query, keep_blank_values=True))
        answer = self.front.answer(Request(self.command, unquote(bucket), unquote(key), asked, headers, body))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        size = len(answer.body) if answer.size is None else answer.size
        if answer.status != 204:
            self.send_header("content-length", str(size))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815  # names of the library

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The front's own time."""
        return formatdate(self.front.clock() if timestamp is None else timestamp, usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hangs up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@dataclass(frozen=True)
class Google:
    """A running front: where it listens, and an account that may do all that a target needs."""

    endpoint: str
    front: Front
    account: Account
    seaweed: Seaweed

    @property
    def credentials(self) -> dict[str, str]:
        """As `open_storage` takes them."""
        return {"service_account_key": self.account.key_file}

    def limited(self, *permissions: str) -> dict[str, str]:
        """The credentials of an account that lacks these permissions (`objects.list`), and may see just this bucket."""
        lacking = {f"storage.{permission}" for permission in permissions}
        email = f"no-{'-'.join(permissions)}@tests.iam.gserviceaccount.com"
        account = self.front.accounts.add(Account(email, OBJECT_USER - lacking, everywhere=False))
        return {"service_account_key": account.key_file}

    def url(self, bucket: str, prefix: str = "", endpoint: str = "") -> str:
        """The URL of a target in that bucket."""
        return f"gs://{bucket}/{prefix}?endpoint={endpoint or self.endpoint}"


@pytest.fixture(scope="session")
def google(seaweed: Seaweed) -> Iterator[Google]:
    """The session's front."""
    with google_front(seaweed) as running:
        yield running


@contextmanager
def google_front(seaweed: Seaweed, clock: Callable[[], float] = time.time) -> Iterator[Google]:
    """A front of one's own, with a time of its own."""
    front = Front(seaweed, clock)
    account = front.accounts.add(Account("towpath@tests.iam.gserviceaccount.com"))
    kind = type("Exchanges", (Exchange,), {"front": front})
    server = _Server(("127.0.0.1", 0), kind)
    with serving(server):
        yield Google(f"http://127.0.0.1:{server.server_port}", front, account, seaweed)
