"""What a step is: it takes a task's paths and yields what became of each."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from towpath.domain.catalogue import StepSpec
from towpath.domain.paths import Kind, PathOutcome
from towpath.steps.settings import NO_SETTINGS, SiteSettings
from towpath.storage.protocol import GivenUp, Storage
from towpath.storage.roots import Root


@dataclass(frozen=True, slots=True)
class Item:
    """One path of a task, relative to the task's root, with what its discovery said."""

    index: int
    path: bytes
    kind: Kind
    size: int
    state: str


@dataclass(frozen=True, slots=True)
class Target:
    """A target, opened: `tag` is the 4 bytes that stand for it in a mark; `directory` is its place where it is a
    directory of this machine, else None."""

    name: str
    tag: bytes
    storage: Storage
    directory: bytes | None = None
    template: str = ""
    """How the keys of its objects are made; see `hsm.keys.templated_key`."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a node knows of its own site: its `key` (32 bytes) signs marks."""

    name: str
    key: bytes
    unguarded: bool
    settings: SiteSettings = NO_SETTINGS


class Stopped(GivenUp):
    """The run is no longer this node's: nothing further may be done or reported. Raised by `Context.confirm`."""


class HandedBack(GivenUp):
    """The task is to be handed back in the midst of a path: what was begun of it is undone, or is gone on
    with by the next run; it has no outcome. Raised by `Context.go_on`."""


class Context(Protocol):
    """What a step is given: its paths, its arguments, and the means to run them and to be stopped."""

    site: Site
    items: Sequence[Item]
    arguments: Mapping[str, Any]
    """Each argument of the step's spec, its default where none was given."""
    carried: Mapping[int, bytes]
    """Index of a path → what the step before handed on for it."""
    job: int
    task: int
    """Numbers of the hub's: a task that runs again has the same, and no two have the same."""
    facts: Mapping[str, Any]
    """For a step of the last phase, what the hub says of its job; else empty."""
    again: bool
    """An earlier run of this task may have got as far as to its effects: what is found done may be its doing."""

    @property
    def roots(self) -> Mapping[str, Root]:
        """The roots of this site by name."""

    @property
    def root(self) -> Root:
        """The root of the paths; raises `NotFound` where this site has none of that name."""

    def target(self) -> Target:
        """The target that the task names; raises `StorageError` where it cannot be had."""

    def target_of(self, tag: bytes) -> Target:
        """The target that a mark's tag names; raises `StorageError` where it cannot be had."""

    def proceed(self) -> bool:
        """Whether the next path may begin. False: the task is handed back; end after the paths in hand. Waits
        while the node has no answer from the hub; raises `Stopped` where the run was lost meanwhile."""

    def go_on(self) -> None:
        """Call between the parts of what takes long, such as a large file: raises `HandedBack` where the task is to
        be handed back, and `Stopped` where the run was lost. Costs nothing, and does not wait while fenced."""

    def rest(self) -> None:
        """Call before what waits for long without doing anything, such as a sync of many files: others of the
        node's threads may work meanwhile."""

    def confirm(self) -> None:
        """Call before each rename, punch and delete: raises `Stopped` unless the run is certainly still ours."""

    def each(self, work: Callable[[Item], PathOutcome], items: Iterable[Item]) -> Iterator[PathOutcome]:
        """Run `work` over the items with bounded concurrency, asking `proceed` before each; yields outcomes as
        they come, in any order. An OSError or StorageError that `work` raises becomes that path's FAILED
        outcome, and `HandedBack` leaves it without one; any other exception ends the step (and so the task:
        FAILURE)."""

    def begins(self, target: Target, key: str) -> AbstractContextManager[None]:
        """`with` it a large object is put at a target that keeps parts: what is left there of a put that did not end
        is taken away once the job is over."""

    def progress(self, paths: int = 0, size: int = 0) -> None:
        """Add to what people see of a running task; bytes matter for large files, paths are counted by the loop."""


class Step(Protocol):
    """A step. One instance serves all tasks of a worker, several at once.

    One that says `near = True` asks nobody but this machine in its work on a path: a node then lets only as many of
    its threads work at once as get more done.
    """

    spec: ClassVar[StepSpec]

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Yield exactly one outcome for each item, in any order, as soon as it is certain; fewer only after
        `proceed` has said False. Safe to repeat after a crash at any point."""
