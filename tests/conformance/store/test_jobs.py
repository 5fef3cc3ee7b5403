"""Jobs from their start to their end: chains, phases, wishes, retries, and what people see of them."""

import pytest
from tests.hub_desk import Hub, Node, ended, found, group

from towpath import wire
from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.paths import Code, Kind
from towpath.domain.states import IllegalWish, Wanted
from towpath.engine import control, nodes, registry, workflows
from towpath.engine.inputs import Asked
from towpath.engine.retry import Retry
from towpath.store import paths, views


def states(hub: Hub, job: int) -> dict[str, dict[str, int]]:
    """Step and place → its tasks by state."""
    with hub.database.reading() as conn:
        return {f"{s.rule}.{s.position} {s.step}": dict(s.tasks) for s in views.list_steps(conn, job)}


def outcomes(
    hub: Hub, job: int, outcome: str | None = None, step: str | None = None
) -> list[tuple[str, str]]:
    """Path and outcome of each path at each step."""
    with hub.database.reading() as conn:
        return [(p.path.decode(), p.outcome) for p in paths.iterate_paths(conn, job, outcome, step)]


def test_a_job_is_pending_while_it_is_discovered_and_started_once_a_task_has_begun(
    hub: Hub, oslo: Node
) -> None:
    job = hub.submit("noop")
    assert hub.job(job).state == "PENDING"
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", "a"))
    assert hub.job(job).state == "PENDING"
    (task,) = oslo.claim().grants
    assert hub.job(job).state == "STARTED"
    oslo.report(ended(task))
    assert hub.job(job).state == "STARTED"
    oslo.report(wire.WalkEnded(walk.task, walk.run, b"1"))
    view = hub.job(job)
    assert (view.state, view.noop, view.totals["done"]) == ("SUCCESS", False, 1)


