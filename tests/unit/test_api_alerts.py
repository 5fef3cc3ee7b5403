"""Alerts over the API and from the command line: what stands, its rules and mutes, and who is told."""

import json
import threading
from http import HTTPStatus

from tests.fixtures_api import Api, api, laid
from tests.unit.test_cli_commands import Cli, cli
from tests.unit.test_metrics import samples, value

from towpath.engine import alerts, destinations
from towpath.engine.alerts import HubFacts
from towpath.engine.webhooks import Answer

__all__ = ["api", "cli", "laid"]

SECRET = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
SLACK = f"slack://{SECRET}/#ops"


def fill(api: Api, free: int = 50) -> int:
    """The disk of a hub is filled, and looked at; the newest alert."""
    for work in (lambda tx: alerts.note_hub(tx, "hub-1", HubFacts(free, 1000)), alerts.look):
        with api.database.writing() as tx:
            work(tx)
    return int(api.http.get("/api/alerts/?state=all").json()["results"][0]["id"])


def test_an_alert_is_listed_shown_and_measured(api: Api) -> None:
    number = fill(api)
    page = api.http.get("/api/alerts/").json()
    assert page["count"] == 1
    [one] = page["results"]
    assert (one["id"], one["kind"], one["thing"], one["severity"]) == (
        number,
        "disk.high",
        "hub/hub-1",
        "warning",
    )
    assert one["sentence"].startswith("the file system of hub hub-1 fills up: 95 % used")
    assert (one["site"], one["cleared_at"], one["muted"]) == (None, None, None)
    assert api.http.get(f"/api/alerts/{number}/").json() == one
    for query in ("state=cleared", "kind=job.failed", "severity=critical", "site=oslo", "job=1"):
        assert api.http.get(f"/api/alerts/?{query}").json()["count"] == 0, query
    assert api.http.get("/api/alerts/99/").status_code == HTTPStatus.NOT_FOUND
    assert api.http.get("/api/alerts/?kind=x").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert value(samples(api), "alerts", kind="disk.high", severity="warning") == 1


def test_a_rule_is_changed_as_it_was_read(api: Api) -> None:
    shown = api.http.get("/api/alerts/rules/disk.high/")
    assert (shown.json()["threshold"], shown.json()["unit"], shown.json()["set_by"]) == (90, "percent", None)
    tag = {"If-Match": shown.headers["ETag"]}
    changed = api.http.patch("/api/alerts/rules/disk.high/", json={"threshold": 80}, headers=tag)
    assert (changed.json()["threshold"], changed.json()["set_by"]) == (80, "ana")
    late = api.http.patch("/api/alerts/rules/disk.high/", json={"enabled": False}, headers=tag)
    assert late.status_code == HTTPStatus.PRECONDITION_FAILED
    wrong = api.http.patch("/api/alerts/rules/disk.high/", json={"threshold": 0})
    assert "threshold: expected 1 to 100 percent" in wrong.json()["detail"]


def test_a_destination_is_shown_without_its_secrets_which_stand_in_no_log(api: Api) -> None:
    made = api.http.post("/api/alerts/destinations/", json={"name": "ops", "url": SLACK})
    assert made.status_code == HTTPStatus.CREATED, made.text
    assert made.json()["shown"] == "slack://T...2/A...D/T...Q/%23ops/"
    wrong = api.http.post("/api/alerts/destinations/", json={"name": "no", "url": "slack://TIiajkdnlazk"})
    assert wrong.status_code == HTTPStatus.BAD_REQUEST
    assert "TIiajkdnlazk" not in wrong.text
    shown = api.http.get("/api/alerts/destinations/ops/")
    tag = {"If-Match": shown.headers["ETag"]}
    change = {"kinds": ["job.failed"], "least_severity": "critical", "disabled": True}
    changed = api.http.patch("/api/alerts/destinations/ops/", json=change, headers=tag).json()
    assert {name: changed[name] for name in change} == change
    assert api.http.delete("/api/alerts/destinations/ops/", headers=tag).status_code == 412
    everything = (
        made.text
        + shown.text
        + api.http.get("/api/alerts/destinations/").text
        + api.http.get("/api/audit/").text
    )
    assert "add_destination" in everything
    for part in SECRET.split("/"):
        assert part not in everything
    assert api.http.delete("/api/alerts/destinations/ops/").status_code == HTTPStatus.NO_CONTENT


def test_alerts_are_listed_and_muted_from_the_command_line(cli: Cli, api: Api) -> None:
    number = fill(api)
    assert cli.run("alert", "list").splitlines()[-1].split()[:1] == [str(number)]
    mute = cli.run(
        "alert", "mute", "disk.high", "hub/hub-1", "--reason", "it is moved", "--until", "+2h"
    ).strip()
    [one] = cli.json("alert", "list")
    assert one["muted"]["why"] == "it is moved"
    assert "it is moved" in cli.run("alert", "mutes")
    cli.run("alert", "unmute", mute)
    assert cli.json("alert", "mutes") == []
    cli.run("alert", "mute", "any", "--reason", "a quiet night")
    assert cli.json("alert", "mutes")[0]["kind"] is None
    assert json.loads(cli.run("alert", "show", str(number)))["kind"] == "disk.high"
    assert "no mute 99" in cli.mistake("alert", "unmute", "99")


def test_rules_and_destinations_are_set_from_the_command_line(cli: Cli, api: Api) -> None:
    cli.run("alert", "set", "disk.high", "--threshold", "96", "--severity", "critical", "--disable")
    rule = next(one for one in cli.json("alert", "rules") if one["kind"] == "disk.high")
    assert (rule["threshold"], rule["severity"], rule["enabled"]) == (96, "critical", False)
    assert "expected --threshold" in cli.mistake("alert", "set", "disk.high")
    cli.run("alert", "destination", "add", "ops", SLACK, "--kind", "job.failed", "--severity", "critical")
    assert SECRET not in cli.run("alert", "destination", "list")
    cli.run("alert", "destination", "set", "ops", "--disable")
    assert cli.json("alert", "destination", "list")[0]["disabled"] is True
    cli.run("alert", "destination", "remove", "ops")
    assert cli.json("alert", "destination", "list") == []


def test_a_test_says_what_became_of_it(cli: Cli, api: Api) -> None:
    cli.run("alert", "destination", "add", "ops", "json://127.0.0.1:1/")
    stop = threading.Event()

    def answer() -> None:
        while not stop.wait(0.01):
            with api.database.writing() as tx:
                for one in destinations.due(tx, "ops", api.context.hub_key, 5):
                    destinations.tried(tx, one.id, Answer(None, "connection refused"), 0.5)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        assert cli.run("alert", "test", "ops", status=1) == "given up: connection refused\n"
    finally:
        stop.set()
        thread.join()
    assert cli.json("alert", "destination", "notices", "ops")[0]["says"] == "test"


def test_a_job_of_a_number_that_no_database_keeps_is_refused(api: Api) -> None:
    assert api.http.get("/api/alerts/", params={"job": 2**53 - 1}).json()["count"] == 0
    assert api.http.get("/api/alerts/", params={"job": 145301186891336122368}).status_code == 422
