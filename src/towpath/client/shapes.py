"""What the hub tells of its things: frozen, with aware times; members that a client does not know are passed over."""

import base64
from datetime import datetime
from typing import Any

import msgspec

from towpath.client.errors import Fault


class Totals(msgspec.Struct, frozen=True):
    """Distinct paths of a job: once it is over, `discovered` is the sum of the others."""

    discovered: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    aborted: int = 0
    not_run: int = 0
    unknown: int = 0

    @property
    def ended(self) -> int:
        """Paths with nothing left to do."""
        return self.done + self.failed + self.skipped + self.aborted + self.not_run + self.unknown


class InTheWay(msgspec.Struct, frozen=True):
    """What something waits for."""

    kind: str = ""
    name: str = ""


class WaitingFor(msgspec.Struct, frozen=True):
    """Why something waits, for programs."""

    reason: str
    since: datetime | None = None
    position: int | None = None
    """The place in line, where there is one."""
    blocker: InTheWay | None = None


class JobFacts(msgspec.Struct, frozen=True):
    """How a job stands: one run of a workflow."""

    id: int
    workflow: str
    workflow_version: int
    site: str
    queue: str
    owner: str
    state: str
    """PENDING, STARTED, PAUSING, PAUSED, DEQUEUING; and, once it is over, SUCCESS, FAILURE or CANCELLED."""
    totals: Totals
    bytes_found: int
    bytes_done: int
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    wanted: str = "run"
    """What people asked of it: run, pause or cancel."""
    wish_by: str | None = None
    wish_why: str | None = None
    wish_at: datetime | None = None
    resume_at: datetime | None = None
    retry_of: int | None = None
    noop: bool = False
    """It ended and found nothing to do."""
    dry_run: bool = False
    waiting: str | None = None
    """Why nothing moves, in one sentence."""
    waiting_for: WaitingFor | None = None
    priority: int = 0
    max_tasks: int | None = None
    fields: dict[str, Any] = {}
    discovery: str | None = None
    space: str | None = None
    unmatched: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ("SUCCESS", "FAILURE", "CANCELLED")


class Wish(msgspec.Struct, frozen=True):
    """A wish that was made of a job."""

    wanted: str
    by: str
    why: str
    at: datetime
    resume_at: datetime | None = None


class Step(msgspec.Struct, frozen=True):
    """A step of a job: its tasks by state, and what became of the paths that reached it."""

    rule: int
    position: int
    step: str
    site: str
    tasks: dict[str, int]
    reached: int
    processed: int
    failed: int
    skipped: int
    aborted: int
    unknown: int
    not_run: int
    bytes: int


class Task(msgspec.Struct, frozen=True):
    """A task of a job."""

    id: int
    step: str
    site: str
    queue: str
    state: str
    node: str | None
    attempts: int
    paths: int
    processed: int
    failed: int
    skipped: int
    aborted: int
    error: str | None
    waiting: str | None = None
    job: int = 0
    rule: int = 0
    position: int = 0
    trace_id: str | None = None
    """The trace of its job, where the hub tells a collector of traces."""


class Path(msgspec.Struct, frozen=True):
    """What became of one path in one task."""

    task: int
    step: str
    site: str
    path: str
    """For people: other bytes than UTF-8, and control characters, are written as \\xNN."""
    path_b64: str
    outcome: str
    """processed, failed, skipped, aborted, unknown, not_run; pending until it is known."""
    already: bool
    error_class: str | None
    reason: str | None
    rule: int = 0
    position: int = 0
    root: str = ""

    @property
    def exact(self) -> bytes:
        """The path itself."""
        return base64.b64decode(self.path_b64)


class Node(msgspec.Struct, frozen=True):
    """A node of a site."""

    site: str
    name: str
    state: str
    online: bool
    heard_at: datetime | None
    running: int
    queues: dict[str, dict[str, int]]
    """Queue → function → slots."""
    started_with: dict[str, dict[str, int]]
    software: str
    drain_at: datetime | None = None
    drain_by: str | None = None
    drain_why: str | None = None


