"""Objects' lives: the stages of a sweep, the steps that are the hub's own, and when a collection stops and asks."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from towpath.domain.catalogue import ENDPOINT, Argument, StepSpec
from towpath.domain.states import Phase

DAY: Final = 24 * 3600 * 1_000_000
"""Microseconds."""
GRACE: Final = 30 * DAY
"""How long an object stays an orphan before it may be collected, where its target says nothing else."""
LONGEST_GRACE: Final = 10_000
"""Days."""

FEW: Final = 100
"""A collection of no more objects is never too large a share."""
LARGEST_SHARE: Final = 0.1
MANY: Final = 100_000

FRESH: Final = 24 * 3600
"""Seconds for which a collection may delete after the comparison: what was read of the sites grows old."""
WALKS: Final = 2
"""How often each root is walked before anything is deleted: a file may be renamed past one walk."""


SWEEPS: Final = ".towpath/sweeps"
"""Beneath it lies at a target what sweeps keep there while they run."""


def begun_key(sweep: str, site: str) -> str:
    """What a site puts before anything is read: its time is the sweep's beginning by the target's own clock."""
    return f"{SWEEPS}/{sweep}/begun/{site}"


class Stage(StrEnum):
    """What a sweep is at; each stage is some jobs, and begins once those of the one before are over."""

    BEGIN = "begin"
    """At each site that uses the target, the time is noted there, by the target's own clock."""
    WALK = "walk"
    """At every site, each root is walked, and what the marks there refer to is written to the target."""
    COMPARE = "compare"
    """At each site that uses the target, its objects there are compared with that."""
    COLLECT = "collect"
    """What has been an orphan for the grace time is deleted, each object after a last look."""


class SweepState(StrEnum):
    """How a sweep stands."""

    OPEN = "open"
    DONE = "done"
    BLOCKED = "blocked"
    """Something could not be read whole, so nothing may be said of what is referred to."""
    ASKS = "asks"
    """It would delete more than the guard lets pass; nothing was deleted."""


_SWEEP: Final = Argument("sweep", "string", None, "the sweep's name")

REFER: Final = StepSpec(
    "refer",
    "write to a target which of its records the marks of files refer to; part of a sweep",
    (
        _SWEEP,
        Argument("marker", "string", None, "what the sweep has put at the target"),
        Argument("trusted", "bool", False, "marks may stand where only privileged workers see them"),
        ENDPOINT,
    ),
    needs_target=True,
)
COLLECT: Final = StepSpec(
    "collect",
    "delete objects that nothing refers to; part of a sweep",
    (_SWEEP, Argument("until", "int", None, "seconds since 1970: nothing is deleted after that"), ENDPOINT),
    phase=Phase.DELETES,
    needs_target=True,
)
ORPHANS: Final = "orphans"
"""The discovery that compares what stands at a target with what is referred to."""

OWN_STEPS: Final[Mapping[str, StepSpec]] = MappingProxyType({spec.name: spec for spec in (REFER, COLLECT)})
"""Steps that only the hub's own plans name: no workflow of anybody else's can."""
OWN_WORKFLOWS: Final = frozenset({"sweep-begin", "sweep-walk", "sweep-compare", "sweep-collect"})
"""What the jobs of sweeps are called; such a job is never retried: what it knew has grown old."""


def guard(due: int, objects: int) -> str | None:
    """Why a collection of `due` of a target's objects stops and asks; None where it may go on."""
    if due > MANY:
        return f"{due} objects are due: more than {MANY} in one go"
    if due > FEW and due > objects * LARGEST_SHARE:
        return f"{due} of {objects} objects are due: more than {LARGEST_SHARE:.0%} in one go"
    return None


def root_guard(site: str, root: str, due: int) -> str:
    """What is asked where objects of a root are due, and not one of its files refers to any object."""
    return (
        f"{due} objects of root {root} of site {site} are due, and none of its files refers to any object now:"
        " is it mounted, and is it the right one?"
    )


def gone_root_guard(site: str, root: str, files: int) -> str:
    """What is asked where a root that had files with objects is no longer one of its site: nobody walks it."""
    return (
        f"root {root} of site {site} is gone, of which {files} files referred to objects when it was walked last:"
        " are they referred to no more?"
    )


ASKING: Final = "nothing was deleted; look at the orphans, and say --force if they may go"
