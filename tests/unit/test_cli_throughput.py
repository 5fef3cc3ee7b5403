"""What was done, and what lies in all spaces, on the command line and in the client."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.fixtures_api import ROOT, SITE, Api, api, laid
from tests.unit.test_cli_commands import Cli, cli

from towpath.client import AsyncClient, Client

__all__ = ["api", "cli", "laid"]


def work(api: Api) -> None:
    """A job of two paths, one of which fails."""
    api.start("noop", [f"{ROOT}/a", f"{ROOT}/b"])
    api.run({b"b": "no"})


def test_throughput_is_shown_by_site(api: Api, cli: Cli) -> None:
    work(api)
    head, line = cli.run("throughput").splitlines()
    assert head.split() == ["site", "done", "failed", "bytes", "a", "second"]
    assert line.split()[:3] == [SITE, "1", "1"]
    assert cli.json("throughput", "--step", "120")["step"] == 120
    assert cli.json("throughput", "--site", "bergen")["results"] == []
    assert "expected a time before" in cli_error(cli, "throughput", "--since", "+2h")


def cli_error(cli: Cli, *words: str) -> str:
    """What a command that is refused says."""
    cli.run(*words, status=1)
    return cli.err


def test_what_lies_in_all_spaces_is_listed(api: Api, cli: Cli) -> None:
    for name, path in (("films", ROOT + "/films"), ("old", ROOT + "/films/old")):
        cli.run("space", "add", name, path, "--site", SITE)
    shown = {row["name"]: (row["within"], row["usage"]) for row in cli.json("space", "usages")}
    assert shown == {"films": (None, None), "old": ("films", None)}
    assert "within films" in cli.run("space", "usages")


def test_a_client_is_told_of_both(api: Api) -> None:
    work(api)
    now = datetime.now(UTC)
    with Client(api.url, api.key) as hub:
        found = hub.throughput(site=SITE, since=now - timedelta(hours=2), step=600)
        assert (found.step, found.done, found.failed, found.results[0].site) == (600, 1, 1, SITE)
        hub.post("/api/spaces/", {"name": "films", "site": SITE, "path": f"{ROOT}/films"})
        assert [(one.name, one.usage) for one in hub.usage()] == [("films", None)]

    async def ask() -> tuple[int, int]:
        async with AsyncClient(api.url, api.key) as hub:
            return (await hub.throughput()).done, len(await hub.usage())

    assert asyncio.run(ask()) == (1, 1)


def test_tasks_are_listed_with_their_trace_where_that_is_wanted(api: Api, cli: Cli) -> None:
    job = api.start("noop", [f"{ROOT}/a"])
    assert cli.run("job", "tasks", str(job), "--trace").splitlines()[0].split()[0] == "trace"
    assert cli.run("job", "tasks", str(job)).splitlines()[0].split()[0] == "id"