class Paused(msgspec.Struct, frozen=True):
    """A pause of a site, or of one queue of it."""

    queue: str
    by: str
    why: str
    at: datetime
    resume_at: datetime | None


class Site(msgspec.Struct, frozen=True):
    """A site with its nodes."""

    name: str
    health: str
    roots: dict[str, str]
    default_target: str | None
    unguarded: bool
    nodes: list[Node]
    paused: list[Paused] = []
    alerts: dict[str, int] = {}
    """Severity → how many alerts of it stand that are not muted."""


class File(msgspec.Struct, frozen=True):
    """A path of a site, as a node sees it now."""

    path: str
    type: str
    """file, directory, symlink or other."""
    size: int
    allocated: int
    modified_at: datetime
    mode: str
    uid: int
    gid: int
    state: str | None = None
    target: str | None = None
    path_b64: str = ""

    @property
    def exact(self) -> bytes:
        """The path itself."""
        return base64.b64decode(self.path_b64)


class Workflow(msgspec.Struct, frozen=True):
    """A workflow as new jobs run it."""

    name: str
    version: int
    label: str
    enabled: bool
    visible: bool
    installed: bool
    definition: dict[str, Any]
    warnings: list[str] = []


class Version(msgspec.Struct, frozen=True):
    """A version of a workflow."""

    version: int
    current: bool
    created_at: datetime
    definition: dict[str, Any]


class Check(msgspec.Struct, frozen=True):
    """Whether a document is a workflow definition."""

    valid: bool
    problems: list[Fault]


class RuleSaid(msgspec.Struct, frozen=True):
    """What one rule says of a path: `why` is `takes`, or why it does not take it, which `text` tells to people."""

    rule: int
    why: str
    text: str
    glob: str | None = None


class PathSorted(msgspec.Struct, frozen=True):
    """Which rule takes a path, from 0 on; None: none does."""

    path: str
    path_b64: str
    type: str
    state: str
    rule: int | None
    rules: list[RuleSaid]
    root: str | None = None


class Target(msgspec.Struct, frozen=True):
    """A target: where data goes."""

    name: str
    url: str
    bucket: str
    storage_class: str
    template: str
    created_at: datetime


class Finding(msgspec.Struct, frozen=True):
    """One thing that a check of a target looked at."""

    what: str
    well: bool | None
    """None: it was not tried."""
    says: str
    hint: str


class TargetChecked(msgspec.Struct, frozen=True):
    """How a target is, as seen from a node."""

    target: str
    site: str
    node: str
    works: bool
    findings: list[Finding]


class Object(msgspec.Struct, frozen=True):
    """An object of a target."""

    key: str
    size: int
    modified_at: datetime


class Event(msgspec.Struct, frozen=True):
    """Something that has happened."""

    number: int
    """Its place among all events, as they were committed."""
    kind: str
    at: datetime
    job: int | None
    site: str
    node: str
    workflow: str
    details: dict[str, Any]


class Health(msgspec.Struct, frozen=True):
    """Whether the hub works: each part is `ok` or `down`."""

    status: str
    database: str
    bus: str
    version: str


class Usage(msgspec.Struct, frozen=True):
    """What was counted in a space; sizes are bytes."""

    files: int
    folders: int
    others: int
    bytes: int
    allocated: int
    hydrated_files: int
    hydrated_bytes: int
    dehydrated_files: int
    dehydrated_bytes: int
    unreadable: int


class SpaceCounted(msgspec.Struct, frozen=True):
    """What was last counted in a space, and when; `usage` is None where it never was."""

    name: str
    site: str
    within: str | None
    """The space in which it lies: what is counted here is counted there too."""
    began_at: datetime | None
    ended_at: datetime | None
    complete: bool
    usage: Usage | None
    job: int | None
    failure: str
