"""The states of nodes and the health of sites, derived from what was heard, what is wished and what is held."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

SILENT_AFTER = 2
"""Whole heartbeats' times without a word, while the hub could hear, after which a node counts as offline."""


class NodeState(StrEnum):
    """What a node is doing, as people see it."""

    ONLINE = "online"
    """It is heard, and takes tasks."""
    DRAINING = "draining"
    """It is heard, takes nothing more, and still runs what it has."""
    DRAINED = "drained"
    """It is heard, takes nothing more, and holds nothing: it can be stopped."""
    OFFLINE = "offline"
    """It is not heard."""


class Health(StrEnum):
    """How a site is."""

    OK = "ok"
    """All its nodes are online."""
    WARNING = "warning"
    """Some of its nodes are not."""
    CRITICAL = "critical"
    """None of its nodes is heard."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the state of a node depends on."""

    began: bool
    """It has said hello once."""
    silent: bool
    """It missed `SILENT_AFTER` heartbeats and was not heard since."""
    lost: bool
    """Its leases were taken, and it was not heard since."""
    drains: bool
    """It was told, or told us, that it takes nothing more."""
    held: int
    """Tasks that it runs."""


def node_state(facts: Heard) -> NodeState:
    """What a node is doing."""
    if not facts.began or facts.silent or facts.lost:
        return NodeState.OFFLINE
    if not facts.drains:
        return NodeState.ONLINE
    return NodeState.DRAINING if facts.held else NodeState.DRAINED


def site_health(nodes: Collection[NodeState]) -> Health:
    """How a site with these nodes is."""
    if all(state is NodeState.OFFLINE for state in nodes):
        return Health.CRITICAL
    return Health.OK if all(state is NodeState.ONLINE for state in nodes) else Health.WARNING
