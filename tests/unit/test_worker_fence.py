"""When a node may go on: only while the hub's answers show, within half a lease, that a run is its own."""

import threading
from collections.abc import Callable

import pytest
from tests.hand_clock import HandClock

from towpath.steps.protocol import Stopped
from towpath.worker.fence import Fence, Hold


@pytest.fixture
def clock() -> HandClock:
    """A clock moved by hand."""
    return HandClock()


@pytest.fixture
def fence(clock: HandClock) -> Fence:
    """The fence of a node whose leases last 30 s."""
    made = Fence(clock.now)
    made.lease(30)
    return made


class Asking:
    """A thread that asks something of a hold, which may keep it waiting."""

    def __init__(self, question: Callable[[], bool | None]) -> None:
        self.answer: bool | type[BaseException] | None = Ellipsis  # type: ignore[assignment]
        self._question = question
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        try:
            self.answer = self._question()
        except Stopped:
            self.answer = Stopped

    def waits(self) -> bool:
        """Whether there is no answer yet."""
        self._thread.join(0.05)
        return self._thread.is_alive()

    def answered(self) -> bool | type[BaseException] | None:
        """The answer."""
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.answer


def heard(fence: Fence, hold: Hold, sent_at: float) -> None:
    """What a heartbeat does."""
    with fence.changed:
        hold.heard(sent_at)
        fence.changed.notify_all()


def test_a_fence_is_closed_before_the_hub_has_said_how_long_a_lease_is(clock: HandClock) -> None:
    assert not Fence(clock.now).check(clock.now())


def test_a_hold_is_good_for_half_a_lease_from_the_question_on(clock: HandClock, fence: Fence) -> None:
    hold = Hold(fence, clock.now())
    clock.advance(14.9)
    assert hold.proceed()
    hold.confirm()
    clock.advance(0.2)
    assert not fence.check(hold.certain_at)


def test_an_answer_that_was_long_on_its_way_counts_from_when_it_was_asked_for(
    clock: HandClock, fence: Fence
) -> None:
    hold = Hold(fence, clock.now())
    sent_at = clock.now()
    clock.advance(20)
    heard(fence, hold, sent_at)
    assert Asking(hold.proceed).waits()
    heard(fence, hold, clock.now())
    assert hold.proceed()


def test_an_older_answer_takes_nothing_back(clock: HandClock, fence: Fence) -> None:
    hold = Hold(fence, clock.now())
    heard(fence, hold, clock.now() - 100)
    assert hold.proceed()


@pytest.mark.parametrize("verb", ["proceed", "confirm"])
def test_a_machine_that_slept_for_an_hour_waits_for_the_hub(
    clock: HandClock, fence: Fence, verb: str
) -> None:
    hold = Hold(fence, clock.now())
    clock.advance(3600)
    asking = Asking(getattr(hold, verb))
    assert asking.waits()
    heard(fence, hold, clock.now())
    assert asking.answered() is (True if verb == "proceed" else None)


@pytest.mark.parametrize("verb", ["proceed", "confirm"])
def test_a_run_that_was_lost_meanwhile_is_stopped(clock: HandClock, fence: Fence, verb: str) -> None:
    hold = Hold(fence, clock.now())
    clock.advance(3600)
    asking = Asking(getattr(hold, verb))
    assert asking.waits()
    hold.lose()
    assert asking.answered() is Stopped
    heard(fence, hold, clock.now())
    with pytest.raises(Stopped):
        getattr(hold, verb)()


def test_the_hub_hearing_of_one_run_opens_the_fence_for_no_other(clock: HandClock, fence: Fence) -> None:
    one, other = Hold(fence, clock.now()), Hold(fence, clock.now())
    clock.advance(20)
    heard(fence, one, clock.now())
    assert one.proceed()
    assert Asking(other.proceed).waits()
    other.lose()


def test_a_run_to_be_handed_back_ends_before_its_next_path_but_may_finish_the_one_in_hand(
    clock: HandClock, fence: Fence
) -> None:
    hold = Hold(fence, clock.now())
    hold.hand_back()
    assert not hold.proceed()
    hold.confirm()


def test_a_fenced_run_that_is_to_be_handed_back_waits_no_longer(clock: HandClock, fence: Fence) -> None:
    hold = Hold(fence, clock.now())
    clock.advance(20)
    asking = Asking(hold.proceed)
    assert asking.waits()
    hold.hand_back()
    assert asking.answered() is False


def test_a_wait_for_room_ends_when_the_run_does(clock: HandClock, fence: Fence) -> None:
    back, lost, ready = (Hold(fence, clock.now()) for _ in range(3))
    room: list[int] = []
    asking = [Asking(lambda hold=hold: hold.wait(lambda: bool(room))) for hold in (back, lost, ready)]  # type: ignore[misc]
    assert all(one.waits() for one in asking)
    back.hand_back()
    lost.lose()
    assert (asking[0].answered(), asking[1].answered()) == (False, Stopped)
    assert asking[2].waits()
    with fence.changed:
        room.append(1)
        fence.changed.notify_all()
    assert asking[2].answered() is True
