"""How many threads work on paths at once: one where others would be in its way, and many where they wait."""

import threading

import pytest
from tests.fixtures_hub import until

from towpath.worker.pace import AGAIN, BUSY, CROWDED, FULL, LOOK, TURN, Pace, Usage, Worth, usage

START = Usage(100.0, 7.0, 70)
IDLE, STEADY, FULL_UP = 0.7 * BUSY, (BUSY + FULL) / 2, 1.1 * FULL
QUIET, CROWD = CROWDED / 3, CROWDED * 1.5


class Process:
    """What a process did, look by look."""

    def __init__(self, threads: int = 1) -> None:
        self.now = START
        self.worth = Worth(START)
        self.worth.threads = threads

    def goes(
        self, load: float, waits: float = QUIET, *, working: int | None = None, waiting: int = 40
    ) -> int:
        """So many threads are worth it after a while with so much of a core, and so many waits in a second of that."""
        cpu = load * LOOK
        self.now = Usage(self.now.at + LOOK, self.now.cpu + cpu, self.now.waits + round(waits * cpu))
        at_work = self.worth.threads if working is None else working
        self.worth.look(self.now, working=at_work, waiting=waiting)
        return self.worth.threads


def test_where_threads_wait_for_what_is_slow_there_soon_are_many() -> None:
    process = Process()
    assert [process.goes(IDLE, CROWD) for _ in range(5)] == [2, 4, 8, 16, 32]


def test_where_nobody_waits_for_a_turn_there_are_no_more() -> None:
    process = Process(5)
    assert process.goes(IDLE, waiting=0) == 5
    assert process.goes(STEADY, waiting=0) == 5


def test_threads_that_keep_the_process_full_and_wait_for_each_other_become_fewer_down_to_one() -> None:
    process = Process(8)
    assert [process.goes(FULL_UP, CROWD) for _ in range(5)] == [4, 2, 1, 1, 1]


def test_there_are_no_more_than_work_and_wait_for_a_turn() -> None:
    process = Process(8)
    assert process.goes(IDLE, waiting=3) == 11
    assert process.goes(STEADY, waiting=1) == 12


def test_one_thread_is_in_nobodys_way() -> None:
    assert Process(4).goes(FULL_UP, CROWD, working=1, waiting=0) == 4


def test_more_are_tried_again_only_after_a_while_unless_the_process_is_idle() -> None:
    process = Process(2)
    assert process.goes(FULL_UP, CROWD) == 1
    looks = 0
    while process.goes(STEADY) == 1:
        looks += 1
    assert looks == pytest.approx(AGAIN / LOOK, abs=2)
    assert process.goes(FULL_UP, CROWD) == 1
    assert process.goes(IDLE) == 2


def test_where_each_thread_brings_a_core_more_there_are_as_many_as_are_wanted() -> None:
    process = Process()
    assert [process.goes(float(threads)) for threads in range(1, 8)] == [2, 3, 4, 5, 6, 7, 8]


def test_what_this_process_uses_only_grows() -> None:
    before = usage()
    deadline = before.cpu + 0.02
    while (now := usage()).cpu < deadline:
        pass
    assert now.at > before.at
    assert now.waits >= before.waits


class Worker:
    """A thread that works on one path for as long as it is let."""

    def __init__(self, pace: Pace) -> None:
        self._pace, self._may_end = pace, threading.Event()
        self.began = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        self._pace.begin()
        self.began.set()
        self._may_end.wait()
        self._pace.done()
        self._pace.rest()

    def end(self) -> None:
        """Let it end."""
        self._may_end.set()
        self._thread.join()


class One(Worth):
    """As if one thread were all that is worth it, whatever the process does."""

    def look(self, now: Usage, *, working: int, waiting: int) -> None:
        """See nothing."""


class Seen(Worth):
    """As if more threads were worth it, until somebody looks."""

    def look(self, now: Usage, *, working: int, waiting: int) -> None:
        """One will do."""
        self.threads = 1


def one_by_one() -> Pace:
    """A pace at which one thread works at a time."""
    return Pace(One(usage()))


def test_one_works_and_the_others_wait_and_have_their_turns_in_order() -> None:
    pace = one_by_one()
    pace.begin()
    workers = []
    for number in range(3):
        workers.append(Worker(pace))
        until(lambda: pace.waiting == number + 1, "it waits")  # noqa: B023  # called at once
    pace.rest()
    for number, worker in enumerate(workers, 1):
        worker.began.wait()
        assert not any(later.began.is_set() for later in workers[number:])
        worker.end()


def test_a_thread_keeps_its_turn_unless_others_wait_and_it_had_it_for_long() -> None:
    pace = one_by_one()
    pace.begin()
    threading.Event().wait(2 * TURN)
    pace.done()
    assert pace.goes_on()
    worker = Worker(pace)
    until(lambda: pace.waiting == 1, "it waits")
    pace.done()
    assert not pace.goes_on()
    worker.began.wait()
    worker.end()


def test_a_thread_that_waits_for_another_ones_work_with_its_turn_in_hand_is_not_waited_for() -> None:
    pace = Pace()
    pace.begin()
    workers = [Worker(pace) for _ in range(5)]
    for worker in workers:
        worker.began.wait()
    assert pace.goes_on()
    for worker in workers:
        worker.end()


def test_threads_of_which_none_waits_for_a_turn_are_looked_at_too() -> None:
    worth = Seen(usage())
    worth.threads = 2
    pace = Pace(worth)
    workers = [Worker(pace) for _ in range(2)]
    for worker in workers:
        worker.began.wait()
    until(lambda: worth.threads == 1, "it was looked at")
    late = Worker(pace)
    until(lambda: pace.waiting == 1, "it waits")
    workers[0].end()
    assert not late.began.is_set()
    workers[1].end()
    late.began.wait()
    late.end()


def test_a_thread_that_was_called_holds_nobody_up_and_works_where_there_still_is_room() -> None:
    pace, calls = one_by_one(), []
    pace.ask(lambda: calls.append("first"))
    pace.ask(lambda: calls.append("second"))
    assert (calls, pace.waiting) == (["first"], 1)
    pace.begin()
    assert not pace.take()
    assert calls == ["first"]
    pace.rest()
    assert calls == ["first", "second"]
    assert pace.take()
    assert pace.goes_on()
    pace.rest()


def test_a_thread_that_waits_is_let_in_before_one_is_called() -> None:
    pace, calls = one_by_one(), []
    pace.begin()
    pace.ask(lambda: calls.append("called"))
    worker = Worker(pace)
    until(lambda: pace.waiting == 2, "it waits")
    pace.rest()
    worker.began.wait()
    assert calls == []
    worker.end()
    assert calls == ["called"]


def test_beside_work_that_asks_others_all_may_work_and_none_has_its_turn_for_long() -> None:
    pace, calls = one_by_one(), []
    pace.begin()
    workers = [Worker(pace) for _ in range(3)]
    pace.ask(lambda: calls.append("called"))
    until(lambda: pace.waiting == 4, "all wait")
    with pace.beside():
        for worker in workers:
            worker.began.wait()
        assert calls == ["called"]
        assert pace.take()
        threading.Event().wait(2 * TURN)
        pace.done()
        assert not pace.goes_on()
    for worker in workers:
        worker.end()
