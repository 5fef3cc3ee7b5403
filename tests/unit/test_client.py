"""The client against a real API: the same calls, waited for and awaited."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from tests.fixtures_api import SITE, Api, api, laid

from towpath.client import AsyncClient, Client, JobFacts, Retries
from towpath.client.errors import (
    ChangedSince,
    Malformed,
    Misconfigured,
    NotFound,
    Unauthenticated,
    Unreachable,
    WaitedTooLong,
)
from towpath.client.waiting import Patience
from towpath.engine import events as telling
from towpath.store import tables
from towpath.wire import WalkEnded

__all__ = ["api", "laid"]

QUICK = Patience(poll=0.01)


@pytest.fixture
def hub(api: Api) -> Iterator[Client]:
    with Client(api.url, api.key) as client:
        yield client


def walk(api: Api) -> None:
    """End each walk that is due: nothing more is found."""
    for one in api.claim(2, "discovery"):
        assert one.walk is not None
        api.tell(WalkEnded(one.task, one.run, one.walk.cursor))


@contextmanager
def node_at_work(api: Api, failed: dict[bytes, str] | None = None, wishes: int = 0) -> Iterator[None]:
    """The site's node runs what is due once so many wishes were made, and events get their numbers, until the end."""
    over = threading.Event()
    made = sa.select(sa.func.count()).select_from(tables.wishes)

    def work() -> None:
        while not over.wait(0.02):
            with api.database.reading() as conn:
                is_due = conn.execute(made).scalar_one() >= wishes
            if is_due:
                walk(api)
                api.run(failed)
            with api.database.writing() as tx:
                telling.number(tx)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_job_is_run_watched_looked_into_and_retried(api: Api, hub: Client) -> None:
    seen: list[JobFacts] = []
    job = hub.jobs.run("noop", SITE, ["/mnt/oslo/a", b"/mnt/oslo/\xff"], discovery=None)
    assert (job.state, job.is_over, job.facts.owner) == ("PENDING", False, "ana")
    with node_at_work(api, {b"\xff": "no"}):
        assert job.wait(seen.append, timeout=30, patience=QUICK) is job
    assert job.state == "FAILURE" == seen[-1].state
    [path] = job.paths(outcome="failed")
    assert (path.exact, path.reason, path.error_class) == (b"/mnt/oslo/\xff", "no", "no_permission")
    assert [step.processed for step in job.steps()] == [0, 1]
    assert len([*job.tasks()]) == 2
    assert b"".join(job.report("csv")).startswith(b"task,step")
    again = job.retry(failed=True)
    assert again.facts.retry_of == job.id


def test_people_wish_something_of_a_job(hub: Client) -> None:
    job = hub.jobs.run("noop", SITE, ["/mnt/oslo/a"], discovery=None, priority=3)
    assert job.pause("tape down").state == "PAUSED"
    assert hub.jobs.wait(job.id, patience=QUICK).state == "PAUSED"
    assert job.resume().facts.wanted == "run"
    assert job.set_priority(7).set_max_tasks(2).facts.max_tasks == 2
    assert job.cancel("enough").state == "DEQUEUING"
    assert [(wish.wanted, wish.why) for wish in job.wishes()] == [
        ("pause", "tape down"),
        ("run", ""),
        ("cancel", "enough"),
    ]


def test_a_job_that_takes_too_long_is_told_of(hub: Client) -> None:
    job = hub.jobs.run("noop", SITE, ["/mnt/oslo/a"], discovery=None)
    with pytest.raises(WaitedTooLong, match=f"job {job.id}: expected its end within 0 s"):
        job.wait(timeout=0)


def test_one_key_is_one_job(hub: Client) -> None:
    first, second = (hub.jobs.run("noop", SITE, ["/mnt/oslo/a"], key="k1") for _ in range(2))
    assert first.id == second.id
    assert hub.jobs.run("noop", SITE, ["/mnt/oslo/a"]).id != first.id


def test_a_list_goes_over_its_pages(hub: Client) -> None:
    made = [hub.jobs.run("noop", SITE, ["/mnt/oslo/a"]).id for _ in range(5)]
    assert [job.id for job in hub.jobs.list(workflow="noop", page_size=2)] == made[::-1]
    assert [job.id for job in hub.jobs.list(state="SUCCESS")] == []