def test_a_job_that_finds_nothing_ends_well_and_says_so(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    oslo.walk()
    assert (hub.job(job).state, hub.job(job).noop) == ("SUCCESS", True)


def test_what_was_processed_goes_on_and_what_failed_is_told(hub: Hub, oslo: Node) -> None:
    job = hub.submit("two")
    oslo.walk("a", "b", "c")
    (first,) = oslo.claim().grants
    codes = wire.compress(bytes([Code.PROCESSED, Code.FAILED, Code.SKIPPED]))
    notes = [wire.Note(1, "no_permission", "may not"), wire.Note(2, "permanent", "no data")]
    oslo.report(wire.Ended(first.task, first.run, codes, notes))
    (second,) = oslo.claim().grants
    assert second.step == "checksum"
    oslo.report(ended(second))
    view = hub.job(job)
    assert view.state == "FAILURE"
    assert view.totals == {
        "discovered": 3, "done": 1, "failed": 1, "skipped": 1, "aborted": 0, "not_run": 0, "unknown": 0
    }  # fmt: skip
    assert outcomes(hub, job, "failed") == [("b", "failed")]
    assert outcomes(hub, job, step="checksum") == [("a", "processed")]


def test_a_step_that_fails_whole_cancels_the_rest_of_its_chain(hub: Hub, oslo: Node) -> None:
    job = hub.submit("two")
    oslo.walk("a")
    (first,) = oslo.claim().grants
    oslo.report(wire.Failed(first.task, first.run, "ValueError: no"))
    assert states(hub, job)["0.0 noop"] == {"FAILURE": 1}
    assert states(hub, job)["0.1 checksum"] == {"CANCELLED": 1}
    assert (hub.job(job).state, hub.job(job).totals["unknown"]) == ("FAILURE", 1)
    assert outcomes(hub, job) == [("a", "unknown")]


def test_a_task_with_nothing_left_to_do_is_skipped(hub: Hub, oslo: Node) -> None:
    job = hub.submit("two")
    oslo.walk("a")
    oslo.work(Code.ABORTED)
    assert states(hub, job)["0.1 checksum"] == {"SKIPPED": 1}
    assert (hub.job(job).state, hub.job(job).totals["aborted"]) == ("SUCCESS", 1)


def test_a_chain_goes_on_at_another_site(hub: Hub, oslo: Node, bergen: Node) -> None:
    job = hub.submit("across")
    oslo.walk("a")
    assert bergen.work() == 0
    assert oslo.work() == 1
    assert bergen.work() == 1
    assert hub.job(job).state == "SUCCESS"


def test_deletes_wait_for_discovery_and_the_deepest_directories_go_first(hub: Hub, oslo: Node) -> None:
    job = hub.submit("delete")
    (walk,) = oslo.claim("discovery").grants
    names = [group(walk, "d", "d/e", "d/e/f", "d/g", kind=Kind.DIRECTORY)]
    oslo.report(wire.Found(walk.task, walk.run, b"", b"1", [group(walk, "d/x"), *names]))
    (files,) = oslo.claim().grants
    oslo.report(ended(files))
    assert not oslo.claim().grants, "directories wait until all is known"
    oslo.report(wire.WalkEnded(walk.task, walk.run, b"1"))
    order = []
    while grants := oslo.claim().grants:
        for one in grants:
            mask = wire.decompress(one.mask, 1000)
            known = wire.unpack(one.batch, wire.Batch).paths
            order.append([path for path, mine in zip(known, mask, strict=True) if mine])
            oslo.report(ended(one))
    assert order == [[b"d/e/f"], [b"d/e", b"d/g"], [b"d"]]
    assert hub.job(job).state == "SUCCESS"


# Wishes -------------------------------------------------------------------------------------------------------


def test_a_pause_lets_running_tasks_end_and_grants_no_more(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 3)
    (one,) = oslo.claim(slots=1).grants
    hub.wish(job, Wanted.PAUSE)
    assert hub.job(job).state == "PAUSING"
    assert oslo.beat().hand_back == []
    assert not oslo.claim().grants
    oslo.report(ended(one))
    view = hub.job(job)
    assert (view.state, view.waiting) == ("PAUSED", "paused by ana: why not")
    hub.wish(job, Wanted.RUN)
    assert oslo.work() == 2
    assert hub.job(job).state == "SUCCESS"


def test_a_pause_now_hands_back_the_rest_and_loses_nothing(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 10, per_task=10)
    (one,) = oslo.claim().grants
    hub.wish(job, Wanted.PAUSE, now=True)
    assert oslo.beat().hand_back == [one.run]
    oslo.report(ended(one, only=4))
    assert hub.job(job).state == "PAUSED"
    hub.wish(job, Wanted.RUN)
    oslo.work()
    assert (hub.job(job).state, hub.job(job).totals["done"]) == ("SUCCESS", 10)
    assert len(set(outcomes(hub, job, step="noop"))) == 10


def test_a_walk_is_handed_back_on_any_pause_and_goes_on_from_its_cursor(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", "a"))
    hub.wish(job, Wanted.PAUSE)
    assert oslo.beat().hand_back == [walk.run]
    oslo.report(wire.WalkEnded(walk.task, walk.run, b"1", handed_back=True))
    assert hub.job(job).state == "PAUSED"
    hub.wish(job, Wanted.RUN)
    (again,) = oslo.claim("discovery").grants
    assert again.walk is not None
    assert (again.task, again.walk.cursor) == (walk.task, b"1")


def test_a_cancel_empties_the_queue_in_chunks_and_ends(
    hub: Hub, oslo: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("towpath.engine.upkeep.SWEEP", 40)
    job = hub.given("two", 100)
    (one,) = oslo.claim(slots=1).grants
    hub.wish(job, Wanted.CANCEL)
    assert hub.job(job).state == "DEQUEUING"
    assert oslo.beat().hand_back == [one.run]
    hub.upkeep()
    assert hub.job(job).state == "DEQUEUING"
    oslo.report(ended(one))
    view = hub.job(job)
    assert (view.state, view.totals["not_run"]) == ("CANCELLED", 100), (
        "its successor was cancelled before it ended"
    )


def test_a_cancel_ends_though_the_node_never_answers(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2)
    oslo.claim(slots=1)
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    with hub.database.reading() as conn:
        (silent,) = nodes.watched(conn)
    hub.tell(lambda tx: nodes.silence(tx, silent))
    assert (hub.job(job).state, hub.job(job).totals["not_run"]) == ("CANCELLED", 2)


def test_what_cannot_be_wished_is_said_with_the_state(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    with pytest.raises(
        IllegalWish, match=f"job {job} is PENDING: only a job that is PAUSING, PAUSED can be resumed"
    ):
        hub.wish(job, Wanted.RUN)
    oslo.work()
    with pytest.raises(IllegalWish, match=f"job {job} is SUCCESS: only a job that is .* can be cancelled"):
        hub.wish(job, Wanted.CANCEL)
    with pytest.raises(NotFound, match="no job 99"):
        hub.wish(99, Wanted.PAUSE)


# Retry --------------------------------------------------------------------------------------------------------


def test_a_retry_takes_what_failed_from_the_step_where_it_failed(hub: Hub, oslo: Node) -> None:
    job = hub.submit("two")
    oslo.walk("a", "b", "c")
    (first,) = oslo.claim().grants
    oslo.report(ended(first))
    (second,) = oslo.claim().grants
    codes = wire.compress(bytes([Code.PROCESSED, Code.FAILED, Code.FAILED]))
    oslo.report(wire.Ended(second.task, second.run, codes, []))
    again = hub.retry(job)
    hub.upkeep()
    assert hub.job(again).retry_of == job
    (task,) = oslo.claim().grants
    assert task.step == "checksum"
    oslo.report(ended(task))
    assert (hub.job(again).state, hub.job(again).totals["done"]) == ("SUCCESS", 2)
    assert outcomes(hub, again) == [("b", "processed"), ("c", "processed")]
    assert states(hub, again).keys() == {"-1.-1 recursive", "0.1 checksum"}


def test_a_retry_walks_again_what_could_not_be_looked_at(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    problem = wire.Problem("data", b"d", "no_permission", "may not be read")
    oslo.report(
        wire.Found(walk.task, walk.run, b"", b"1", [group(walk, "a")], [problem]),
        wire.WalkEnded(walk.task, walk.run, b"1"),
    )
    oslo.work()
    assert (hub.job(job).state, hub.job(job).totals["failed"]) == ("FAILURE", 1)
    assert outcomes(hub, job, "failed") == [("d", "failed")]
    again = hub.retry(job)
    hub.upkeep()
    (anew,) = oslo.claim("discovery").grants
    assert anew.walk is not None
    assert [given.path for given in anew.walk.inputs] == [b"d"]
    oslo.report(found(anew, b"", b"2", "d/x"), wire.WalkEnded(anew.task, anew.run, b"2"))
    oslo.work()
    assert (hub.job(again).state, outcomes(hub, again)) == ("SUCCESS", [("d/x", "processed")])


def test_a_retry_of_what_is_unfinished_goes_on_with_a_cancelled_walk(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", "a"))
    hub.wish(job, Wanted.CANCEL)
    oslo.report(wire.WalkEnded(walk.task, walk.run, b"1", handed_back=True))
    hub.upkeep()
    assert hub.job(job).state == "CANCELLED"
    again = hub.retry(job, Retry.UNFINISHED)
    hub.upkeep()
    (anew,) = oslo.claim("discovery").grants
    assert anew.walk is not None
    assert anew.walk.cursor == b"1"
    oslo.report(found(anew, b"1", b"2", "b"), wire.WalkEnded(anew.task, anew.run, b"2"))
    oslo.work()
    assert sorted(outcomes(hub, again)) == [("a", "processed"), ("b", "processed")]


def test_there_is_nothing_to_retry_in_a_job_that_went_well_or_runs(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    with pytest.raises(Conflict, match="only a job that is over can be retried"):
        hub.retry(job)
    oslo.work()
    with pytest.raises(Conflict, match="no path of it failed"):
        hub.retry(job)


# Submissions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("workflow", "site", "path", "text"),
    [
        ("nop", "oslo", "a", "no workflow 'nop', did you mean 'noop'?"),
        ("noop", "olso", "a", "no site 'olso', did you mean 'oslo'?"),
        (
            "noop",
            "oslo",
            "../a",
            r"path '/srv/data/../a' lies beneath no root of site oslo \(its roots: /srv/data\)",
        ),
    ],
)
def test_a_mistake_in_an_order_is_named(
    hub: Hub, oslo: Node, workflow: str, site: str, path: str, text: str
) -> None:
    with pytest.raises(Mistake, match=text):
        hub.submit(workflow, path, site=site)


def test_a_relative_path_and_a_missing_target_are_mistakes(hub: Hub, oslo: Node) -> None:
    order = control.Submission("noop", "oslo", "default", (Asked(b"a"),), {}, "ana")
    with pytest.raises(Mistake, match="expected an absolute path, found 'a'"):
        hub.tell(lambda tx: control.submit(tx, order))
    with pytest.raises(Mistake, match="no target 'valt', did you mean 'vault'"):
        hub.submit("migrate", endpoint="valt")


def test_the_only_target_is_used_where_none_is_named(hub: Hub, oslo: Node) -> None:
    hub.submit("migrate")
    oslo.walk("a")
    (task,) = oslo.claim().grants
    assert task.endpoint == "vault"
    hub.tell(lambda tx: registry.add_target(tx, "tape", "file:///srv/tape", {}, bytes(32)))
    with pytest.raises(Mistake, match="has no default target"):
        hub.submit("migrate")
    hub.tell(lambda tx: registry.set_default_target(tx, "oslo", "tape"))
    hub.submit("migrate")


def test_a_path_beneath_another_is_walked_once(hub: Hub, oslo: Node) -> None:
    hub.submit("noop", "d", "d/e", "dd", "d")
    (walk,) = oslo.claim("discovery").grants
    assert walk.walk is not None
    assert [given.path for given in walk.walk.inputs] == [b"d", b"dd"]


def test_a_job_keeps_the_workflow_it_began_with(hub: Hub, oslo: Node) -> None:
    job = hub.submit("two")
    shorter = {"name": "two", "filter_rules": [{"type": "all", "state": "all", "action": [{"name": "noop"}]}]}
    assert hub.tell(lambda tx: workflows.define_workflow(tx, shorter)).version == 2
    oslo.walk("a")
    oslo.work()
    assert states(hub, job)["0.1 checksum"] == {"SUCCESS": 1}
    assert (hub.job(job).workflow_version, hub.job(hub.submit("two")).workflow_version) == (1, 2)


def test_installing_again_leaves_an_edited_workflow_alone(hub: Hub) -> None:
    edited = {
        "name": "noop",
        "filter_rules": [{"type": "file", "state": "all", "action": [{"name": "noop"}]}],
    }
    hub.tell(lambda tx: workflows.define_workflow(tx, edited))
    hub.tell(workflows.install)
    with hub.database.reading() as conn:
        view = workflows.find_workflow(conn, "noop")
    assert view is not None
    assert (view.version, view.installed) == (2, False)
