"""Nodes: how each stands, and what people may wish of it: to drain, to work again, to have other slots."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from towpath.api.context import Caller, Hub
from towpath.api.forms import EXACT
from towpath.api.routers import Router
from towpath.api.times import maybe_at
from towpath.domain.nodes import NodeState
from towpath.engine import node_wishes
from towpath.engine.node_wishes import NodeView, SlotsWished
from towpath.store.database import Tx

router = Router(prefix="/api/nodes", tags=["nodes"])

Queues = dict[str, dict[str, int]]


class Node(BaseModel):
    """A node: one worker of a site."""

    site: str = Field(examples=["oslo"])
    name: str = Field(examples=["local"])
    state: NodeState = Field(
        description="drained: it holds nothing, and can be stopped.", examples=["online"]
    )
    online: bool = Field(description="It is heard.")
    draining: bool = Field(description="It finishes what it has and takes no more.")
    drain_at: datetime | None
    drain_by: str | None
    drain_why: str | None
    heard_at: datetime | None
    running: int = Field(description="Tasks that it holds.")
    queues: Queues = Field(description="Queue → function → slots.")
    started_with: Queues = Field(description="The slots that it has where nobody wishes otherwise.")
    software: str

    @classmethod
    def of(cls, node: NodeView) -> Self:
        """The node as the API shows it."""
        return cls(
            site=node.site,
            name=node.name,
            state=node.state,
            online=node.state is not NodeState.OFFLINE,
            draining=node.state in (NodeState.DRAINING, NodeState.DRAINED),
            drain_at=maybe_at(node.drain_at),
            drain_by=node.drain_by,
            drain_why=node.drain_why or None,
            heard_at=maybe_at(node.heard_at),
            running=node.running,
            queues=_plain(node.queues),
            started_with=_plain(node.started_with),
            software=node.software,
        )


def _plain(queues: Mapping[str, Mapping[str, int]]) -> Queues:
    return {queue: dict(functions) for queue, functions in queues.items()}


class Nodes(BaseModel):
    """All nodes."""

    count: int
    results: list[Node]


class DrainAsked(BaseModel):
    """Why to drain."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=1000, examples=["new kernel"])


class SlotsAsked(BaseModel):
    """How many slots a function of a queue is to have."""

    model_config = ConfigDict(extra="forbid")

    queue: str = Field(default="default", examples=["default"])
    function: str = Field(default="worker", description="worker or discovery", examples=["worker"])
    slots: Annotated[int, EXACT] | None = Field(
        description="0: it serves none; null: as many as the node was started with."
    )


async def _change(hub: Hub, site: str, name: str, change: Callable[[Tx], None]) -> Node:
    def write(tx: Tx) -> Node:
        change(tx)
        return Node.of(node_wishes.get_node(tx.conn, site, name))

    return await hub.write(write)


@router.get("/", summary="List nodes")
async def list_nodes(hub: Hub, site: str | None = None) -> Nodes:
    """All nodes by site and name, or those of one site."""
    of = None if site is None else [site]
    found = await hub.read(lambda conn: node_wishes.list_nodes(conn, of))
    return Nodes(count=len(found), results=[Node.of(node) for node in found])


@router.get("/{site}/{name}/", summary="Show a node")
async def show_node(site: str, name: str, hub: Hub) -> Node:
    """How a node stands."""
    return Node.of(await hub.database.read(lambda conn: node_wishes.get_node(conn, site, name)))


@router.post("/{site}/{name}/drain/", summary="Drain a node")
async def drain_node(site: str, name: str, hub: Hub, caller: Caller, body: DrainAsked | None = None) -> Node:
    """It is granted nothing more; what runs ends, walks go on elsewhere; drained once it holds nothing."""
    why = (body or DrainAsked()).reason
    return await _change(hub, site, name, lambda tx: node_wishes.drain(tx, site, name, caller, why))


@router.post("/{site}/{name}/undrain/", summary="Let a node work again")
async def undrain_node(site: str, name: str, hub: Hub) -> Node:
    """It is granted tasks again."""
    return await _change(hub, site, name, lambda tx: node_wishes.undrain(tx, site, name))


@router.delete("/{site}/{name}/", status_code=204, summary="Remove a node")
async def remove_node(site: str, name: str, hub: Hub) -> None:
    """It is let in no more, and its connection ends; what it holds runs elsewhere once its leases have run out."""
    await hub.write(lambda tx: node_wishes.remove(tx, site, name))


@router.patch("/{site}/{name}/", summary="Change a node's slots")
async def change_slots(site: str, name: str, body: SlotsAsked, hub: Hub) -> Node:
    """The node hears of it with its next heartbeat; the wish stays when the node or the hub starts again."""
    wished = SlotsWished(body.queue, body.function, body.slots)
    return await _change(hub, site, name, lambda tx: node_wishes.set_slots(tx, site, name, wished))
