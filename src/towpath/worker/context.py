"""What a step is given when it runs at a node."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from towpath.domain.paths import PathOutcome
from towpath.steps.protocol import HandedBack, Item, Site, Target
from towpath.storage.roots import Root, Roots
from towpath.worker.crew import Crew
from towpath.worker.held import Run
from towpath.worker.targets import Targets
from towpath.worker.unfinished import Unfinished


@dataclass(frozen=True, slots=True)
class Aids:
    """What the runs of a node share, as far as steps reach it."""

    targets: Targets
    crew: Crew
    unfinished: Unfinished


@dataclass(frozen=True, slots=True)
class Places:
    """The roots of the site, and the name of the one beneath which a task's paths lie at the job's site."""

    roots: Roots
    root: str


class TaskContext:
    """The `steps.protocol.Context` of one run."""

    __slots__ = (
        "_aids",
        "_root",
        "_roots",
        "_run",
        "again",
        "arguments",
        "carried",
        "facts",
        "items",
        "job",
        "near",
        "site",
        "stopped_early",
        "task",
    )

    def __init__(self, run: Run, site: Site, places: Places, aids: Aids) -> None:
        self._run, self._aids = run, aids
        self.site = site
        self._roots, self._root = places.roots, places.root
        self.job, self.task = run.grant.job, run.grant.task
        self.facts: Mapping[str, Any] = {}
        self.items: Sequence[Item] = ()
        self.arguments: Mapping[str, Any] = {}
        self.carried: Mapping[int, bytes] = {}
        self.again = run.grant.again
        self.near = False
        """The step's work on a path asks nobody but this machine."""
        self.stopped_early = False
        """`proceed` has said False, or a path was given up: fewer outcomes than paths are right."""

    @property
    def roots(self) -> Roots:
        """The roots of this site by name."""
        return self._roots

    @property
    def root(self) -> Root:
        """The root of the paths; raises `NotFound` where this site has none of that name."""
        return self._roots.of(self._root)

    def target(self) -> Target:
        """The target that the task names; raises `StorageError` where it cannot be had."""
        return self._aids.targets.named(self._run.grant.endpoint, self._run.hold)

    def target_of(self, tag: bytes) -> Target:
        """The target that a mark's tag names; raises `StorageError` where it cannot be had."""
        with self._noticing():
            return self._aids.targets.tagged(tag, self._run.hold)

    def proceed(self) -> bool:
        """Whether the next path may begin; waits while fenced, raises `Stopped` once the run was lost."""
        goes_on = self._run.hold.proceed()
        if not goes_on:
            self.stopped_early = True
        return goes_on

    def go_on(self) -> None:
        """Raise `HandedBack` where the task is to be handed back in the midst of a path; see `Context`."""
        with self._noticing():
            self._run.hold.go_on()

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Remember that a path was given up in its midst, and so has no outcome."""
        try:
            yield
        except HandedBack:
            self.stopped_early = True
            raise

    def confirm(self) -> None:
        """Return only while the run is certainly ours; raises `Stopped` once it was lost."""
        self._run.hold.confirm()

    def rest(self) -> None:
        """Let others of the node's threads work while this one waits."""
        self._aids.crew.rest()

    def each(self, work: Callable[[Item], PathOutcome], items: Iterable[Item]) -> Iterator[PathOutcome]:
        """Outcomes of `work` over the items, several at once, as they come."""
        return self._aids.crew.each(self._run.grant.step, work, items, self.proceed, near=self.near)

    def begins(self, target: Target, key: str) -> AbstractContextManager[None]:
        """`with` it a large object is put; what is left of one that did not end is taken away with the job."""
        return self._aids.unfinished.noted(self._run.grant.job, target.tag, key)

    def progress(self, paths: int = 0, size: int = 0) -> None:
        """Add to what people see of the running task."""
        self._run.progress(paths, size)
