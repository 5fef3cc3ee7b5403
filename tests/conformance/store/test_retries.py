"""Retries: each path again from the step where it failed, none that need not be, and none left out."""

import pytest
from tests.hub_desk import Hub, Node, ended, found, group, mask_of

from towpath import wire
from towpath.domain.errors import Conflict, NotFound
from towpath.domain.paths import Code, Kind
from towpath.domain.states import Wanted
from towpath.engine import upkeep
from towpath.engine.retry import Retry
from towpath.store import paths


def work_of(grants: wire.Grants) -> list[tuple[str, list[bytes]]]:
    """Step and paths of each task that was granted."""
    return [(one.step, paths_of(one)) for one in grants.grants]


def paths_of(one: wire.Grant) -> list[bytes]:
    """The paths of one task."""
    known = wire.unpack(one.batch, wire.Batch).paths
    return [path for path, mine in zip(known, mask_of(one), strict=True) if mine]


def with_codes(one: wire.Grant, *codes: Code, carry: bytes = b"") -> wire.Ended:
    """The end of a task with these outcomes."""
    return wire.Ended(one.task, one.run, wire.compress(bytes(codes)), [], carry)


def ended_at(hub: Hub, job: int, outcome: str) -> list[tuple[str, bytes]]:
    """Step and path of each path with that outcome."""
    with hub.database.reading() as conn:
        return [(p.step, p.path) for p in paths.iterate_paths(conn, job, outcome, None)]


def a_cancelled_job(hub: Hub, oslo: Node) -> int:
    """A job that was cancelled while the first of its two steps ran: one path failed there, two came through."""
    job = hub.given("two", 3, per_task=3)
    (one,) = oslo.claim().grants
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    oslo.report(with_codes(one, Code.PROCESSED, Code.FAILED, Code.PROCESSED, carry=b"handed on"))
    assert hub.job(job).state == "CANCELLED"
    return job


def test_a_cancelled_step_keeps_which_paths_had_come_to_it(hub: Hub, oslo: Node) -> None:
    job = a_cancelled_job(hub, oslo)
    assert ended_at(hub, job, "not_run") == [("checksum", b"f000000"), ("checksum", b"f000002")]
    assert ended_at(hub, job, "failed") == [("noop", b"f000001")]


def test_a_path_that_failed_at_one_step_is_never_tried_at_the_next(hub: Hub, oslo: Node) -> None:
    again = hub.retry(a_cancelled_job(hub, oslo), Retry.UNFINISHED)
    hub.upkeep()
    grants = oslo.claim()
    assert work_of(grants) == [("noop", [b"f000001"]), ("checksum", [b"f000000", b"f000002"])]
    assert [one.carry for one in grants.grants] == [b"", b"handed on"]
    oslo.report(*map(ended, grants.grants))
    oslo.work()
    assert (hub.job(again).state, hub.job(again).totals["done"]) == ("SUCCESS", 3)


def test_a_retry_of_what_failed_leaves_out_what_was_not_run(hub: Hub, oslo: Node) -> None:
    hub.retry(a_cancelled_job(hub, oslo), Retry.FAILED)
    hub.upkeep()
    assert work_of(oslo.claim()) == [("noop", [b"f000001"])]


def test_a_retry_takes_the_paths_of_a_task_that_failed_whole(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 4, per_task=2)
    one, other = oslo.claim().grants
    oslo.report(wire.Failed(one.task, one.run, "no"), ended(other))
    oslo.work()
    assert hub.job(job).totals["unknown"] == 2
    hub.retry(job)
    hub.upkeep()
    assert work_of(oslo.claim()) == [("noop", paths_of(one))]


def test_a_retry_of_all_takes_what_was_split_off_too(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 10, per_task=10)
    (one,) = oslo.claim().grants
    oslo.report(ended(one, only=4))
    second = next(grant for grant in oslo.claim().grants if grant.step == "checksum")
    oslo.report(ended(second, only=1))
    oslo.hello()
    oslo.work()
    assert hub.job(job).totals["done"] == 10
    again = hub.retry(job, Retry.ALL)
    hub.upkeep()
    oslo.work()
    assert (hub.job(again).state, hub.job(again).totals["done"]) == ("SUCCESS", 10)
    assert sorted(path for _, path in ended_at(hub, again, "processed")) == sorted(
        2 * [b"f%06d" % number for number in range(10)]
    )


