"""What nodes ask of the hub as spans of its jobs' traces: what was granted, and what was reported."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from msgspec import structs

from towpath import wire
from towpath.domain.traces import Span, Traces
from towpath.store import views
from towpath.store.database import Database
from towpath.store.engines import Away


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a node: of which, and when it came (nanoseconds since 1970)."""

    site: str
    node: str
    began: int

    @property
    def facts(self) -> dict[str, str | int]:
        """What a span says of it."""
        return {"towpath.site": self.site, "towpath.node": self.node}


class Tracing:
    """Tells of what was answered to nodes, once it is committed. A trace that nobody samples costs its id alone."""

    def __init__(self, database: Database, traces: Traces) -> None:
        self._database = database
        self._traces = traces

    def now(self) -> int:
        """Nanoseconds since 1970."""
        return self._traces.told.now()

    async def traced(self, reply: object, payload: bytes, asked: Asked) -> object:
        """The answer as the node is to have it; spans were told of what it says."""
        if isinstance(reply, wire.Grants):
            return self._granted(reply, asked)
        if isinstance(reply, wire.Applied):
            await self._reported(wire.unpack(payload, wire.Report), reply, asked)
        return reply

    def _granted(self, reply: wire.Grants, asked: Asked) -> wire.Grants:
        ended = self.now()
        grants = []
        for grant in reply.grants:
            place = self._traces.of_claim(grant.job, grant.run)
            facts = asked.facts | {"towpath.job.id": grant.job, "towpath.task.id": grant.task}
            facts |= {"towpath.queue": grant.queue, "towpath.attempt": grant.attempt}
            root = self._traces.of_job(grant.job)
            self._traces.told.tell(Span("claim", place, root.span, asked.began, ended, facts))
            grants.append(structs.replace(grant, trace=place.header))
        return structs.replace(reply, grants=grants)

    async def _reported(self, report: wire.Report, applied: wire.Applied, asked: Asked) -> None:
        refused = {refusal.run for refusal in applied.refusals}
        ends = [event for event in _ends(report.events) if event.run not in refused]
        if not ends:
            return
        try:
            jobs = await self._database.read(partial(views.jobs_of, task_ids=[event.task for event in ends]))
        except Away:
            # The report is kept, which the node is to hear.
            return
        now = self.now()
        for event in ends:
            if event.task in jobs:
                self._tell_end(jobs[event.task], event, asked, now)

    def _tell_end(
        self, job: int, event: wire.Ended | wire.WalkEnded | wire.Failed, asked: Asked, ended: int
    ) -> None:
        claim, place = self._traces.of_claim(job, event.run), self._traces.of_report(job, event.run)
        facts = asked.facts | {"towpath.job.id": job, "towpath.task.id": event.task}
        self._traces.told.tell(Span("report", place, claim.span, asked.began, ended, facts))


def _ends(events: Sequence[bytes]) -> Iterator[wire.Ended | wire.WalkEnded | wire.Failed]:
    """The events that end a run; what is none was set aside."""
    for packed in events:
        try:
            event: wire.Event = wire.unpack(packed, wire.Event)  # type: ignore[arg-type]
        except wire.Malformed:
            continue
        if not isinstance(event, wire.Found):
            yield event
