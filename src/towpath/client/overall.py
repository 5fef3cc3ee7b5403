"""What can be asked of a hub as a whole."""

from towpath.client.plans import Ask, Plan
from towpath.client.shapes import Health
from towpath.client.twofold import once
from towpath.client.verbs import Verbs, read


class Overall(Verbs):
    """Whether it works; and every operation by its path."""

    @once
    def health(self) -> Plan[Health]:
        """Whether the hub works; raises `Unavailable` where a part of it is down."""
        return read(Ask("GET", "/api/health"), self._retries, Health)
