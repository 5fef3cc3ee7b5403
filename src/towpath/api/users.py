"""Users: who may do what, and the links with which they set passwords."""

from collections.abc import Sequence
from datetime import datetime

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection
from starlette.responses import Response

from towpath.api.context import Caller, Hub
from towpath.api.forms import Flag
from towpath.api.pages import AS_LINES, Asked, Listing, Page, answer_with
from towpath.api.routers import Router
from towpath.api.times import at, maybe_at
from towpath.domain.rights import Role
from towpath.engine import people, sign_in
from towpath.engine.people import UserView

router = Router(prefix="/api/auth/users", tags=["people"])


class User(BaseModel):
    """A user."""

    name: str = Field(examples=["ana"])
    role: Role
    disabled: bool = Field(description="They may do nothing, and nothing that is theirs opens anything.")
    has_password: bool
    locked_until: datetime | None = Field(description="Until when too many wrong passwords keep them out.")
    created_at: datetime
    signed_in_at: datetime | None
    origin: str | None = Field(
        description="The identity provider that they sign in with; null: this hub itself."
    )

    @classmethod
    def of(cls, user: UserView) -> "User":
        """The user as the API shows them."""
        return cls(
            name=user.name,
            role=user.role,
            disabled=user.disabled,
            has_password=user.has_password,
            locked_until=maybe_at(user.locked_until),
            created_at=at(user.created_at),
            signed_in_at=maybe_at(user.signed_in_at),
            origin=user.origin,
        )


class NewUser(BaseModel):
    """A user to add; they set a password with a link of `POST /api/auth/users/{name}/link/`."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["ana"])
    role: Role = Role.VIEWER


class UserChange(BaseModel):
    """What to change about a user; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    disabled: Flag | None = None


class Link(BaseModel):
    """A one-time link."""

    code: str = Field(description="For `POST /api/auth/password/`; shown this once.")
    seconds: int = Field(description="For how long it can be used.", examples=[86400])


def _read(conn: Connection, cursor: str | None, limit: int, skip: int) -> Sequence[UserView]:
    return people.list_users(conn, limit, cursor, skip)


USERS: Listing[UserView, User] = Listing(_read, lambda user: user.name, User.of)


@router.get("/", response_model=Page[User], responses=AS_LINES, summary="List users")
async def list_users(request: Request, hub: Hub, paging: Asked) -> Page[User] | Response:
    """All users by name."""
    return await answer_with(request, hub.database, paging, USERS, people.count_users)


@router.post("/", status_code=201, summary="Add a user")
async def add_user(body: NewUser, hub: Hub) -> User:
    """They cannot sign in before they have set a password."""
    return User.of(await hub.write(lambda tx: people.add_user(tx, body.name, body.role)))


@router.get("/{name}/", summary="Show a user")
async def show_user(name: str, hub: Hub) -> User:
    """A user, without what opens."""
    return User.of(await hub.database.read(lambda conn: people.find_user(conn, name)))


@router.patch("/{name}/", summary="Change a user's role, or disable them")
async def change_user(name: str, body: UserChange, hub: Hub) -> User:
    """Holds from their next call on. There is always an administrator left."""
    return User.of(await hub.write(lambda tx: people.change_user(tx, name, body.role, body.disabled)))


@router.delete("/{name}/", status_code=204, summary="Remove a user")
async def remove_user(name: str, hub: Hub) -> None:
    """With all their keys and sessions; jobs and the audit log keep the name."""
    await hub.write(lambda tx: people.remove_user(tx, name))


@router.post("/{name}/unlock/", summary="Let a user who was locked out try again")
async def unlock_user(name: str, hub: Hub) -> User:
    """Wrong passwords are forgotten."""
    return User.of(await hub.write(lambda tx: people.unlock(tx, name)))


@router.post("/{name}/link/", status_code=201, summary="Make a link with which a user sets a password")
async def make_link(name: str, hub: Hub, caller: Caller) -> Link:
    """It works once, within a day, and takes the place of the one before; the old password stays until then."""
    code = await hub.write(lambda tx: sign_in.make_link(tx, name, caller))
    return Link(code=code, seconds=sign_in.LINK_SECONDS)
