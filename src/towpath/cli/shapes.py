"""What the command line reads of the API's objects beside those that the client knows, to show them to people."""

import msgspec

from towpath.client.shapes import Step, Wish


class Wishes(msgspec.Struct, frozen=True):
    """The wishes that were made of a job."""

    results: list[Wish]


class Wished(msgspec.Struct, frozen=True):
    """Of how many jobs something was asked."""

    jobs: int


class Steps(msgspec.Struct, frozen=True):
    """The steps of a job."""

    results: list[Step]


class OwnerLimit(msgspec.Struct, frozen=True):
    """How many tasks of all jobs of a user may run at once, and how many do."""

    owner: str
    max_tasks: int
    running: int
    set_by: str
    set_at: str


class Bucket(msgspec.Struct, frozen=True):
    """A bucket."""

    name: str
    url: str
    has_credentials: bool
    targets: list[str]
    created_at: str


class KnownError(msgspec.Struct, frozen=True):
    """An error and its class."""

    name: str
    error_class: str
    about: str


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