def test_a_retry_of_all_of_a_retry_is_the_whole_job_anew(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    oslo.walk("a", "b")
    (one,) = oslo.claim().grants
    oslo.report(with_codes(one, Code.PROCESSED, Code.FAILED))
    once = hub.retry(job)
    hub.upkeep()
    oslo.work(Code.FAILED)
    assert (hub.job(once).state, hub.job(once).totals["discovered"]) == ("FAILURE", 1)
    twice = hub.retry(once, Retry.ALL)
    hub.upkeep()
    oslo.walk("a", "b", "c")
    oslo.work()
    assert (hub.job(twice).state, hub.job(twice).retry_of) == ("SUCCESS", once)
    assert hub.job(twice).totals["done"] == 3


def test_a_retry_of_all_of_a_retry_takes_all_that_a_caller_gave(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 3, per_task=3)
    (one,) = oslo.claim().grants
    oslo.report(with_codes(one, Code.PROCESSED, Code.FAILED, Code.PROCESSED))
    once = hub.retry(job)
    hub.upkeep()
    oslo.work()
    twice = hub.retry(once, Retry.ALL)
    hub.upkeep()
    oslo.work()
    assert (hub.job(once).totals["done"], hub.job(twice).totals["done"]) == (1, 3)


@pytest.mark.parametrize("first_step", ["delete", "noop"])
def test_directories_are_deleted_deepest_first_in_a_retry_too(hub: Hub, oslo: Node, first_step: str) -> None:
    """Also those that failed at a step before."""
    chain = [{"name": "delete"}] if first_step == "delete" else [{"name": "noop"}, {"name": "delete"}]
    hub.define("clear", *chain)
    job = hub.submit("clear")
    oslo.walk("d", "d/e", "d/g", "d/e/f", kind=Kind.DIRECTORY)
    oslo.work(Code.FAILED)
    again = hub.retry(job)
    hub.upkeep()
    if first_step == "noop":
        oslo.report(*map(ended, oslo.claim().grants))
    order = []
    while grants := oslo.claim().grants:
        order += [sorted(paths_of(one)) for one in grants]
        oslo.report(*map(ended, grants))
    assert order == [[b"d/e/f"], [b"d/e", b"d/g"], [b"d"]]
    assert hub.job(again).state == "SUCCESS"


def test_a_retry_can_be_paused_and_goes_on_in_chunks(
    hub: Hub, oslo: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("towpath.engine.retry.CHUNK", 2)
    job = hub.given("noop", 5)
    oslo.work(Code.FAILED)
    again = hub.retry(job)
    hub.wish(again, Wanted.PAUSE)
    hub.upkeep()
    assert (hub.job(again).state, hub.job(again).totals["discovered"]) == ("PAUSED", 0)
    hub.wish(again, Wanted.RUN)
    hub.upkeep()
    assert hub.job(again).totals["discovered"] == 5
    oslo.work()
    assert hub.job(again).state == "SUCCESS"


def test_a_retry_can_be_cancelled_before_it_has_begun(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 2)
    oslo.work(Code.FAILED)
    again = hub.retry(1)
    hub.wish(again, Wanted.CANCEL)
    hub.upkeep()
    assert (hub.job(again).state, hub.job(again).totals["discovered"]) == ("CANCELLED", 0)
    assert hub.job(hub.retry(again, Retry.ALL)).retry_of == again
    hub.upkeep()
    assert oslo.work() == 2


def test_no_node_is_granted_what_the_hub_does_itself(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    oslo.work(Code.FAILED)
    again = hub.retry(1)
    assert not oslo.claim("hub").grants
    assert hub.job(again).waiting == "the hub is about to list its paths"
    hub.upkeep()
    assert oslo.work() == 1


def test_a_walk_that_broke_off_goes_on_from_its_cursor_in_a_retry(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop", "d")
    (walk,) = oslo.claim("discovery").grants
    problem = wire.Problem("data", b"d/x", "no_permission", "may not")
    oslo.report(
        wire.Found(walk.task, walk.run, b"", b"1", [group(walk, "d/a")], [problem]),
        wire.Failed(walk.task, walk.run, "the walk stumbled"),
    )
    oslo.work()
    assert (hub.job(job).state, hub.job(job).totals["failed"]) == ("FAILURE", 1)
    again = hub.retry(job)
    hub.upkeep()
    walks = oslo.claim("discovery").grants
    starts = sorted((one.walk.cursor, [i.path for i in one.walk.inputs]) for one in walks if one.walk)
    assert starts == [(b"", [b"d/x"]), (b"1", [b"d"])]
    for number, one in enumerate(walks):
        assert one.walk is not None
        name = "d/x/y" if one.walk.cursor == b"" else "d/z"
        end = b"end%d" % number
        oslo.report(found(one, one.walk.cursor, end, name), wire.WalkEnded(one.task, one.run, end))
    oslo.work()
    assert (hub.job(again).state, hub.job(again).totals["done"]) == ("SUCCESS", 2)


def test_what_cannot_be_retried_is_said_with_the_reason(hub: Hub, oslo: Node) -> None:
    with pytest.raises(NotFound, match="no job 7"):
        hub.retry(7)
    job = hub.given("noop", 1)
    with pytest.raises(Conflict, match=f"job {job} is PENDING: only a job that is over can be retried"):
        hub.retry(job)
    oslo.work(Code.SKIPPED)
    for which, text in ((Retry.FAILED, "no path of it failed"), (Retry.UNFINISHED, "all its paths are done")):
        with pytest.raises(Conflict, match=f"job {job} is SUCCESS: {text}"):
            hub.retry(job, which)
    assert hub.job(hub.retry(job, Retry.ALL)).state == "PENDING"


def test_a_retry_runs_with_the_fields_of_the_old_job(hub: Hub, oslo: Node) -> None:
    job = hub.submit("checksum", algorithm="sha256")
    oslo.walk("a")
    oslo.work(Code.FAILED)
    hub.retry(job)
    hub.upkeep()
    (one,) = oslo.claim().grants
    assert one.arguments["algorithm"] == "sha256"


# Families -----------------------------------------------------------------------------------------------------


def test_a_job_cannot_be_retried_while_a_retry_of_it_runs(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2)
    oslo.work(Code.FAILED)
    once = hub.retry(job)
    for which in Retry:
        text = (
            f"job {job} is being retried as job {once}, which is PENDING: expected that one to be over first"
        )
        with pytest.raises(Conflict, match=text):
            hub.retry(job, which)


def test_what_a_retry_took_over_is_retried_there_and_not_twice(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2)
    oslo.work(Code.FAILED)
    once = hub.retry(job)
    hub.upkeep()
    oslo.work(Code.FAILED)
    for which in (Retry.FAILED, Retry.UNFINISHED):
        with pytest.raises(Conflict, match=f"job {job} was retried as job {once}, which took that over"):
            hub.retry(job, which)
    twice = hub.retry(once)
    hub.upkeep()
    assert oslo.work() == 2
    assert hub.job(twice).state == "SUCCESS"
    assert hub.job(hub.retry(job, Retry.ALL)).retry_of == job, "the whole job anew is always possible"


def test_after_a_retry_of_what_failed_what_was_not_run_can_still_be_retried_and_nothing_else(
    hub: Hub, oslo: Node
) -> None:
    job = a_cancelled_job(hub, oslo)
    hub.retry(job, Retry.FAILED)
    hub.upkeep()
    oslo.work()
    rest = hub.retry(job, Retry.UNFINISHED)
    hub.upkeep()
    assert work_of(oslo.claim()) == [("checksum", [b"f000000", b"f000002"])]
    oslo.hello()
    oslo.work()
    assert hub.job(rest).totals["discovered"] == 2
    with pytest.raises(Conflict, match=f"was retried as job {rest}"):
        hub.retry(job, Retry.UNFINISHED)


def test_a_retry_that_was_cancelled_before_it_had_taken_all_is_retried_with_what_it_left(
    hub: Hub, oslo: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("towpath.engine.retry.CHUNK", 2)
    job = hub.given("noop", 5)
    oslo.work(Code.FAILED)
    once = hub.retry(job)
    (walk,) = hub.tell(upkeep.own_discoveries)
    hub.tell(lambda tx: upkeep.discover(tx, walk))
    hub.wish(once, Wanted.CANCEL)
    hub.upkeep()
    assert (hub.job(once).state, hub.job(once).totals["discovered"]) == ("CANCELLED", 2)
    twice = hub.retry(once, Retry.UNFINISHED)
    hub.upkeep()
    assert oslo.work() == 5
    assert (hub.job(twice).state, hub.job(twice).totals["done"]) == ("SUCCESS", 5)
