"""Sweeps, stage by stage: whatever is not certain blocks them, and nothing is deleted on one look."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec import structs
from tests.hub_desk import Hub, Node, ended, found

from towpath import wire
from towpath.domain.errors import Conflict, NotFound
from towpath.domain.lives import DAY, GRACE, Stage, SweepState
from towpath.domain.paths import Code
from towpath.domain.states import Wanted
from towpath.engine import nodes, orphans, registry, sweep_views, sweeps
from towpath.engine.orphans import Filter, OrphanView
from towpath.engine.retry import Retry
from towpath.engine.sweep_views import SweepView
from towpath.engine.sweeps import Order
from towpath.store.tables import sites as site_rows
from towpath.wire import Orphan

ENTRY = b"0123456789ab"


def orphan(name: str, site: str = "oslo", entry: bytes = ENTRY) -> Orphan:
    """An object that nothing refers to."""
    return Orphan(
        f"{site}/data/{name}@0123456789abcdef", 10, 1_600_000_000_000_000, "data", name.encode(), entry
    )


@dataclass
class Tree:
    """What nodes find when they are asked: marked files, by site, and orphans."""

    marked: dict[str, list[str]]
    orphans: list[Orphan] = field(default_factory=list)
    objects: int = 1_000
    code: Code = Code.PROCESSED
    """What becomes of each file that is walked."""


class Play:
    """A hub with nodes at both sites, and sweeps that are taken as far as they go."""

    def __init__(self, hub: Hub, *nodes: Node) -> None:
        self.hub, self.nodes = hub, nodes
        for node in nodes:
            self.uses(node.site)

    def uses(self, site: str) -> None:
        """A node of the site has asked where the target is."""
        asked = wire.TargetAsked(name="vault")
        self.hub.tell(lambda tx: registry.tell_target(tx, site, "n1", asked, bytes(32)))

    def start(self, **order: bool) -> int:
        """Begin a sweep."""
        return self.hub.tell(lambda tx: sweeps.start(tx, Order("vault", "ana", **order)))

    def advance(self, sweep: int) -> SweepView:
        """Do what is due for it now."""
        while self.hub.tell(partial(sweeps.advance, sweep_id=sweep)):
            pass
        self.hub.upkeep()
        with self.hub.database.reading() as conn:
            return sweep_views.find_sweep(conn, sweep)

    def go(self, tree: Tree, until: Stage | None = None, **order: bool) -> SweepView:
        """A sweep, to its end or to the beginning of a stage."""
        number = self.start(**order)
        return self.go_on(number, tree, until)

    def go_on(self, number: int, tree: Tree, until: Stage | None = None) -> SweepView:
        """The same, of one that was begun."""
        stands = self.advance(number)
        while stands.ended_at is None and stands.stage != until:
            assert self.work(tree), stands
            stands = self.advance(number)
        return stands

    def work(self, tree: Tree) -> int:
        """The nodes do all that they are given; how much that was."""
        return sum(self._work(node, tree) for node in self.nodes)

    def _work(self, node: Node, tree: Tree) -> int:
        done = 0
        while grants := (node.claim("discovery").grants or node.claim("worker").grants):
            for one in grants:
                node.report(*(self._walk(node, one, tree) if one.walk else [self._step(one, tree)]))
            done += len(grants)
        return done

    @staticmethod
    def _walk(node: Node, one: wire.Grant, tree: Tree) -> list[wire.Event]:
        assert one.walk is not None
        end = wire.WalkEnded(one.task, one.run, b"end")
        if one.walk.discovery == "recursive":
            names = tree.marked.get(node.site, [])
            return [found(one, b"", b"end", *names), end] if names else [structs.replace(end, cursor=b"")]
        if one.walk.options["stage"] == Stage.BEGIN:
            return [structs.replace(end, cursor=b"")]
        own = [o for o in tree.orphans if o.key.startswith(f"{node.site}/")]
        told = wire.Found(one.task, one.run, b"", b"end", [], unmatched=tree.objects, orphans=own)
        return [told, end]

    @staticmethod
    def _step(one: wire.Grant, tree: Tree) -> wire.Event:
        if one.step == "refer":
            count = len(wire.unpack(one.batch, wire.Batch).paths)
            return structs.replace(ended(one, tree.code), bytes=12 * count)
        return ended(one)

    def list(self) -> list[OrphanView]:
        """The orphans that are known; their number is counted beside."""
        with self.hub.database.reading() as conn:
            rows = orphans.list_orphans(conn, Filter(), None, 100, 0)
            assert orphans.count_orphans(conn, Filter()) == (len(rows), 10 * len(rows))
            return list(rows)

    def names(self) -> set[str]:
        """The files that they were."""
        return {row.path.decode() for row in self.list()}


@pytest.fixture
def play(hub: Hub, oslo: Node, bergen: Node) -> Play:
    """Both sites use the target."""
    return Play(hub, oslo, bergen)


BOTH = {"oslo": ["a"], "bergen": ["b"]}


def test_a_sweep_lists_what_nothing_refers_to_and_takes_off_what_is_referred_to_again(play: Play) -> None:
    first = play.go(Tree(BOTH, [orphan("x"), orphan("y"), orphan("z", "bergen")]))
    assert (first.state, first.orphans, first.due, first.objects) == (SweepState.DONE, 3, 0, 2_000)
    assert play.names() == {"x", "y", "z"}
    seen = {row.key: row.first_seen_at for row in play.list()}
    play.go(Tree(BOTH, [orphan("y")]))
    assert {row.key: row.first_seen_at for row in play.list()} == {
        key: at for key, at in seen.items() if "/y@" in key
    }


def test_only_what_two_sweeps_have_seen_a_grace_time_apart_is_deleted(play: Play) -> None:
    tree = Tree(BOTH, [orphan("x")])
    assert play.go(tree, collects=True).deleted == 0
    assert play.list()[0].due_at == play.list()[0].first_seen_at + GRACE
    assert (play.go(tree, collects=True).due, play.names()) == (0, {"x"})
    play.hub.pass_time(GRACE)
    tree.orphans.append(orphan("young"))
    assert play.go(tree).due == 1
    done = play.go(tree, collects=True)
    assert (done.state, done.due, done.due_bytes, done.deleted) == (SweepState.DONE, 1, 10, 1)
    assert play.names() == {"young"}


def test_a_target_may_have_a_grace_time_of_its_own(play: Play) -> None:
    tree = Tree(BOTH, [orphan("x")])
    play.hub.tell(lambda tx: sweeps.set_grace(tx, "vault", 2 * DAY))
    play.go(tree)
    play.hub.pass_time(DAY)
    assert play.go(tree, collects=True).deleted == 0
    play.hub.pass_time(DAY)
    assert play.go(tree, collects=True).deleted == 1


def test_what_no_record_names_is_deleted_only_where_that_is_said(play: Play) -> None:
    tree = Tree(BOTH, [orphan("x", entry=b"")])
    play.go(tree)
    play.hub.pass_time(GRACE)
    assert play.go(tree, collects=True).deleted == 0
    assert play.go(tree, collects=True, unrecorded=True).deleted == 1


def test_a_file_that_could_not_be_read_blocks_all(play: Play) -> None:
    play.go(Tree(BOTH, [orphan("x")]))
    play.hub.pass_time(GRACE)
    done = play.go(Tree(BOTH, [orphan("x")], code=Code.FAILED), collects=True)
    assert (done.state, done.stage, done.deleted) == (SweepState.BLOCKED, Stage.WALK, 0)
    assert "1 failed; see towpath job report" in done.why
    assert play.names() == {"x"}


def test_a_site_that_has_not_said_its_roots_blocks_all(play: Play) -> None:
    play.hub.tell(lambda tx: registry.add_site(tx, "tromso"))
    done = play.go(Tree(BOTH))
    assert (done.state, "site tromso: no node of it has said yet" in done.why) == (SweepState.BLOCKED, True)


def test_a_target_that_no_site_is_known_to_have_used_is_looked_at_by_all(
    hub: Hub, oslo: Node, bergen: Node
) -> None:
    """A database that was lost may have known of some."""
    play = Play(hub)
    play.nodes = (oslo, bergen)
    done = play.go(Tree(BOTH))
    assert (done.state, done.why) == (SweepState.DONE, "")
    with pytest.raises(NotFound, match="no target 'valt', did you mean 'vault'"):
        hub.tell(lambda tx: sweeps.start(tx, Order("valt", "ana")))


def test_every_site_is_walked_and_only_those_that_use_the_target_are_compared(
    hub: Hub, oslo: Node, bergen: Node
) -> None:
    play = Play(hub, oslo)
    play.nodes = (oslo, bergen)
    done = play.go(Tree(BOTH, [orphan("x"), orphan("z", "bergen")]))
    assert (done.state, done.objects, play.names()) == (SweepState.DONE, 1_000, {"x"})


def test_what_no_record_names_is_not_collected_where_another_target_lies_within(play: Play) -> None:
    url = "file:///srv/vault/deep"
    play.hub.tell(lambda tx: registry.add_target(tx, "deep", url, {}, bytes(32)))
    with pytest.raises(Conflict, match="target 'deep' lies within 'vault'"):
        play.start(collects=True, unrecorded=True)
    play.start(collects=True)


def test_a_site_where_marks_were_set_that_few_may_see_says_so_to_its_walks(play: Play) -> None:
    for trusted in (True, False):
        said = wire.Hello(wire.VERSION, b"x" * 16, {"data": "/srv/data"}, {}, [], bytes(32), trusted=trusted)
        play.hub.tell(partial(nodes.hello, site="bergen", name="n1", said=said))
    play.nodes[1].hello()
    number = play.start()
    play.go_on(number, Tree(BOTH), until=Stage.WALK)
    play.advance(number)
    for node, trusted in zip(play.nodes, (False, True), strict=True):
        node.walk("a")
        (one,) = node.claim("worker").grants
        assert one.arguments["trusted"] is trusted


def test_too_large_a_share_is_asked_about(play: Play) -> None:
    tree = Tree(BOTH, [orphan(f"x{number}") for number in range(101)], objects=400)
    play.go(tree)
    play.hub.pass_time(GRACE)
    asks = play.go(tree, collects=True)
    assert (asks.state, asks.due, asks.deleted) == (SweepState.ASKS, 101, 0)
    assert "101 of 800 objects are due: more than 10% in one go" in asks.why
    done = play.go(tree, collects=True, force=True)
    assert (done.state, done.deleted) == (SweepState.DONE, 101)


def test_a_root_that_refers_to_nothing_any_more_is_asked_about(play: Play) -> None:
    tree = Tree({"bergen": ["b"]}, [orphan("x")])
    play.go(tree)
    play.hub.pass_time(GRACE)
    asks = play.go(tree, collects=True)
    assert (asks.state, "is it mounted" in asks.why) == (SweepState.ASKS, True)
    assert play.go(tree, collects=True, force=True).deleted == 1


def test_a_root_that_is_gone_is_asked_about(play: Play) -> None:
    tree = Tree(BOTH, [orphan("x")])

    def rename(name: str) -> None:
        new = sa.update(site_rows).where(site_rows.c.name == "bergen").values(roots={name: "/srv"})
        play.hub.tell(lambda tx: tx.conn.execute(new))

    play.go(tree)
    play.hub.pass_time(GRACE)
    rename("other")
    empty = Tree({"oslo": ["a"]}, [orphan("x")])
    for _ in range(2):
        asks = play.go(empty, collects=True)
        assert asks.state == SweepState.ASKS
        assert "root data of site bergen is gone, of which 1 files referred" in asks.why
        play.go(empty)
    assert play.go(empty, collects=True, force=True).deleted == 1


def test_a_sweep_that_deletes_waits_for_jobs_that_were_there_before(play: Play) -> None:
    job = play.hub.given("noop", 1)
    tree = Tree(BOTH, [orphan("x")])
    number = play.start(collects=True)
    stands = play.advance(number)
    assert (stands.stage, f"it waits for job {job} (noop at oslo" in stands.why) == (Stage.BEGIN, True)
    later = play.hub.given("noop", 1)
    play.nodes[0].work()
    assert play.go_on(number, tree).state == SweepState.DONE
    assert play.hub.job(later).state == "SUCCESS"


def test_nobody_brings_files_back_while_objects_are_deleted(play: Play) -> None:
    tree = Tree(BOTH, [orphan("x")])
    play.go(tree)
    play.hub.pass_time(GRACE)
    stands = play.go(tree, until=Stage.COLLECT, collects=True)
    with pytest.raises(Conflict, match=f"sweep {stands.id} collects orphans of target 'vault'"):
        play.hub.submit("undelete", "x")
    assert play.go_on(stands.id, tree).deleted == 1
    play.hub.submit("undelete", "x")


def test_a_collection_waits_for_who_brings_files_back_and_spares_what_came(play: Play) -> None:
    tree = Tree(BOTH, [orphan("x"), orphan("d/y"), orphan("d/z"), orphan("dull")])
    play.go(tree)
    play.hub.pass_time(GRACE)
    stands = play.go(tree, until=Stage.COMPARE, collects=True)
    job = play.hub.submit("undelete", "d")
    play.hub.wish(job, Wanted.PAUSE)
    stands = play.go_on(stands.id, tree, until=Stage.COLLECT)
    assert f"it waits for job {job} (undelete at oslo" in play.advance(stands.id).why
    play.hub.wish(job, Wanted.RUN)
    play.nodes[0].walk("d")
    play.nodes[0].work()
    assert play.names() == {"x", "dull"}
    assert play.go_on(stands.id, tree).deleted == 2


def test_the_jobs_of_a_sweep_are_not_retried_and_old_carries_not_while_one_deletes(play: Play) -> None:
    done = play.go(Tree(BOTH, code=Code.FAILED))
    with pytest.raises(Conflict, match="sweep-walk is a part of a sweep"):
        play.hub.retry(done.jobs[0], Retry.ALL)
    sent = play.hub.submit("send", "a", destinationsite="bergen")
    play.nodes[0].walk("a")
    play.nodes[0].work(Code.FAILED)
    play.start(collects=True)
    with pytest.raises(Conflict, match="retry what makes stubs once it is over"):
        play.hub.retry(sent)


def test_one_sweep_of_a_target_runs_at_a_time_and_can_be_stopped(play: Play) -> None:
    number = play.start()
    with pytest.raises(Conflict, match=f"being swept already, as sweep {number}"):
        play.start()
    with pytest.raises(Conflict, match=f"stop sweep {number} first"):
        play.hub.tell(lambda tx: registry.delete_target(tx, "vault"))
    play.advance(number)
    play.hub.tell(lambda tx: sweeps.stop(tx, number, "ana"))
    play.hub.upkeep()
    assert play.advance(number).state == SweepState.BLOCKED
    with pytest.raises(Conflict, match="is over"):
        play.hub.tell(lambda tx: sweeps.stop(tx, number, "ana"))
    play.go(Tree(BOTH, [orphan("x")]))
    play.hub.tell(lambda tx: registry.delete_target(tx, "vault"))
    assert play.list() == []


def test_a_node_tells_only_of_its_own_sites_objects_and_only_in_a_comparison(play: Play) -> None:
    def spoken(site: str, found: list[Orphan]) -> None:
        with play.hub.database.reading() as conn:
            rows: Any = conn.execute(sa.text("SELECT job FROM sweep_jobs WHERE stage = 'walk'")).all()
        play.hub.tell(lambda tx: orphans.note(tx, rows[0][0], found))

    bad = Orphan("oslo/data/f@0123456789abcdef", 1, 1, "data", b"../f", ENTRY)
    number = play.start()
    play.go_on(number, Tree(BOTH), until=Stage.WALK)
    spoken("oslo", [orphan("x")])
    assert play.list() == []
    play.go_on(number, Tree(BOTH, [bad, orphan("y", entry=b"short")]))
    assert play.list() == []
