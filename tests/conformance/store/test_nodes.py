"""Nodes: how each stands, what is wished of it, and that a drain loses no task."""

from functools import partial

import pytest
import sqlalchemy as sa
from tests.hub_desk import Hub, Node, ended, found

from towpath import wire
from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.fairness import SMALL
from towpath.domain.nodes import Health, NodeState
from towpath.engine import node_wishes, nodes, registry, turns
from towpath.engine.node_wishes import NodeView, SlotsWished
from towpath.store.tables import nodes as node_rows


def view(hub: Hub, name: str = "n1") -> NodeView:
    """A node of oslo as people see it."""
    with hub.database.reading() as conn:
        return node_wishes.get_node(conn, "oslo", name)


def health(hub: Hub) -> Health:
    """How oslo is."""
    with hub.database.reading() as conn:
        return next(site.health for site in registry.list_sites(conn) if site.name == "oslo")


def mark_silent(hub: Hub, name: str) -> None:
    """The node of that name missed some heartbeats."""
    query = sa.select(node_rows.c.id, node_rows.c.beats).where(node_rows.c.name == name)
    with hub.database.writing() as tx:
        for node_id, beats in tx.conn.execute(query).all():
            nodes.mark_silent(tx, node_id, beats)


def drain(hub: Hub, name: str = "n1") -> None:
    """Ask a node of oslo to drain."""
    hub.tell(lambda tx: node_wishes.drain(tx, "oslo", name, "ana", "new kernel"))


# Health -------------------------------------------------------------------------------------------------------


def test_a_node_that_missed_heartbeats_is_offline_until_it_is_heard_while_its_leases_go_on(
    hub: Hub, oslo: Node
) -> None:
    hub.given("noop", 1)
    (one,) = oslo.claim().grants
    assert view(hub).state is NodeState.ONLINE
    mark_silent(hub, "n1")
    assert (view(hub).state, view(hub).running) == (NodeState.OFFLINE, 1)
    assert oslo.beat().drop == [], "it has lost nothing"
    assert view(hub).state is NodeState.ONLINE
    assert not oslo.report(ended(one)).refusals


def test_the_health_of_a_site_follows_from_its_nodes(hub: Hub, oslo: Node) -> None:
    assert health(hub) is Health.OK
    hub.node("oslo", "n2")
    mark_silent(hub, "n2")
    assert health(hub) is Health.WARNING
    hub.silence("n1")
    assert health(hub) is Health.CRITICAL
    oslo.beat()
    assert health(hub) is Health.WARNING


def test_a_node_that_never_said_hello_is_offline(hub: Hub) -> None:
    hub.tell(lambda tx: registry.register_node(tx, "oslo", "new", "U" * 56))
    assert view(hub, "new").state is NodeState.OFFLINE


# Draining -----------------------------------------------------------------------------------------------------


def test_a_node_that_drains_is_granted_nothing_and_what_it_runs_ends(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 3)
    (one,) = oslo.claim(slots=1).grants
    drain(hub)
    assert not oslo.claim().grants
    verdicts = oslo.beat()
    assert (verdicts.hand_back, verdicts.wishes.drain) == ([], True)
    assert view(hub).state is NodeState.DRAINING
    assert not oslo.report(ended(one)).refusals
    stands = view(hub)
    assert (stands.state, stands.drain_by, stands.drain_why) == (NodeState.DRAINED, "ana", "new kernel")
    other = hub.node("oslo", "n2")
    assert other.work() == 2
    assert hub.job(job).state == "SUCCESS"


def test_a_walk_of_a_node_that_drains_goes_on_at_another(hub: Hub, oslo: Node) -> None:
    hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", "a"))
    drain(hub)
    assert oslo.beat().hand_back == [walk.run]
    oslo.report(wire.WalkEnded(walk.task, walk.run, b"1", handed_back=True))
    (again,) = hub.node("oslo", "n2").claim("discovery").grants
    assert again.walk is not None
    assert (again.walk.cursor, again.attempt) == (b"1", 1)


