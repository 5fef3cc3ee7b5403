"""The commands that talk to a hub, as processes of their own against a real API."""

import base64
import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.fixtures_api import ROOT, SITE, Api, api, laid

from towpath.cli.main import main

__all__ = ["api", "laid"]


class Cli:
    """The command line, with a hub in its environment: within this process, which is faster, or as one of its own."""

    def __init__(self, api: Api, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.env = {"TOWPATH_URL": api.url, "TOWPATH_API_KEY": api.key, "NO_COLOR": "1"}
        self.err = ""

    def start(self, *arguments: str | bytes) -> subprocess.Popen[str]:
        """A command as a process."""
        return subprocess.Popen(
            [sys.executable, "-m", "towpath", *arguments],
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, status: int = 0, text: str = "") -> str:
        """What a command prints, given that text on standard input; it must end with that status."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["towpath", *arguments])
            patch.setattr(sys, "stdin", io.StringIO(text))
            for name, value in self.env.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        out, self.err = self._capture.readouterr()
        assert ended.value.code == status, (out, self.err)
        return out

    def json(self, *arguments: str, status: int = 0) -> Any:
        """The document that a command prints."""
        before = arguments.index("--") if "--" in arguments else len(arguments)
        return json.loads(self.run(*arguments[:before], "--json", *arguments[before:], status=status))

    def mistake(self, *arguments: str) -> str:
        """The one line of a command that fails by its caller's mistake."""
        assert self.run(*arguments, status=1) == ""
        assert self.err.startswith("towpath: ")
        assert self.err.count("\n") == 1, self.err
        return self.err


@pytest.fixture
def cli(api: Api, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(api, capsys)


def test_a_run_prints_the_id_of_its_job(cli: Cli, api: Api) -> None:
    job = int(cli.run("run", "noop", "--site", SITE, ROOT))
    assert api.http.get(f"/api/jobs/{job}/").json()["workflow"] == "noop"


def test_a_path_of_any_bytes_reaches_the_hub(cli: Cli, api: Api) -> None:
    odd = os.fsencode(ROOT) + b"/-\xff\n"
    with cli.start("run", "noop", "--site", SITE, "--json", "--", odd) as process:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert json.loads(out)["state"] == "PENDING"
    job = api.start("noop", [{"path_b64": base64.b64encode(odd).decode()}])
    api.run()
    rows = cli.json("job", "paths", str(job))
    assert [base64.b64decode(row["path_b64"]) for row in rows] == [odd]


@pytest.mark.parametrize(
    ("failed", "state", "status"), [({}, "SUCCESS", 0), ({b"b": "open: Permission denied"}, "FAILURE", 3)]
)
def test_waiting_ends_with_a_status_that_says_how_the_job_ended(
    cli: Cli, api: Api, failed: dict[bytes, str], state: str, status: int
) -> None:
    job = api.start("noop", [f"{ROOT}/a", f"{ROOT}/b"])
    node = threading.Timer(0.5, api.run, [failed])
    node.start()
    assert cli.json("job", "wait", str(job), status=status)["state"] == state
    node.join()
    assert f"job {job}: {state}, " in cli.err


def test_waiting_ends_once_the_job_is_paused_and_says_how_to_go_on(cli: Cli, api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/a"])
    cli.run("job", "pause", str(job), "--reason", "tape library down")
    assert cli.json("job", "show", str(job))["wish_why"] == "tape library down"
    cli.run("job", "wait", str(job), status=5)
    assert f"towpath job resume {job}" in cli.err


def test_interrupting_a_wait_leaves_the_job_running(cli: Cli, api: Api) -> None:
    with cli.start("run", "noop", "--site", SITE, "--wait", ROOT) as process:
        assert process.stdout is not None
        job = int(process.stdout.readline())
        assert process.stderr is not None
        assert "PENDING" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130
    assert f"towpath job wait {job}" in err
    assert api.http.get(f"/api/jobs/{job}/").json()["wanted"] == "run"


def test_the_paths_of_a_job_are_listed_in_every_format(cli: Cli, api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/{n:04}" for n in range(1200)])
    api.run(failed={b"0007": "open: Permission denied"})
    lines = cli.run("job", "paths", str(job), "--jsonl").splitlines()
    assert len({json.loads(line)["path"] for line in lines}) == len(lines) == 1200
    assert len(cli.json("job", "paths", str(job), "--limit", "5")) == 5
    table = cli.run("job", "paths", str(job), "--outcome", "failed", "--step", "noop").splitlines()
    assert len(table) == 2
    assert table[1].split() == ["failed", "noop", f"{ROOT}/0007", "open:", "Permission", "denied"]


def test_a_report_is_a_file_for_other_programs(cli: Cli, api: Api, tmp_path: Path) -> None:
    job = api.start("noop", [f"{ROOT}/a", f"{ROOT}/b,\n"])
    api.run(failed={b"a": "no"})
    cli.run("job", "report", str(job), "--format", "csv", "--output", str(tmp_path / "r.csv"))
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], row["outcome"], row["reason"]) for row in rows] == [
        (f"{ROOT}/a", "failed", "no"),
        (f"{ROOT}/b,\\x0a", "processed", ""),
    ]
    cli.run("job", "report", str(job), "--format", "parquet", "--output", str(tmp_path / "r.parquet"))
    assert pq.read_table(tmp_path / "r.parquet").column("reason").to_pylist() == ["no", None]
    assert len(cli.run("job", "report", str(job), "--output", "-").splitlines()) == 2
    assert "No such file or directory" in cli.mistake("job", "report", str(job), "--output", "/nowhere/r")


def test_jobs_and_tasks_are_listed_and_shown(cli: Cli, api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/a"])
    api.run(failed={b"a": "no"})
    assert [row["id"] for row in cli.json("job", "list", "--state", "failure")] == [job]
    assert cli.json("job", "list", "--state", "SUCCESS") == []
    assert [row["id"] for row in cli.json("job", "list", "--owner", "ana", "--since", "2020-01-01")] == [job]
    assert (
        cli.json("job", "list", "--queue", "night")
        == cli.json("job", "list", "--through", "2020-01-01")
        == []
    )
    assert "created_from" in cli.mistake("job", "list", "--since", "noon")
    assert f"{job}  FAILURE" in cli.run("job", "list")
    shown = cli.run("job", "show", str(job))
    assert "1 found: 1 failed" in shown
    assert "noop" in shown
    assert [task["step"] for task in cli.json("job", "tasks", str(job), "--state", "error")] == ["noop"]


def test_a_retry_prints_the_id_of_the_new_job(cli: Cli, api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/a"])
    api.run(failed={b"a": "no"})
    new = int(cli.run("job", "retry", str(job), "--failed"))
    assert api.http.get(f"/api/jobs/{new}/").json()["retry_of"] == job
    assert "expected one of" in cli.mistake("job", "retry", str(job), "--failed", "--all")


def test_a_workflow_makes_the_round_trip_through_a_file(cli: Cli, tmp_path: Path) -> None:
    file = str(tmp_path / "tidy.yaml")
    cli.run("workflow", "export", "migrate", "--output", file)
    text = Path(file).read_text().replace("name: migrate\nlabel", "name: tidy\nlabel", 1)
    assert "tidy" in text
    Path(file).write_text(text)
    assert cli.json("workflow", "import", file)["name"] == "tidy"
    exported = json.loads(cli.run("workflow", "export", "tidy", "--format", "json"))
    assert exported["filter_rules"] == cli.json("workflow", "show", "migrate")["definition"]["filter_rules"]
    assert "tidy" in [w["name"] for w in cli.json("workflow", "list")]
    cli.run("workflow", "delete", "tidy")
    assert "workflow 'tidy' is deleted" in cli.mistake("workflow", "show", "tidy")


def test_a_definition_is_checked_with_each_problem_at_its_place(cli: Cli) -> None:
    text = json.dumps(
        {"name": "x", "filter_rules": [{"type": "file", "state": "all", "action": [{"name": "migrat"}]}]}
    )
    out = cli.run("workflow", "check", "-", status=1, text=text)
    assert out == "filter_rules[0].action[0]: unknown step 'migrat', did you mean 'migrate'?\n"


def test_a_target_takes_its_secrets_from_a_file_or_standard_input(cli: Cli) -> None:
    secrets = json.dumps({"access_key_id": "a", "secret_access_key": "hunter2"})
    url = "s3://archive/oslo?endpoint=http://127.0.0.1:1"
    out = cli.run("target", "add", "tape", url, "--credentials", "-", text=secrets)
    assert out == f"target tape: {url}\n"
    assert [target["name"] for target in cli.json("target", "list")] == ["tape"]
    assert cli.json("site", "set", SITE, "--default-target", "tape")["default_target"] == "tape"
    assert "default target: tape" in cli.run("site", "show", SITE)
    cli.run("site", "set", SITE, "--no-default-target")
    cli.run("target", "delete", "tape")
    assert cli.json("target", "list") == []
    assert cli.json("bucket", "list") == []


def test_a_space_is_given_a_default_target_of_its_own(cli: Cli) -> None:
    cli.run("target", "add", "tape", "file:///srv/tape")
    said = cli.run("space", "add", "films", f"{ROOT}/films", "--site", SITE, "--default-target", "tape")
    assert said == f"space films of site {SITE}: {ROOT}/films\ndefault target: tape\n"
    assert [space["default_target"] for space in cli.json("space", "list")] == ["tape"]
    said = cli.run("space", "set", "films", "--site", SITE, "--no-default-target")
    assert said.endswith("default target: what the site says\n")
    cli.run("space", "set", "films", "--site", SITE, status=1)
    cli.run("space", "remove", "films", "--site", SITE)
    assert cli.json("space", "list") == []


def test_targets_share_a_bucket_whose_credentials_are_changed_once(cli: Cli) -> None:
    secrets = "access_key_id=k\nsecret_access_key=hunter2hunter2\n"
    said = cli.run("bucket", "add", "cloud", "s3://archive?region=eu-1", "--credentials", "-", text=secrets)
    assert said == "bucket cloud: s3://archive?region=eu-1\ncredentials: kept encrypted\ntargets: none\n"
    for name in ("one", "two"):
        added = cli.json(
            "target", "add", name, "--bucket", "cloud", "--prefix", name, "--class", "GLACIER_IR"
        )
        assert (added["url"], added["bucket"]) == (f"s3://archive/{name}?region=eu-1", "cloud")
    said = cli.run("bucket", "credentials", "cloud", "-", text=secrets.replace("hunter2", "hunter3"))
    assert "targets: one, two" in said
    assert "hunter" not in said + cli.run("bucket", "show", "cloud") + cli.run("bucket", "list", "--json")
    assert "that of target 'one'" in cli.mistake("bucket", "remove", "cloud")
    for name in ("one", "two"):
        cli.run("target", "delete", name)
    cli.run("bucket", "remove", "cloud")
    assert cli.json("bucket", "list") == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["run", "migrat", "--site", SITE, ROOT], "did you mean 'migrate'?"),
        (["run", "noop", "--site", "osl", ROOT], "did you mean 'oslo'?"),
        (["run", "noop", "--site", SITE, "/elsewhere"], "lies beneath no root"),
        (["run", "noop", ROOT], "--site"),
        (["run", "noop", "--site", SITE, "--field", "x", ROOT], "--field: expected NAME=VALUE"),
        (["run", "noop", "--site", SITE, "--field", "x=1", ROOT], "unknown field 'x'"),
        (["job", "show", "7"], "no job 7"),
        (["job", "show", "x"], "ID"),
        (["job", "paths", "7", "--jsonl"], "no job 7"),
        (["job", "list", "--state", "DONE"], "state"),
        (["job", "list", "--json", "--jsonl"], "either --json or --jsonl"),
        (["nothing"], "No such command"),
        (
            ["target", "add", "x", "s3://b", "--credentials", "/nowhere"],
            "--credentials /nowhere: No such file",
        ),
        (["site", "set", SITE], "expected either --default-target"),
    ],
)
def test_a_mistake_is_one_line(cli: Cli, arguments: list[str], text: str) -> None:
    assert text in cli.mistake(*arguments)


