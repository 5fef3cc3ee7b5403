"""Keys of the API: one's own, and for administrators everybody's."""

from collections.abc import Sequence
from datetime import datetime

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection
from starlette.responses import Response

from towpath.api.context import Asking, Hub
from towpath.api.forms import Moment, Number
from towpath.api.pages import AS_LINES, Asked, Listing, Page, answer_with, numbers_of
from towpath.api.routers import Router
from towpath.api.times import at, maybe_at, microseconds
from towpath.domain.rights import Asker, Forbidden, Right, rights_of
from towpath.engine import keys
from towpath.engine.keys import KeyView
from towpath.store.database import Tx

router = Router(prefix="/api/auth/clientkeys", tags=["people"])


class Key(BaseModel):
    """A key, without what opens."""

    id: int
    user: str = Field(examples=["ana"])
    label: str = Field(description="What it is for, in its maker's words.", examples=["nightly run"])
    start: str = Field(description="How the key begins, to know it by.", examples=["towpath_Xk3v"])
    scopes: list[Right] | None = Field(description="To what it is narrowed; null: all that its user may.")
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None = Field(description="When it was last used, to the minute.")
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: KeyView) -> "Key":
        """The key as the API shows it."""
        return cls(
            id=key.id,
            user=key.user,
            label=key.label,
            start=key.start,
            scopes=None if key.scopes is None else sorted(key.scopes),
            created_at=at(key.created_at),
            expires_at=maybe_at(key.expires_at),
            used_at=maybe_at(key.used_at),
            revoked_at=maybe_at(key.revoked_at),
        )


class NewKey(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field(default="", max_length=100, examples=["nightly run"])
    scopes: list[Right] | None = Field(
        default=None,
        min_length=1,
        description="What it may be used for, at most what its user may; null: all of that.",
        examples=[["read", "run"]],
    )
    expires_at: Moment | None = None


class MadeKey(Key):
    """A key that was just made."""

    key: str = Field(description="The key itself; shown this once.")


def _listing(user: str | None) -> Listing[KeyView, Key]:
    def read(conn: Connection, cursor: str | None, limit: int, skip: int) -> Sequence[KeyView]:
        numbers = numbers_of(cursor, 1)
        return keys.list_keys(conn, user, limit, numbers[0] if numbers else None, skip)

    return Listing(read, lambda key: str(key.id), Key.of)


async def _list(request: Request, hub: Hub, paging: Asked, user: str | None) -> Page[Key] | Response:
    listing = _listing(user)
    return await answer_with(request, hub.database, paging, listing, lambda conn: keys.count_keys(conn, user))


async def _make(hub: Hub, user: str, body: NewKey) -> MadeKey:
    expires_at = None if body.expires_at is None else microseconds(body.expires_at)
    scopes = None if body.scopes is None else frozenset(body.scopes)

    def write(tx: Tx) -> MadeKey:
        number, key = keys.make_key(tx, user, body.label, scopes, expires_at)
        return MadeKey(**Key.of(keys.find_key(tx.conn, number)).model_dump(), key=key)

    return await hub.write(write)


def _no_more_than_own(asker: Asker, body: NewKey) -> None:
    """A credential that is narrowed must not make one that may more."""
    wanted = frozenset(Right) if body.scopes is None else frozenset(body.scopes)
    more = (wanted & rights_of(asker.role, None)) - asker.rights
    if more:
        raise Forbidden(
            f"make_key: this {asker.via} of {asker.user} was not given the right to {', '.join(sorted(more))}"
        )


@router.get("/", response_model=Page[Key], responses=AS_LINES, summary="List one's own keys")
async def list_keys(request: Request, hub: Hub, paging: Asked, asker: Asking) -> Page[Key] | Response:
    """The newest first, those that were revoked too."""
    return await _list(request, hub, paging, asker.user)


@router.post("/", status_code=201, summary="Make a key for oneself")
async def make_key(body: NewKey, hub: Hub, asker: Asking) -> MadeKey:
    """The key is in the answer, and nowhere else afterwards."""
    _no_more_than_own(asker, body)
    return await _make(hub, asker.user, body)


@router.get("/all/", response_model=Page[Key], responses=AS_LINES, summary="List everybody's keys")
async def list_all_keys(
    request: Request, hub: Hub, paging: Asked, user: str | None = None
) -> Page[Key] | Response:
    """The newest first; of one user where one is named."""
    return await _list(request, hub, paging, user)


@router.post("/of/{user}/", status_code=201, summary="Make a key for a user")
async def make_key_for(user: str, body: NewKey, hub: Hub) -> MadeKey:
    """For programs that have a user of their own."""
    return await _make(hub, user, body)


@router.delete("/all/{key_id:int}/", status_code=204, summary="Revoke anybody's key")
async def revoke_any_key(key_id: Number, hub: Hub) -> None:
    """It opens nothing from now on."""
    await hub.write(lambda tx: keys.revoke_key(tx, None, key_id))


@router.delete("/{key_id:int}/", status_code=204, summary="Revoke one of one's own keys")
async def revoke_key(key_id: Number, hub: Hub, asker: Asking) -> None:
    """It opens nothing from now on."""
    await hub.write(lambda tx: keys.revoke_key(tx, asker.user, key_id))
