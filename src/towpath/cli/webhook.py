"""`towpath webhook`: who is sent events, and what became of each delivery."""

import time
from typing import Annotated

import msgspec
import typer

from towpath.cli.errors import Exit
from towpath.cli.hubs import open_hub
from towpath.cli.output import (
    Column,
    Format,
    Json,
    Jsonl,
    Limit,
    Rows,
    moment,
    print_document,
    print_list,
    rows_of,
    say,
)
from towpath.cli.webhook_shapes import Delivery, MadeWebhook, Replayed, Tested, Webhook

app = typer.Typer(help="Add, list, try and remove webhooks, and send events again.", no_args_is_help=True)

Id = Annotated[int, typer.Argument(metavar="ID")]

TRIED_WITHIN = 60.0
"""Seconds for which a test is waited for."""

WEBHOOKS = Rows(
    Webhook,
    (
        Column("id", 6, lambda hook: str(hook.id), right=True),
        Column("events", 24, lambda hook: ", ".join(hook.events) or "all"),
        Column("workflow", 16, lambda hook: hook.job_workflow or "any"),
        Column("added (UTC)", 19, lambda hook: moment(hook.created_at)),
        Column("state", 8, lambda hook: "disabled" if hook.disabled else ""),
        Column("url", 0, lambda hook: hook.url),
    ),
    "no webhooks; add one with: towpath webhook add URL --event job.ended",
)
DELIVERIES = Rows(
    Delivery,
    (
        Column("id", 8, lambda one: str(one.id), right=True),
        Column("event", 8, lambda one: str(one.event or "test"), right=True),
        Column("state", 9, lambda one: one.state),
        Column("tries", 5, lambda one: str(one.attempts), right=True),
        Column("status", 6, lambda one: str(one.status or ""), right=True),
        Column("tried (UTC)", 19, lambda one: moment(one.tried_at)),
        Column("error", 0, lambda one: one.error),
    ),
    "nothing was sent yet",
)


@app.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="http://… or https://…")],
    event: Annotated[
        list[str] | None,
        typer.Option("--event", metavar="KIND", help="job.ended, job.*, …; repeatable; all where left out."),
    ] = None,
    workflow: Annotated[
        str | None, typer.Option("--job-workflow", metavar="NAME", help="Only events of its jobs.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Have events sent to a URL from now on; prints the secret that the receiver checks signatures with."""
    body = {"url": url, "events": event or [], "job_workflow": workflow}
    with open_hub() as hub:
        document = hub.post("/api/webhooks/", body)
    if as_json:
        print_document(document)
        return
    made = msgspec.json.decode(document, type=MadeWebhook)
    print(made.secret)
    say(f"webhook {made.webhook.id}; its secret is shown this once")


@app.command("list")
def list_webhooks(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List webhooks."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/webhooks/")), WEBHOOKS, wanted)


@app.command()
def deliveries(
    webhook: Id,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help="waiting, delivered or 'given up'.")
    ] = None,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List what was sent to a webhook, the newest first."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        query = {"state": state} if state else {}
        print_list(hub.lines(f"/api/webhooks/{webhook}/deliveries/", query), DELIVERIES, wanted)


@app.command()
def test(webhook: Id) -> int:
    """Send a webhook a test, and say what it answered."""
    with open_hub() as hub:
        path = f"/api/webhooks/{webhook}/"
        sent = msgspec.json.decode(hub.post(f"{path}test/", {}), type=Tested)
        end = time.monotonic() + TRIED_WITHIN
        while time.monotonic() < end:
            # The row just behind the cursor is the test itself.
            found = hub.get(f"{path}deliveries/", {"cursor": str(sent.delivery + 1), "page_size": "1"})
            [one] = [msgspec.json.decode(row, type=Delivery) for row in rows_of(found)]
            if one.state != "waiting":
                print(f"{one.state}: {one.error or one.status}")
                return Exit.OK if one.state == "delivered" else Exit.MISTAKE
            time.sleep(0.2)
    say("the test waits yet; see: towpath webhook deliveries")
    return Exit.MISTAKE


@app.command()
def replay(
    webhook: Id,
    since: Annotated[int, typer.Option("--from", metavar="NUMBER", help="The number of the first event.")],
) -> None:
    """Send a webhook all that it wants again, from an event on."""
    with open_hub() as hub:
        document = hub.post(f"/api/webhooks/{webhook}/replay/", {"since": since})
    print(f"{msgspec.json.decode(document, type=Replayed).events} events")


@app.command()
def disable(webhook: Id) -> None:
    """Send a webhook nothing for now; what comes meanwhile waits."""
    with open_hub() as hub:
        hub.patch(f"/api/webhooks/{webhook}/", {"disabled": True})


@app.command()
def enable(webhook: Id) -> None:
    """Go on sending, with what has waited."""
    with open_hub() as hub:
        hub.patch(f"/api/webhooks/{webhook}/", {"disabled": False})


@app.command()
def remove(webhook: Id) -> None:
    """Remove a webhook and its deliveries."""
    with open_hub() as hub:
        hub.delete(f"/api/webhooks/{webhook}/")
