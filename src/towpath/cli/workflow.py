"""`towpath workflow`: the definitions that jobs run."""

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
    moment,
    print_document,
    print_list,
    rows_of,
    say,
)
from towpath.cli.run import absolute
from towpath.cli.until import Until
from towpath.cli.wishing import Now, Reason, pause_asked, wish_of_all
from towpath.client.definitions import Difference
from towpath.client.shapes import Check, Version, Workflow
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


VERSIONS = Rows(
    Version,
    (
        Column("version", 7, lambda v: str(v.version), right=True),
        Column("", 9, lambda v: "current" if v.current else ""),
        Column("made (UTC)", 0, lambda v: moment(v.created_at)),
    ),
    "no versions",
)


class Language(StrEnum):
    """How a definition is written."""

    YAML = "yaml"
    JSON = "json"


class PathType(StrEnum):
    """What lies at a path."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    OTHER = "other"


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
    version: Annotated[int | None, typer.Option(metavar="N", help="The current one if left out.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE")] = "-",
    language: Annotated[
        Language | None, typer.Option("--format", help="By the file's name, else YAML, where left out.")
    ] = None,
) -> None:
    """Write a workflow's definition, as `import` takes it."""
    as_json = language is Language.JSON or (language is None and output.endswith(".json"))
    with open_hub() as hub:
        text = hub.workflows.export_file(name, version=version, language="json" if as_json else "yaml")
    if output == "-":
        print(text, end="")
        return
    try:
        Path(output).write_text(text, "utf-8")
    except OSError as error:
        raise Mistake(f"--output {output}: {error.strerror}") from None


@app.command()
def versions(name: Name, as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List the versions of a workflow, the newest first; each job keeps the one that it runs with."""
    with open_hub() as hub:
        found = rows_of(hub.get(f"/api/workflows/{segment(name)}/versions/"))
    print_list(found, VERSIONS, Format(as_json, as_lines, limit))


@app.command()
def diff(
    name: Name,
    old: Annotated[int | None, typer.Argument(metavar="OLD", help="The one before NEW.")] = None,
    new: Annotated[int | None, typer.Argument(metavar="NEW", help="The current one.")] = None,
    as_json: Json = False,
) -> None:
    """Show what differs between two versions of a workflow."""
    said = {key: str(value) for key, value in (("old", old), ("new", new)) if value is not None}
    with open_hub() as hub:
        document = hub.get(f"/api/workflows/{segment(name)}/diff/", said)
    if as_json:
        print_document(document)
        return
    print("".join(f"{line}\n" for line in msgspec.json.decode(document, type=Difference).lines), end="")


@app.command()
def which(
    name: Name,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Relative to a root; with --site as at that site.")
    ],
    site: Annotated[
        str | None, typer.Option("--site", metavar="SITE", help="A node there says of which type they are.")
    ] = None,
    kind: Annotated[
        PathType | None, typer.Option("--type", help="Of which type they are; file where left out.")
    ] = None,
    state: Annotated[
        str, typer.Option(metavar="STATE", help="Their state; as a walk gives it where left out.")
    ] = "",
    as_json: Json = False,
) -> int:
    """Say which rule takes each path, and why the others do not; exit 1 where none takes one."""
    asked = [absolute(path) for path in paths] if site else paths
    with open_hub() as hub:
        found = hub.workflows.which_rule(name, asked, site=site, type=kind, state=state)
    if as_json:
        print_document(msgspec.json.encode({"results": found}))
    else:
        for path in found:
            by = "no rule takes it" if path.rule is None else f"rule {path.rule}"
            print(f"{path.path or '/'} ({path.type}{f', {path.state}' if path.state else ''}): {by}")
            print("".join(f"  {said.rule:>3}  {said.text}\n" for said in path.rules), end="")
    return Exit.OK if all(path.rule is not None for path in found) else Exit.MISTAKE


@app.command()
def delete(name: Name) -> None:
    """Delete a workflow; jobs that run it go on."""
    with open_hub() as hub:
        hub.workflows.delete(name)


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
