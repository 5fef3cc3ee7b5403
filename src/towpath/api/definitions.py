"""Definitions of workflows as files: import, export, their versions, what differs, and their JSON Schema."""

import difflib
import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import yaml
from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from towpath.api.characters import faults_in
from towpath.api.context import Hub
from towpath.api.forms import Number
from towpath.api.problems import Malformed
from towpath.api.routers import Router
from towpath.api.times import at
from towpath.api.workflows import Workflow
from towpath.domain.definition_schema import definition_schema
from towpath.domain.errors import Mistake
from towpath.domain.reading import Problem, as_json
from towpath.engine import registry, workflows

router = Router(prefix="/api/workflows", tags=["workflows"])

JSON, YAML = "application/json", "application/yaml"
EXAMPLE: Final = """\
name: tidy
label: Check, then migrate
discovery: recursive
filter_rules:
  - type: file
    state: all
    action:
      - {name: dynamo.tasks.migrate, premigrate: true}
"""
TAKES: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            YAML: {"schema": {"type": "string"}, "example": EXAMPLE},
            JSON: {"schema": {"type": "object"}, "example": yaml.safe_load(EXAMPLE)},
        },
    }
}
GIVES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {YAML: {"schema": {"type": "object"}}, JSON: {"schema": {"type": "object"}}}}
}


class Language(StrEnum):
    """How a definition is written."""

    YAML = "yaml"
    JSON = "json"


class Version(BaseModel):
    """A version of a workflow."""

    version: int = Field(examples=[1])
    current: bool = Field(description="New jobs run with it.")
    installed: bool = Field(description="It came with the software.")
    created_at: datetime
    definition: dict[str, object]

    @classmethod
    def of(cls, found: workflows.VersionView) -> "Version":
        """The version as the API shows it."""
        return cls(
            version=found.version,
            current=found.current,
            installed=found.installed,
            created_at=at(found.created_at),
            definition=found.definition,
        )


class Versions(BaseModel):
    """All versions of a workflow, the newest first."""

    count: int
    results: list[Version]


class Difference(BaseModel):
    """What differs between two versions of a workflow."""

    old: int
    new: int
    lines: list[str] = Field(
        description="As `diff -u` has it, of the definitions in YAML; none where they are alike.",
        examples=[["-label: Check", "+label: Check, then migrate"]],
    )


def as_yaml(definition: object) -> str:
    """A definition as a file."""
    text: str = yaml.safe_dump(definition, sort_keys=False, allow_unicode=True, width=100)
    return text


class _Plain(yaml.SafeLoader):
    """Without aliases, of which a few lines can mean any amount of data."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise Malformed([Problem("body", "expected a definition without aliases, found one")])
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


def read_definition(body: bytes) -> object:
    """The document in a file, which may be JSON, as that is YAML too; raises `Malformed`."""
    try:
        found = as_json(yaml.load(body, _Plain))  # noqa: S506 it is a SafeLoader
    except yaml.YAMLError as error:
        raise Malformed(
            [Problem("body", f"expected YAML or JSON, found {' '.join(str(error).split())}")]
        ) from None
    except Mistake:
        raise
    except (RecursionError, ValueError):
        raise Malformed([Problem("body", "expected YAML or JSON, found neither")]) from None
    if faults := list(faults_in(found)):
        raise Malformed(faults)
    return found


@router.post("/import/", status_code=201, openapi_extra=TAKES, summary="Import a definition from a file")
async def import_workflow(request: Request, hub: Hub) -> Workflow:
    """As `POST /api/workflows/`, of a file in YAML or JSON; files of the field are taken as they are."""
    document = read_definition(await request.body())
    return Workflow.model_validate(await hub.write(lambda tx: registry.define_workflow(tx, document)))


@router.patch("/{name}/", summary="Change some of a definition")
async def change_workflow(name: str, changes: dict[str, object], hub: Hub) -> Workflow:
    """Members that are given take the place of those there are, as a new version; the others stay."""
    return Workflow.model_validate(await hub.write(lambda tx: workflows.change_workflow(tx, name, changes)))


@router.get("/schema/", summary="The JSON Schema of definitions")
async def show_schema(hub: Hub) -> dict[str, object]:
    """With the steps that this hub knows, those of its sites' plugins too."""
    return definition_schema(await hub.database.read(workflows.catalogue))


@router.get(
    "/{name}/export/", response_class=Response, responses=GIVES, summary="Export a definition as a file"
)
async def export_workflow(
    name: str,
    hub: Hub,
    # The name is the parameter's, which scripts use.
    format: Language = Language.YAML,
    version: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="The current one if left out.")
    ] = None,
) -> Response:
    """A file that `POST /api/workflows/import/` takes, here or at another hub."""
    found = await hub.database.read(lambda conn: workflows.get_version(conn, name, version))
    if format is Language.JSON:
        return Response(json.dumps(found.definition, indent=2, ensure_ascii=False) + "\n", media_type=JSON)
    return Response(as_yaml(found.definition), media_type=YAML)


@router.get("/{name}/versions/", summary="List the versions of a workflow")
async def list_versions(name: str, hub: Hub) -> Versions:
    """All that were ever kept; jobs keep the one that they run with, also where the workflow was deleted."""
    found = await hub.database.read(lambda conn: workflows.list_versions(conn, name))
    return Versions(count=len(found), results=[Version.of(one) for one in found])


@router.get("/{name}/versions/{version:int}/", summary="Show a version of a workflow")
async def show_version(name: str, version: Number, hub: Hub) -> Version:
    """Its definition as it was kept."""
    return Version.of(await hub.database.read(lambda conn: workflows.get_version(conn, name, version)))


@router.get("/{name}/diff/", summary="Show what differs between two versions")
async def diff_versions(
    name: str,
    hub: Hub,
    old: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The one before `new`.")] = None,
    new: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The current one.")] = None,
) -> Difference:
    """Line by line, of the definitions as YAML."""
    now = await hub.database.read(lambda conn: workflows.get_version(conn, name, new))
    number = max(now.version - 1, 1) if old is None else old
    before = await hub.database.read(lambda conn: workflows.get_version(conn, name, number))
    mine, theirs = (as_yaml(one.definition).splitlines() for one in (before, now))
    heads = [f"{name}, version {one.version}" for one in (before, now)]
    lines = difflib.unified_diff(mine, theirs, heads[0], heads[1], lineterm="")
    return Difference(old=before.version, new=now.version, lines=list(lines))
