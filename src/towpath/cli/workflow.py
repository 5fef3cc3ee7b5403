"""`towpath workflow`: the definitions that jobs run."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import yaml

from towpath.cli.documents import read_document
from towpath.cli.errors import Exit
from towpath.cli.hubs import open_hub, segment
from towpath.cli.output import (
    Column,
    Format,
    Json,
    Jsonl,
    Limit,
    Rows,
    print_document,
    print_list,
    rows_of,
    say,
)
from towpath.cli.shapes import Check, Workflow
from towpath.cli.until import Until
from towpath.cli.wishing import Now, Reason, pause_asked, wish_of_all
from towpath.domain.errors import Mistake

app = typer.Typer(
    help="List, check, import and export workflows; pause, resume or cancel all jobs of one.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME")]
File = Annotated[str, typer.Argument(metavar="FILE", help="JSON or YAML; - for standard input.")]

WORKFLOWS = Rows(
    Workflow,
    (
        Column("name", 24, lambda w: w.name),
        Column("version", 7, lambda w: str(w.version), right=True),
        Column("", 9, lambda w: "" if w.enabled else "disabled"),
        Column("label", 0, lambda w: w.label),
    ),
    "no workflows",
)


class Language(StrEnum):
    """How a definition is written."""

    YAML = "yaml"
    JSON = "json"


@app.command("list")
def list_workflows(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List workflows."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/workflows/")), WORKFLOWS, wanted)


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show a workflow: its fields, and which steps each rule takes paths through."""
    with open_hub() as hub:
        document = hub.get(f"/api/workflows/{segment(name)}/")
    if as_json:
        print_document(document)
        return
    workflow = msgspec.json.decode(document, type=Workflow)
    print(f"{workflow.name}, version {workflow.version}{'' if workflow.enabled else ' (disabled)'}")
    print(_as_yaml(workflow.definition), end="")


@app.command()
def check(file: File, as_json: Json = False) -> int:
    """Check a definition without keeping it; exit 1 where something is wrong with it."""
    with open_hub() as hub:
        answer = hub.post("/api/workflows/check/", read_document(file))
    found = msgspec.json.decode(answer, type=Check)
    if as_json:
        print_document(answer)
    else:
        for fault in found.problems:
            print(f"{fault.place}: {fault.text}" if fault.place else fault.text)
        say(f"{file}: {'no problems' if found.valid else f'{len(found.problems)} problems'}")
    return Exit.OK if found.valid else Exit.MISTAKE


@app.command("import")
def import_workflow(file: File, as_json: Json = False) -> None:
    """Create a workflow from a definition, or a new version of one."""
    with open_hub() as hub:
        answer = hub.post("/api/workflows/", read_document(file))
    if as_json:
        print_document(answer)
        return
    workflow = msgspec.json.decode(answer, type=Workflow)
    print(f"workflow {workflow.name}, version {workflow.version}{'' if workflow.enabled else ' (disabled)'}")
    for warning in workflow.warnings:
        say(f"note: {warning}")


@app.command("export")
def export_workflow(
    name: Name,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE")] = "-",
    language: Annotated[
        Language | None, typer.Option("--format", help="By the file's name, else YAML, where left out.")
    ] = None,
) -> None:
    """Write a workflow's definition, as `import` takes it."""
    with open_hub() as hub:
        workflow = msgspec.json.decode(hub.get(f"/api/workflows/{segment(name)}/"), type=Workflow)
    as_json = language is Language.JSON or (language is None and output.endswith(".json"))
    text = json.dumps(workflow.definition, indent=2) + "\n" if as_json else _as_yaml(workflow.definition)
    if output == "-":
        print(text, end="")
        return
    try:
        Path(output).write_text(text, "utf-8")
    except OSError as error:
        raise Mistake(f"--output {output}: {error.strerror}") from None


@app.command()
def delete(name: Name) -> None:
    """Delete a workflow; jobs that run it go on."""
    with open_hub() as hub:
        hub.delete(f"/api/workflows/{segment(name)}/")


@app.command()
def pause(
    name: Name, now: Now = False, reason: Reason = "", until: Until = None, as_json: Json = False
) -> None:
    """Pause every job that runs a workflow and is not over."""
    wish_of_all(f"/api/workflows/{segment(name)}/pause/", pause_asked(now, reason, until), as_json)


@app.command()
def resume(name: Name, reason: Reason = "", as_json: Json = False) -> None:
    """Resume every job of a workflow that is paused."""
    wish_of_all(f"/api/workflows/{segment(name)}/resume/", {"reason": reason}, as_json)


@app.command()
def cancel(name: Name, reason: Reason = "", as_json: Json = False) -> None:
    """Cancel every job that runs a workflow and is not over."""
    wish_of_all(f"/api/workflows/{segment(name)}/cancel/", {"reason": reason}, as_json)


def _as_yaml(definition: dict[str, object]) -> str:
    text: str = yaml.safe_dump(definition, sort_keys=False, allow_unicode=True, width=100)
    return text
