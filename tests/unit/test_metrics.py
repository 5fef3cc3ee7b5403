"""`/metrics`, and the dashboard and alert rules that read it: what they name is served, and its labels are few."""

import json
import re
import subprocess
from http import HTTPStatus
from itertools import cycle
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from tests.fixtures_api import Api, api, laid
from tests.programs import program

from towpath.engine import nodes, webhooks
from towpath.store.database import Call, Tx
from towpath.store.tables import nodes as node_rows

__all__ = ["api", "laid"]

MONITORING = Path(__file__).resolve().parents[2] / "docs" / "monitoring"


def samples(api: Api) -> list[Sample]:
    """All that is served now."""
    answer = api.http.get("/metrics")
    assert answer.status_code == HTTPStatus.OK, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]


def value(found: list[Sample], name: str, **labels: str) -> float:
    """The value of one; 0 where there is none."""
    mine = [s.value for s in found if s.name == f"towpath_{name}" and s.labels == labels]
    assert len(mine) < 2
    return mine[0] if mine else 0.0


def test_jobs_tasks_paths_and_bytes_are_counted_as_they_are_committed(api: Api) -> None:
    api.start("noop", ["/mnt/oslo/a", "/mnt/oslo/b"])
    waiting = samples(api)
    assert value(waiting, "jobs", site="oslo", state="PENDING") == 1
    assert value(waiting, "tasks_ready", site="oslo", queue="default", function="worker") == 1
    assert 0 <= value(waiting, "queue_oldest_seconds", site="oslo", queue="default") < 60
    assert value(waiting, "nodes", site="oslo", state="online") == 1
    api.run({b"b": "no"})
    ended = samples(api)
    assert value(ended, "tasks_total", site="oslo", queue="default", state="STARTED") >= 1
    assert value(ended, "tasks_total", site="oslo", queue="default", state="ERROR") == 1
    assert value(ended, "paths_total", site="oslo", outcome="processed") == 1
    assert value(ended, "paths_total", site="oslo", outcome="failed") == 1
    assert value(ended, "bytes_total", site="oslo") == 10
    assert value(ended, "jobs_ended_total", site="oslo", state="FAILURE") == 1


def test_what_was_undone_is_not_counted(api: Api) -> None:
    told: list[object] = []

    def fail(tx: Tx) -> None:
        tx.counted["bytes", "oslo"] += 5
        raise RuntimeError

    def succeed(tx: Tx) -> None:
        tx.counted["bytes", "oslo"] += 7

    done = lambda result, error: told.append(error)  # noqa: E731
    api.database.run_group([Call(fail, done), Call(succeed, done)])
    assert [type(one) for one in told] == [RuntimeError, type(None)]
    assert value(samples(api), "bytes_total", site="oslo") == 7


def test_a_lost_lease_and_an_offline_node_are_seen(api: Api) -> None:
    api.start("noop", ["/mnt/oslo/a"])
    api.claim()
    assert value(samples(api), "tasks_running", site="oslo", queue="default") == 1
    with api.database.writing() as tx:
        nodes.silence(tx, tx.conn.execute(node_rows.select()).one().id)
        webhooks.add_webhook(tx, "http://127.0.0.1:1/", [], None, "ana", b"h" * 32)
    api.context.looked = None
    found = samples(api)
    assert value(found, "leases_lost_total", site="oslo") == 1
    assert value(found, "nodes", site="oslo", state="offline") == 1
    assert value(found, "events_unnumbered") > 0


def test_many_who_ask_read_the_database_once(api: Api) -> None:
    samples(api)
    looked = api.context.looked
    samples(api)
    assert api.context.looked is looked


def test_answers_are_timed_by_the_template_of_their_route(api: Api) -> None:
    others = cycle(("PROPFIND", "MKCOL", "LOCK", "REPORT", "TRACE"))
    for number in range(1, 30):
        api.http.get(f"/api/jobs/{number}/")
        api.http.get(f"/nothing/{number}")
        api.http.request(next(others), "/api/jobs/")
    found = [s for s in samples(api) if s.name == "towpath_api_seconds_count"]
    assert value(found, "api_seconds_count", method="GET", route="/api/jobs/{job_id}/", status="4xx") == 29
    assert value(found, "api_seconds_count", method="GET", route="none", status="4xx") == 29
    assert sum(s.value for s in found if s.labels["method"] == "none") == 29
    assert len(found) < 10


def test_nobody_without_the_right_to_read_sees_them(api: Api) -> None:
    assert (
        httpx.get(f"{api.url}/metrics", trust_env=False, verify=False).status_code == HTTPStatus.UNAUTHORIZED
    )


@pytest.mark.parametrize("name", ["dashboard.json", "alerts.yml", "alerts_test.yml"])
def test_every_measure_that_is_watched_is_one_that_is_served(api: Api, name: str) -> None:
    described = set(re.findall(r"^# TYPE (towpath_\w+) \w+$", api.http.get("/metrics").text, re.MULTILINE))
    served = {plain + end for plain in described for end in ("", "_total", "_bucket", "_sum", "_count")}
    named = set(re.findall(r"towpath_[a-z_]+", (MONITORING / name).read_text()))
    assert named
    assert named <= served


def test_the_dashboard_shows_all_there_is() -> None:
    document = json.loads((MONITORING / "dashboard.json").read_text())
    panels = document["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10
    places = [tuple(panel["gridPos"].values()) for panel in panels]
    assert len(set(places)) == len(places)


def test_prometheus_takes_the_rules_and_its_configuration_and_the_rules_do_what_they_say(
    tmp_path: Path,
) -> None:
    promtool = program("promtool")
    for words in (
        ("check", "rules", "alerts.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
        ("test", "rules", "alerts_test.yml"),
    ):
        done = subprocess.run(
            [promtool, *words], cwd=MONITORING, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)


def test_the_documents_name_every_measure(api: Api) -> None:
    text = (MONITORING.parent / "monitoring.md").read_text()
    described = re.findall(r"^# TYPE (towpath_\w+) \w+$", api.http.get("/metrics").text, re.MULTILINE)
    missing = [
        name for name in described if f"`{name}" not in text and f"`{name.removesuffix('_total')}" not in text
    ]
    assert missing == []
