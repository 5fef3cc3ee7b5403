"""How many tasks a node has at hand: short ones many, so that it never waits; long ones no more than it runs."""

import pytest
from tests.hand_clock import HandClock

from towpath import wire
from towpath.worker.fence import Fence, Hold
from towpath.worker.held import Run
from towpath.worker.pool import Turn
from towpath.worker.slots import MOST_AHEAD, Slots


class Waiting:
    """Hands that do a turn when the test says."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []

    def submit(self, turn: Turn) -> None:
        """Keep it."""
        self.turns.append(turn)

    def close(self) -> None:
        """Nothing to end."""


class Desk:
    """Slots, their hands, and tasks that take as long as the test says."""

    def __init__(self, size: int = 8) -> None:
        self.clock, self.hands = HandClock(), Waiting()
        self.slots = Slots(size, self.hands, self.clock.now)
        self.fence = Fence(self.clock.now)
        self.number = 0

    def take(self, takes: float = 0.0) -> Run:
        """Take a task; once its turn comes it takes so many seconds."""
        self.number += 1
        grant = wire.Grant(self.number, self.number.to_bytes(16, "big"), 1, "default", "worker", "noop", {})
        run = Run(grant, Hold(self.fence, self.clock.now()), self.clock.now())
        self.slots.take(run, lambda run: self.clock.advance(takes))
        return run

    def have_done(self, tasks: int, takes: float) -> None:
        """Run some tasks to their end."""
        for _ in range(tasks):
            run = self.take(takes)
            self.hands.turns.pop()()
            self.slots.released(run)


def test_a_node_that_knows_nothing_asks_for_what_it_can_run() -> None:
    desk = Desk(8)
    assert (desk.slots.wanted(), desk.slots.is_worth_asking()) == (8, True)
    desk.take()
    assert desk.slots.wanted() == 7


@pytest.mark.parametrize(
    ("takes", "ahead"), [(0.0, MOST_AHEAD), (0.001, MOST_AHEAD), (0.1, 40), (1.0, 4), (60.0, 0)]
)
def test_as_many_are_asked_for_ahead_as_get_a_slot_within_half_a_second(takes: float, ahead: int) -> None:
    desk = Desk(8)
    desk.have_done(30, takes)
    assert desk.slots.wanted() == pytest.approx(8 + ahead, abs=1)


def test_tasks_that_run_longer_than_those_before_lower_what_is_asked_for_ahead() -> None:
    desk = Desk(1)
    desk.have_done(30, 0.001)
    assert desk.slots.ahead() == MOST_AHEAD
    seen: list[int] = []

    def work(run: Run) -> None:
        desk.clock.advance(60)
        seen.append(desk.slots.ahead())

    run = desk.take()
    desk.hands.turns.pop()
    desk.slots.take(run, work)
    desk.hands.turns.pop()()
    assert seen == [0]


def test_ahead_is_asked_for_only_when_half_of_it_is_used_up() -> None:
    desk = Desk(8)
    desk.have_done(30, 0.0)
    runs = [desk.take() for _ in range(8 + MOST_AHEAD)]
    assert not desk.slots.is_worth_asking()
    for run in runs[: (8 + MOST_AHEAD) // 2 - 1]:
        desk.slots.released(run)
    assert not desk.slots.is_worth_asking()
    desk.slots.released(runs[-1])
    assert desk.slots.is_worth_asking()


def test_where_the_hub_had_less_than_was_asked_for_it_is_not_asked_again() -> None:
    desk = Desk(8)
    desk.slots.dry = True
    assert not desk.slots.is_worth_asking()


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

    run = desk.take()
    desk.slots.take(run, work)
    desk.hands.turns[1]()
    assert overdue == [[], waiting]
    assert desk.slots.overdue(waiting) == []


def test_a_run_that_was_given_back_is_not_run() -> None:
    desk = Desk(1)
    run = desk.take(5)
    assert run.begin()
    desk.hands.turns.pop()()
    assert desk.clock.now() == 1000.0
