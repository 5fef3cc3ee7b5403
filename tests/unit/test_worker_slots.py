"""How many tasks a node has at hand: short ones many, so that it never waits; long ones no more than it runs."""

import pytest
from tests.hand_clock import HandClock

from towpath import wire
from towpath.worker.fence import Fence, Hold
from towpath.worker.held import Run
from towpath.worker.pool import Turn
from towpath.worker.slots import MOST_AHEAD, Asked, Slots, Work


class Waiting:
    """Hands that do a turn when the test says."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []

    def submit(self, turn: Turn) -> None:
        """Keep it."""
        self.turns.append(turn)

    def grow(self, size: int) -> None:
        """There are as many as there are turns."""

    def close(self) -> None:
        """Nothing to end."""


class Desk:
    """Slots, their hands, and tasks that take as long as the test says."""

    def __init__(self, size: int = 8) -> None:
        self.clock, self.hands = HandClock(), Waiting()
        self.slots = Slots(size, self.hands, self.clock.now)
        self.fence = Fence(self.clock.now)
        self.number = 0

    def take(self, takes: float = 0.0, work: Work | None = None, small: bool = False) -> Run:
        """Take a task; once its turn comes it takes so many seconds, or does what it is given to do."""
        self.number += 1
        run_id = self.number.to_bytes(16, "big")
        grant = wire.Grant(self.number, run_id, 1, "default", "worker", "noop", {}, small=small)
        run = Run(grant, Hold(self.fence, self.clock.now()), self.clock.now())
        self.slots.take(run, work or (lambda run: self.clock.advance(takes)))
        return run

    def have_done(self, tasks: int, takes: float) -> None:
        """Run some tasks to their end."""
        for _ in range(tasks):
            run = self.take(takes)
            self.hands.turns.pop()()
            self.slots.released(run)


def test_a_node_that_knows_nothing_asks_for_what_it_can_run() -> None:
    desk = Desk(8)
    assert (desk.slots.wanted(), desk.slots.is_worth_asking()) == (Asked(7, 1), True)
    desk.take()
    assert desk.slots.wanted() == Asked(6, 1)


@pytest.mark.parametrize(
    ("takes", "ahead"), [(0.0, MOST_AHEAD), (0.0001, MOST_AHEAD), (0.1, 40), (1.0, 4), (60.0, 0)]
)
def test_as_many_are_asked_for_ahead_as_get_a_slot_within_half_a_second(takes: float, ahead: int) -> None:
    desk = Desk(8)
    desk.have_done(30, takes)
    assert desk.slots.wanted().all == pytest.approx(8 + ahead, abs=1)


def test_tasks_that_run_longer_than_those_before_lower_what_is_asked_for_ahead() -> None:
    desk = Desk(1)
    desk.have_done(30, 0.0001)
    assert desk.slots.ahead() == MOST_AHEAD
    seen: list[int] = []

    def work(run: Run) -> None:
        desk.clock.advance(60)
        seen.append(desk.slots.ahead())

    desk.take(work=work)
    desk.hands.turns.pop()()
    assert seen == [0]


def test_ahead_is_asked_for_only_when_half_of_it_is_used_up() -> None:
    desk = Desk(8)
    desk.have_done(30, 0.0)
    desk.slots.answered(Asked(0, 1), 0, more=False)
    runs = [desk.take() for _ in range(8 + MOST_AHEAD)]
    assert not desk.slots.is_worth_asking()
    for run in runs[: (8 + MOST_AHEAD) // 2 - 1]:
        desk.slots.released(run)
    assert not desk.slots.is_worth_asking()
    desk.slots.released(runs[-1])
    assert desk.slots.is_worth_asking()


def test_where_the_hub_had_less_than_was_asked_for_it_is_not_asked_again() -> None:
    desk = Desk(8)
    desk.slots.answered(desk.slots.wanted(), 3, more=False)
    assert not desk.slots.is_worth_asking()
    desk.slots.hint()
    assert desk.slots.is_worth_asking()
    desk.slots.answered(desk.slots.wanted(), 3, more=True)
    assert desk.slots.is_worth_asking()


def test_a_task_is_overdue_only_behind_busy_slots() -> None:
    desk = Desk(1)
    waiting: list[Run] = []
    overdue: list[list[Run]] = []

    def work(run: Run) -> None:
        waiting.append(desk.take())
        desk.clock.advance(1.9)
        overdue.append(desk.slots.overdue(waiting))
        desk.clock.advance(0.2)
        overdue.append(desk.slots.overdue(waiting))

    desk.take(work=work)
    desk.hands.turns[0]()
    assert overdue == [[], waiting]
    assert desk.slots.overdue(waiting) == []


def test_a_run_that_was_given_back_is_not_run() -> None:
    desk = Desk(1)
    run = desk.take(5)
    assert run.begin()
    desk.hands.turns.pop()()
    assert desk.clock.now() == 1000.0


# Slots that are kept for small jobs ---------------------------------------------------------------------------


def test_the_last_free_slot_is_asked_for_small_jobs_only() -> None:
    desk = Desk(8)
    for _ in range(7):
        desk.take()
    assert desk.slots.wanted() == Asked(0, 1)
    desk.take(small=True)
    assert desk.slots.wanted() == Asked(0, 0)


def test_small_jobs_may_have_every_slot() -> None:
    desk = Desk(8)
    for _ in range(7):
        desk.take(small=True)
    assert desk.slots.wanted() == Asked(1, 0)


def test_a_single_slot_is_kept_for_nobody() -> None:
    assert Desk(1).slots.wanted() == Asked(1, 0)


def test_an_idle_kept_slot_is_asked_for_once_and_again_after_a_hint() -> None:
    desk = Desk(2)
    desk.take()
    assert desk.slots.is_worth_asking()
    desk.slots.answered(desk.slots.wanted(), 0, more=False)
    assert not desk.slots.is_worth_asking()
    desk.slots.hint()
    assert desk.slots.is_worth_asking()


def test_a_kept_slot_that_got_nothing_does_not_keep_the_others_from_being_filled() -> None:
    desk = Desk(8)
    desk.slots.answered(Asked(7, 1), 7, more=False)
    assert desk.slots.is_worth_asking()


def test_a_task_of_a_large_job_leaves_the_kept_slot_to_one_of_a_small_job() -> None:
    desk, order = Desk(2), list[str]()

    def long(run: Run) -> None:
        order.append("large")
        desk.take(work=lambda run: order.append("large too"))
        desk.take(work=lambda run: order.append("small"), small=True)
        while desk.hands.turns:
            desk.hands.turns.pop(0)()

    desk.take(work=long)
    desk.hands.turns.pop(0)()
    assert order == ["large", "small", "large too"]


# Slots changed live -------------------------------------------------------------------------------------------


def test_slots_that_grow_take_up_what_waits() -> None:
    desk, order = Desk(1), list[int]()

    def long(run: Run) -> None:
        desk.hands.turns.clear()
        desk.slots.resize(4)
        while desk.hands.turns:
            desk.hands.turns.pop(0)()
        order.append(run.grant.task)

    for work in (long, *[lambda run: order.append(run.grant.task)] * 2):
        desk.take(work=work)
    desk.hands.turns.pop(0)()
    assert order == [2, 3, 1]


def test_slots_that_shrink_let_what_runs_end_and_begin_nothing_beyond() -> None:
    desk, order = Desk(4), list[str]()

    def long(run: Run) -> None:
        desk.slots.resize(1)
        for turn in desk.hands.turns[:]:
            turn()
        order.append("ends")

    desk.take(work=long)
    waiting = desk.take(work=lambda run: order.append("waited"))
    desk.hands.turns.pop(0)()
    assert order == ["ends", "waited"]
    assert not waiting.waits


def test_without_slots_nothing_is_asked_for_and_nothing_begins() -> None:
    desk = Desk(2)
    desk.slots.resize(0)
    run = desk.take()
    desk.hands.turns.pop()()
    assert (desk.slots.wanted(), run.waits) == (Asked(0, 0), True)