def test_sites_nodes_workflows_and_targets_are_asked_for(api: Api, hub: Client) -> None:
    assert [site.name for site in hub.sites.list()] == [SITE]
    assert hub.sites.pause(SITE, queue="default", reason="r").paused[0].why == "r"
    assert hub.sites.resume(SITE, queue="default").paused == []
    [node] = hub.nodes.list(SITE)
    assert hub.nodes.drain(SITE, node.name).drain_by == "ana"
    assert hub.nodes.set_slots(SITE, node.name, 3).queues["default"]["worker"] == 3
    text = hub.workflows.export_file("migrate").replace("name: migrate", "name: mine", 1)
    assert hub.workflows.import_file(text).name == "mine"
    assert hub.workflows.check({"name": "x"}).valid is False
    assert hub.workflows.change("mine", {"label": "Mine"}).version == 2
    assert "+label: Mine" in hub.workflows.diff("mine").lines
    assert [one.version for one in hub.workflows.versions("mine")] == [2, 1]
    assert hub.workflows.pause("mine") == 0
    hub.workflows.delete("mine")
    hub.targets.add("vault", f"file://{api.context.settings.home}/vault")
    assert [target.name for target in hub.targets.list()] == ["vault"]
    hub.targets.delete("vault")
    assert hub.health().status == "ok"


def test_a_refusal_is_an_exception_of_its_kind(api: Api, hub: Client) -> None:
    with pytest.raises(NotFound, match="no job 99"):
        hub.jobs.get(99)
    with pytest.raises(Malformed) as error:
        hub.jobs.run("noop", SITE, [], discovery=None)
    assert error.value.problems[0].place == "paths"
    with pytest.raises(ChangedSince):
        hub.sites.set_default_target(SITE, None, tag='"old"')
    with Client(api.url, "none") as stranger, pytest.raises(Unauthenticated):
        stranger.sites.list()
    with pytest.raises(Misconfigured, match="expected http://HOST:PORT"):
        Client("http://127.0.0.1:port", "k")
    with Client("http://127.0.0.1:1", "k", retries=Retries(attempts=1)) as nobody, pytest.raises(Unreachable):
        nobody.health()


def test_events_are_followed_from_where_one_is(api: Api, hub: Client) -> None:
    job = hub.jobs.run("noop", SITE, ["/mnt/oslo/a"], discovery=None)
    with node_at_work(api):
        kinds = []
        for event in hub.events.follow(["job.*"], job=job.id, after=0):
            kinds.append(event.kind)
            if event.kind == "job.ended":
                break
    assert kinds == ["job.pending", "job.started", "job.ended"]
    assert [event.kind for event in hub.events.list(["job.*"], job=job.id)] == kinds


def test_the_same_calls_are_awaited(api: Api) -> None:
    async def work() -> tuple[str, list[str], list[int], list[str]]:
        async with AsyncClient(api.url, api.key) as hub:
            job = await hub.jobs.run("noop", SITE, ["/mnt/oslo/a"], discovery=None)
            await job.wait(timeout=30, patience=QUICK)
            again = await job.retry(everything=True)
            listed = [one.id async for one in hub.jobs.list(page_size=1)]
            assert listed == [again.id, job.id]
            paths = [path.outcome async for path in job.paths()]
            with pytest.raises(NotFound):
                await hub.jobs.get(99)
            events: AsyncIterator = hub.events.follow(["job.*"], after=0)  # type: ignore[type-arg]
            first = await anext(events)
            return job.state, paths, listed, [first.kind]

    with node_at_work(api):
        state, paths, listed, kinds = asyncio.run(work())
    assert (state, paths, len(listed), kinds) == ("SUCCESS", ["processed"], 2, ["job.pending"])


def test_the_client_loads_nothing_of_the_hub_and_no_http_before_it_is_needed() -> None:
    code = (
        "import sys, towpath.client; assert 'httpx' not in sys.modules;"
        " towpath.client.Client, towpath.client.AsyncClient;"
        " rooms = {n.split('.')[1] for n in sys.modules if n.startswith('towpath.')};"
        " assert rooms == {'client'}, rooms; assert not {'sqlalchemy', 'fastapi', 'nats'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
