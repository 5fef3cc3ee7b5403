"""Workflows: their list, definitions, and checks of documents that are to become one."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Body, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from towpath.api.context import Caller, Hub
from towpath.api.pages import NEXT, AskedPart, link_behind
from towpath.api.problems import Fault
from towpath.api.routers import Router
from towpath.api.wishes import PauseAsked, WishAsked, Wished, wish_all
from towpath.domain.states import Wanted
from towpath.engine import registry
from towpath.engine.bulk import Which
from towpath.engine.registry import WorkflowView

router = Router(prefix="/api/workflows", tags=["workflows"])

Document = Annotated[
    object,
    Body(
        description="A definition: see the reference of workflows.",
        examples=[
            {
                "name": "tidy",
                "label": "Check, then migrate",
                "discovery": "recursive",
                "fields": [],
                "filter_rules": [
                    {"type": "file", "state": "all", "action": [{"name": "checksum"}, {"name": "migrate"}]}
                ],
            }
        ],
    ),
]


class Workflow(BaseModel):
    """A workflow, in the version that new jobs run with."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["migrate"])
    version: int = Field(examples=[1])
    label: str = Field(examples=["Migrate to a target"])
    enabled: bool = Field(description="It may be run.")
    visible: bool = Field(description="It is offered to people.")
    installed: bool = Field(description="It came with the software.")
    definition: dict[str, object]
    warnings: list[str] = Field(description="What works, but perhaps not as meant.")


class Workflows(BaseModel):
    """All workflows, or a part of them."""

    count: int = Field(description="How many have the words that were asked for.")
    next: str | None = NEXT
    results: list[Workflow]


class Check(BaseModel):
    """What is wrong with a document; nothing where `problems` is empty."""

    valid: bool
    problems: list[Fault]


def _body(view: WorkflowView) -> Workflow:
    return Workflow.model_validate(view)


@router.get("/", summary="List workflows")
async def list_workflows(request: Request, hub: Hub, part: AskedPart) -> Workflows:
    """The current version of each, by name; `search` looks into names and labels."""
    limit = None if part.page_size is None else part.page_size + 1

    def read(conn: Connection) -> tuple[list[WorkflowView], int]:
        found = registry.list_workflows(conn, part.search, part.cursor, limit)
        return found, len(found) if limit is None else registry.count_workflows(conn, part.search)

    views, count = await hub.database.read(read)
    shown = views[: part.page_size]
    following = link_behind(request, shown[-1].name) if len(views) > len(shown) else None
    return Workflows(count=count, next=following, results=[_body(view) for view in shown])


@router.post("/check/", summary="Check a definition without keeping it")
async def check_workflow(document: Document, hub: Hub) -> Check:
    """Everything that is wrong with a document, each thing with its place."""
    faults = await hub.database.read(lambda conn: registry.check_workflow(conn, document))
    problems = [Fault.of(fault) for fault in faults]
    return Check(valid=not problems, problems=problems)


@router.post("/", status_code=HTTPStatus.CREATED, summary="Create a workflow, or a new version of one")
async def define_workflow(document: Document, hub: Hub) -> Workflow:
    """Jobs that run keep the version they started with."""
    return _body(await hub.write(lambda tx: registry.define_workflow(tx, document)))


@router.get("/{name}/", summary="Show a workflow")
async def show_workflow(name: str, hub: Hub) -> Workflow:
    """The current version of a workflow."""
    return _body(await hub.database.read(lambda conn: registry.get_workflow(conn, name)))


@router.delete("/{name}/", status_code=HTTPStatus.NO_CONTENT, summary="Delete a workflow")
async def delete_workflow(name: str, hub: Hub) -> Response:
    """No new job can run it; jobs that did keep their version."""
    await hub.write(lambda tx: registry.delete_workflow(tx, name))
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/{name}/pause/", summary="Pause all jobs of a workflow")
async def pause_workflow(name: str, hub: Hub, caller: Caller, body: PauseAsked | None = None) -> Wished:
    """Pauses each job that runs it and is not over; one that is paused already stays as it is."""
    return await wish_all(hub, Which(name), (body or PauseAsked()).wish(caller))


@router.post("/{name}/resume/", summary="Resume all jobs of a workflow")
async def resume_workflow(name: str, hub: Hub, caller: Caller, body: WishAsked | None = None) -> Wished:
    """Resumes each job that runs it and is paused, whoever paused it."""
    return await wish_all(hub, Which(name), (body or WishAsked()).wish(Wanted.RUN, caller))


@router.post("/{name}/cancel/", summary="Cancel all jobs of a workflow")
async def cancel_workflow(name: str, hub: Hub, caller: Caller, body: WishAsked | None = None) -> Wished:
    """Cancels each job that runs it and is not over."""
    return await wish_all(hub, Which(name), (body or WishAsked()).wish(Wanted.CANCEL, caller))
