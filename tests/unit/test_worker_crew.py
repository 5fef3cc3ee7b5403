"""How the paths of tasks share threads: bounded, fair, and never working on after a task's end."""

import errno
import threading
from collections.abc import Callable, Iterator

import pytest
from tests.site_node import PATIENCE, processed

from towpath.domain.paths import Code, ErrorClass, Kind, PathOutcome
from towpath.steps.protocol import Item, Stopped
from towpath.storage.protocol import StorageError
from towpath.worker.crew import Crew
from towpath.worker.pool import Pool


def items(number: int) -> list[Item]:
    """So many items."""
    return [Item(index, b"%d" % index, Kind.FILE, 1, "processed") for index in range(number)]


def always() -> bool:
    """No reason to stop."""
    return True


@pytest.fixture
def pool() -> Iterator[Pool]:
    """Three threads."""
    made = Pool("path", 3)
    yield made
    made.close()


class Meeting:
    """Work that goes on only once so many threads are at it together."""

    def __init__(self, parties: int) -> None:
        self._barrier = threading.Barrier(parties, timeout=PATIENCE)
        self.most = self._now = 0
        self._lock = threading.Lock()

    def __call__(self, item: Item) -> PathOutcome:
        """Wait for the others."""
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self._barrier.wait()
        with self._lock:
            self._now -= 1
        return processed(item)


def test_each_item_gets_one_outcome(pool: Pool) -> None:
    outcomes = list(Crew(pool, 3).each("noop", processed, items(500), always))
    assert sorted(outcome.index for outcome in outcomes) == list(range(500))


def test_items_may_come_from_a_generator(pool: Pool) -> None:
    outcomes = list(Crew(pool, 3).each("noop", processed, (item for item in items(50)), always))
    assert sorted(outcome.index for outcome in outcomes) == list(range(50))


def test_as_many_items_as_the_width_are_worked_on_at_once_and_no_more(pool: Pool) -> None:
    meeting = Meeting(3)
    assert len(list(Crew(pool, 3).each("noop", meeting, items(9), always))) == 9
    assert meeting.most == 3


def test_a_single_item_stays_in_its_tasks_own_thread(pool: Pool) -> None:
    seen: list[int] = []

    def work(item: Item) -> PathOutcome:
        seen.append(threading.get_ident())
        return processed(item)

    list(Crew(pool, 3).each("noop", work, items(1), always))
    assert seen == [threading.get_ident()]


def test_a_task_goes_on_and_ends_while_others_have_all_the_shared_threads(pool: Pool) -> None:
    release = threading.Event()

    def occupy() -> None:
        release.wait(PATIENCE)

    for _ in range(3):
        pool.submit(occupy)
    try:
        assert len(list(Crew(pool, 3).each("noop", processed, items(20), always))) == 20
    finally:
        release.set()


@pytest.mark.parametrize(
    ("error", "reason", "error_class", "name"),
    [
        (OSError(errno.ENOSPC, "x"), "migrate: No space left on device", ErrorClass.NO_SPACE, "ENOSPC"),
        (
            StorageError("the store is busy", ErrorClass.TRANSIENT, "503 SlowDown"),
            "the store is busy",
            ErrorClass.TRANSIENT,
            "503 SlowDown",
        ),
    ],
)
def test_what_the_system_or_a_target_refuses_fails_that_path_alone(
    pool: Pool, error: Exception, reason: str, error_class: ErrorClass, name: str
) -> None:
    def work(item: Item) -> PathOutcome:
        if item.index == 1:
            raise error
        return processed(item)

    outcomes = {outcome.index: outcome for outcome in Crew(pool, 3).each("migrate", work, items(3), always)}
    assert outcomes.pop(1) == PathOutcome(1, Code.FAILED, reason, error_class, error_name=name)
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}


@pytest.mark.parametrize("error", [RuntimeError("a surprise"), Stopped()])
def test_any_other_error_ends_the_step_once_no_thread_works_on(pool: Pool, error: Exception) -> None:
    meeting, working = threading.Barrier(3, timeout=PATIENCE), []

    def work(item: Item) -> PathOutcome:
        working.append(item)
        try:
            meeting.wait()
            if item.index == 2:
                raise error
            return processed(item)
        finally:
            working.remove(item)

    with pytest.raises(type(error)):
        list(Crew(pool, 3).each("noop", work, items(3), always))
    assert working == []


def test_no_item_begins_after_proceed_said_no(pool: Pool) -> None:
    begun: list[int] = []
    left = iter([True] * 5)

    def work(item: Item) -> PathOutcome:
        begun.append(item.index)
        return processed(item)

    outcomes = list(Crew(pool, 3).each("noop", work, items(100), lambda: next(left, False)))
    assert len(outcomes) == len(begun) == 5


def test_a_step_that_is_closed_early_leaves_no_thread_at_work(pool: Pool) -> None:
    release, working = threading.Event(), []

    def work(item: Item) -> PathOutcome:
        if item.index:
            working.append(item)
            assert release.wait(PATIENCE)
            working.remove(item)
        return processed(item)

    outcomes = Crew(pool, 3).each("noop", work, items(3), always)
    assert next(outcomes).index == 0
    threading.Timer(0.01, release.set).start()
    close: Callable[[], None] = outcomes.close  # type: ignore[attr-defined]
    close()
    assert working == []
