"""Workflows: check, import, export, compare them, and wish something of all jobs of one."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from towpath.client.jobs import AsPath, spelled
from towpath.client.plans import Ask, Plan
from towpath.client.shapes import Check, PathSorted, Version, Workflow
from towpath.client.twofold import Awaiting, Blocking, Part, once
from towpath.client.verbs import all_of, changing, content, deleting, given, nothing, posting, read, segment

Versions: TypeAlias = list[Version]
Found: TypeAlias = list[Workflow]
Sorted: TypeAlias = list[PathSorted]
YAML = {"Content-Type": "application/yaml"}


class Difference(msgspec.Struct, frozen=True):
    """What differs between two versions of a workflow, as `diff -u` has it."""

    old: int
    new: int
    lines: list[str]


class _Sorted(msgspec.Struct, frozen=True):
    results: list[PathSorted]


class _Wished(msgspec.Struct, frozen=True):
    jobs: int


class OfWorkflows(Part):
    """What can be asked of workflows."""

    @once
    def list(self) -> Plan[Found]:
        """All workflows."""
        return all_of("/api/workflows/", {}, self._retries, Workflow)

    @once
    def get(self, name: str) -> Plan[Workflow]:
        """A workflow as new jobs run it."""
        return read(Ask("GET", _at(name)), self._retries, Workflow)

    @once
    def check(self, definition: Mapping[str, Any]) -> Plan[Check]:
        """All that is wrong with a definition; nothing is kept."""
        ask = Ask("POST", "/api/workflows/check/", body=dict(definition))
        return read(ask, self._retries, Check)

    @once
    def which_rule(
        self,
        workflow: str | Mapping[str, Any],
        paths: Iterable[AsPath],
        *,
        site: str | None = None,
        type: str | None = None,
        state: str = "",
    ) -> Plan[Sorted]:
        """Which rule of a workflow, or of a definition, takes each path, and why the others do not.

        With a site the paths are absolute, and looked at there where no type is given; else relative to a root.
        """
        which = "workflow" if isinstance(workflow, str) else "definition"
        tried = [{**_spelled(path), "type": type, "state": state} for path in paths]
        body = {
            which: workflow if isinstance(workflow, str) else dict(workflow),
            "site": site,
            "paths": tried,
        }
        return _sorted(Ask("POST", "/api/workflows/which-rule/", body=body), self)

    @once
    def define(self, definition: Mapping[str, Any]) -> Plan[Workflow]:
        """A new workflow, or a new version of one; raises `Malformed` with each problem's place."""
        return read(posting("/api/workflows/", dict(definition)), self._retries, Workflow)

    @once
    def import_file(self, text: str) -> Plan[Workflow]:
        """The same, of the text of a file in YAML or JSON."""
        ask = Ask("POST", "/api/workflows/import/", body=text, headers=YAML, repeatable=False)
        return read(ask, self._retries, Workflow)

    @once
    def export_file(self, name: str, *, version: int | None = None, language: str = "yaml") -> Plan[str]:
        """A definition as the text of a file in `yaml` or `json`, as `import_file` takes it."""
        return _text(Ask("GET", f"{_at(name)}export/", given(format=language, version=version)), self)

    @once
    def versions(self, name: str) -> Plan[Versions]:
        """Its versions, the newest first."""
        return all_of(f"{_at(name)}versions/", {}, self._retries, Version)

    @once
    def diff(self, name: str, old: int | None = None, new: int | None = None) -> Plan[Difference]:
        """What differs between two versions; by itself, what the newest has changed."""
        return read(Ask("GET", f"{_at(name)}diff/", given(old=old, new=new)), self._retries, Difference)

    @once
    def change(self, name: str, members: Mapping[str, Any], *, tag: str = "") -> Plan[Workflow]:
        """Put these members of its definition in place of those there are, as a new version."""
        ask = Ask(
            "PATCH", _at(name), body=dict(members), headers=changing("", "", tag).headers, repeatable=False
        )
        return read(ask, self._retries, Workflow)

    @once
    def delete(self, name: str, *, tag: str = "") -> Plan[None]:
        """Delete it; jobs that run it go on."""
        return nothing(deleting(_at(name), tag), self._retries)

    @once
    def pause(
        self, name: str, *, reason: str = "", now: bool = False, until: datetime | None = None
    ) -> Plan[int]:
        """Pause each of its jobs that is not over; of how many it was asked."""
        at = None if until is None else until.isoformat()
        return _wished(posting(f"{_at(name)}pause/", {"reason": reason, "now": now, "resume_at": at}), self)

    @once
    def resume(self, name: str, *, reason: str = "") -> Plan[int]:
        """Resume each of its jobs that is paused; of how many it was asked."""
        return _wished(posting(f"{_at(name)}resume/", {"reason": reason}), self)

    @once
    def cancel(self, name: str, *, reason: str = "") -> Plan[int]:
        """Cancel each of its jobs that is not over; of how many it was asked."""
        return _wished(posting(f"{_at(name)}cancel/", {"reason": reason}), self)


class Workflows(OfWorkflows, Blocking):
    """`client.workflows`."""


class AsyncWorkflows(OfWorkflows, Awaiting):
    """`client.workflows` of a client whose calls are awaited."""


def _at(name: str) -> str:
    return f"/api/workflows/{segment(name)}/"


def _text(ask: Ask, part: Part) -> Plan[str]:
    found = yield from content(ask, part._retries)
    return found.decode()


def _spelled(path: AsPath) -> dict[str, str]:
    said = spelled(path)
    return {"path": said} if isinstance(said, str) else said


def _sorted(ask: Ask, part: Part) -> Plan[Sorted]:
    found = yield from read(ask, part._retries, _Sorted)
    return found.results


def _wished(ask: Ask, part: Part) -> Plan[int]:
    found = yield from read(ask, part._retries, _Wished)
    return found.jobs
