"""Lists as the API gives them: pages with cursors, or every row as a stream of JSON lines."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection
from starlette.responses import Response, StreamingResponse

from towpath.domain.errors import Mistake
from towpath.store.database import Database

NDJSON = "application/x-ndjson"
AS_LINES: dict[int | str, dict[str, Any]] = {
    200: {"content": {NDJSON: {"schema": {"type": "string", "description": "One row of `results` a line."}}}}
}
"""What a route of a list answers beside a page."""
LARGEST_PAGE = 100
DEEPEST_ROW = 10_000
"""Rows that a `page` number may skip over; a cursor goes to any depth at no cost."""
CHUNK = 1_000
"""Rows that a stream reads at a time: memory stays flat, and no snapshot is held while a slow client reads."""

Row = TypeVar("Row", bound=BaseModel)
View = TypeVar("View")


class Page(BaseModel, Generic[Row]):
    """Some rows of a list, and where the others are."""

    count: int = Field(description="How many rows the list has, from kept counters.", examples=[1])
    next: str | None = Field(description="The page behind this one.", examples=[None])
    previous: str | None = Field(description="The page before, where pages were asked for by number.")
    results: list[Row]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list was asked for."""

    page: int | None
    page_size: int
    cursor: str | None
    lines: bool
    """Not a page, but every row behind the cursor, one JSON object a line."""

    @property
    def skip(self) -> int:
        """Rows to leave out before the page."""
        return ((self.page or 1) - 1) * self.page_size

    @property
    def limit(self) -> int:
        """Rows to read: those of the page, and one that shows whether more follow."""
        return self.page_size + 1


async def _paging(
    request: Request,
    page: Annotated[
        int | None, Query(ge=1, description="Pages by number, for the first 10,000 rows.")
    ] = None,
    page_size: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 20,
    cursor: Annotated[str | None, Query(description="Where a page's `next` goes on; opaque.")] = None,
    # The name is the parameter's, which scripts use.
    format: Annotated[Literal["json", "jsonl"], Query(description="`jsonl` streams every row.")] = "json",
) -> Paging:
    if page is not None and cursor is not None:
        raise Mistake("expected either page or cursor, found both")
    paging = Paging(page, page_size, cursor, format == "jsonl" or NDJSON in request.headers.get("accept", ""))
    if paging.skip + page_size > DEEPEST_ROW:
        raise Mistake(
            f"page {page}: pages reach {DEEPEST_ROW} rows; follow `next` from a page without a number"
        )
    return paging


