"""Sites, their nodes, and what lies at them."""

import base64
import os
from datetime import datetime

import msgspec

from towpath.client.jobs import AsPath
from towpath.client.plans import Ask, Feed, Plan, Row
from towpath.client.shapes import File, Node, Site
from towpath.client.twofold import Awaiting, Blocking, Part, many, once
from towpath.client.verbs import all_of, changing, deleting, given, nothing, posting, read, segment

FILES = 1000
"""Entries of a directory that are asked for at once: the most that the hub gives."""


class _Files(msgspec.Struct, frozen=True):
    here: File
    results: list[File]
    next: str | None = None


class OfSites(Part):
    """What can be asked of sites."""

    @once
    def list(self) -> Plan[list[Site]]:
        """All sites with their nodes."""
        return all_of("/api/sites/", {}, self._retries, Site)

    @once
    def get(self, name: str) -> Plan[Site]:
        """A site and its nodes."""
        return read(Ask("GET", _site(name)), self._retries, Site)

    @once
    def add(self, name: str) -> Plan[Site]:
        """Add a site, which has no nodes yet."""
        return read(posting("/api/sites/", {"name": name}), self._retries, Site)

    @once
    def set_default_target(self, name: str, target: str | None, *, tag: str = "") -> Plan[Site]:
        """Where its data goes unless a workflow says otherwise; None: nowhere."""
        ask = changing("PATCH", _site(name), tag, {"default_target": target})
        return read(ask, self._retries, Site)

    @once
    def pause(
        self,
        name: str,
        *,
        queue: str = "",
        reason: str = "",
        now: bool = False,
        until: datetime | None = None,
    ) -> Plan[Site]:
        """Start nothing more there, or on one queue of it, of whatever job."""
        at = None if until is None else until.isoformat()
        body = {"queue": queue, "reason": reason, "now": now, "resume_at": at}
        return read(posting(f"{_site(name)}pause/", body), self._retries, Site)

    @once
    def resume(self, name: str, *, queue: str = "", reason: str = "") -> Plan[Site]:
        """End the pause of the site, or that of the queue."""
        body = {"queue": queue, "reason": reason}
        return read(posting(f"{_site(name)}resume/", body), self._retries, Site)

    @once
    def drain(self, name: str, reason: str = "") -> Plan[Site]:
        """Grant its nodes nothing more; what runs ends."""
        return read(posting(f"{_site(name)}drain/", {"reason": reason}), self._retries, Site)

    @once
    def undrain(self, name: str) -> Plan[Site]:
        """Let its nodes work again."""
        return read(posting(f"{_site(name)}undrain/", {}), self._retries, Site)

    @once
    def stat(self, name: str, path: AsPath) -> Plan[File]:
        """How a path of the site stands now."""
        return _here(Ask("GET", f"{_site(name)}files/", {**_exact(path), "page_size": "1"}), self)

    @many
    def files(self, name: str, path: AsPath) -> Feed[File]:
        """What lies in a directory of the site now, page after page; of what is none, the path itself."""
        return _files(name, path, self)


class Sites(OfSites, Blocking):
    """`client.sites`."""


class AsyncSites(OfSites, Awaiting):
    """`client.sites` of a client whose calls are awaited."""


class OfNodes(Part):
    """What can be asked of nodes."""

    @once
    def list(self, site: str | None = None) -> Plan[list[Node]]:
        """All nodes, or those of a site."""
        return all_of("/api/nodes/", given(site=site), self._retries, Node)

    @once
    def get(self, site: str, name: str) -> Plan[Node]:
        """A node."""
        return read(Ask("GET", _node(site, name)), self._retries, Node)

    @once
    def drain(self, site: str, name: str, reason: str = "") -> Plan[Node]:
        """Grant it nothing more; what runs ends."""
        return read(posting(f"{_node(site, name)}drain/", {"reason": reason}), self._retries, Node)

    @once
    def undrain(self, site: str, name: str) -> Plan[Node]:
        """Let it work again."""
        return read(posting(f"{_node(site, name)}undrain/", {}), self._retries, Node)

    @once
    def set_slots(
        self, site: str, name: str, slots: int | None, *, queue: str = "default", function: str = "worker"
    ) -> Plan[Node]:
        """How many tasks of a function (`worker`, `discovery`) it runs at once; None: as it was started with."""
        body = {"queue": queue, "function": function, "slots": slots}
        return read(changing("PATCH", _node(site, name), "", body), self._retries, Node)

    @once
    def remove(self, site: str, name: str) -> Plan[None]:
        """Put it out at once, for good."""
        return nothing(deleting(_node(site, name)), self._retries)


class Nodes(OfNodes, Blocking):
    """`client.nodes`."""


class AsyncNodes(OfNodes, Awaiting):
    """`client.nodes` of a client whose calls are awaited."""


def _site(name: str) -> str:
    return f"/api/sites/{segment(name)}/"


def _node(site: str, name: str) -> str:
    return f"/api/nodes/{segment(site)}/{segment(name)}/"


def _exact(path: AsPath) -> dict[str, str]:
    return {"path_b64": base64.b64encode(os.fsencode(path)).decode()}


def _here(ask: Ask, part: Part) -> Plan[File]:
    found = yield from read(ask, part._retries, _Files)
    return found.here


def _files(name: str, path: AsPath, part: Part) -> Feed[File]:
    query = {**_exact(path), "page_size": str(FILES)}
    after: str | None = ""
    while after is not None:
        ask = Ask("GET", f"{_site(name)}files/", {**query, "after": after})
        found = yield from read(ask, part._retries, _Files)
        if found.here.type != "directory":
            yield Row(found.here)
            return
        for file in found.results:
            yield Row(file)
        after = found.next
