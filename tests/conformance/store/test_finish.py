"""The last phase: its steps run once for a job, when all else is over, and their path counts in no total."""

from tests.hub_desk import Hub, Node, ended, found

from towpath import wire
from towpath.domain.paths import Code, Kind
from towpath.domain.states import Wanted
from towpath.engine.retry import Retry

NOTIFY = {"name": "notify", "webhook": "ops"}


def define(hub: Hub) -> None:
    """A workflow of two rules that both name the same notify, and one of them a second one."""
    rules = [
        {"type": "file", "state": "all", "action": [{"name": "checksum"}, NOTIFY]},
        {"type": "directory", "state": "all", "action": [NOTIFY, {"name": "noop"}, NOTIFY | {"text": "too"}]},
    ]
    hub.define_document({"name": "told", "filter_rules": rules})


def test_a_step_of_the_last_phase_runs_once_when_all_else_is_over(hub: Hub, oslo: Node) -> None:
    define(hub)
    job = hub.submit("told", "survey")
    (walk,) = oslo.claim("discovery").grants
    assert walk.walk is not None
    assert len(walk.walk.matchers) == 2, "no path goes down the branches of the last phase"
    oslo.report(found(walk, b"", b"1", "survey/a"))
    oslo.report(found(walk, b"1", b"2", "survey/b", kind=Kind.DIRECTORY))
    assert oslo.work() == 2
    assert not oslo.claim().grants, "the walk is not over"
    oslo.report(wire.WalkEnded(walk.task, walk.run, b"2"))
    (first,) = oslo.claim().grants
    assert (first.step, first.arguments) == ("notify", {"webhook": "ops"})
    assert not oslo.claim().grants, "the second waits for the first"
    assert hub.job(job).state == "STARTED"
    oslo.report(ended(first))
    (second,) = oslo.claim().grants
    assert second.arguments == {"webhook": "ops", "text": "too"}
    oslo.report(ended(second))
    view = hub.job(job)
    assert (view.state, view.totals["discovered"], view.totals["done"]) == ("SUCCESS", 2, 2)


def test_it_is_told_how_the_job_went(hub: Hub, oslo: Node) -> None:
    define(hub)
    job = hub.submit("told", "survey")
    oslo.walk("survey/a")
    (one,) = oslo.claim().grants
    assert one.facts == {}
    oslo.report(ended(one, Code.FAILED))
    (last,) = oslo.claim().grants
    facts = last.facts
    assert (facts["job"], facts["workflow"], facts["site"], facts["owner"]) == (job, "told", "oslo", "ana")
    assert (facts["ending"], facts["retry_of"]) == ("FAILURE", None)
    assert (facts["totals"]["discovered"], facts["totals"]["failed"]) == (1, 1)
    batch = wire.unpack(last.batch, wire.Batch)
    assert (batch.root, batch.paths, batch.states) == ("data", [b"survey"], [""])
    oslo.report(ended(last))
    assert oslo.work() == 1
    assert hub.job(job).state == "FAILURE"


def test_a_job_that_found_nothing_is_told_of_too_and_stays_one_that_found_nothing(
    hub: Hub, oslo: Node
) -> None:
    define(hub)
    job = hub.submit("told", "survey")
    oslo.walk()
    assert oslo.work() == 2
    assert (hub.job(job).state, hub.job(job).noop) == ("SUCCESS", True)


def test_a_last_step_that_fails_fails_the_job_and_no_path_of_it(hub: Hub, oslo: Node) -> None:
    define(hub)
    job = hub.submit("told", "survey")
    oslo.walk("survey/a")
    oslo.report(*map(ended, oslo.claim().grants))
    (first,) = oslo.claim().grants
    oslo.report(ended(first, Code.FAILED))
    (second,) = oslo.claim().grants
    oslo.report(wire.Failed(second.task, second.run, "a bug"))
    view = hub.job(job)
    assert (view.state, view.totals["failed"], view.totals["unknown"], view.totals["done"]) == (
        "FAILURE",
        0,
        0,
        1,
    )


def test_a_cancelled_job_tells_nothing(hub: Hub, oslo: Node) -> None:
    define(hub)
    job = hub.submit("told", "survey")
    oslo.walk("survey/a")
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    view = hub.job(job)
    assert (view.state, view.totals["not_run"], view.totals["discovered"]) == ("CANCELLED", 1, 1)
    assert not oslo.claim().grants


def test_a_retry_has_last_steps_of_its_own_that_know_it_goes_on(hub: Hub, oslo: Node) -> None:
    define(hub)
    job = hub.submit("told", "survey")
    oslo.walk("survey/a", "survey/b")
    oslo.work(Code.FAILED)
    again = hub.retry(job)
    hub.upkeep()
    (one,) = oslo.claim().grants
    assert one.step == "checksum"
    oslo.report(ended(one))
    (last,) = oslo.claim().grants
    assert (last.step, last.facts["retry_of"], last.facts["ending"]) == ("notify", job, "SUCCESS")
    assert wire.unpack(last.batch, wire.Batch).states == ["goes_on"]
    oslo.report(ended(last))
    oslo.work()
    view = hub.job(again)
    assert (view.state, view.totals["discovered"], view.totals["done"]) == ("SUCCESS", 2, 2)
    assert wire.unpack(last.batch, wire.Batch).paths == [b"survey"]


def test_where_only_a_last_step_failed_the_retry_runs_it_again(hub: Hub, oslo: Node) -> None:
    define(hub)
    job = hub.submit("told", "survey")
    oslo.walk("survey/a")
    oslo.report(*map(ended, oslo.claim().grants))
    oslo.work(Code.FAILED)
    assert hub.job(job).state == "FAILURE"
    again = hub.retry(job, Retry.FAILED)
    hub.upkeep()
    assert oslo.work() == 2
    assert hub.job(again).state == "SUCCESS"
