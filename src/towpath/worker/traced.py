"""A run as a span of its job's trace."""

from collections.abc import Callable
from dataclasses import dataclass

from structlog.contextvars import bound_contextvars

from towpath import wire
from towpath.domain.traces import Place, Span, Telling, place_in
from towpath.worker.held import Run


def traced(run: Run, traces: Telling | None, carry_out: Callable[[], bytes | None]) -> bytes | None:
    """Carry a run out, and tell of it; what is logged meanwhile bears the trace's id.

    It is told as a part of the claim that it was granted by, where the hub traces that.
    """
    claim = place_in(run.grant.trace)
    if claim is None:
        return carry_out()
    with bound_contextvars(trace_id=claim.trace.hex()):
        if traces is None or not claim.sampled:
            return carry_out()
        place, began = Place(claim.trace, traces.fresh(), True), traces.now()
        packed = carry_out()
        fault = fault_of(packed)
        facts = facts_of(run) | ({"error.type": fault.type} if fault else {})
        error = fault.text if fault else ""
        traces.tell(Span(f"run {step_of(run.grant)}", place, claim.span, began, traces.now(), facts, error))
    return packed


def step_of(grant: wire.Grant) -> str:
    """The step, or the discovery, that a grant is for."""
    return str(grant.arguments["step"]) if grant.step == wire.FORESEE else grant.step


def facts_of(run: Run) -> dict[str, str | int]:
    """What a span says of its run."""
    grant = run.grant
    return {
        "towpath.job.id": grant.job,
        "towpath.task.id": grant.task,
        "towpath.step": step_of(grant),
        "towpath.queue": grant.queue,
        "towpath.attempt": grant.attempt,
        "towpath.paths": run.paths,
        "towpath.bytes": run.bytes,
    }


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong in a run: a word for programs, and a sentence."""

    type: str
    text: str


def fault_of(packed: bytes | None) -> Fault | None:
    """What went wrong, by the packed event that ended a run; None where nothing did."""
    if packed is None:
        return Fault("lost", "it was given up: it was no longer this node's")
    event: wire.Event = wire.unpack(packed, wire.Event)  # type: ignore[arg-type]  # a union is a type to msgspec
    if isinstance(event, wire.Failed):
        return Fault("uncaught", event.error)
    failed = [note for note in event.notes if note.error_class] if isinstance(event, wire.Ended) else []
    if not failed:
        return None
    first, paths = failed[0], "1 path" if len(failed) == 1 else f"{len(failed)} paths"
    return Fault(first.error_name or first.error_class, f"{paths} failed; the first: {first.reason}")
