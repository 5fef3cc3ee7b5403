"""What spaces leave out, which jobs pass by, and what lies in them, which is kept with its time."""

from functools import partial

import pytest
from msgspec import structs
from tests.hub_desk import ROOT, Hub, Node, found

from towpath import wire
from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.states import Wanted
from towpath.domain.usage import USAGE, Usage
from towpath.engine import spaces, usage
from towpath.engine.inputs import Asked, place
from towpath.engine.spaces import Space
from towpath.engine.usage import SCHEDULE, Counted


@pytest.fixture
def laid(hub: Hub, oslo: Node) -> Hub:
    """A hub whose site oslo has a space that leaves scratch directories and *.tmp out."""
    assert oslo.site == "oslo"
    add(hub, Space("films", "oslo", f"{ROOT}/a", excluded=("scratch", "*.tmp")))
    return hub


def add(hub: Hub, space: Space) -> None:
    """Make a space known."""
    hub.tell(lambda tx: spaces.add_space(tx, space))


def known(hub: Hub) -> Counted:
    """What is known of the space."""
    return hub.tell(lambda tx: usage.find_usage(tx.conn, "films", "oslo"))


@pytest.mark.parametrize("path", ["a/scratch", "a/b/scratch/c", "a/x.tmp"])
def test_a_job_over_what_a_space_leaves_out_is_refused(laid: Hub, path: str) -> None:
    with pytest.raises(Mistake, match=f"'{ROOT}/{path}', which space films of site oslo excludes"):
        laid.submit("noop", path)


def test_a_walk_is_told_what_to_pass_by_as_it_was_when_its_job_was_made(laid: Hub, oslo: Node) -> None:
    job = laid.submit("noop", "")
    laid.tell(lambda tx: spaces.change_space(tx, Space("films", "oslo", "")))
    other = laid.submit("noop", "b")
    walks = {one.job: one.walk for one in oslo.claim("discovery").grants}
    first, second = walks[job], walks[other]
    assert first is not None
    assert second is not None
    assert first.excluded == [wire.LeftOut("films", f"{ROOT}/a".encode(), ["scratch", "*.tmp"])]
    assert second.excluded == []


def test_a_node_that_tells_of_what_is_left_out_all_the_same_is_not_believed(laid: Hub, oslo: Node) -> None:
    job = laid.submit("noop", "a")
    (one,) = oslo.claim("discovery").grants
    oslo.report(found(one, b"", b"1", "a/fine"), found(one, b"1", b"2", "a/fine2", "a/b/scratch/c"))
    oslo.work()
    assert (laid.job(job).state, laid.job(job).totals["discovered"]) == ("FAILURE", 1)


def test_a_retry_passes_by_what_its_job_did(laid: Hub, oslo: Node) -> None:
    job = laid.submit("noop", "a")
    (one,) = oslo.claim("discovery").grants
    oslo.report(wire.Failed(one.task, one.run, "it broke"))
    laid.retry(job)
    laid.upkeep()
    (again,) = oslo.claim("discovery").grants
    assert again.walk is not None
    assert one.walk is not None
    assert again.walk.excluded == one.walk.excluded != []


def test_a_recursive_delete_above_what_is_left_out_is_refused(laid: Hub) -> None:
    laid.define("sweep-out", {"name": "delete", "recursive": True})
    with pytest.raises(Mistake, match="recursive would take along what space films excludes"):
        laid.submit("sweep-out", "a")
    laid.submit("sweep-out", "b")


def test_what_is_left_out_belongs_to_no_space(laid: Hub) -> None:
    add(laid, Space("inner", "oslo", f"{ROOT}/a/scratch/in"))
    add(laid, Space("other", "oslo", f"{ROOT}/a/in"))

    def of(path: str) -> str:
        inputs = place([Asked(f"{ROOT}/{path}".encode())], "oslo", {"data": ROOT})
        return laid.tell(lambda tx: spaces.space_of(tx.conn, "oslo", inputs))

    assert [of(path) for path in ("a", "a/in/x", "a/scratch", "a/scratch/in/x", "a/x.tmp")] == [
        "films",
        "other",
        "",
        "",
        "",
    ]
    within = laid.tell(lambda tx: spaces.within(tx.conn, {"films"}))
    assert within == {("oslo", "films"), ("oslo", "other")}


