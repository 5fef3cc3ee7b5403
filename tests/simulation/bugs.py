"""Bugs to be planted: each one breaks a single guard of the product, and the simulation must find it."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from msgspec import structs

from towpath import wire
from towpath.domain.states import STARTED, Due, Wanted, settle
from towpath.engine import alerts, chains, found, nodes, receive, retry
from towpath.hub.desk import Desk
from towpath.hub.leases import Leases
from towpath.store import ledger, walks
from towpath.store.batches import unpack_bytes
from towpath.store.database import Tx
from towpath.worker.fence import Fence
from towpath.worker.link import Verb
from towpath.worker.loop import Worker
from towpath.worker.reporting import Reporting

Plant = Callable[[], Iterator[None]]

BUGS: dict[str, Callable[[], Any]] = {}
"""All bugs by name, each a context manager within which the product has it."""


def bug(plant: Plant) -> Plant:
    """Make a generator function a bug."""
    BUGS[plant.__name__] = contextmanager(plant)
    return plant


@contextmanager
def instead(owner: Any, name: str, other: Any) -> Iterator[Any]:
    """Another value of an attribute, for a while; gives the true one."""
    true = getattr(owner, name)
    setattr(owner, name, other)
    try:
        yield true
    finally:
        setattr(owner, name, true)


@bug
def any_run_may_report() -> Iterator[None]:
    """The guard of the run id is dropped."""
    with instead(receive, "_is_held", lambda task, event, receipt: task.state is STARTED):
        yield


@bug
def reports_are_acknowledged_before_the_commit() -> Iterator[None]:
    """The hub promises first, and writes then."""
    answered = Desk._answer

    async def early(self: Desk, site: str, name: str, verb: str, payload: bytes) -> bytes:
        if verb != "report":
            return await answered(self, site, name, verb, payload)
        report = wire.unpack(payload, wire.Report)
        task = asyncio.ensure_future(answered(self, site, name, verb, payload))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return wire.pack(wire.Applied(report.first + len(report.events) - 1))

    with instead(Desk, "_answer", early):
        yield


@bug
def the_cursor_of_a_walk_is_forgotten() -> Iterator[None]:
    """Where a walk has come is neither kept nor compared."""

    def taken(receipt: Any, task: Any, event: wire.Found) -> None:
        walk = walks.load(receipt.ledger.tx.conn, task.id)
        receipt.noted += found.accept_found(receipt.ledger, task, walk, event)
        walks.advance(receipt.ledger.tx.conn, walk)

    with instead(receive, "_found", taken):
        yield


@bug
def a_paused_job_is_granted() -> Iterator[None]:
    """What is paused stays open."""

    def open_still(wanted: Wanted, *rest: Any) -> Due:
        due = settle(wanted, *rest)
        if wanted is not Wanted.PAUSE:
            return due
        return replace(due, open_stage=settle(Wanted.RUN, *rest).open_stage)

    with instead(ledger, "settle", open_still):
        yield


@bug
def the_outbox_forgets_what_was_only_sent() -> Iterator[None]:
    """An event leaves the outbox before the hub has committed it."""

    async def send(self: Any, parcel: Any, applied: Any) -> None:
        await self._disk.run(lambda: self._disk.outbox.forget(parcel.incarnation, parcel.last))
        report = wire.Report(parcel.incarnation, parcel.first, parcel.events)
        try:
            answer = await self._persistent._link.ask(Verb.REPORT, report, wire.Applied, 10.0)
        except Exception:
            return
        applied(parcel, answer)

    with instead(Reporting, "_send", send):
        yield


@bug
def a_beat_takes_back_grants_that_are_on_their_way() -> Iterator[None]:
    """What a beat does not list is taken back, though the answer to its claim may not have come yet."""
    true = nodes.beat

    def beat(tx: Tx, site: str, name: str, said: wire.Beat, lease_beats: int) -> wire.Verdicts:
        everything = wire.Beat(said.incarnation, 10**9, said.runs, said.progress, said.draining)
        return true(tx, site, name, everything, lease_beats)

    with instead(nodes, "beat", beat):
        yield


@bug
def what_follows_in_a_chain_is_overlooked() -> Iterator[None]:
    """A report's end of a task releases nothing."""
    with instead(chains, "follow", lambda ledger, ended, carries: None):
        yield


@bug
def a_node_does_not_fence_itself() -> Iterator[None]:
    """A node believes in its leases for ever."""
    with instead(Fence, "check", lambda self, certain_at: True):
        yield


@bug
def leases_run_out_while_the_hub_cannot_hear() -> Iterator[None]:
    """Beats count as missed though the hub was cut off."""

    def period(self: Leases, holders: Mapping[int, int], could_hear: bool) -> list[int]:
        run_out: list[int] = true(self, holders, could_hear=True)
        return run_out

    with instead(Leases, "period", period) as true:
        yield


@bug
def what_a_cancel_swept_is_not_counted() -> Iterator[None]:
    """Tasks that were cancelled many at a time are left out of the census."""
    with instead(ledger.Ledger, "sweep", lambda self, job, swept: None):
        yield


@bug
def a_claim_counts_as_answered_before_its_grants_are_held() -> Iterator[None]:
    """For a moment a beat would not list what was just granted."""

    def accept(self: Any, answer: wire.Grants, sent_at: float) -> None:
        self._held.answered_claim = answer.number
        self._beating.soon.set()
        asyncio.get_running_loop().call_later(0.01, true, self, answer, sent_at)

    with instead(Worker, "_accept", accept) as true:
        yield


@bug
def what_was_handed_back_is_taken_for_done() -> Iterator[None]:
    """The rest of a task that was handed back is not split off."""

    def ended(receipt: Any, task: Any, event: wire.Ended) -> None:
        codes = receive._codes(event)
        if any(codes):
            mask = unpack_bytes(task.mask, task.paths)
            codes = bytes(code or mine for code, mine in zip(codes, mask, strict=True))
        if not any(codes):
            true(receipt, task, event)
            return
        receive._record(receipt, task, codes, replace_codes(event, codes))

    with instead(receive, "_ended", ended) as true:
        yield


def replace_codes(event: wire.Ended, codes: bytes) -> wire.Ended:
    """The same event with other outcomes."""
    return wire.Ended(event.task, event.run, wire.compress(codes), event.notes, event.carry, event.bytes)


@bug
def a_hello_of_long_ago_is_believed() -> Iterator[None]:
    """A hello of an earlier life that comes again ends the present one."""
    true = nodes.hello

    def hello(tx: Tx, site: str, name: str, said: wire.Hello) -> nodes.Greeting:
        return true(tx, site, name, structs.replace(said, life=-1))

    with instead(nodes, "hello", hello):
        yield


@bug
def alerts_that_come_together_are_too_many() -> Iterator[None]:
    """The look that finds several fails, and its round with it; the hub tells its log and tries again."""

    def raised(tx: Tx, new: Sequence[Any], severity: Any) -> Any:
        if len(new) > 1:
            raise AttributeError("all")
        return true(tx, new, severity)

    with instead(alerts, "_raise", raised) as true:
        yield


@bug
def a_retry_takes_what_was_done_too() -> Iterator[None]:
    """Paths that were processed in the last step are tried again with those that failed."""

    def again(task: Any, count: int, which: retry.Retry) -> bytes:
        mask = true(task, count, which)
        return unpack_bytes(task.mask, count) if any(mask) else mask

    with instead(retry, "_again", again) as true:
        yield
