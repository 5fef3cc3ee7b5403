"""The documents that are made from the code say what it says."""

import itertools
import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from docs.generate import HERE, PAGES
from docs.smallest_job import job_moves
from docs.states import said
from docs.steps import example

from towpath.api.directories import NewDirectory
from towpath.api.events import Event
from towpath.api.providers import NewProvider
from towpath.cli.main import command_line
from towpath.domain import advice
from towpath.domain.catalogue import BUILT_IN, INSTALLED, StepSpec
from towpath.domain.directories import check_directory
from towpath.domain.providers import check_provider
from towpath.domain.states import (
    JOB_OVER,
    MOVES,
    WISHES,
    JobState,
    Phase,
    TaskEvent,
    TaskState,
    Wanted,
)
from towpath.domain.waiting import Reason
from towpath.domain.workflow import parse_definition
from towpath.steps.settings import read_settings


@cache
def made(name: str) -> str:
    """A page, made once."""
    return PAGES[name]()


def test_each_page_that_is_made_from_the_code_stands_as_the_code_makes_it() -> None:
    for name in PAGES:
        assert (HERE / name).read_text() == made(name), f"docs/{name} differs from the code: run `make docs`"


def test_every_move_of_the_table_is_an_arrow_of_the_diagram_and_no_other_is() -> None:
    [tasks, _] = re.findall(r"```mermaid\n(.*?)```", made("states.md"), re.DOTALL)
    arrows = set(re.findall(r"^ +(\w+) --> (\w+): (\w+)$", tasks, re.MULTILINE))
    assert arrows == {(before, after, event) for (before, event), after in MOVES.items()}


def test_every_state_of_tasks_and_jobs_has_its_meaning_its_ways_out_and_its_advice() -> None:
    page = made("states.md")
    for kind, enum in (("task", TaskState), ("job", JobState)):
        for state in enum:
            [section] = re.findall(
                rf"^### {state} \(a {kind}\)\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL
            )
            assert said(enum)[state.name] in section
            assert "| by whom |" in section or "Nothing leaves this state." in section
            assert "**Where one stays here.** " in section


def test_something_is_said_of_every_event_every_wish_and_every_state() -> None:
    assert set(advice.ORIGIN) == set(TaskEvent) == {TaskEvent[name] for name in said(TaskEvent)}
    assert set(advice.COMMAND) == set(Wanted)
    assert set(advice.STAYING_TASK) == set(TaskState) == {TaskState[name] for name in said(TaskState)}
    assert set(advice.WAITING) == set(Reason) == {Reason[name] for name in said(Reason)}
    assert set(advice.STAYING_JOB) == set(JobState) == {JobState[name] for name in said(JobState)}


def test_every_state_of_a_job_can_be_come_to_and_nothing_follows_one_that_is_over() -> None:
    moves = job_moves()
    assert {after for _, after in moves} == set(JobState)
    assert {before for before, _ in moves} == set(JobState) - JOB_OVER


def test_every_wish_that_a_job_may_be_told_and_that_changes_it_is_an_arrow() -> None:
    told = {
        (before, reason)
        for (before, _), reasons in job_moves().items()
        for reason in reasons
        if isinstance(reason, Wanted)
    }
    kept = {
        Wanted.RUN: (),
        Wanted.PAUSE: (JobState.PAUSING, JobState.PAUSED),
        Wanted.CANCEL: (JobState.DEQUEUING,),
    }
    may = {
        (state, wanted) for state, wanted in itertools.product(JobState, Wanted) if wanted in WISHES[state]
    }
    assert told == {(state, wanted) for state, wanted in may if state not in kept[wanted]}


def test_every_command_that_the_page_on_states_names_is_one() -> None:
    named = re.findall(r"`towpath ([^`]+)`", made("states.md"))
    assert len(named) > 20
    whole = typer.main.get_command(command_line())
    for words in named:
        command: Any = whole
        for word in words.split():
            if word.startswith("--"):
                assert word in {option for given in command.params for option in given.opts}, words
            elif commands := getattr(command, "commands", None):
                assert word in commands, words
                command = commands[word]


