"""The commands that pause, resume and cancel, and an order that is sent again where its answer was lost."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from tests.fixtures_api import ROOT, SITE, Api, api, laid
from tests.unit.test_cli_commands import Cli, cli

__all__ = ["api", "cli", "laid"]


def test_a_pause_says_why_by_whom_since_and_until_when(cli: Cli, api: Api) -> None:
    job = str(api.start("noop", [ROOT]))
    cli.run("job", "pause", job, "--now", "--reason", "tape library down", "--until", "2100-01-01T14:00Z")
    shown = cli.run("job", "show", job)
    assert "pause, by ana since " in shown
    assert ", until 2100-01-01 14:00:00 UTC: tape library down" in shown
    assert "paused by ana until 2100-01-01 14:00:00 UTC: tape library down" in shown
    cli.run("job", "resume", job)
    first, second = cli.run("job", "wishes", job).splitlines()
    assert "pause until 2100-01-01 14:00:00 UTC, by ana: tape library down" in first
    assert second.endswith("run, by ana")


def test_a_site_and_a_queue_are_paused_and_resumed(cli: Cli, api: Api) -> None:
    api.start("noop", [f"{ROOT}/a"])
    assert "paused by ana since " in cli.run("site", "pause", SITE, "--reason", "moving", "--until", "+2h")
    said = cli.run("site", "pause", SITE, "--queue", "default")
    assert "queue default paused by ana" in said
    assert api.claim() == []
    cli.run("site", "resume", SITE)
    assert "paused" not in cli.run("site", "resume", SITE, "--queue", "default")
    assert len(api.claim()) == 1


def test_all_jobs_of_a_workflow_or_a_site_are_told_as_a_count(cli: Cli, api: Api) -> None:
    for _ in range(2):
        api.start("noop", [f"{ROOT}/a"])
    assert cli.run("workflow", "pause", "noop", "--now", "--reason", "audit") == "2 jobs\n"
    assert cli.json("workflow", "resume", "noop") == {"jobs": 2}
    assert cli.run("workflow", "cancel", "noop") == "2 jobs\n"
    api.start("noop", [f"{ROOT}/a"])
    assert cli.run("site", "cancel", SITE, "--queue", "default") == "1 job\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("site", "pause", "olso"), "no site 'olso', did you mean 'oslo'?"),
        (("site", "resume", SITE), "site oslo is not paused"),
        (("site", "cancel", SITE, "--queue", "fast"), "site oslo has no queue 'fast'"),
        (("workflow", "pause", "nop"), "no workflow 'nop', did you mean 'noop'?"),
        (("site", "pause", SITE, "--until", "soon"), "--until: expected a time such as 14:00"),
    ],
)
def test_a_wish_that_cannot_be_is_a_mistake(cli: Cli, arguments: tuple[str, ...], text: str) -> None:
    assert text in cli.mistake(*arguments)


def whole(stream: socket.socket) -> bytes:
    """The next message of a connection: its head, and a body that is a JSON object."""
    stream.settimeout(30)
    message = stream.recv(65536)
    while b"\r\n\r\n" not in message or not message.endswith(b"}"):
        message += stream.recv(65536)
    return message


@contextmanager
def losing_the_first_answer(url: str) -> Iterator[str]:
    """A way to the API on which the first answer is lost; its URL."""
    upstream = httpx.URL(url)
    listener = socket.create_server(("127.0.0.1", 0))

    def relay() -> None:
        for lost in (True, False):
            caller, _ = listener.accept()
            with caller, socket.create_connection((upstream.host, upstream.port or 80)) as hub:
                hub.sendall(whole(caller))
                answer = whole(hub)
                if not lost:
                    caller.sendall(answer)

    thread = threading.Thread(target=relay)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(20)
        listener.close()


def test_an_order_whose_answer_was_lost_is_sent_again_and_starts_one_job(cli: Cli, api: Api) -> None:
    with losing_the_first_answer(api.url) as url:
        cli.env["TOWPATH_URL"] = url
        job = int(cli.run("run", "noop", "--site", SITE, ROOT))
    assert [row["id"] for row in api.http.get("/api/jobs/").json()["results"]] == [job]