def test_a_drain_outlives_the_nodes_process(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    drain(hub)
    oslo.hello()
    assert not oslo.claim().grants
    assert view(hub).state is NodeState.DRAINED


def test_a_node_that_need_not_drain_any_more_works_again_and_hears_of_it(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    drain(hub)
    woken: list[str] = []
    hub.database.on_wake = woken.extend
    hub.tell(lambda tx: node_wishes.undrain(tx, "oslo", "n1"))
    assert woken == ["oslo"]
    assert not oslo.beat().wishes.drain
    assert len(oslo.claim().grants) == 1
    with pytest.raises(Conflict, match="node oslo/n1 was not asked to drain"):
        hub.tell(lambda tx: node_wishes.undrain(tx, "oslo", "n1"))


def test_a_site_drains_with_all_its_nodes(hub: Hub, oslo: Node) -> None:
    hub.node("oslo", "n2")
    hub.tell(lambda tx: node_wishes.drain_site(tx, "oslo", "ana"))
    assert [view(hub, name).state for name in ("n1", "n2")] == [NodeState.DRAINED] * 2
    hub.tell(lambda tx: node_wishes.undrain_site(tx, "oslo"))
    assert [view(hub, name).state for name in ("n1", "n2")] == [NodeState.ONLINE] * 2


def test_a_name_that_is_none_is_told_with_one_that_is(hub: Hub, oslo: Node) -> None:
    with pytest.raises(NotFound, match="site oslo has no node 'n3'; expected one of: n1"):
        drain(hub, "n3")
    with pytest.raises(NotFound, match="no site 'osla', did you mean 'oslo'"):
        hub.tell(lambda tx: node_wishes.drain_site(tx, "osla", "ana"))


# Slots --------------------------------------------------------------------------------------------------------


def slots(hub: Hub, queue: str, function: str, number: int | None) -> None:
    """Wish other slots of the node n1."""
    wished = SlotsWished(queue, function, number)
    hub.tell(lambda tx: node_wishes.set_slots(tx, "oslo", "n1", wished))


def test_slots_are_wished_at_the_hub_and_told_to_the_node_in_each_life(hub: Hub, oslo: Node) -> None:
    slots(hub, "default", "worker", 3)
    slots(hub, "tape", "worker", 1)
    assert oslo.beat().wishes.slots == {"default": {"worker": 3}, "tape": {"worker": 1}}
    oslo.hello()
    assert oslo.beat().wishes.slots == {"default": {"worker": 3}, "tape": {"worker": 1}}
    assert view(hub).queues == {"default": {"worker": 3, "discovery": 2}, "tape": {"worker": 1}}
    slots(hub, "default", "worker", None)
    slots(hub, "tape", "worker", None)
    assert oslo.beat().wishes.slots == {}
    assert view(hub).queues == view(hub).started_with


def test_a_node_without_slots_is_granted_nothing_though_it_has_not_heard_of_it(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 2)
    slots(hub, "default", "worker", 0)
    assert not oslo.claim().grants
    slots(hub, "default", "worker", 1)
    assert len(oslo.claim().grants) == 2, (
        "how many more than its slots it has at hand is the node's own affair"
    )


@pytest.mark.parametrize(
    ("queue", "function", "number", "text"),
    [
        ("de fault", "worker", 1, "queue: "),
        ("default", "walker", 1, "did you mean 'worker'"),
        ("default", "worker", -1, "expected 0 to 10000 slots for worker, found -1"),
        ("default", "worker", 10**6, "expected 0 to 10000 slots"),
    ],
)
def test_slots_that_no_node_can_have_are_a_mistake(
    hub: Hub, oslo: Node, queue: str, function: str, number: int, text: str
) -> None:
    with pytest.raises(Mistake, match=text):
        slots(hub, queue, function, number)


# Walks --------------------------------------------------------------------------------------------------------


def large_walks(hub: Hub, node: Node) -> list[wire.Grant]:
    """Two walks that have turned out large, and hold both slots of their function."""
    for _ in range(2):
        hub.submit("noop")
    walks = node.claim("discovery", slots=2).grants
    for walk in walks:
        node.report(found(walk, b"", b"1", *(f"f{n:05}" for n in range(SMALL + 1))))
    return walks


def test_a_large_walk_makes_room_for_that_of_a_new_job_and_goes_on_later(hub: Hub, oslo: Node) -> None:
    walks = large_walks(hub, oslo)
    assert oslo.beat().hand_back == [], "nobody waits"
    small = hub.submit("noop")
    (back,) = oslo.beat().hand_back
    (handed,) = (walk for walk in walks if walk.run == back)
    oslo.report(wire.WalkEnded(handed.task, handed.run, b"1", handed_back=True))
    (walk,) = oslo.claim("discovery", slots=1).grants
    assert walk.job == small
    assert oslo.beat().hand_back == []


def test_a_large_walk_of_a_higher_priority_stays(hub: Hub, oslo: Node) -> None:
    walks = large_walks(hub, oslo)
    for walk in walks:
        hub.tell(partial(turns.set_priority, job_id=walk.job, priority=1))
    hub.submit("noop")
    assert oslo.beat().hand_back == []


def test_a_node_hears_which_jobs_are_over_of_those_that_it_asks_about(hub: Hub, oslo: Node) -> None:
    running, over, gone = hub.given("noop", 1), hub.given("noop", 1), 10**6
    assert oslo.beat().over == []
    assert oslo.beat(jobs=[running, over, gone]).over == [gone]
    for one in oslo.claim().grants:
        if one.job == over:
            oslo.report(ended(one))
    assert hub.job(over).state == "SUCCESS"
    assert oslo.beat(jobs=[running, over, gone]).over == [over, gone]