def test_a_mistake_ends_the_process_with_status_one(cli: Cli) -> None:
    with cli.start("job", "show", "7") as process:
        assert process.communicate(timeout=60) == ("", "towpath: no job 7\n")
        assert process.returncode == 1


def test_a_hub_that_is_away_is_told_with_its_url(cli: Cli) -> None:
    cli.env["TOWPATH_URL"] = "http://127.0.0.1:1"
    assert "hub not reachable at http://127.0.0.1:1" in cli.mistake("job", "list")


def test_a_wrong_key_is_told(cli: Cli) -> None:
    cli.env["TOWPATH_API_KEY"] = "wrong"
    assert "does not know that API key" in cli.mistake("job", "list")


def test_a_reader_that_has_seen_enough_ends_a_list_quietly(cli: Cli, api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/{n:05}" for n in range(3000)])
    with cli.start("job", "paths", str(job), "--jsonl") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["path"].startswith(ROOT)
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(60) == 141


def test_errors_are_listed_with_their_classes(cli: Cli) -> None:
    lines = cli.run("errors").splitlines()
    assert any(line.split() == ["ESTALE", "transient", "Stale", "file", "handle"] for line in lines)
    assert {"name": "ENOSPC", "error_class": "no_space", "about": "No space left on device"} in cli.json(
        "errors"
    )


def test_a_job_can_be_started_so_that_it_stops_where_too_much_fails(cli: Cli) -> None:
    assert int(cli.run("run", "noop", "--site", SITE, "--stop-on-error-rate", "50%", ROOT))
    said = cli.mistake("run", "noop", "--site", SITE, "--stop-on-error-rate", "120%", ROOT)
    assert "expected a share above 0 and at most 1" in said


def test_the_rule_that_takes_a_path_is_printed_with_why_the_others_do_not(cli: Cli) -> None:
    rules = [
        {"type": "directory", "state": "all", "action": [{"name": "noop"}]},
        {"type": "file", "state": "all", "include": ["*.dat"], "action": [{"name": "noop"}]},
    ]
    cli.run("workflow", "import", "-", text=json.dumps({"name": "sorted", "filter_rules": rules}))
    assert cli.run("workflow", "which", "sorted", "a.dat").splitlines() == [
        "a.dat (file, processed): rule 1",
        "    0  expected type directory, found file",
        "    1  takes it: it is like *.dat",
    ]
    assert "no rule takes it" in cli.run("workflow", "which", "sorted", "a.txt", status=1)
    found = cli.json("workflow", "which", "sorted", "--site", SITE, "--type", "directory", f"{ROOT}/a")
    assert (found["results"][0]["rule"], found["results"][0]["root"]) == (0, "data")
