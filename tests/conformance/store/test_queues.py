"""The depth of queues: what waits on each and since when, what runs, and the slots that there are."""

from tests.hub_desk import Hub, Node, ended

from towpath.domain.states import Wanted
from towpath.engine.queue_views import QueuesFound, QueueView, list_queues

MINUTE = 60_000_000


def told(hub: Hub, site: str | None = None, limit: int | None = None) -> QueuesFound:
    """What the hub tells of queues."""
    with hub.database.reading() as conn:
        return list_queues(conn, site, limit)


def figures(view: QueueView) -> tuple[str, str, int, int, int]:
    """Site and queue; what waits and runs there, and the slots."""
    return view.site, view.queue, view.waiting, view.running, view.slots


def test_a_hub_without_work_has_no_queue_to_tell_of(hub: Hub, oslo: Node) -> None:
    assert told(hub) == QueuesFound(0, 0, 0, [])


def test_what_waits_and_runs_is_told_by_queue_the_deepest_first(hub: Hub, oslo: Node, bergen: Node) -> None:
    hub.given("noop", 2)
    hub.given("noop", 3, queue="fast")
    hub.given("noop", 1)
    hub.submit("noop", site="bergen")
    oslo.claim(slots=1)
    found = told(hub)
    assert (found.count, found.waiting, found.running) == (3, 6, 1)
    assert [figures(view)[:4] for view in found.views] == [
        ("oslo", "fast", 3, 0),
        ("oslo", "default", 2, 1),
        ("bergen", "default", 1, 0),
    ]
    assert {name: one.waiting for name, one in found.views[2].functions.items() if one.waiting} == {
        "discovery": 1
    }
    assert [figures(view)[:2] for view in told(hub, "bergen").views] == [("bergen", "default")]
    assert (told(hub, limit=1).count, len(told(hub, limit=1).views)) == (3, 1)


def ages(hub: Hub) -> list[int]:
    """Whole minutes for which the oldest task of each queue has waited."""
    return [(hub.clock.at - view.oldest_at) // MINUTE for view in told(hub).views if view.oldest_at]


def test_the_oldest_task_that_waits_is_told_though_its_job_is_not_the_oldest(hub: Hub, oslo: Node) -> None:
    hub.submit("noop")
    assert ages(hub) == [0]
    hub.pass_time(MINUTE)
    (_walk,) = oslo.claim("discovery").grants
    hub.given("noop", 1)
    hub.pass_time(MINUTE)
    hub.given("noop", 1)
    assert ages(hub) == [1]
    assert oslo.work() == 2
    assert (ages(hub), told(hub).running) == ([], 1)


def test_a_later_step_waits_since_the_one_before_it_has_ended(hub: Hub, oslo: Node) -> None:
    hub.given("two", 1)
    hub.pass_time(2 * MINUTE)
    assert ages(hub) == [2]
    (first,) = oslo.claim(slots=1).grants
    oslo.report(ended(first))
    assert ages(hub) == [0]
    hub.pass_time(MINUTE)
    assert ages(hub) == [1]


def test_what_cannot_be_granted_does_not_wait(hub: Hub, oslo: Node) -> None:
    paused = hub.given("noop", 2)
    hub.wish(paused, Wanted.PAUSE)
    assert told(hub).count == 0
    hub.wish(paused, Wanted.RUN)
    assert told(hub).waiting == 2
    hub.hold(Wanted.PAUSE)
    assert [(view.waiting, view.paused) for view in told(hub).views] == [(2, True)]


def test_slots_are_those_of_nodes_that_are_heard(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    hub.given("noop", 1, queue="nobody")
    before = {view.queue: view.slots for view in told(hub).views}
    assert before["default"] > 0
    assert before["nobody"] == 0
    hub.silence("n1")
    assert {view.slots for view in told(hub).views} == {0}