Asked = Annotated[Paging, Depends(_paging)]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which part was asked for of a list that comes whole where no part is."""

    search: str
    page_size: int | None
    cursor: str | None


async def _narrowed(
    search: Annotated[str, Query(max_length=200, description="Only those with these words.")] = "",
    page_size: Annotated[
        int | None, Query(ge=1, le=LARGEST_PAGE, description="Left out: all of them at once.")
    ] = None,
    cursor: Annotated[str | None, Query(description="Where a page's `next` goes on; opaque.")] = None,
) -> Narrowed:
    if page_size is None and cursor is not None:
        raise Mistake("expected page_size beside cursor, found none")
    return Narrowed(search, page_size, cursor)


AskedPart = Annotated[Narrowed, Depends(_narrowed)]
NEXT: Any = Field(default=None, description="The page behind this one, where pages were asked for.")


@dataclass(frozen=True, slots=True)
class Listing(Generic[View, Row]):
    """A list that can be read from any cursor on: the same for pages and for streams."""

    read: Callable[[Connection, str | None, int, int], Sequence[View]]
    """Reads at most so many views behind a cursor (None = from the beginning), after leaving out some."""
    cursor: Callable[[View], str]
    """The cursor just behind a view."""
    row: Callable[[View], Row]
    """The view as the API shows it."""


def _link(request: Request, drop: str, **put: str | int) -> str:
    """The address of this request with another place in the list."""
    return str(request.url.remove_query_params(drop).include_query_params(**put))


def link_behind(request: Request, cursor: str | None) -> str | None:
    """The page behind a cursor, of the list that was asked for; None where nothing follows."""
    return None if cursor is None else _link(request, "page", cursor=cursor)


def page_of(
    request: Request, paging: Paging, listing: Listing[View, Row], views: Sequence[View], count: int
) -> Page[Row]:
    """The page made of `paging.limit` views read behind `paging.skip` others."""
    shown = views[: paging.page_size]
    following = previous = None
    if len(views) == paging.limit:
        by_number = paging.page is not None and paging.skip + 2 * paging.page_size <= DEEPEST_ROW
        if by_number:
            following = _link(request, "cursor", page=(paging.page or 1) + 1)
        else:
            following = _link(request, "page", cursor=listing.cursor(shown[-1]))
    if paging.page is not None and paging.page > 1:
        previous = _link(request, "cursor", page=paging.page - 1)
    return Page(count=count, next=following, previous=previous, results=[listing.row(view) for view in shown])


async def answer_with(
    request: Request,
    database: Database,
    paging: Paging,
    listing: Listing[View, Row],
    count: Callable[[Connection], int],
) -> Page[Row] | Response:
    """A list as it was asked for: every row as a line, or a page, read and counted in one transaction."""
    if paging.lines:
        return await stream_of(database, listing, paging)
    return await database.read(reader_of(request, paging, listing, count))


def reader_of(
    request: Request, paging: Paging, listing: Listing[View, Row], count: Callable[[Connection], int]
) -> Callable[[Connection], Page[Row]]:
    """Reads and counts a page in one transaction."""

    def read(conn: Connection) -> Page[Row]:
        found = listing.read(conn, paging.cursor, paging.limit, paging.skip)
        return page_of(request, paging, listing, found, count(conn))

    return read


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some rows as JSON lines, and the cursor behind them; None at the end of the list."""

    text: bytes
    cursor: str | None


def _chunk(listing: Listing[View, Row], behind: str | None, conn: Connection) -> _Chunk:
    views = listing.read(conn, behind, CHUNK, 0)
    text = "".join(f"{listing.row(view).model_dump_json()}\n" for view in views)
    return _Chunk(text.encode(), listing.cursor(views[-1]) if len(views) == CHUNK else None)


async def chunks_of(database: Database, listing: Listing[View, Row]) -> AsyncIterator[list[Row]]:
    """Every row, so many at once; no transaction is open between two chunks."""
    behind: str | None = None
    while True:

        def read(conn: Connection, behind: str | None = behind) -> tuple[list[Row], str | None]:
            views = listing.read(conn, behind, CHUNK, 0)
            last = listing.cursor(views[-1]) if len(views) == CHUNK else None
            return [listing.row(view) for view in views], last

        rows, behind = await database.read(read)
        yield rows
        if behind is None:
            return


async def stream_of(database: Database, listing: Listing[View, Row], paging: Paging) -> StreamingResponse:
    """Every row behind the cursor as JSON lines, in flat memory.

    The first rows are read before the response begins, so that what is wrong with the request is still told.
    """
    first = await database.read(partial(_chunk, listing, paging.cursor))

    async def lines() -> AsyncIterator[bytes]:
        chunk = first
        yield chunk.text
        while chunk.cursor is not None:
            chunk = await database.read(partial(_chunk, listing, chunk.cursor))
            yield chunk.text

    return StreamingResponse(lines(), media_type=NDJSON)


def numbers_of(cursor: str | None, count: int) -> tuple[int, ...] | None:
    """The numbers that a cursor is made of; raises `Mistake` for one that no page gave."""
    if cursor is None:
        return None
    parts = cursor.split(".")
    if len(parts) != count or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        raise Mistake(f"expected a cursor that a page gave, found '{cursor}'")
    return tuple(map(int, parts))
