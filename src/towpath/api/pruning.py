"""Pruning: `POST /api/jobs/prune/`."""

from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from towpath.api.context import Hub
from towpath.api.forms import EXACT
from towpath.api.routers import Router
from towpath.engine import pruning
from towpath.engine.pruning import Hidden
from towpath.store.database import Tx
from towpath.store.pruning import Place

SECOND = 1_000_000

router = Router(prefix="/api/jobs", tags=["jobs"])


class PruneAsked(BaseModel):
    """Which jobs to forget."""

    model_config = ConfigDict(extra="forbid")

    older_than: Annotated[int, Field(ge=0, le=10**9), EXACT] = Field(
        description="Seconds since they ended, at least.", examples=[2592000]
    )


class Pruned(BaseModel):
    """How many jobs were forgotten."""

    jobs: int


@router.post("/prune/", summary="Forget jobs that ended long ago")
async def prune(body: PruneAsked, hub: Hub) -> Pruned:
    """They are shown no more from now on; their records are taken away piece by piece.

    A job and its retries are forgotten together, once all of them are old enough.
    """

    def hide(tx: Tx, behind: Place) -> Hidden:
        return pruning.hide(tx, tx.now - body.older_than * SECOND, behind)

    found, behind = 0, pruning.BEGINNING
    while True:
        hidden = await hub.write(partial(hide, behind=behind))
        found += hidden.jobs
        if hidden.behind is None:
            return Pruned(jobs=found)
        behind = hidden.behind
