"""A request's head has an end: who sends more of it than any client needs is cut off."""

from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from towpath.api.problems import MEDIA_TYPE, Kind, problem

LONGEST_HEAD: Final = 64 * 1024
"""Bytes of the first line and the headers of a request. A few more come in before they are counted, but not many."""
TOO_LONG: Final = Kind(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large")
BETWEEN: Final = len(": \r\n")


class BoundedHeads(HttpToolsProtocol):
    """One connection. The parser keeps whatever comes until the head is whole, before anybody is asked who they are."""

    _head: int | None = None
    """Bytes that have come while the head is under way; None between the end of one and the first byte of the next."""
    _said: int = 0
    """Bytes of what the head says, as far as it was read."""

    def take(self, data: bytes) -> None:
        """Take what came in."""
        super().data_received(data)
        if self._head is not None and not self.transport.is_closing():
            self._head += len(data)
            if self._head > LONGEST_HEAD:
                self._refuse()

    data_received = take  # as the library calls it

    def on_message_begin(self) -> None:
        """A request's first byte came."""
        super().on_message_begin()
        self._head, self._said = 0, 0

    def on_url(self, url: bytes) -> None:
        """More of its URL came."""
        super().on_url(url)
        self._said += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One more of its headers is whole."""
        super().on_header(name, value)
        self._said += len(name) + len(value) + BETWEEN

    def on_headers_complete(self) -> None:
        """Its head is whole; one that came in a piece, and is too long, is refused before it is looked into."""
        self._head = None
        if self._said > LONGEST_HEAD:
            self._refuse()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of its body came."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """It is whole."""
        if not self.transport.is_closing():
            super().on_message_complete()

    def _refuse(self) -> None:
        body = problem(TOO_LONG, f"headers: expected at most {LONGEST_HEAD} bytes, found more", instance="")
        said = body.model_dump_json().encode()
        about = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(said)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[TOO_LONG.status] + about.encode("ascii") + said)
        self.transport.close()
