"""What a node is asked of a target while the caller waits: how it is, and what stands there."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from towpath.api.asking import M, ask
from towpath.api.context import Hub
from towpath.api.routers import Router
from towpath.engine import registry
from towpath.wire import Checked, Listed, Question

router = Router(prefix="/api/targets", tags=["targets"])

LARGEST_PAGE = 1000
SECOND = 1_000_000

Site = Annotated[
    str | None, Query(description="Which site's node to ask; else one whose default it is, or any.")
]


class Finding(BaseModel):
    """One thing that was looked at."""

    what: str = Field(examples=["tls"])
    well: bool | None = Field(description="null: it was not come to.")
    says: str = Field(examples=["the certificate has expired (certificate has expired)"])
    hint: str = Field(examples=["renew it"])


class TargetChecked(BaseModel):
    """How a target is, as seen from a node."""

    target: str
    site: str
    node: str
    works: bool
    findings: list[Finding]


class CheckAsked(BaseModel):
    """Where a check is to be made."""

    model_config = ConfigDict(extra="forbid")

    site: str | None = Field(default=None, description="Else a site whose default it is, or any.")


class Object(BaseModel):
    """An object of a target."""

    key: str = Field(examples=["oslo/data/a/b.txt@0123456789abcdef"])
    size: int
    modified_at: datetime


class Objects(BaseModel):
    """Some objects of a target, in its own order."""

    site: str
    node: str
    next: str | None = Field(description="The `after` with which the list goes on; null at its end.")
    results: list[Object]


@router.post("/{name}/check/", summary="Check a target")
async def check_target(name: str, asked: CheckAsked, hub: Hub) -> TargetChecked:
    """A node puts, reads, lists and deletes an object of its own, and says exactly what is wrong."""
    site, node, found = await _ask(hub, Question(0, "check", name), asked.site, Checked)
    findings = [Finding(what=f.what, well=f.well, says=f.says, hint=f.hint) for f in found.findings]
    works = all(finding.well is not False for finding in findings)
    return TargetChecked(target=name, site=site, node=node, works=works, findings=findings)


@router.get("/{name}/objects/", summary="List what stands at a target")
async def list_objects(
    name: str,
    hub: Hub,
    prefix: Annotated[str, Query(description="A directory there; all where none is given.")] = "",
    after: Annotated[str, Query(description="A page's `next`.")] = "",
    page_size: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 500,
    site: Site = None,
) -> Objects:
    """Objects of Towpath and others under keys that every place keeps, as a node finds them now."""
    question = Question(0, "browse", name, prefix.strip("/"), after, page_size)
    site, node, found = await _ask(hub, question, site, Listed)
    rows = zip(found.keys, found.sizes, found.modified, strict=True)
    results = [
        Object(key=key, size=size, modified_at=datetime.fromtimestamp(at / SECOND, UTC))
        for key, size, at in rows
    ]
    following = found.keys[-1] if found.more and found.keys else None
    return Objects(site=site, node=node, next=following, results=results)


async def _ask(hub: Hub, question: Question, site: str | None, kind: type[M]) -> tuple[str, str, M]:
    await hub.database.read(lambda conn: registry.find_target(conn, question.target))
    return await ask(hub, question, site, kind)