@pytest.mark.parametrize("spec", BUILT_IN, ids=lambda spec: spec.name)
def test_the_example_of_a_step_is_one_and_each_argument_is_explained(spec: StepSpec) -> None:
    site = {"name": "destinationsite", "type": "enum"}
    before = [] if spec.phase is not Phase.FINISH else [{"name": "noop"}]
    rule = {"type": "all", "state": "all", "action": [*before, example(spec)]}
    fields = [site] if "*destinationsite" in example(spec).values() else []
    definition = parse_definition({"name": "trial", "fields": fields, "filter_rules": [rule]}, INSTALLED)
    assert definition.enabled
    [section] = re.findall(rf"^## {spec.name}\n(.*?)(?=^## |\Z)", made("steps.md"), re.M | re.S)
    for argument in spec.arguments:
        assert f"| `{argument.name}` |" in section, argument.name


def test_the_settings_in_the_page_on_steps_are_settings(tmp_path: Path) -> None:
    [text] = re.findall(r"```toml\n(.*?)```", made("steps.md"), re.DOTALL)
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    (tmp_path / "oslo.toml").write_text(re.sub(r'"/etc/[^"]*"', f'"{secret}"', text))
    settings = read_settings(tmp_path / "oslo.toml")
    assert (set(settings.commands), set(settings.webhooks)) == ({"thumbnails"}, {"ops"})
    assert settings.mail is not None


def blocks(page: str, kind: str) -> list[str]:
    """The examples of a page in one language."""
    return re.findall(rf"```{kind}\n(.*?)```", (HERE / page).read_text(), re.DOTALL)


def test_the_workflow_in_the_page_on_errors_is_one() -> None:
    [text] = blocks("errors.md", "json")
    definition = parse_definition(json.loads(text), INSTALLED)
    assert [use.name for rule in definition.rules for use in rule.action] == ["migrate"]


def test_the_step_in_the_page_on_reports_is_one() -> None:
    [text] = blocks("reports.md", "json")
    rule = {"type": "all", "state": "all", "action": [{"name": "noop"}, json.loads(text)]}
    assert parse_definition({"name": "trial", "filter_rules": [rule]}, INSTALLED).enabled


def test_the_event_in_the_page_on_events_is_what_the_api_gives() -> None:
    [text] = blocks("events.md", "json")
    shown = json.loads(text)
    assert set(shown) == set(Event.model_fields)
    assert Event.model_validate(shown).number == shown["number"]


def test_the_script_in_the_page_on_steps_takes_names_of_any_kind(tmp_path: Path) -> None:
    [script] = blocks("steps.md", "bash")
    (tmp_path / "script").write_text(script)
    (tmp_path / "thumbnail").write_text('#!/bin/bash\nprintf "of %q\\n" "$1"\n[[ $1 != *bad* ]]\n')
    for program in tmp_path.iterdir():
        program.chmod(0o755)
    names = [b"/a\nb", b"/ -x \xff", b"/bad", b"/c\\d"]
    run = subprocess.run(
        [tmp_path / "script"],
        input=b"".join(name + b"\0" for name in names),
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        check=True,
    )
    assert run.stdout.splitlines() == [
        b"0 processed",
        b"1 processed",
        b"2 failed no thumbnail",
        b"3 processed",
    ]
    assert run.stderr.count(b"of ") == len(names)


def test_every_provider_that_the_page_on_signing_in_shows_is_one_that_can_be_set() -> None:
    examples = blocks("sign-in.md", "json")
    assert len(examples) == 5
    for text in examples:
        if "people_base" in text:
            known = NewDirectory.model_validate_json(text)
            check_directory(known.named("lab"), known.bind_password.get_secret_value())
        else:
            check_provider(NewProvider.model_validate_json(text).named("lab"))
