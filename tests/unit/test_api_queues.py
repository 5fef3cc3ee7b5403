"""`/api/queues/`, `towpath site queues` and the alerts of a site: what needs somebody at which place."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import sqlalchemy as sa
from tests.fixtures_api import ROOT, SITE, Api, api, laid
from tests.unit.test_cli_commands import Cli, cli

from towpath.client import Client
from towpath.store.tables import alerts

__all__ = ["api", "cli", "laid"]


def test_queues_tell_what_waits_since_when_and_on_how_many_slots(api: Api, cli: Cli) -> None:
    nothing = {"count": 0, "waiting": 0, "running": 0, "results": []}
    assert api.http.get("/api/queues/").json() == nothing
    cli.run("site", "queues")
    assert "nothing waits" in cli.err
    api.start("noop", [f"{ROOT}/a"])
    api.start("noop", [f"{ROOT}/b"])
    [held] = api.claim(slots=1)
    found = api.http.get("/api/queues/", params={"site": SITE, "page_size": 5}).json()
    assert (found["count"], found["waiting"], found["running"]) == (1, 1, 1)
    [one] = found["results"]
    assert (one["site"], one["queue"], one["waiting"], one["running"]) == (SITE, "default", 1, 1)
    assert (one["slots"], one["paused"]) == (10, False)
    assert one["functions"]["worker"] == {"waiting": 1, "running": 1, "slots": 8}
    assert datetime.now(UTC) - timedelta(minutes=2) < datetime.fromisoformat(one["oldest_at"])
    assert api.http.get("/api/queues/", params={"site": "bergen"}).json() == nothing
    assert api.http.get("/api/queues/?page_size=0").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    head, line = cli.run("site", "queues", SITE).splitlines()
    assert (head.split()[:3], line.split()[:3]) == (["site", "queue", "waiting"], [SITE, "default", "1"])
    with Client(api.url, api.key) as hub:
        assert [(row.queue, row.waiting, row.functions["worker"].running) for row in hub.queues()] == [
            ("default", 1, 1)
        ]
    api.report(held)


def test_a_site_tells_how_many_of_its_alerts_stand(api: Api, cli: Cli) -> None:
    def counted() -> list[dict[str, int]]:
        """As the list has it, and as the site itself does."""
        [listed] = api.http.get("/api/sites/").json()["results"]
        shown = api.http.get(f"/api/sites/{SITE}/").json()
        return [listed["alerts"], shown["alerts"]]

    assert counted() == [{}, {}]
    row = {"site": SITE, "sentence": "it is so", "raised_at": api.context.clock(), "told": True}
    with api.database.writing() as tx:
        for thing, severity in (("job/1", "warning"), ("job/2", "warning"), (f"site/{SITE}", "critical")):
            tx.conn.execute(
                sa.insert(alerts).values(row | {"kind": "job.failed", "thing": thing, "severity": severity})
            )
    assert counted() == [{"critical": 1, "warning": 2}] * 2
    assert f"alerts: 1 critical, 2 warning; see: towpath alert list --site {SITE}" in cli.run(
        "site", "show", SITE
    )
    muted = api.http.post("/api/alerts/mutes/", json={"thing": f"site/{SITE}", "why": "known"})
    assert muted.status_code == HTTPStatus.CREATED, muted.text
    assert counted() == [{"warning": 2}] * 2
