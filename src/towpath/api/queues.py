"""Queues: what waits and runs on each, how long already, and the slots that there are."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Query
from pydantic import BaseModel, Field

from towpath.api.context import Hub
from towpath.api.pages import LARGEST_PAGE
from towpath.api.routers import Router
from towpath.api.times import maybe_at
from towpath.engine import queue_views
from towpath.engine.queue_views import FunctionView, QueuesFound, QueueView

router = Router(prefix="/api/queues", tags=["queues"])


class QueueFunction(BaseModel):
    """What is done on a queue by one function of nodes."""

    waiting: int = Field(description="Tasks that may be granted.", examples=[1200])
    running: int = Field(description="Tasks that nodes have.", examples=[4])
    slots: int = Field(description="Of nodes that are heard.", examples=[4])

    @classmethod
    def of(cls, view: FunctionView) -> Self:
        """The same as the API shows it."""
        return cls(waiting=view.waiting, running=view.running, slots=view.slots)


class Queue(BaseModel):
    """A queue of a site on which something waits or runs."""

    site: str = Field(examples=["oslo"])
    queue: str = Field(examples=["default"])
    waiting: int = Field(
        description="Tasks that may be granted. What waits for a step before it, for a time, or in a job that is"
        " paused is none of them.",
        examples=[1200],
    )
    running: int = Field(description="Tasks that nodes have.", examples=[4])
    slots: int = Field(description="Of nodes that are heard; 0: nobody serves it.", examples=[5])
    oldest_at: datetime | None = Field(description="Since when the oldest task that waits may be granted.")
    paused: bool = Field(description="Somebody paused it, or its site: nothing is granted.")
    functions: dict[str, QueueFunction] = Field(description="The same by function: `worker`, `discovery`.")

    @classmethod
    def of(cls, view: QueueView) -> Self:
        """The queue as the API shows it."""
        return cls(
            site=view.site,
            queue=view.queue,
            waiting=view.waiting,
            running=view.running,
            slots=view.slots,
            oldest_at=maybe_at(view.oldest_at),
            paused=view.paused,
            functions={name: QueueFunction.of(one) for name, one in sorted(view.functions.items())},
        )


class Queues(BaseModel):
    """The queues on which something waits or runs."""

    count: int = Field(
        description="How many there are; the next two are sums over all of them.", examples=[1]
    )
    waiting: int = Field(examples=[1200])
    running: int = Field(examples=[4])
    results: list[Queue] = Field(description="Those on which most waits come first.")

    @classmethod
    def of(cls, found: QueuesFound) -> Self:
        """What was found as the API shows it."""
        return cls(
            count=found.count,
            waiting=found.waiting,
            running=found.running,
            results=[Queue.of(view) for view in found.views],
        )


@router.get("/", summary="List queues with something to do")
async def list_queues(
    hub: Hub,
    site: Annotated[str | None, Query(description="Only those of a site.")] = None,
    page_size: Annotated[
        int | None, Query(ge=1, le=LARGEST_PAGE, description="Only the first so many. Left out: all of them.")
    ] = None,
) -> Queues:
    """The depth of queues: a queue on which nothing waits and nothing runs is left out."""
    return Queues.of(await hub.read(lambda conn: queue_views.list_queues(conn, site, page_size)))
