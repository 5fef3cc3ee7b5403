"""How the paths of tasks share threads: bounded, fair, and never working on after a task's end."""

import errno
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from tests.site_node import PATIENCE, processed
from tests.unit.test_worker_pace import one_by_one

from towpath.domain.paths import Code, ErrorClass, Kind, PathOutcome
from towpath.steps.protocol import Item, Stopped
from towpath.storage.protocol import StorageError
from towpath.worker.crew import Crew
from towpath.worker.pool import Pool

Each = Callable[..., Iterator[PathOutcome]]


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


@pytest.fixture(params=[False, True], ids=["far", "near"])
def each(pool: Pool, request: pytest.FixtureRequest) -> Each:
    """What a crew of these threads does with the items of a task."""
    return partial(Crew(pool, 3).each, near=request.param)


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


def test_each_item_gets_one_outcome(each: Each) -> None:
    outcomes = list(each("noop", processed, items(500), always))
    assert sorted(outcome.index for outcome in outcomes) == list(range(500))


def test_items_may_come_from_a_generator(each: Each) -> None:
    outcomes = list(each("noop", processed, (item for item in items(50)), always))
    assert sorted(outcome.index for outcome in outcomes) == list(range(50))


def test_as_many_items_as_the_width_are_worked_on_at_once_and_no_more(each: Each) -> None:
    meeting = Meeting(3)
    assert len(list(each("noop", meeting, items(9), always))) == 9
    assert meeting.most == 3


def test_a_single_item_stays_in_its_tasks_own_thread(each: Each) -> None:
    seen: list[int] = []

    def work(item: Item) -> PathOutcome:
        seen.append(threading.get_ident())
        return processed(item)

    list(each("noop", work, items(1), always))
    assert seen == [threading.get_ident()]


def test_a_task_goes_on_and_ends_while_others_have_all_the_shared_threads(pool: Pool, each: Each) -> None:
    release = threading.Event()

    def occupy() -> None:
        release.wait(PATIENCE)

    for _ in range(3):
        pool.submit(occupy)
    try:
        assert len(list(each("noop", processed, items(20), always))) == 20
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
    each: Each, error: Exception, reason: str, error_class: ErrorClass, name: str
) -> None:
    def work(item: Item) -> PathOutcome:
        if item.index == 1:
            raise error
        return processed(item)

    outcomes = {outcome.index: outcome for outcome in each("migrate", work, items(3), always)}
    assert outcomes.pop(1) == PathOutcome(1, Code.FAILED, reason, error_class, error_name=name)
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}


@pytest.mark.parametrize("error", [RuntimeError("a surprise"), Stopped()])
def test_any_other_error_ends_the_step_once_no_thread_works_on(each: Each, error: Exception) -> None:
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
        list(each("noop", work, items(3), always))
    assert working == []


def test_no_item_begins_after_proceed_said_no(each: Each) -> None:
    begun: list[int] = []
    left = iter([True] * 5)

    def work(item: Item) -> PathOutcome:
        begun.append(item.index)
        return processed(item)

    outcomes = list(each("noop", work, items(100), lambda: next(left, False)))
    assert len(outcomes) == len(begun) == 5


def test_a_step_that_is_closed_early_leaves_no_thread_at_work(each: Each) -> None:
    release, working = threading.Event(), []

    def work(item: Item) -> PathOutcome:
        if item.index:
            working.append(item)
            assert release.wait(PATIENCE)
            working.remove(item)
        return processed(item)

    outcomes = each("noop", work, items(3), always)
    assert next(outcomes).index == 0
    threading.Timer(0.01, release.set).start()
    close: Callable[[], None] = outcomes.close  # type: ignore[attr-defined]
    close()
    assert working == []


def test_threads_of_several_tasks_that_are_near_take_turns_and_none_is_left_out(pool: Pool) -> None:
    crew, ended = Crew(pool, 3), []

    def play(first: int) -> None:
        outcomes = crew.each("copy", processed, items(first), always, near=True)
        ended.append(sum(1 for _ in outcomes))

    tasks = [threading.Thread(target=play, args=(100 * number,)) for number in range(1, 6)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join(PATIENCE)
    assert sorted(ended) == [100, 200, 300, 400, 500]


def test_a_thread_that_rests_in_the_midst_of_a_path_lets_another_one_work(pool: Pool) -> None:
    crew, meeting = Crew(pool, 3, one_by_one()), Meeting(3)

    def work(item: Item) -> PathOutcome:
        crew.rest()
        return meeting(item)

    assert len(list(crew.each("copy", work, items(9), always, near=True))) == 9
