"""The table of moves, and what is derived from it."""

import itertools

import pytest

from towpath.domain.states import (
    CAUSE_OF,
    DISCOVERY_STAGE,
    JOB_OVER,
    MOVES,
    NOTHING_OPEN,
    SPENDS_ATTEMPT,
    TERMINAL,
    WISHES,
    Cause,
    Census,
    IllegalMove,
    IllegalWish,
    JobState,
    Phase,
    Release,
    TaskEvent,
    TaskState,
    Wanted,
    chain_stages,
    job_state,
    move,
    phase_of,
    settle,
    sources,
    stage,
    succession,
)

PAIRS = list(itertools.product(TaskState, TaskEvent))


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_each_pair_of_state_and_event_is_a_move_of_the_table_or_illegal(
    state: TaskState, event: TaskEvent
) -> None:
    if (state, event) in MOVES:
        assert move(state, event) is MOVES[state, event]
        assert state in sources(event)
    else:
        with pytest.raises(IllegalMove, match=rf"task is {state}: .*found '{event}'"):
            move(state, event)
        assert state not in sources(event)


def test_nothing_leaves_a_terminal_state() -> None:
    assert {TaskState.PENDING, TaskState.STARTED} == set(TaskState) - TERMINAL
    assert not [pair for pair in MOVES if pair[0] in TERMINAL]


def test_every_event_can_happen_and_every_state_can_be_reached() -> None:
    assert {event for _, event in MOVES} == set(TaskEvent)
    assert set(MOVES.values()) | {TaskState.PENDING} == set(TaskState)


def test_only_a_granted_task_can_end_with_outcomes() -> None:
    for event in (TaskEvent.SUCCEED, TaskEvent.ERR, TaskEvent.FAIL):
        assert sources(event) == {TaskState.STARTED}


def test_only_a_lost_worker_costs_an_attempt() -> None:
    back_to_pending = {event for (_, event), after in MOVES.items() if after is TaskState.PENDING}
    free = {TaskEvent.LOSE_GRANT, TaskEvent.HAND_BACK, TaskEvent.PUT_OFF}
    assert back_to_pending == {TaskEvent.LOSE_LEASE, *free}
    assert {TaskEvent.LOSE_LEASE, TaskEvent.BLAME} == SPENDS_ATTEMPT


def test_each_event_that_cancels_has_its_cause() -> None:
    assert {event for (_, event), after in MOVES.items() if after is TaskState.CANCELLED} == set(CAUSE_OF)


# The state of a job -------------------------------------------------------------------------------------------


def census(begun: bool = True, by_wish: int = 0, discovery_open: bool = False, **counts: int) -> Census:
    """A census with so many tasks in each state, named in lower case."""
    return Census({TaskState(k.upper()): n for k, n in counts.items()}, by_wish, begun, discovery_open)


RUN, PAUSE, CANCEL = Wanted.RUN, Wanted.PAUSE, Wanted.CANCEL

STANDINGS = [
    (RUN, census(begun=False, discovery_open=True, pending=1), JobState.PENDING),
    (RUN, census(begun=False, discovery_open=True, started=1), JobState.PENDING),
    (RUN, census(begun=False, pending=3, success=1), JobState.PENDING),
    (RUN, census(pending=3, success=1), JobState.STARTED),
    (RUN, census(started=1, error=1), JobState.STARTED),
    (RUN, census(discovery_open=True, started=1, success=5), JobState.STARTED),
    (RUN, census(success=5), JobState.SUCCESS),
    (RUN, census(begun=False, success=1), JobState.SUCCESS),
    (RUN, census(success=4, skipped=1), JobState.SUCCESS),
    (RUN, census(success=4, error=1), JobState.FAILURE),
    (RUN, census(success=4, failure=1, cancelled=1), JobState.FAILURE),
    (PAUSE, census(started=1, pending=4), JobState.PAUSING),
    (PAUSE, census(pending=4), JobState.PAUSED),
    (PAUSE, census(begun=False, discovery_open=True, pending=1), JobState.PAUSED),
    (PAUSE, census(begun=False, discovery_open=True, started=1), JobState.PAUSING),
    (PAUSE, census(success=4), JobState.SUCCESS),
    (CANCEL, census(pending=4), JobState.DEQUEUING),
    (CANCEL, census(started=1, cancelled=4, by_wish=4), JobState.DEQUEUING),
    (CANCEL, census(success=1, cancelled=4, by_wish=4), JobState.CANCELLED),
    (CANCEL, census(failure=1, cancelled=4, by_wish=1), JobState.CANCELLED),
    (CANCEL, census(success=5), JobState.SUCCESS),
]


