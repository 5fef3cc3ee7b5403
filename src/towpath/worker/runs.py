"""A granted task as a pipeline of named stages: open, unpack, run, collect, report."""

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
import zstandard
from structlog.contextvars import bound_contextvars

from towpath import wire
from towpath.discovery.protocol import Discovery
from towpath.domain.errors import Mistake, did_you_mean
from towpath.domain.paths import Kind, PathOutcome
from towpath.domain.traces import Telling
from towpath.steps.foresight import foresee
from towpath.steps.protocol import HandedBack, Item, Site, Step, Stopped
from towpath.storage.protocol import StorageError
from towpath.storage.roots import Roots
from towpath.worker import outcomes
from towpath.worker.context import Aids, Places, TaskContext
from towpath.worker.crew import Crew
from towpath.worker.held import Run
from towpath.worker.outcomes import BadOutcomes, Span, Tally
from towpath.worker.questions import Respond, answers_nothing
from towpath.worker.targets import Targets
from towpath.worker.unfinished import Unfinished, Unnoted

LONGEST_ERROR = 1000
"""Characters of an error that the hub is told."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Means:
    """What the runs of a node share."""

    site: Site
    roots: Roots
    steps: Mapping[str, Step]
    discoveries: Mapping[str, Discovery]
    targets: Targets
    crew: Crew
    clock: Callable[[], float]
    unfinished: Unfinished = field(default_factory=Unnoted)
    respond: Respond = answers_nothing
    traces: Telling | None = None
    """Where runs are told of; None: nowhere."""


def carry_out(run: Run, stages: Callable[[], bytes]) -> bytes | None:
    """Run a granted task; returns the packed event that ends it, None where nothing may be said of it any more."""
    grant = run.grant
    # Whatever is logged meanwhile says of which task it is.
    with bound_contextvars(task=grant.task, job=grant.job, step=grant.step):
        try:
            return stages() if run.hold.proceed() else _untouched(grant)
        except Stopped:
            log.info("a run was given up: it is no longer this node's")
            return None
        except (Exception, SystemExit) as error:  # The boundary of a task's run: a step may fail in any way.
            return _failed(grant, error)


def given_back(grant: wire.Grant) -> bytes:
    """The packed event that gives back a task, or a walk, that has not begun."""
    try:
        return _untouched(grant)
    except wire.Malformed as error:
        return _failed(grant, error)


def _untouched(grant: wire.Grant) -> bytes:
    if grant.walk is not None:
        return wire.pack(wire.WalkEnded(grant.task, grant.run, grant.walk.cursor, handed_back=True))
    return outcomes.nothing_done(grant)


def step_through(run: Run, means: Means) -> bytes:
    """The stages of a step's task; returns the packed event that ends it."""
    order = _order_of(run.grant)
    step, batch, context = _open(run, order, means)
    span = _unpack(run.grant, batch, context)
    context.arguments = arguments_of(step, order.arguments)
    tally = Tally(step.spec.name, span)
    try:
        _run(foresee(step, context) if order.dry else step.run(context), tally, run)
    except HandedBack:
        return _report(run, tally)
    return _collect(run, context, tally)


@dataclass(frozen=True, slots=True)
class Order:
    """What a grant asks for: a step with these arguments, in earnest or not."""

    step: str
    arguments: Mapping[str, Any]
    dry: bool


def _order_of(grant: wire.Grant) -> Order:
    if grant.step == wire.FORESEE:
        return Order(grant.arguments["step"], grant.arguments["arguments"], True)
    return Order(grant.step, grant.arguments, False)


def _open(run: Run, order: Order, means: Means) -> tuple[Step, wire.Batch, TaskContext]:
    """The step, the paths' batch, and what the step is given."""
    step = means.steps.get(order.step)
    if step is None:
        raise Mistake(f"this node has no step '{order.step}'{did_you_mean(order.step, means.steps)}")
    batch = wire.unpack(run.grant.batch, wire.Batch)
    if not order.arguments.get("to_root"):
        # Else the paths may come from a root that only another site has.
        means.roots.of(batch.root)
    aids = Aids(means.targets, means.crew, means.unfinished)
    context = TaskContext(run, means.site, Places(means.roots, batch.root), aids)
    context.near = getattr(step, "near", False)
    return step, batch, context


def _unpack(grant: wire.Grant, batch: wire.Batch, context: TaskContext) -> Span:
    """Give the context the task's own paths, and what the step before handed on."""
    length = len(batch.paths)
    if not length == len(batch.kinds) == len(batch.sizes):
        raise wire.Malformed(f"batch: expected a kind and a size for each of {length} paths")
    span = Span(length, _mask(grant.mask, length))
    context.items = _items(batch, span)
    context.carried = outcomes.carried_on(grant.carry)
    context.facts = grant.facts
    return span


def _mask(packed: bytes, length: int) -> bytes:
    if not packed:
        return b""
    try:
        mask = wire.decompress(packed, length)
    except zstandard.ZstdError as error:
        raise wire.Malformed(f"mask: {error}") from error
    if len(mask) != length:
        raise wire.Malformed(f"mask: expected {length} bytes, found {len(mask)}")
    return mask


def _items(batch: wire.Batch, span: Span) -> list[Item]:
    indexes = range(span.length) if not span.mask else [i for i, mine in enumerate(span.mask) if mine]
    paths, kinds, sizes, state = batch.paths, batch.kinds, batch.sizes, batch.state
    return [Item(i, paths[i], Kind(kinds[i]), sizes[i], state(i)) for i in indexes]


def arguments_of(step: Step, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Each argument of a step's spec, its default where none was given."""
    return {**step.spec.defaults(), **given}


def _run(given: Iterator[PathOutcome], tally: Tally, run: Run) -> None:
    """Take the step's outcomes as they come; whatever ends it, no thread of it works on when this returns."""
    try:
        for outcome in given:
            tally.add(outcome)
            run.paths += 1
    finally:
        _close(given)


def _close(given: Iterator[PathOutcome]) -> None:
    close = getattr(given, "close", None)
    if close is not None:
        close()


def _collect(run: Run, context: TaskContext, tally: Tally) -> bytes:
    """Each path has its outcome, unless the step was told to end before its next path."""
    if not context.stopped_early:
        tally.check_complete()
    return _report(run, tally)


def _report(run: Run, tally: Tally) -> bytes:
    return tally.ended(run.grant.task, run.id)


def _failed(grant: wire.Grant, error: BaseException) -> bytes:
    """The packed event for an uncaught error, whose trace goes to the log."""
    said = outcomes.shortened(described(error), LONGEST_ERROR)
    is_mistake = isinstance(error, _PLAIN)
    log.error(
        "a task failed", task=grant.task, step=grant.step, error=said, exc_info=None if is_mistake else error
    )
    return wire.pack(wire.Failed(grant.task, grant.run, said))


_PLAIN = (Mistake, StorageError, BadOutcomes)
"""Errors whose text alone speaks to the one who can mend them."""


def described(error: BaseException) -> str:
    """An error in one line: its text and, where it is a surprise, its type and the last line of code it came from."""
    if isinstance(error, _PLAIN):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    place = (
        f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno} in {frames[-1].name})"
        if frames
        else ""
    )
    return f"{type(error).__name__}: {error}{place}"
