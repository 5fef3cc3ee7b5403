"""Every operation of the API by its path, for what has no call of its own; and how most calls are put."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from towpath.client.plans import NOTHING, Ask, Feed, Plan, Retries, Row, answered, lines, pieces
from towpath.client.twofold import Part, many, once

T = TypeVar("T")

NDJSON = "application/x-ndjson"
PAGE = 100
"""Rows of a page: the most that the hub gives."""


class Verbs(Part):
    """GET, POST and the others: each takes a path such as `/api/jobs/7/`, and gives the answer's bytes."""

    @once
    def get(self, path: str, query: Mapping[str, str] | None = None) -> Plan[bytes]:
        """The document at that path."""
        return content(Ask("GET", path, query or {}), self._retries)

    @once
    def look(self, path: str, seconds: float) -> Plan[bytes]:
        """The document at that path, asked for once; raises `Unreachable` where it does not come in time."""
        return content(Ask("GET", path, seconds=seconds), Retries(attempts=1))

    @once
    def post(self, path: str, body: object, key: str = "") -> Plan[bytes]:
        """Send a document; with an idempotency key it is sent again where the connection breaks."""
        headers = {"Idempotency-Key": key} if key else {}
        return content(Ask("POST", path, body=body, headers=headers, repeatable=bool(key)), self._retries)

    @once
    def patch(self, path: str, body: object, tag: str = "") -> Plan[bytes]:
        """Change what is at that path; with a tag (`ETag`), only if it is so still."""
        return content(changing("PATCH", path, tag, body), self._retries)

    @once
    def put(self, path: str, body: object, tag: str = "") -> Plan[bytes]:
        """Put that at that path."""
        return content(changing("PUT", path, tag, body), self._retries)

    @once
    def delete(self, path: str, tag: str = "") -> Plan[None]:
        """Delete what is at that path."""
        return nothing(deleting(path, tag), self._retries)

    @many
    def lines(self, path: str, query: Mapping[str, str] | None = None) -> Feed[bytes]:
        """Every row of a list as one JSON object each, streamed."""
        headers = {"Accept": NDJSON}
        return lines(Ask("GET", path, query or {}, headers=headers, streamed=True), self._retries)

    @many
    def download(self, path: str, query: Mapping[str, str] | None = None) -> Feed[bytes]:
        """A file that the hub makes, streamed."""
        return pieces(Ask("GET", path, query or {}, streamed=True), self._retries)


def changing(method: str, path: str, tag: str, body: object = NOTHING) -> Ask:
    """A change; one that is meant of the thing as it was would be refused where it is sent twice."""
    headers = {"If-Match": tag} if tag else {}
    return Ask(method, path, body=body, headers=headers, repeatable=not tag)


def deleting(path: str, tag: str = "") -> Ask:
    """A removal: sent twice, it would find nothing."""
    return Ask("DELETE", path, headers={"If-Match": tag} if tag else {}, repeatable=False)


def posting(path: str, body: object) -> Ask:
    """Something that is asked; it may be heard twice if it is sent twice."""
    return Ask("POST", path, body=body, repeatable=False)


def content(ask: Ask, retries: Retries) -> Plan[bytes]:
    """The bytes of the answer."""
    answer = yield from answered(ask, retries)
    return answer.content


def nothing(ask: Ask, retries: Retries) -> Plan[None]:
    """Nothing of the answer."""
    yield from answered(ask, retries)


def read(ask: Ask, retries: Retries, kind: type[T]) -> Plan[T]:
    """The answer as what it tells of."""
    answer = yield from answered(ask, retries)
    return msgspec.json.decode(answer.content, type=kind)


class _Part(msgspec.Struct, frozen=True):
    """Some rows of a list, each as it came."""

    results: list[msgspec.Raw]
    next: str | None = None


def raw_rows(path: str, query: Mapping[str, str], retries: Retries) -> Feed[msgspec.Raw]:
    """The rows of a list as they came, page after page, each page when it is wanted."""
    cursor: str | None = None
    while True:
        more = {"cursor": cursor} if cursor is not None else {}
        part = yield from read(Ask("GET", path, {**query, **more}), retries, _Part)
        for row in part.results:
            yield Row(row)
        cursor = _cursor(part.next)
        if cursor is None:
            return


def _cursor(following: str | None) -> str | None:
    """The cursor of a page's `next`. Its host is as the hub is called behind a proxy, and is not followed."""
    return None if following is None else parse_qs(urlsplit(following).query)["cursor"][0]


def rows(path: str, query: Mapping[str, str], retries: Retries, kind: type[T]) -> Feed[T]:
    """The rows of a list, page after page."""
    decoder = msgspec.json.Decoder(kind)
    return mapped(raw_rows(path, query, retries), decoder.decode)


def mapped(feed: Feed[Any], shape: Any) -> Feed[Any]:
    """A feed whose rows are made into something else."""
    reply = None
    while True:
        try:
            step = feed.send(reply)
        except StopIteration:
            return
        reply = yield Row(shape(step.row)) if isinstance(step, Row) else step


def all_of(path: str, query: Mapping[str, str], retries: Retries, kind: type[T]) -> Plan[list[T]]:
    """The rows of a list that comes whole."""
    part = yield from read(Ask("GET", path, query), retries, _Part)
    return [msgspec.json.decode(row, type=kind) for row in part.results]


def given(**filters: object) -> dict[str, str]:
    """The filters that were given, as a query has them."""
    return {
        name: ("true" if value is True else str(value))
        for name, value in filters.items()
        if value is not None and value is not False and value != ""
    }


def segment(text: str | int) -> str:
    """A name as a part of a URL's path."""
    return quote(str(text), safe="")
