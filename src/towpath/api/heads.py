"""A request's head has an end: who sends more of it than any client needs is cut off."""

from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

LONGEST_HEAD: Final = 64 * 1024
"""Bytes of the first line and the headers of a request. A few more come in before they are counted, but not many."""


class BoundedHeads(HttpToolsProtocol):
    """One connection. The parser keeps whatever comes until the head is whole, before anybody is asked who they are."""

    _head: int | None = None
    """Bytes of the head that is under way; None between the end of one and the first byte of the next."""

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
        self._head = 0

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._head = None
        super().on_headers_complete()

    def _refuse(self) -> None:
        text = f"headers: expected at most {LONGEST_HEAD} bytes, found more\n".encode("ascii")
        about = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(
            STATUS_LINE[HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE] + about % len(text) + text
        )
        self.transport.close()
