"""A webhook of the hub, by real processes: whatever dies or is away meanwhile, each event arrives, in order."""

import base64
import json
import os
import signal
from collections import defaultdict

from tests.acceptance.world import Document, World
from tests.fixtures_hub import until
from tests.receiver import Receiver, receiving

from towpath.bus.ports import free_port
from towpath.domain.webhooks import SECRET_START, headers_of


def job_over_three_files(world: World) -> int:
    """A job that ends well, told of in three events."""
    place = world.fresh("told")
    for number in range(3):
        (place / f"{number}").write_text("x")
    return world.submit("checksum", place)


def newest(world: World) -> int:
    """The number of the last event."""
    return max(int(row["number"]) for row in world.lines("/api/events/"))


def delivered(receiver: type[Receiver], secret: bytes) -> list[Document]:
    """What arrived, in its order, each event once; whoever knows the secret can tell that it is the hub's."""
    found: dict[str, Document] = {}
    for headers, body in list(receiver.got):
        known = {name.lower(): value for name, value in headers.items()}
        number, at = known["webhook-id"], int(known["webhook-timestamp"])
        assert known["webhook-signature"] == headers_of(secret, number, at, body)["webhook-signature"]
        said = json.loads(body)
        told = {**said["data"], "type": said["type"]}
        assert number == f"event-{told['number']}"
        assert found.setdefault(number, told) == told
    return list(found.values())


def test_a_receiver_that_was_down_and_a_hub_that_was_killed_lose_no_event(rough_world: World) -> None:
    world, port = rough_world, free_port()
    made = world.post("/api/webhooks/", {"url": f"http://127.0.0.1:{port}/hook"})
    hook, secret = made["webhook"]["id"], base64.b64decode(made["secret"].removeprefix(SECRET_START))
    before = newest(world)

    def tried() -> bool:
        rows = world.get(f"/api/webhooks/{hook}/deliveries/")["results"]
        return any(row["attempts"] for row in rows)

    jobs = [job_over_three_files(world)]
    until(tried, "the receiver that is down was called")
    # One dies with events on their way, and right after a job was taken in.
    jobs.append(job_over_three_files(world))
    world.kill_and_await("hub")
    jobs.append(job_over_three_files(world))
    hub = next(pid for (role, _), pid in world.pids().items() if role == "hub")
    assert hub is not None
    os.kill(hub, signal.SIGKILL)
    until(world.answers, "the hub answered")
    for job in jobs:
        world.finish(job)
    expected = {row["number"] for row in world.lines("/api/events/") if row["number"] > before}
    with receiving(port) as (_, receiver):
        until(lambda: expected <= {told["number"] for told in delivered(receiver, secret)}, "all had arrived")
        arrived = delivered(receiver, secret)
    assert world.api.delete(f"/api/webhooks/{hook}/").is_success
    assert min(told["number"] for told in arrived) == before + 1
    told_of: defaultdict[int | None, list[Document]] = defaultdict(list)
    for told in arrived:
        told_of[told["job"]].append(told)
    for job in jobs:
        assert [told["type"] for told in told_of[job]] == ["job.pending", "job.started", "job.ended"]
        assert told_of[job][-1]["details"]["state"] == "SUCCESS"
        numbers = [told["number"] for told in told_of[job]]
        assert numbers == sorted(numbers)
