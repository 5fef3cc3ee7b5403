"""What ran when a worker was lost: its next life can say it, and a suspect runs with nothing beside it."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.hand_clock import HandClock
from tests.site_hub import SiteHub
from tests.site_node import Node, Stepwise, held_back, in_a_loop, until

from towpath import wire
from towpath.domain.paths import Code
from towpath.domain.suspicion import BLAMED
from towpath.steps.protocol import Stopped
from towpath.worker.begun import MOST, BegunFile
from towpath.worker.company import Company
from towpath.worker.fence import Fence, Hold
from towpath.worker.held import Run

# What has begun -----------------------------------------------------------------------------------------------


def name(number: int) -> bytes:
    """A run id."""
    return number.to_bytes(16, "big")


def test_the_first_life_in_a_home_cannot_say_what_had_begun(tmp_path: Path) -> None:
    assert BegunFile(tmp_path / "begun").before is None
    assert BegunFile(tmp_path / "begun").before == []


def test_a_process_that_ends_in_the_midst_leaves_what_had_begun(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        begun = BegunFile(tmp_path / "begun")
        for number in (1, 2, 3):
            begun.note(name(number))
        begun.clear(name(2))
        os._exit(9)
    assert os.waitpid(child, 0)[1] == 9 << 8
    assert BegunFile(tmp_path / "begun").before == [name(1), name(3)]


def test_what_is_forgotten_is_said_no_more_and_new_runs_are_noted(tmp_path: Path) -> None:
    begun = BegunFile(tmp_path / "begun")
    begun.note(name(1))
    begun.forget()
    begun.note(name(2))
    begun.clear(name(1))
    assert BegunFile(tmp_path / "begun").before == [name(2)]


def test_more_runs_than_there_is_room_for_still_run(tmp_path: Path) -> None:
    begun = BegunFile(tmp_path / "begun")
    for number in range(1, MOST + 2):
        begun.note(name(number))
    for number in range(1, MOST + 2):
        begun.clear(name(number))
    begun.note(name(7))
    assert BegunFile(tmp_path / "begun").before == [name(7)]


# Alone --------------------------------------------------------------------------------------------------------


class Site:
    """A company, and runs of it, each tried in a thread of its own."""

    def __init__(self, begun: BegunFile, threads: ThreadPoolExecutor) -> None:
        self.fence = Fence(lambda: 0.0)
        self.fence.lease(10)
        self.company = Company(self.fence, begun)
        self.threads = threads

    def run(self, number: int, attempt: int = 1) -> Run:
        """A run of that attempt."""
        grant = wire.Grant(number, name(number), 1, "default", "worker", "noop", {}, attempt=attempt)
        return Run(grant, Hold(self.fence, 0.0), 0.0)


@pytest.fixture
def threads() -> ThreadPoolExecutor:
    """Threads enough."""
    return ThreadPoolExecutor(8)


@pytest.fixture
def site(tmp_path: Path, threads: ThreadPoolExecutor) -> Site:
    """A company of nobody yet."""
    return Site(BegunFile(tmp_path / "begun"), threads)


def test_tasks_run_side_by_side(site: Site) -> None:
    runs = [site.run(number) for number in range(1, 5)]
    assert all(site.company.enter(run) for run in runs)


def test_a_suspect_waits_until_nothing_else_runs_and_what_comes_after_waits_for_it(site: Site) -> None:
    first, suspect, last = site.run(1), site.run(2, attempt=BLAMED), site.run(3)
    assert site.company.enter(first)
    entering = site.threads.submit(site.company.enter, suspect)
    wait_for(lambda: site.company._suspects)
    after = site.threads.submit(site.company.enter, last)
    assert not entering.done()
    assert not after.done()
    site.company.leave(first)
    assert entering.result(30)
    assert not after.done()
    site.company.leave(suspect)
    assert after.result(30)


def test_suspects_run_one_after_the_other(site: Site) -> None:
    one, other = site.run(1, attempt=BLAMED), site.run(2, attempt=BLAMED + 4)
    assert site.company.enter(one)
    entering = site.threads.submit(site.company.enter, other)
    wait_for(lambda: len(site.company._suspects) == 2)
    assert not entering.done()
    site.company.leave(one)
    assert entering.result(30)


@pytest.mark.parametrize("lost", [False, True])
def test_a_suspect_that_waits_can_be_handed_back_or_lost_and_holds_up_nobody_then(
    site: Site, lost: bool
) -> None:
    first, suspect = site.run(1), site.run(2, attempt=BLAMED)
    site.company.enter(first)
    entering = site.threads.submit(site.company.enter, suspect)
    wait_for(lambda: site.company._suspects)
    if lost:
        suspect.hold.lose()
        with pytest.raises(Stopped):
            entering.result(30)
    else:
        suspect.hold.hand_back()
        assert not entering.result(30)
    assert site.company.enter(site.run(3))


def wait_for(condition: Callable[[], object]) -> None:
    """Let another thread come as far."""
    for _ in range(10_000_000):
        if condition():
            return
        os.sched_yield()
    raise AssertionError("it did not come so far")


# A node -------------------------------------------------------------------------------------------------------


@in_a_loop
async def test_a_node_tells_in_its_hello_what_its_life_before_had_begun(tmp_path: Path) -> None:
    hub = SiteHub()
    BegunFile(tmp_path / "begun").note(name(5))
    async with Node(tmp_path, hub).alive():
        await until(lambda: hub.of(wire.Hello), "it said hello")
    assert hub.of(wire.Hello)[0].begun == [name(5)]


@in_a_loop
async def test_a_node_that_ends_because_it_is_told_to_leaves_no_suspicion(tmp_path: Path) -> None:
    hub, step = SiteHub(), Stepwise()
    hub.add("stepwise", [b"a", b"b"])
    async with Node(tmp_path, hub, steps={"stepwise": step}).alive() as worker:
        await until(lambda: step.begun, "the task has begun")
        assert BegunFile(tmp_path / "begun").before == [name(1)]
        worker.leave()
        await until(lambda: BegunFile(tmp_path / "begun").before == [], "it has left")
        step.pass_on(2)


@in_a_loop
async def test_a_node_runs_a_suspect_with_nothing_beside_it(tmp_path: Path) -> None:
    hub, step = SiteHub(), Stepwise()
    hub.add("stepwise", [b"innocent"])
    async with Node(tmp_path, hub, HandClock(), steps={"stepwise": step}, slots=4).alive():
        await until(lambda: step.begun, "the first has begun")
        hub.add("stepwise", [b"suspect"], attempt=BLAMED)
        hub.wake()
        await until(lambda: len(hub.held) == 2, "the suspect was granted")
        await held_back()
        assert step.begun == [b"innocent"]
        step.pass_on()
        await until(lambda: len(step.begun) == 2, "the suspect has begun")
        hub.add("stepwise", [b"late"])
        hub.wake()
        await until(lambda: len(hub.held) == 2, "another was granted")
        await held_back()
        assert step.begun == [b"innocent", b"suspect"]
        step.pass_on(2)
        await until(lambda: len(hub.ended) == 3, "all have ended")
    codes = [wire.decompress(end.codes, 9) for end in hub.ended.values() if isinstance(end, wire.Ended)]
    assert codes == [bytes([Code.PROCESSED])] * 3
