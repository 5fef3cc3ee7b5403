"""What a node is told when it starts, checked once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from towpath.domain.errors import Mistake
from towpath.domain.slots import check_slots
from towpath.domain.values import name_fault
from towpath.steps.settings import NO_SETTINGS, SiteSettings

DEFAULT_QUEUES: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {"default": MappingProxyType({"worker": 8, "discovery": 2})}
)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Everything that a node is told when it starts; raises `Mistake` for what cannot be."""

    site: str
    """The name of its site: all nodes that bear it are one site."""
    node: str
    """Its own name, unique at the site."""
    roots: Mapping[str, str]
    """Name of each root → its absolute directory; nothing outside them is ever opened."""
    home: Path
    """Where it keeps its outbox and keys; one process at a time may use it."""
    bus_url: str
    """Where the bus is: `nats://HOST:PORT`, `tls://…`, several with commas between them."""
    seed_file: Path
    """The file with the node's NKEY seed."""
    bus_ca: Path | None = None
    """The authorities that may vouch for a `tls` bus; None = the usual ones."""
    bus_name: str = ""
    """What its certificate names, where that is not the URL's host."""
    queues: Mapping[str, Mapping[str, int]] = field(default_factory=lambda: DEFAULT_QUEUES)
    """Queue → function → how many tasks run at once."""
    unguarded: bool = False
    """Stubs may be made although no daemon guards the site's file systems."""
    allowed: tuple[str, ...] = ()
    """Absolute directories beneath which a `file://` target may lie."""
    grace: timedelta = timedelta(seconds=30)
    """How long running tasks may go on once the node was told to stop, before they are handed back."""
    steps: SiteSettings = NO_SETTINGS
    """What the site's administrator has set for its steps: commands, webhooks, mail."""
    io_threads: int = 16
    """How many paths are worked on at once, by all running tasks together, beside one of each task's own."""

    def __post_init__(self) -> None:
        for thing, name in (("site", self.site), ("node", self.node)):
            _check_name(thing, name)
        for name, directory in self.roots.items():
            _check_name("root", name)
            _check_directory(f"root '{name}'", directory)
        for directory in self.allowed:
            _check_directory("allowed directory for targets", directory)
        if not self.roots:
            raise Mistake(f"site '{self.site}': expected at least one root NAME=DIRECTORY, found none")
        if self.grace < timedelta(0):
            raise Mistake(f"grace: expected a time of 0 or more, found {self.grace}")
        if self.io_threads < 1:
            raise Mistake(f"io_threads: expected 1 or more, found {self.io_threads}")
        _check_queues(self.queues)


def _check_name(thing: str, name: str) -> None:
    if fault := name_fault(name):
        raise Mistake(f"{thing}: {fault}")


def _check_directory(thing: str, directory: str) -> None:
    if not os.path.isabs(directory):
        raise Mistake(f"{thing}: expected an absolute directory, found '{directory}'")


def _check_queues(queues: Mapping[str, Mapping[str, int]]) -> None:
    if not any(slots for functions in queues.values() for slots in functions.values()):
        raise Mistake("queues: expected at least one slot, found none")
    for queue, functions in queues.items():
        for function, slots in functions.items():
            check_slots(queue, function, slots)
