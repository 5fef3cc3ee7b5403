"""A granted discovery: a walk from a cursor on, told to the hub in pieces, each behind the one before."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing

from towpath import wire
from towpath.discovery.protocol import Discovery, OfSite, OfTarget, Piece, Start
from towpath.domain.errors import Mistake, did_you_mean
from towpath.domain.exclusions import Excluded, Exclusions
from towpath.storage.roots import Roots
from towpath.worker.batching import Batching
from towpath.worker.held import Run
from towpath.worker.outbox import LARGEST_EVENT
from towpath.worker.runs import Means


def walk(run: Run, means: Means, put_out: Callable[[Run, bytes], None]) -> bytes:
    """Walk, putting out what is found; returns the packed event that ends the walk. `put_out` waits for room.

    A refusal of the hub makes the run lost, and so ends the walk without a word (`Stopped`): the hub's own cursor is
    the truth, and the next grant goes on there.
    """
    task = _asked_of(run.grant)
    discovery = _discovery(task, means, run)
    starts = _starts(task, means.roots)
    batching = Batching(run.grant.task, run.id, task.matchers, starts, task.cursor, discovery, means.clock)
    cursor = task.cursor
    with closing(discovery.walk(starts, task.options, cursor)) as walking:
        pieces = _Pieces(run, walking)
        for found in batching.events(pieces):
            put_out(run, _packed(found))
            run.paths += sum(group.count for group in found.groups)
            cursor = found.cursor_to
    return wire.pack(wire.WalkEnded(run.grant.task, run.id, cursor, handed_back=pieces.stopped_early))


def _starts(task: wire.Walk, roots: Roots) -> list[Start]:
    """Where the walk begins, each with what spaces leave out beneath its root."""
    exclusions = Exclusions(Excluded(one.space, one.directory, tuple(one.globs)) for one in task.excluded)

    def start(given: wire.Input) -> Start:
        root = roots.of(given.root)
        directory = root.path.rstrip(b"/") + b"/"
        left_out = (lambda path: exclusions.match(directory + path)) if exclusions else None
        return Start(root, given.path, given.state, left_out)

    return [start(given) for given in task.inputs]


class _Pieces(Iterable[Piece]):
    """The pieces of a walk, up to where the run is to be handed back."""

    def __init__(self, run: Run, pieces: Iterator[Piece]) -> None:
        self._run, self._pieces = run, pieces
        self.stopped_early = False

    def __iter__(self) -> Iterator[Piece]:
        for piece in self._pieces:
            if not self._run.hold.proceed():
                self.stopped_early = True
                return
            yield piece


def _asked_of(grant: wire.Grant) -> wire.Walk:
    if grant.walk is None:
        raise wire.Malformed(f"task {grant.task}: expected a walk, found none")
    return grant.walk


def _discovery(task: wire.Walk, means: Means, run: Run) -> Discovery:
    name = task.discovery
    discovery = means.discoveries.get(name)
    if discovery is None:
        raise Mistake(f"this node has no discovery '{name}'{did_you_mean(name, means.discoveries)}")
    if isinstance(discovery, OfSite):
        discovery = discovery.of(means.site.name, means.site.key)
    if isinstance(discovery, OfTarget):
        endpoint = str(task.options.get("endpoint", ""))
        return discovery.at(means.targets.named(endpoint, run.hold).storage)
    return discovery


def _packed(found: wire.Found) -> bytes:
    packed = wire.pack(found)
    if len(packed) > LARGEST_EVENT:
        raise Mistake(
            f"a discovery's batch takes {len(packed)} bytes: expected at most {LARGEST_EVENT}, which a message holds"
        )
    return packed
