"""What the command line reads of the API's objects, to show them to people."""

import msgspec


class Totals(msgspec.Struct, frozen=True):
    """Distinct paths of a job."""

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


class WaitingFor(msgspec.Struct, frozen=True):
    """Why something waits, for programs."""

    reason: str


class Job(msgspec.Struct, frozen=True):
    """A job."""

    id: int
    workflow: str
    workflow_version: int
    site: str
    queue: str
    owner: str
    state: str
    totals: Totals
    bytes_found: int
    bytes_done: int
    created_at: str
    started_at: str | None = None
    ended_at: str | None = None
    wanted: str = "run"
    wish_by: str | None = None
    wish_why: str | None = None
    wish_at: str | None = None
    resume_at: str | None = None
    retry_of: int | None = None
    noop: bool = False
    dry_run: bool = False
    waiting: str | None = None
    waiting_for: WaitingFor | None = None
    priority: int = 0
    max_tasks: int | None = None
    fields: dict[str, object] = {}


class Wish(msgspec.Struct, frozen=True):
    """A wish that was made of a job."""

    wanted: str
    by: str
    why: str
    at: str
    resume_at: str | None


class Wishes(msgspec.Struct, frozen=True):
    """The wishes that were made of a job."""

    results: list[Wish]


class Wished(msgspec.Struct, frozen=True):
    """Of how many jobs something was asked."""

    jobs: int


class Step(msgspec.Struct, frozen=True):
    """A step of a job with its counts."""

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


class Steps(msgspec.Struct, frozen=True):
    """The steps of a job."""

    results: list[Step]


class Task(msgspec.Struct, frozen=True):
    """A task."""

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


class Path(msgspec.Struct, frozen=True):
    """What became of one path in one task."""

    task: int
    step: str
    site: str
    path: str
    path_b64: str
    outcome: str
    already: bool
    error_class: str | None
    reason: str | None


class Node(msgspec.Struct, frozen=True):
    """A node of a site."""

    site: str
    name: str
    state: str
    online: bool
    heard_at: str | None
    running: int
    queues: dict[str, dict[str, int]]
    started_with: dict[str, dict[str, int]]
    software: str
    drain_at: str | None = None
    drain_by: str | None = None
    drain_why: str | None = None


class Paused(msgspec.Struct, frozen=True):
    """A pause of a site, or of one queue of it."""

    queue: str
    by: str
    why: str
    at: str
    resume_at: str | None


class Site(msgspec.Struct, frozen=True):
    """A site."""

    name: str
    health: str
    roots: dict[str, str]
    default_target: str | None
    unguarded: bool
    nodes: list[Node]
    paused: list[Paused] = []


class Sites(msgspec.Struct, frozen=True):
    """All sites."""

    results: list[Site]


class OwnerLimit(msgspec.Struct, frozen=True):
    """How many tasks of all jobs of a user may run at once, and how many do."""

    owner: str
    max_tasks: int
    running: int
    set_by: str
    set_at: str


class Target(msgspec.Struct, frozen=True):
    """A target."""

    name: str
    url: str
    bucket: str
    storage_class: str
    template: str
    created_at: str


class Bucket(msgspec.Struct, frozen=True):
    """A bucket."""

    name: str
    url: str
    has_credentials: bool
    targets: list[str]
    created_at: str


class Workflow(msgspec.Struct, frozen=True):
    """A workflow."""

    name: str
    version: int
    label: str
    enabled: bool
    visible: bool
    installed: bool
    definition: dict[str, object]
    warnings: list[str] = []


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a document, and where."""

    place: str
    text: str


class Check(msgspec.Struct, frozen=True):
    """Whether a document is a workflow definition."""

    valid: bool
    problems: list[Fault]


class Pruned(msgspec.Struct):
    """How many jobs were forgotten."""

    jobs: int


class KnownError(msgspec.Struct, frozen=True):
    """An error and its class."""

    name: str
    error_class: str
    about: str


class Finding(msgspec.Struct, frozen=True):
    """One thing that a check of a target looked at."""

    what: str
    well: bool | None
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
    modified_at: str


class File(msgspec.Struct, frozen=True):
    """A path of a site."""

    path: str
    type: str
    size: int
    allocated: int
    modified_at: str
    mode: str
    uid: int
    gid: int
    state: str | None = None
    target: str | None = None


class Orphan(msgspec.Struct, frozen=True):
    """An object that nothing refers to."""

    id: int
    target: str
    site: str
    key: str
    size: int
    root: str
    path: str
    recorded: bool
    first_seen_at: str
    due_at: str


class Sweep(msgspec.Struct, frozen=True):
    """A sweep of a target."""

    id: int
    target: str
    state: str
    stage: str
    why: str
    collects: bool
    created_at: str
    objects: int
    orphans: int
    due: int
    due_bytes: int
    deleted: int
    ended_at: str | None = None


class Event(msgspec.Struct, frozen=True):
    """Something that has happened."""

    number: int
    kind: str
    at: str
    job: int | None
    site: str
    node: str
    workflow: str
    details: dict[str, object]
