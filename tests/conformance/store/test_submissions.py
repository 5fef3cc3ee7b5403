"""Submissions: what an order becomes, what is a mistake in one, and workflows as they are kept."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.hub_desk import ROOT, TWO_STEPS, Hub, Node

from towpath import wire
from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.workflow import InvalidDefinition
from towpath.engine import control, registry, upkeep, workflows
from towpath.engine.inputs import Asked
from towpath.engine.retry import Retry
from towpath.store import views
from towpath.store.database import Database
from towpath.store.tables import idempotency, jobs, tasks
from towpath.store.tables import workflows as rows_of_workflows


def order(*paths: str, **other: object) -> control.Submission:
    """An order to do nothing."""
    asked = tuple(Asked(f"{ROOT}/{path}".encode()) for path in paths or ("a",))
    said: dict[str, object] = {
        "workflow": "noop", "site": "oslo", "queue": "default", "inputs": asked, "fields": {}, "owner": "ana"
    }  # fmt: skip
    return control.Submission(**(said | other))  # type: ignore[arg-type]


def submit(hub: Hub, *paths: str, **other: object) -> int:
    """Hand an order in."""
    return hub.tell(lambda tx: control.submit(tx, order(*paths, **other))).job_id


def counts(hub: Hub) -> tuple[int, int]:
    """How many jobs and tasks there are."""
    rows = hub.rows()
    return len(rows["jobs"]), len(rows["tasks"])


# Orders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"workflow": "nop"}, r"no workflow 'nop', did you mean 'noop'"),
        ({"site": "olso"}, r"no site 'olso', did you mean 'oslo'"),
        ({"site": "bergen"}, r"site bergen: no worker has said yet which roots it has"),
        ({"queue": "a b"}, r"step noop: queue: "),
        ({"discovery": "recursiv"}, r"no discovery 'recursiv', did you mean 'recursive'"),
        ({"fields": {"speed": "9"}}, r"workflow noop"),
        ({"inputs": ()}, r"paths: expected at least one path, found none"),
        ({"inputs": (Asked(b"a"),)}, r"paths: expected an absolute path, found 'a'"),
        (
            {"inputs": (Asked(b"/srv/data/x"), Asked(b"/etc"))},
            r"path '/etc' lies beneath no root of site oslo",
        ),
        ({"workflow": "migrate", "fields": {"endpoint": "valt"}}, r"no target 'valt', did you mean 'vault'"),
        ({"workflow": "migrate", "fields": {"stub_sise": 1}}, r"stub_sise.*did you mean 'stub_size'"),
    ],
)
def test_a_mistake_in_an_order_is_named_and_makes_no_job(
    hub: Hub, oslo: Node, other: dict[str, object], text: str
) -> None:
    with pytest.raises((Mistake, NotFound), match=text):
        submit(hub, **other)
    assert counts(hub) == (0, 0)


def test_the_key_of_an_order_that_was_a_mistake_can_be_used_again(hub: Hub, oslo: Node) -> None:
    with pytest.raises(NotFound):
        submit(hub, workflow="nop", idempotency_key="k", body_digest=b"1")
    assert submit(hub, idempotency_key="k", body_digest=b"2") == 1


def test_the_same_key_and_order_make_one_job_and_another_order_none(hub: Hub, oslo: Node) -> None:
    job = submit(hub, idempotency_key="k", body_digest=b"1")
    assert submit(hub, idempotency_key="k", body_digest=b"1") == job
    with pytest.raises(
        Conflict, match=f"Idempotency-Key 'k': expected the same request.*belongs to job {job}"
    ):
        submit(hub, idempotency_key="k", body_digest=b"2")
    assert submit(hub, idempotency_key="other", body_digest=b"1") == job + 1
    assert counts(hub) == (2, 2)


def test_a_key_is_forgotten_after_a_day(hub: Hub, oslo: Node) -> None:
    job = submit(hub, idempotency_key="k", body_digest=b"1")
    hub.pass_time(upkeep.DAY - 1000)
    hub.tell(upkeep.forget)
    assert submit(hub, idempotency_key="k", body_digest=b"1") == job
    hub.pass_time(2000)
    hub.tell(upkeep.forget)
    with hub.database.reading() as conn:
        assert not conn.execute(idempotency.select()).all()
    assert submit(hub, idempotency_key="k", body_digest=b"1") == job + 1


def test_the_target_is_the_one_named_else_the_sites_own_else_the_only_one(hub: Hub, oslo: Node) -> None:
    def target_of(**fields: object) -> str:
        job = submit(hub, workflow="migrate", fields=fields, discovery=None)
        return next(one.endpoint for one in oslo.claim().grants if one.job == job)

    assert target_of() == "vault"
    hub.tell(lambda tx: registry.add_target(tx, "tape", "file:///srv/tape", {}, bytes(32)))
    with pytest.raises(Mistake, match="site oslo has no default target; give --field endpoint=NAME"):
        target_of()
    assert target_of(endpoint="vault") == "vault"
    hub.tell(lambda tx: registry.set_default_target(tx, "oslo", "tape"))
    assert target_of() == "tape"
    assert target_of(endpoint="vault") == "vault"


def test_without_a_discovery_the_callers_paths_are_taken_as_they_are(hub: Hub, oslo: Node) -> None:
    document = TWO_STEPS | {
        "name": "by_state",
        "filter_rules": [
            {"type": "all", "state": "created", "action": [{"name": "noop"}]},
            {"type": "all", "state": "modified", "action": [{"name": "checksum"}]},
        ],
    }
    hub.define_document(document)
    states = {"a": "created", "b": "modified", "c": "deleted", "d": "created"}
    asked = tuple(Asked(f"{ROOT}/{name}".encode(), state) for name, state in states.items())
    job = submit(hub, workflow="by_state", inputs=asked, discovery=None)
    got = {one.step: wire.unpack(one.batch, wire.Batch).paths for one in oslo.claim().grants}
    assert got == {"noop": [b"a", b"d"], "checksum": [b"b"]}
    assert (hub.job(job).totals["discovered"], hub.job(job).unmatched) == (3, 1)
    assert hub.job(job).discovery is None


def test_an_order_whose_paths_no_rule_takes_ends_well_with_nothing_done(hub: Hub, oslo: Node) -> None:
    rule = {"type": "all", "state": "created", "action": [{"name": "noop"}]}
    hub.define_document({"name": "picky", "filter_rules": [rule]})
    job = submit(hub, workflow="picky", discovery=None)
    assert (hub.job(job).state, hub.job(job).noop, hub.job(job).unmatched) == ("SUCCESS", True, 1)


def test_paths_are_cut_into_tasks_of_the_size_that_was_asked_for(hub: Hub, oslo: Node) -> None:
    submit(hub, *(f"f{n}" for n in range(7)), discovery=None, paths_per_task=3)
    sizes = [len(wire.unpack(one.batch, wire.Batch).paths) for one in oslo.claim().grants]
    assert sizes == [3, 3, 1]


def test_a_job_runs_in_the_queue_that_was_asked_for(hub: Hub, oslo: Node) -> None:
    job = submit(hub, queue="night", discovery=None)
    assert not oslo.claim().grants
    assert hub.job(job).waiting == "no node of site oslo serves queue night (worker)"
    assert oslo.claim(queue="night").grants


# Workflows ----------------------------------------------------------------------------------------------------


def versions(hub: Hub) -> dict[str, list[tuple[int, bool]]]:
    """The versions of each workflow, and which is current."""
    kept: dict[str, list[tuple[int, bool]]] = {}
    with hub.database.reading() as conn:
        rows = conn.execute(rows_of_workflows.select().order_by(rows_of_workflows.c.id))
        for row in rows:
            kept.setdefault(row.name, []).append((row.version, row.current))
    return kept


def test_installing_is_done_once_however_often(hub: Hub) -> None:
    before = versions(hub)
    hub.tell(workflows.install)
    assert versions(hub) == before
    assert before["migrate"] == [(1, True)]


def test_an_installed_workflow_is_brought_to_its_new_form(hub: Hub) -> None:
    old = {"name": "noop", "filter_rules": [{"type": "file", "state": "all", "action": [{"name": "noop"}]}]}
    table = rows_of_workflows
    hub.tell(lambda tx: tx.conn.execute(table.update().where(table.c.name == "noop").values(definition=old)))
    hub.tell(workflows.install)
    assert versions(hub)["noop"] == [(1, False), (2, True)]
    with hub.database.reading() as conn:
        view = workflows.find_workflow(conn, "noop")
    assert view is not None
    assert (view.installed, view.definition["filter_rules"][0]["type"]) == (True, "all")


def test_an_installed_workflow_that_was_deleted_does_not_come_back(hub: Hub, oslo: Node) -> None:
    hub.tell(lambda tx: workflows.delete_workflow(tx, "noop"))
    hub.tell(workflows.install)
    assert versions(hub)["noop"] == [(1, False)]
    with pytest.raises(NotFound, match="no workflow 'noop'"):
        submit(hub)


def test_a_definition_that_has_not_changed_makes_no_version(hub: Hub) -> None:
    hub.define_document(TWO_STEPS)
    assert versions(hub)["two"] == [(1, True)]


def test_a_definition_with_mistakes_is_not_kept(hub: Hub) -> None:
    broken = {"name": "two", "filter_rules": [{"type": "all", "state": "all", "action": [{"name": "nop"}]}]}
    with pytest.raises(InvalidDefinition, match="nop"):
        hub.define_document(broken)
    with hub.database.reading() as conn:
        assert workflows.check_workflow(conn, broken)
        assert workflows.check_workflow(conn, TWO_STEPS) == []
    assert versions(hub)["two"] == [(1, True)]


def test_a_deleted_workflow_stays_for_the_jobs_that_ran_with_it(hub: Hub, oslo: Node) -> None:
    job = submit(hub, workflow="two", discovery=None)
    hub.tell(lambda tx: workflows.delete_workflow(tx, "two"))
    oslo.work()
    assert (hub.job(job).state, hub.job(job).workflow_version) == ("SUCCESS", 1)
    with pytest.raises(NotFound, match="no workflow 'two'"):
        hub.tell(lambda tx: workflows.delete_workflow(tx, "two"))
    hub.define_document(TWO_STEPS)
    assert versions(hub)["two"] == [(1, False), (2, True)]


def test_a_plan_never_changes_once_its_job_is_made(hub: Hub, oslo: Node) -> None:
    job = submit(hub, workflow="two", discovery=None)
    with hub.database.reading() as conn:
        before = conn.scalars(jobs.select().with_only_columns(jobs.c.plan)).all()
    hub.define("two", {"name": "noop"})
    oslo.work()
    again = hub.retry(job, Retry.ALL)
    hub.upkeep()
    oslo.work()
    assert hub.job(again).workflow_version == 1
    with hub.database.reading() as conn:
        assert conn.scalars(jobs.select().with_only_columns(jobs.c.plan)).all() == [*before, *before]
        assert sorted(conn.scalars(tasks.select().with_only_columns(tasks.c.step).where(tasks.c.paths > 0))) == [
            "checksum", "checksum", "noop", "noop"
        ]  # fmt: skip


def test_the_newest_jobs_come_first_and_a_page_ends_where_it_was_asked_to(hub: Hub, oslo: Node) -> None:
    for _ in range(5):
        submit(hub)
    submit(hub, workflow="two", discovery=None)
    oslo.work()
    with hub.database.reading() as conn:
        everything = views.JobFilter()
        assert [job.id for job in views.list_jobs(conn, everything, 2, None)] == [6, 5]
        assert [job.id for job in views.list_jobs(conn, everything, 9, 5)] == [4, 3, 2, 1]
        assert [job.id for job in views.list_jobs(conn, views.JobFilter(state="SUCCESS"), 9, None)] == [6]
        assert [job.id for job in views.list_jobs(conn, views.JobFilter(workflow="two"), 9, None)] == [6]
        assert views.count_jobs(conn, views.JobFilter(site="oslo")) == 6
        assert views.count_jobs(conn, views.JobFilter(site="bergen")) == 0
        assert views.find_job(conn, 77) is None
        assert views.list_steps(conn, 77) == []


def test_the_same_order_handed_in_at_two_hubs_at_once_makes_one_job(hub: Hub, oslo: Node) -> None:
    other = Hub(Database(hub.database.engine.url.render_as_string(hide_password=False), hub.clock), hub.clock)
    both_ready = threading.Barrier(2)

    def hand_in(at: Hub) -> control.Submitted:
        both_ready.wait(20)
        return at.tell(lambda tx: control.submit(tx, order(idempotency_key="k", body_digest=b"1")))

    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            said = list(pool.map(hand_in, (hub, other)))
            assert len({one.job_id for one in said}) == 1
            assert sorted(one.repeated for one in said) == [False, True]
            hub.pass_time(upkeep.DAY + 1)
            hub.tell(upkeep.forget)
    other.database.stop()
    assert counts(hub) == (5, 5)


def test_a_key_is_its_owners_own(hub: Hub, oslo: Node) -> None:
    anas = submit(hub, idempotency_key="k", body_digest=b"1")
    assert submit(hub, idempotency_key="k", body_digest=b"2", owner="bea") != anas