@pytest.mark.parametrize(("wanted", "standing", "expected"), STANDINGS)
def test_the_state_of_a_job_follows_from_the_wish_and_the_census(
    wanted: Wanted, standing: Census, expected: JobState
) -> None:
    assert job_state(wanted, standing) is expected


def test_a_job_whose_discovery_is_open_is_not_over_even_without_another_task() -> None:
    assert job_state(RUN, census(discovery_open=True)) not in JOB_OVER


@pytest.mark.parametrize("state", JobState)
def test_what_may_be_wished_of_a_job_in_each_state(state: JobState) -> None:
    if state in JOB_OVER:
        assert not WISHES[state]
    else:
        assert CANCEL in WISHES[state]
    assert (RUN in WISHES[state]) == (state in {JobState.PAUSING, JobState.PAUSED})


def test_an_illegal_wish_says_which_jobs_would_allow_it() -> None:
    text = str(IllegalWish(7, JobState.SUCCESS, Wanted.RUN))
    assert text == "job 7 is SUCCESS: only a job that is PAUSING, PAUSED can be resumed"


# Phases and chains --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", Phase)
def test_the_stages_of_a_phase_lie_between_its_own_and_the_next(phase: Phase) -> None:
    for depth in (None, 0, 1, 2048, 4999, 5000, 10_000):
        assert phase_of(stage(phase, depth)) is phase


def test_deeper_directories_come_first_and_all_of_them_after_what_has_no_depth() -> None:
    stages = [stage(Phase.DELETES, depth) for depth in range(2049)]
    assert stages == sorted(stages, reverse=True)
    assert len(set(stages)) == len(stages)
    assert stage(Phase.DELETES) < min(stages)


def test_the_stages_of_a_chain_never_fall() -> None:
    phases = (Phase.TRANSFERS, Phase.DELETES, Phase.TRANSFERS)
    stages = chain_stages(phases, depth=3)
    assert stages == [stage(Phase.TRANSFERS), stage(Phase.DELETES, 3), stage(Phase.DELETES, 3)]
    assert chain_stages(phases) == [stage(Phase.TRANSFERS), stage(Phase.DELETES), stage(Phase.DELETES)]


def test_while_discovery_runs_only_the_first_phase_is_open() -> None:
    walking = Census({TaskState.PENDING: 2}, discovery_open=True, lowest_open_stage=stage(Phase.DELETES))
    assert settle(RUN, walking, Phase.TRANSFERS).open_stage == stage(Phase.TRANSFERS)


def test_after_discovery_the_lowest_stage_with_open_tasks_is_open() -> None:
    walked = Census({TaskState.PENDING: 2}, lowest_open_stage=stage(Phase.DELETES, 7))
    assert settle(RUN, walked, Phase.TRANSFERS).open_stage == stage(Phase.DELETES, 7)


@pytest.mark.parametrize("wanted", [PAUSE, CANCEL])
def test_nothing_is_open_in_a_job_that_is_not_wanted_to_run(wanted: Wanted) -> None:
    due = settle(wanted, census(pending=2, discovery_open=True), Phase.MOVES)
    assert due.open_stage == NOTHING_OPEN
    assert due.open_stage < DISCOVERY_STAGE
    assert due.cancel_pending == (wanted is CANCEL)


def test_an_open_task_makes_nothing_due_for_the_next_one() -> None:
    for state in (TaskState.PENDING, TaskState.STARTED):
        assert succession(state, Cause.NONE, 5) is None


@pytest.mark.parametrize("before", [TaskState.SUCCESS, TaskState.ERROR])
def test_processed_paths_go_on_down_the_chain_and_without_any_the_next_task_is_skipped(
    before: TaskState,
) -> None:
    assert succession(before, Cause.NONE, 1) is Release.UNBLOCK
    assert succession(before, Cause.NONE, 0) is TaskEvent.SKIP


def test_why_a_task_was_cancelled_passes_down_the_chain() -> None:
    assert succession(TaskState.FAILURE, Cause.NONE, 0) is TaskEvent.ABANDON
    assert succession(TaskState.CANCELLED, Cause.FAILURE, 0) is TaskEvent.ABANDON
    assert succession(TaskState.CANCELLED, Cause.WISH, 0) is TaskEvent.CANCEL
    assert succession(TaskState.SKIPPED, Cause.NONE, 0) is TaskEvent.SKIP
