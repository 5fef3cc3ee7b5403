"""Reports: every path of a job with its outcome and reason, as a file for other programs."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from enum import StrEnum
from importlib import import_module
from typing import Annotated, Any, Final, Protocol

from fastapi import Query
from starlette.responses import StreamingResponse

from towpath.api.context import Hub
from towpath.api.forms import Number
from towpath.api.pages import NDJSON, chunks_of
from towpath.api.paths import Filter, OutcomeShown, Path, find_listing
from towpath.api.routers import Router
from towpath.domain.errors import Mistake

router = Router(prefix="/api/jobs", tags=["paths"])

HEADS: Final = ("task", "step", "site", "path", "path_b64", "outcome", "already", "error_class", "reason")
"""The columns of a table; JSON lines have all that the list of paths has."""


class Kind(StrEnum):
    """The format of a report."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class Form(Protocol):
    """A report under way. What is returned are the bytes of the file that are sure by then."""

    def add(self, rows: Sequence[Path]) -> bytes:
        """Rows that follow."""

    def end(self) -> bytes:
        """There are no more."""


class _Lines:
    """One JSON object a line."""

    def add(self, rows: Sequence[Path]) -> bytes:
        return "".join(f"{row.model_dump_json()}\n" for row in rows).encode()

    def end(self) -> bytes:
        return b""


class _Csv:
    """Comma-separated values, with heads, as RFC 4180 has it."""

    def __init__(self) -> None:
        self._begun = False

    def add(self, rows: Sequence[Path]) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        if not self._begun:
            writer.writerow(HEADS)
            self._begun = True
        writer.writerows(["" if value is None else value for value in cells(row)] for row in rows)
        return text.getvalue().encode()

    def end(self) -> bytes:
        return b""


def cells(row: Path) -> list[Any]:
    """What stands under `HEADS`."""
    return [getattr(row, head) for head in HEADS]


def _parquet() -> Form:
    """pyarrow comes with an extra only."""
    try:
        made: Form = import_module("towpath.api.parquet").Parquet()
    except ModuleNotFoundError as missing:
        raise Mistake(
            f"format parquet: expected {missing.name} at the hub, found none; install towpath[parquet] there"
        ) from None
    return made


FORMS: Final[Mapping[Kind, tuple[str, Callable[[], Form]]]] = {
    Kind.JSONL: (NDJSON, _Lines),
    Kind.CSV: ("text/csv; charset=utf-8", _Csv),
    Kind.PARQUET: ("application/vnd.apache.parquet", _parquet),
}
"""The media type of each format, and how one is begun."""


@router.get(
    "/{job_id:int}/report/",
    response_class=StreamingResponse,
    responses={
        200: {"content": {kind.split(";")[0]: {"schema": {"type": "string"}} for kind, _ in FORMS.values()}}
    },
    summary="Download a job's report",
)
async def download_report(
    job_id: Number,
    hub: Hub,
    # The name is the parameter's, which scripts use.
    format: Annotated[Kind, Query(description="`parquet` needs towpath[parquet] at the hub.")] = Kind.JSONL,
    outcome: OutcomeShown | None = None,
    step: Annotated[str | None, Query(description="Only the tasks of that step.")] = None,
) -> StreamingResponse:
    """One row for each path in each task that it reached, with the cause where it failed; streamed in flat memory."""
    wanted = Filter(None if outcome is None else str(outcome), step)
    listing = await hub.database.read(lambda conn: find_listing(conn, job_id, wanted))
    media_type, begin = FORMS[format]
    form = begin()

    async def written() -> AsyncIterator[bytes]:
        async for rows in chunks_of(hub.database, listing):
            yield form.add(rows)
        yield form.end()

    name = f'attachment; filename="job-{job_id}.{format}"'
    return StreamingResponse(written(), media_type=media_type, headers={"Content-Disposition": name})
