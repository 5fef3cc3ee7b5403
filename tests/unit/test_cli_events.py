"""`towpath events` and `towpath webhook` against a real API."""

import json
import threading

from tests.fixtures_api import Api, api, laid
from tests.unit.test_api_events import happen, newest
from tests.unit.test_cli_commands import Cli, cli

from towpath.engine import webhooks
from towpath.engine.webhooks import Answer

__all__ = ["api", "cli", "laid"]


def test_what_has_happened_is_listed(cli: Cli, api: Api) -> None:
    first = newest(api)
    job = api.start("noop", ["/mnt/oslo/a"])
    api.run()
    newest(api)
    lines = cli.run("events", "--kind", "job.*", "--after", str(first), "--jsonl").splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["job.pending", "job.started", "job.ended"]
    table = cli.run("events", "--job", str(job)).splitlines()
    assert table[-1].split()[3:] == ["job.ended", str(job), "oslo", "noop", "SUCCESS"]
    assert "kind: expected one of" in cli.mistake("events", "--kind", "job.end")


def test_a_webhook_is_added_shown_and_removed(cli: Cli, api: Api) -> None:
    secret = cli.run(
        "webhook", "add", "https://example.org/x", "--event", "job.ended", "--job-workflow", "noop"
    )
    assert secret.startswith("whsec_")
    assert "shown this once" in cli.err
    [made] = cli.json("webhook", "list")
    assert (made["events"], made["job_workflow"], made["made_by"]) == (["job.ended"], "noop", "ana")
    assert secret.strip() not in cli.run("webhook", "list")
    cli.run("webhook", "disable", str(made["id"]))
    assert cli.json("webhook", "list")[0]["disabled"] is True
    cli.run("webhook", "enable", str(made["id"]))
    cli.run("webhook", "remove", str(made["id"]))
    assert cli.json("webhook", "list") == []
    assert "no webhook 99" in cli.mistake("webhook", "remove", "99")
    assert "url: expected http://" in cli.mistake("webhook", "add", "ftp://example.org/")
    assert "kind: expected one of" in cli.mistake("webhook", "add", "http://example.org/", "--event", "x")


def test_deliveries_are_listed_and_sent_again(cli: Cli, api: Api) -> None:
    made = cli.json("webhook", "add", "http://127.0.0.1:1/", "--event", "job.ended")["webhook"]["id"]
    first = newest(api)
    happen(api, "job.ended", "job.started", job=3)
    [one] = cli.json("webhook", "deliveries", str(made))
    assert (one["event"], one["state"], one["attempts"]) == (first + 1, "waiting", 0)
    with api.database.writing() as tx:
        webhooks.tried(tx, one["id"], Answer(204), 0.5)
    assert cli.json("webhook", "deliveries", str(made), "--state", "waiting") == []
    assert cli.json("webhook", "deliveries", str(made), "--state", "delivered")[0]["status"] == 204
    assert cli.run("webhook", "replay", str(made), "--from", str(first)) == "1 events\n"
    assert cli.json("webhook", "deliveries", str(made))[0]["state"] == "waiting"


def test_a_test_says_what_the_receiver_answered(cli: Cli, api: Api) -> None:
    made = cli.json("webhook", "add", "http://127.0.0.1:1/")["webhook"]["id"]

    def answer() -> bool:
        with api.database.writing() as tx:
            found = webhooks.due(tx, made, b"h" * 32, 5)
            for one in found:
                webhooks.tried(tx, one.id, Answer(500, "expected a status of 200 to 299, found 500"), 0.5)
            return bool(found)

    def keep_answering() -> None:
        while not answer():
            stop.wait(0.05)

    stop = threading.Event()
    answering = threading.Thread(target=keep_answering)
    answering.start()
    said = cli.run("webhook", "test", str(made), status=1)
    answering.join(30)
    assert said == "given up: expected a status of 200 to 299, found 500\n"
