"""A walk at a node: it goes on from the cursor in its grant, waits for room, and stops where the hub says so."""

import threading
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.hand_clock import HandClock
from tests.site_hub import SiteHub
from tests.site_node import Counting, Node, held_back, in_a_loop, until

from towpath import wire
from towpath.discovery.protocol import Piece, Start
from towpath.domain.paths import Kind
from towpath.worker.outbox import Bounds


@pytest.fixture
def hub() -> SiteHub:
    """A hub that knows nobody yet."""
    return SiteHub()


@pytest.fixture
def clock() -> HandClock:
    """A clock moved by hand."""
    return HandClock()


def paths_of(hub: SiteHub) -> list[bytes]:
    """All that was found, in order."""
    batches = (wire.unpack(group.batch, wire.Batch) for found in hub.found for group in found.groups)
    return [path for batch in batches for path in batch.paths]


@in_a_loop
async def test_a_walk_tells_what_it_finds_and_names_its_last_cursor(tmp_path: Path, hub: SiteHub) -> None:
    grant = hub.add_walk("counting")
    async with Node(tmp_path, hub, discoveries={"counting": Counting(5)}).alive():
        await until(lambda: hub.ended, "the walk has ended")
    assert paths_of(hub) == [b"%06d" % number for number in range(1, 6)]
    ended = hub.ended[grant.task]
    assert isinstance(ended, wire.WalkEnded)
    assert (ended.cursor, ended.handed_back) == (hub.cursors[grant.task], False)


@in_a_loop
async def test_a_walk_goes_on_from_the_cursor_in_its_grant(tmp_path: Path, hub: SiteHub) -> None:
    counting = Counting(5)
    hub.add_walk("counting", cursor=b"000003")
    async with Node(tmp_path, hub, discoveries={"counting": counting}).alive():
        await until(lambda: hub.ended, "the walk has ended")
    assert counting.begun_at == [b"000003"]
    assert paths_of(hub) == [b"000004", b"000005"]


@in_a_loop
async def test_a_walk_that_is_handed_back_names_the_place_it_has_told_of(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    counting = Counting(5)
    counting.gate = threading.Semaphore(2)
    grant = hub.add_walk("counting")
    async with Node(tmp_path, hub, clock, discoveries={"counting": counting}).alive():
        await until(lambda: len(counting.passed) == 2, "the walk has come some way")
        hub.handing_back.add(grant.run)
        beats = len(hub.of(wire.Beat))
        clock.advance(5)
        await until(lambda: len(hub.of(wire.Beat)) > beats, "a heartbeat")
        await held_back(5)
        counting.gate.release(3)
        await until(lambda: hub.ended, "the walk is back")
    ended = hub.ended[grant.task]
    assert isinstance(ended, wire.WalkEnded)
    assert ended.handed_back
    assert ended.cursor == hub.cursors[grant.task] == b"000002"
    assert paths_of(hub) == [b"000001", b"000002"]


@in_a_loop
async def test_a_walk_that_the_hub_refuses_stops_without_a_word(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    counting = Counting(1000)
    counting.gate = threading.Semaphore(1)
    grant = hub.add_walk("counting")
    async with Node(tmp_path, hub, clock, discoveries={"counting": counting}).alive():
        await until(lambda: len(counting.passed) == 1, "the walk has begun")
        hub.cursors[grant.task] = b"000500"
        clock.advance(3)
        counting.gate.release()
        await until(lambda: hub.of(wire.Report), "something was found")
        while not counting.closed:
            counting.gate.release()
            await held_back(2)
        clock.advance(5)
        await until(lambda: hub.of(wire.Beat)[-1].runs == [], "a heartbeat without the run")
    assert hub.found == []
    assert hub.ended == {}
    assert len(counting.passed) < 1000


class Crowded(Counting):
    """Every piece holds as many paths as a batch, and so becomes one."""

    def walk(
        self, starts: Sequence[Start], options: Mapping[str, Any], cursor: bytes
    ) -> Generator[Piece, None, None]:
        """The numbers behind the cursor, a thousand names each."""
        for piece in super().walk(starts, options, cursor):
            names = [b"%s-%03d" % (piece.cursor, number) for number in range(1000)]
            yield Piece(0, piece.cursor, names, bytes([Kind.FILE]) * 1000, [1] * 1000)

    def cursor(self, start: int, path: bytes) -> bytes:
        """The name itself."""
        return path


@in_a_loop
async def test_a_walk_waits_while_the_outbox_is_full(tmp_path: Path, hub: SiteHub, clock: HandClock) -> None:
    crowded = Crowded(20)
    hub.faults.unheard["report"] = 1
    hub.add_walk("counting")
    node = Node(tmp_path, hub, clock, discoveries={"counting": crowded}, bounds=Bounds(events=5))
    async with node.alive():
        await until(lambda: node.outbox.waiting >= 5, "the outbox is full")
        await held_back()
        assert node.outbox.waiting == 5
        assert len(crowded.passed) <= 7
        while not hub.ended:
            clock.advance(1)
            await held_back(2)
    assert len(set(paths_of(hub))) == len(paths_of(hub)) == 20_000


@in_a_loop
async def test_a_walk_of_an_unknown_discovery_fails_and_names_those_there_are(
    tmp_path: Path, hub: SiteHub
) -> None:
    grant = hub.add_walk("countin")
    async with Node(tmp_path, hub, discoveries={"counting": Counting(1)}).alive():
        await until(lambda: hub.ended, "the walk has ended")
    failed = hub.ended[grant.task]
    assert isinstance(failed, wire.Failed)
    assert failed.error == "this node has no discovery 'countin', did you mean 'counting'?"
