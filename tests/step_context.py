"""A small `steps.protocol.Context` over threads: no bus, no hub, for tests and measurements of steps."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from towpath.domain.paths import ErrorClass, Kind, PathOutcome
from towpath.hsm.look import Look, look
from towpath.hsm.mark import Standing
from towpath.steps.outcomes import refused
from towpath.steps.protocol import HandedBack, Item, Site, Step, Target
from towpath.steps.settings import NO_SETTINGS, SiteSettings
from towpath.storage.posix import DirectoryStorage
from towpath.storage.protocol import Storage, StorageError
from towpath.storage.roots import Root

# A worker does so at its start: whoever opens a file that we hold a lease on makes the kernel send it.
signal.signal(signal.SIGIO, signal.SIG_IGN)

SITE_KEY = bytes(range(32))
OTHER_KEY = bytes(range(32, 64))
TAG = b"tgt1"


def no_limit() -> bool:
    """Every path may begin."""
    return True


def never() -> bool:
    """Nobody asks for the task back."""
    return False


def nothing() -> None:
    """The run is ours."""


@dataclass
class ThreadContext:
    """What a step is given, with its targets by tag; `allow` and `certain` stand for the hub's answers."""

    site: Site
    root: Root
    items: Sequence[Item]
    arguments: Mapping[str, Any]
    targets: Mapping[bytes, Target]
    carried: Mapping[int, bytes] = field(default_factory=dict)
    endpoint: bytes = TAG
    threads: int = 4
    allow: Callable[[], bool] = no_limit
    certain: Callable[[], None] = nothing
    back: Callable[[], bool] = never
    moved: int = 0
    again: bool = False
    roots: Mapping[str, Root] = field(default_factory=dict)
    job: int = 7
    task: int = 70
    facts: Mapping[str, Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def target(self) -> Target:
        """The target that the task names."""
        return self.target_of(self.endpoint)

    def target_of(self, tag: bytes) -> Target:
        """The target of that tag."""
        try:
            return self.targets[tag]
        except KeyError:
            raise StorageError(f"no target has the tag {tag!r}", ErrorClass.PERMANENT) from None

    def proceed(self) -> bool:
        """Whether the next path may begin."""
        return self.allow()

    def go_on(self) -> None:
        """Raise where the task is to be handed back."""
        if self.back():
            raise HandedBack

    def rest(self) -> None:
        """Nobody waits for this thread's turn."""

    def confirm(self) -> None:
        """Raise unless the run is certainly ours."""
        self.certain()

    def begins(self, target: Target, key: str) -> AbstractContextManager[None]:
        """Nothing is noted."""
        return nullcontext()

    def progress(self, paths: int = 0, size: int = 0) -> None:
        """Count bytes."""
        with self.lock:
            self.moved += size

    def each(self, work: Callable[[Item], PathOutcome], items: Iterable[Item]) -> Iterator[PathOutcome]:
        """Run `work` in the threads, as far ahead as keeps them busy."""
        allowed = (item for item in items if self.allow())
        with ThreadPoolExecutor(self.threads) as pool:
            running: set[Future[PathOutcome | None]] = set()
            for item in allowed:
                running.add(pool.submit(self._outcome, work, item))
                if len(running) >= 2 * self.threads:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (outcome for future in done if (outcome := future.result()))
            yield from (outcome for future in running if (outcome := future.result()))

    @staticmethod
    def _outcome(work: Callable[[Item], PathOutcome], item: Item) -> PathOutcome | None:
        try:
            return work(item)
        except HandedBack:
            return None
        except (StorageError, OSError) as error:
            return refused(item, error, "step")


@dataclass
class Place:
    """A site's directory with a target, and a way to run steps there."""

    directory: Path
    root: Root
    targets: dict[bytes, Target]
    key: bytes = SITE_KEY
    name: str = "oslo"
    unguarded: bool = True
    threads: int = 4
    allow: Callable[[], bool] = no_limit
    certain: Callable[[], None] = nothing
    back: Callable[[], bool] = never
    carried: dict[int, bytes] = field(default_factory=dict)
    again: bool = False
    other_roots: dict[str, Root] = field(default_factory=dict)
    task: int = 70
    facts: dict[str, Any] = field(default_factory=dict)
    settings: SiteSettings = NO_SETTINGS

    @classmethod
    def at(cls, directory: Path, storage: Storage, target_directory: bytes | None = None) -> "Place":
        """A site of that directory, with one target."""
        directory.mkdir(exist_ok=True)
        root = Root("data", str(directory).encode())
        return cls(directory, root, {TAG: Target("cold", TAG, storage, target_directory)})

    @property
    def storage(self) -> Storage:
        """The target's storage."""
        return self.targets[TAG].storage

    def items(self, paths: Iterable[bytes]) -> list[Item]:
        """Paths as a discovery finds them."""
        return [self._item(index, path) for index, path in enumerate(paths)]

    def _item(self, index: int, path: bytes) -> Item:
        try:
            found = self.root.stat(path)
        except OSError:
            return Item(index, path, Kind.MISSING, 0, "processed")
        kinds = {0o10: Kind.FILE, 0o4: Kind.DIRECTORY, 0o12: Kind.SYMLINK}
        kind = kinds.get(found.st_mode >> 12, Kind.OTHER)
        return Item(index, path, kind, found.st_size if kind is Kind.FILE else 0, "processed")

    def context(self, step: Step, paths: Iterable[bytes], **arguments: Any) -> ThreadContext:
        """The context of a task."""
        unknown = arguments.keys() - step.spec.defaults().keys()
        assert not unknown, f"{step.spec.name} has no arguments {unknown}"
        return ThreadContext(
            Site(self.name, self.key, self.unguarded, self.settings),
            self.root,
            self.items(paths),
            step.spec.defaults() | arguments,
            self.targets,
            self.carried,
            threads=self.threads,
            allow=self.allow,
            certain=self.certain,
            back=self.back,
            again=self.again,
            roots={self.root.name: self.root, **self.other_roots},
            task=self.task,
            facts=self.facts,
        )

    def run(self, step: Step, *paths: bytes, **arguments: Any) -> dict[bytes, PathOutcome]:
        """Run a step to its end: the outcome of each path, exactly one of each."""
        context = self.context(step, paths, **arguments)
        outcomes = list(step.run(context))
        assert len({outcome.index for outcome in outcomes}) == len(outcomes)
        return {paths[outcome.index]: outcome for outcome in outcomes}

    def run_one(self, step: Step, path: bytes, **arguments: Any) -> PathOutcome:
        """Run a step over one path."""
        return self.run(step, path, **arguments)[path]

    def write(self, name: str, content: bytes) -> bytes:
        """Make a file; its path."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return name.encode()

    def look(self, path: bytes) -> Look:
        """An open look at a file."""
        return look(self.root, path, self.key)

    def standing(self, path: bytes) -> Standing:
        """How a file stands."""
        with self.look(path) as found:
            return found.judged.standing

    def object_of(self, path: bytes) -> bytes:
        """The only object under the keys of that path."""
        prefix = f"{self.name}/data/{path.decode()}@"
        (found,) = islice((o for o in self.storage.listing() if o.key.startswith(prefix)), 2)
        return b"".join(self.storage.get(found.key))

    def private_files(self) -> list[Path]:
        """What runs have left beside their places."""
        return sorted(self.directory.rglob(".towpath-*.part"))


def place_with_directory(base: Path) -> Place:
    """A site whose target is a directory beside it."""
    target = base / "target"
    target.mkdir()
    return Place.at(base / "site", DirectoryStorage(str(target).encode()), str(target).encode())
