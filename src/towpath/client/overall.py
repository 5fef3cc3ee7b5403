"""What can be asked of a hub as a whole."""

from datetime import datetime

from towpath.client.measured import Queue, Throughput
from towpath.client.plans import Ask, Plan
from towpath.client.shapes import Health, SpaceCounted
from towpath.client.twofold import once
from towpath.client.verbs import Verbs, all_of, given, read


class Overall(Verbs):
    """Whether it works, what it got done, what waits, what lies in its spaces; and every operation by its path."""

    @once
    def health(self) -> Plan[Health]:
        """Whether the hub works; raises `Unavailable` where a part of it is down."""
        return read(Ask("GET", "/api/health"), self._retries, Health)

    @once
    def throughput(
        self,
        *,
        site: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        step: int = 60,
    ) -> Plan[Throughput]:
        """What jobs got done, by the steps of so many seconds: whole minutes; the last hour, unless said otherwise."""
        moments = {"since": since and since.isoformat(), "until": until and until.isoformat()}
        query = given(site=site, step=step, **moments)
        return read(Ask("GET", "/api/throughput/", query), self._retries, Throughput)

    @once
    def queues(self, *, site: str | None = None) -> Plan[list[Queue]]:
        """What waits and runs on each queue, of all sites or one; those on which most waits come first."""
        return all_of("/api/queues/", given(site=site), self._retries, Queue)

    @once
    def usage(self) -> Plan[list[SpaceCounted]]:
        """What lies in each space that may be seen, as it was last counted; nothing is walked for it."""
        return all_of("/api/spaces/usage/", {}, self._retries, SpaceCounted)
