"""Targets: where data goes."""

from collections.abc import Mapping

import msgspec

from towpath.client.plans import Ask, Feed, Plan, Row
from towpath.client.shapes import Object, Target, TargetChecked
from towpath.client.twofold import Awaiting, Blocking, Part, many, once
from towpath.client.verbs import all_of, deleting, given, nothing, posting, read, segment

OBJECTS = 500
"""Objects that are asked for at once."""


class _Objects(msgspec.Struct, frozen=True):
    results: list[Object]
    next: str | None = None


class OfTargets(Part):
    """What can be asked of targets."""

    @once
    def list(self) -> Plan[list[Target]]:
        """All targets."""
        return all_of("/api/targets/", {}, self._retries, Target)

    @once
    def get(self, name: str) -> Plan[Target]:
        """A target."""
        return read(Ask("GET", _at(name)), self._retries, Target)

    @once
    def add(
        self,
        name: str,
        url: str | None = None,
        *,
        credentials: Mapping[str, str] | None = None,
        bucket: str | None = None,
        prefix: str = "",
        storage_class: str = "",
        template: str = "",
    ) -> Plan[Target]:
        """Add a target at a URL with its credentials, or in a bucket that is there."""
        body = {
            "name": name,
            "url": url,
            "credentials": dict(credentials or {}),
            "bucket": bucket,
            "prefix": prefix,
            "storage_class": storage_class,
            "template": template,
        }
        return read(posting("/api/targets/", body), self._retries, Target)

    @once
    def check(self, name: str, site: str | None = None) -> Plan[TargetChecked]:
        """Have a node try it out, and say what is wrong."""
        return read(posting(f"{_at(name)}check/", {"site": site}), self._retries, TargetChecked)

    @many
    def objects(self, name: str, prefix: str = "", site: str | None = None) -> Feed[Object]:
        """What stands there now, as a node finds it, page after page."""
        return _objects(name, given(prefix=prefix, site=site), self)

    @once
    def delete(self, name: str, *, tag: str = "") -> Plan[None]:
        """Delete it; the objects there stay where they are."""
        return nothing(deleting(_at(name), tag), self._retries)


class Targets(OfTargets, Blocking):
    """`client.targets`."""


class AsyncTargets(OfTargets, Awaiting):
    """`client.targets` of a client whose calls are awaited."""


def _at(name: str) -> str:
    return f"/api/targets/{segment(name)}/"


def _objects(name: str, query: Mapping[str, str], part: Part) -> Feed[Object]:
    after: str | None = ""
    while after is not None:
        asked = {**query, "after": after, "page_size": str(OBJECTS)}
        found = yield from read(Ask("GET", f"{_at(name)}objects/", asked), part._retries, _Objects)
        for one in found.results:
            yield Row(one)
        after = found.next or None
