"""How a job ended is told to a webhook, by real processes: signed, once, and again later where the receiver is away."""

import hashlib
import hmac
import json

from tests.acceptance.world import HOOK_SECRET, Document, World
from tests.fixtures_hub import until
from tests.receiver import Receiver, receiving


def told(world: World, name: str, patience: dict[str, int]) -> int:
    """Start a job over three files, with a workflow that tells the webhook `ops` how it ended."""
    notify = {"name": "notify", "webhook": "ops", "text": "all is safe", "patience": patience}
    rule = {"type": "file", "state": "all", "action": [{"name": "checksum"}, notify]}
    world.post("/api/workflows/", {"name": name, "filter_rules": [rule]})
    place = world.fresh(name)
    for number in range(3):
        (place / f"{number}").write_text("x")
    return world.submit(name, place)


def delivered(receiver: type[Receiver]) -> Document:
    """The one thing that was told, by somebody who knows the secret."""
    ((headers, body),) = receiver.got
    at, _, given = headers["X-Towpath-Signature"].removeprefix("t=").partition(",v1=")
    assert given == hmac.new(HOOK_SECRET, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    found: Document = json.loads(body)
    return found


def notifying(world: World, job: int) -> Document:
    """The task that tells."""
    (task,) = [task for task in world.tasks(job) if task["step"] == "notify"]
    return task


def test_a_webhook_hears_once_how_a_job_ended_and_can_tell_who_says_so(world: World) -> None:
    with receiving(world.hook) as (_, receiver):
        job = told(world, "told-once", {})
        totals = world.finish(job)["totals"]
    heard = delivered(receiver)
    assert (heard["job"], heard["ending"], heard["text"]) == (job, "SUCCESS", "all is safe")
    assert heard["totals"]["done"] == totals["done"] == 3


def test_a_receiver_that_is_away_is_told_once_it_is_back(world: World) -> None:
    job = told(world, "told-late", {"tries": 10_000, "longest": 1})
    until(lambda: "webhook ops" in str(notifying(world, job)["waiting"]), "it waited to be tried again")
    assert world.job(job)["state"] == "STARTED"
    with receiving(world.hook) as (_, receiver):
        world.finish(job)
    assert delivered(receiver)["ending"] == "SUCCESS"


def test_a_receiver_that_stays_away_fails_the_job_and_no_path(world: World) -> None:
    job = world.finish(told(world, "told-never", {"tries": 2, "first": 0}), "FAILURE")
    assert (job["totals"]["done"], job["totals"]["failed"]) == (3, 0)
    (told_of,) = world.paths(job["id"], step="notify")
    assert (told_of["outcome"], told_of["error_class"]) == ("failed", "transient")
    assert told_of["reason"].startswith("webhook ops: ")


def test_a_receiver_that_refuses_is_not_asked_again(world: World) -> None:
    with receiving(world.hook, 404) as (_, receiver):
        job = world.finish(told(world, "told-wrongly", {}), "FAILURE")
    assert len(receiver.got) == 1
    assert job["totals"]["failed"] == 0
