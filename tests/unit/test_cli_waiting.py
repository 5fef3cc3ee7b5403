"""What people are told while a command waits for a job: why the job waits, and that the hub is away."""

import io
import socket
import time
from collections.abc import Iterator

import msgspec
import pytest
from rich.console import Console
from tests.fixtures_api import SITE, Api, api, laid

from towpath.cli.hubs import open_hub
from towpath.cli.output import say
from towpath.cli.progress import Bar, Lines, bar_on, wait
from towpath.client import Connection, Patience
from towpath.client.errors import Unreachable
from towpath.client.shapes import JobFacts, WaitingFor
from towpath.engine import node_wishes

__all__ = ["api", "laid"]


@pytest.fixture
def mute() -> Iterator[str]:
    """The URL of a hub that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_hub_that_never_answers_is_told_of_and_at_last_given_up(
    mute: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_hub(Connection(mute, "none")) as hub, pytest.raises(Unreachable) as error:
        wait(hub, 7, Lines(), Patience(answer=0.05, silence=0.3, away=0.6))
    assert f"hub not reachable at {mute} (timed out)" in str(error.value)
    assert "gave up after" in str(error.value)
    assert "watch it with: towpath job wait 7" in str(error.value)
    said = capsys.readouterr().err
    assert said.count("still trying") == 1
    assert said.startswith(f"hub not reachable at {mute}")


class Watching(Lines):
    """Goes on with the job once it was told why it waits."""

    def __init__(self, api: Api, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__()
        self._api, self._capsys = api, capsys
        self.said = ""

    def show(self, job: JobFacts) -> None:
        """Show it, and look at what was shown."""
        super().show(job)
        self.said += self._capsys.readouterr().err
        if "waits: " in self.said and "let go" not in self.said:
            say("let go")
            with self._api.database.writing() as tx:
                node_wishes.undrain_site(tx, SITE)
            self._api.run()


def test_a_job_that_waits_says_why_once(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    with api.database.writing() as tx:
        node_wishes.drain_site(tx, SITE, "ana")
    job = api.start("noop", ["/mnt/oslo/a"])
    watching = Watching(api, capsys)
    with open_hub(Connection(api.url, api.key)) as hub:
        wait(hub, job, watching)
    waits = [line for line in watching.said.splitlines() if "waits" in line]
    assert waits == [f"job {job} waits: every node that serves queue default (worker) drains: n1"]


def test_the_bar_says_above_itself_why_a_job_waits_and_that_the_hub_is_away() -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=70, highlight=False)
    with bar_on(console) as progress:
        bar = Bar(progress)
        job = a_job(waiting="site oslo is offline", waiting_for=WaitingFor("site_offline"))
        end = time.monotonic() + 30
        while "waits: site oslo is offline" not in written.getvalue():
            assert time.monotonic() < end
            bar.show(job)
        for _ in range(2):
            bar.miss(Unreachable("hub not reachable"))
    assert written.getvalue().count("job 7 waits: site oslo is offline") == 1
    assert written.getvalue().count("hub not reachable; still trying") == 1
    assert "hub away" in written.getvalue()


def a_job(**more: object) -> JobFacts:
    """A job as the API tells of it."""
    told = {
        "id": 7, "workflow": "noop", "workflow_version": 1, "site": "oslo", "queue": "default", "owner": "ana",
        "state": "PENDING", "totals": {}, "bytes_found": 0, "bytes_done": 0, "created_at": "2026-11-24T14:00:00Z",
    }  # fmt: skip
    return msgspec.convert({**told, **{k: msgspec.to_builtins(v) for k, v in more.items()}}, JobFacts)