def count(hub: Hub, oslo: Node, files: int, failed: bool = False) -> None:
    """The node counts so many files, or fails."""
    (one,) = oslo.claim("discovery").grants
    assert one.walk is not None
    assert (one.step, one.walk.excluded[0].globs) == (USAGE, ["scratch", "*.tmp"])
    cursor = Usage(files=files, bytes=10 * files, dehydrated_files=1, dehydrated_bytes=10).pack()
    told = structs.replace(found(one, b"", cursor, "a"), groups=[], unmatched=files)
    end = (
        wire.Failed(one.task, one.run, "the disk burns")
        if failed
        else wire.WalkEnded(one.task, one.run, cursor)
    )
    oslo.report(told, end)
    hub.upkeep()
    hub.tell(usage.look)


def test_what_a_walk_has_counted_is_kept_with_its_time(laid: Hub, oslo: Node) -> None:
    assert known(laid) == Counted(None, "", None, None, None)
    job = laid.tell(lambda tx: usage.measure(tx, "films", "oslo", "ana"))
    assert laid.tell(lambda tx: usage.measure(tx, "films", "oslo", "bea")) == job
    assert (known(laid).job, laid.job(job).owner, laid.job(job).priority) == (job, "ana", -100)
    laid.tell(usage.look)
    assert known(laid).job == job
    count(laid, oslo, 40)
    first = known(laid)
    assert first.usage == Usage(files=40, bytes=400, dehydrated_files=1, dehydrated_bytes=10).document
    assert first.job is None
    assert first.began_at is not None
    assert first.ended_at is not None
    assert first.began_at < first.ended_at
    again = laid.tell(lambda tx: usage.measure(tx, "films", "oslo", "ana"))
    count(laid, oslo, 41, failed=True)
    second = known(laid)
    assert (second.usage, second.ended_at, second.job) == (first.usage, first.ended_at, None)
    assert "is FAILURE: the disk burns" in second.failure
    with pytest.raises(Conflict, match="is not retried"):
        laid.retry(again)
    with pytest.raises(NotFound, match="did you mean 'films'"):
        laid.tell(lambda tx: usage.measure(tx, "film", "oslo", "ana"))


def test_a_count_that_was_cancelled_tells_nothing(laid: Hub, oslo: Node) -> None:
    job = laid.tell(lambda tx: usage.measure(tx, "films", "oslo", "ana"))
    laid.wish(job, Wanted.CANCEL)
    laid.upkeep()
    laid.tell(usage.look)
    assert known(laid).usage is None
    assert "is CANCELLED" in known(laid).failure
    assert oslo.claim("discovery").grants == []


def test_a_space_is_counted_again_when_its_time_has_come(laid: Hub, oslo: Node) -> None:
    every = Space("films", "oslo", "", excluded=("scratch", "*.tmp"), usage_every=3600)
    laid.tell(partial(spaces.change_space, space=every))
    laid.tell(usage.look)
    job = known(laid).job
    assert job is not None
    assert laid.job(job).owner == SCHEDULE
    count(laid, oslo, 1)
    laid.tell(usage.look)
    assert known(laid).job is None
    laid.pass_time(3600 * 1_000_000)
    laid.tell(usage.look)
    assert known(laid).job not in (None, job)
    laid.tell(lambda tx: spaces.remove_space(tx, "films", "oslo"))
    laid.tell(usage.look)
    assert laid.rows()["space_usage"] == []


def test_a_space_that_lies_in_another_is_counted_with_it_unless_that_leaves_it_out(laid: Hub) -> None:
    inner = {"cuts": "a/cuts", "tries": "a/scratch/b", "films2": "a-b", "films3": "ab", "old": "a/cuts/old"}
    for name, path in inner.items():
        add(laid, Space(name, "oslo", f"{ROOT}/{path}"))
    with laid.database.reading() as conn:
        told = {one.space.name: one.within for one in usage.list_usage(conn)}
    alone = dict.fromkeys(("films", "films2", "films3", "tries"))
    assert told == alone | {"cuts": "films", "old": "cuts"}
