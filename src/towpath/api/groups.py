"""Groups of users, and what they may do in spaces."""

from collections.abc import Sequence
from datetime import datetime

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection
from starlette.responses import Response

from towpath.api.context import Hub
from towpath.api.pages import AS_LINES, Asked, Listing, Page, answer_with
from towpath.api.routers import Router
from towpath.api.times import at
from towpath.domain.rights import Grant
from towpath.engine import groups
from towpath.engine.groups import GroupView

router = Router(prefix="/api/auth/groups", tags=["people"])


class Group(BaseModel):
    """A group of users."""

    name: str = Field(examples=["genomics"])
    members: list[str] = Field(examples=[["ana", "bea"]])
    spaces: dict[str, Grant] = Field(
        description="What its members may do in the spaces of each name.", examples=[{"genomes": "view"}]
    )
    created_at: datetime

    @classmethod
    def of(cls, group: GroupView) -> "Group":
        """The group as the API shows it."""
        return cls(
            name=group.name, members=group.members, spaces=group.spaces, created_at=at(group.created_at)
        )


class NewGroup(BaseModel):
    """A group to add."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["genomics"])


class GrantAsked(BaseModel):
    """What a group is to be allowed in a space."""

    model_config = ConfigDict(extra="forbid")

    right: Grant = Field(
        description="`view`: see the space and the jobs in it; `administer`: also run jobs in it."
    )


def _read(conn: Connection, cursor: str | None, limit: int, skip: int) -> Sequence[GroupView]:
    return groups.list_groups(conn, limit, cursor, skip)


GROUPS: Listing[GroupView, Group] = Listing(_read, lambda group: group.name, Group.of)


@router.get("/", response_model=Page[Group], responses=AS_LINES, summary="List groups")
async def list_groups(request: Request, hub: Hub, paging: Asked) -> Page[Group] | Response:
    """All groups by name."""
    return await answer_with(request, hub.database, paging, GROUPS, groups.count_groups)


@router.post("/", status_code=201, summary="Add a group")
async def add_group(body: NewGroup, hub: Hub) -> Group:
    """It has no members, and may do nothing yet."""
    return Group.of(await hub.write(lambda tx: groups.add_group(tx, body.name)))


@router.get("/{group}/", summary="Show a group")
async def show_group(group: str, hub: Hub) -> Group:
    """Its members, and what they may do for its sake."""
    return Group.of(await hub.database.read(lambda conn: groups.find_group(conn, group)))


@router.delete("/{group}/", status_code=204, summary="Remove a group")
async def remove_group(group: str, hub: Hub) -> None:
    """Its members stay users; what they might do for its sake alone, they may no more."""
    await hub.write(lambda tx: groups.remove_group(tx, group))


@router.put("/{group}/members/{user}/", summary="Put a user into a group")
async def add_member(group: str, user: str, hub: Hub) -> Group:
    """Holds from their next call on."""
    return Group.of(await hub.write(lambda tx: groups.add_member(tx, group, user)))


@router.delete("/{group}/members/{user}/", summary="Take a user out of a group")
async def remove_member(group: str, user: str, hub: Hub) -> Group:
    """Holds from their next call on; jobs that they started go on."""
    return Group.of(await hub.write(lambda tx: groups.remove_member(tx, group, user)))


@router.put("/{group}/spaces/{space}/", summary="Say what a group may do in a space")
async def grant_space(group: str, space: str, body: GrantAsked, hub: Hub) -> Group:
    """In the spaces of that name at all sites, and in what lies in them."""
    return Group.of(await hub.write(lambda tx: groups.grant(tx, group, space, body.right)))


@router.delete("/{group}/spaces/{space}/", summary="Let a group do nothing in a space any more")
async def withdraw_space(group: str, space: str, hub: Hub) -> Group:
    """Jobs that were started go on."""
    return Group.of(await hub.write(lambda tx: groups.withdraw(tx, group, space)))
