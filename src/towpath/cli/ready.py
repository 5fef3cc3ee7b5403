"""Whether what `towpath up` starts has come up: the API answers, and every site's worker is heard."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from towpath.cli.front import connection_here, front_of
from towpath.cli.home import NODE, Home, Remembered, find_connection
from towpath.cli.hubs import open_hub
from towpath.cli.output import say
from towpath.cli.running import Status, is_running, read_status
from towpath.client.errors import HubError
from towpath.client.shapes import Site
from towpath.domain.errors import Mistake

NEVER = datetime.min.replace(tzinfo=UTC)
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.2
ANSWER_SECONDS = 5.0
HOPELESS = 5
"""A child that has ended so often will not come up by itself."""
LINES = 12
"""How much of a log an error shows."""


@dataclass(frozen=True, slots=True)
class _Missing:
    """What is not up yet, and the log that may say why."""

    name: str
    log: Path
    restarts: int = 0


def wait(home: Home, remembered: Remembered, lives: Callable[[], bool]) -> None:
    """Wait until all is up; raises `Mistake` for what is not, and says the end of its log."""
    end = time.monotonic() + PATIENCE_SECONDS
    missing = _Missing("the supervisor", home.log("supervisor"))
    while lives():
        now_missing = _missing(home, remembered)
        if now_missing is None:
            return
        missing = now_missing
        if missing.restarts >= HOPELESS or time.monotonic() > end:
            _say_end(missing.log)
            raise Mistake(f"{missing.name} does not come up; see {missing.log}")
        time.sleep(POLL_SECONDS)
    _say_end(missing.log)
    raise Mistake(f"the hub did not start; see {missing.log}")


def wait_for_status(home: Home) -> Status | None:
    """What a supervisor that has perhaps just begun says of itself; None where it ended."""
    end = time.monotonic() + PATIENCE_SECONDS
    while is_running(home) and time.monotonic() < end:
        found = read_status(home)
        if found is not None:
            return found
        time.sleep(POLL_SECONDS)
    return None


def _missing(home: Home, remembered: Remembered) -> _Missing | None:
    connection = find_connection(home)
    status = read_status(home)
    if connection is None or status is None:
        return _Missing("the supervisor", home.log("supervisor"))
    for child in status.children:
        if child.pid is None:
            name = child.role if child.site is None else f"the {child.role} of site {child.site}"
            return _Missing(name, home.log(child.role, child.site), child.restarts)
    # The file may still have the address of an earlier run.
    with open_hub(connection_here(front_of(remembered), connection.api_key)) as hub:
        try:
            hub.look("/api/health", ANSWER_SECONDS)
            sites = hub.sites.list()
        except HubError:
            return _Missing("the hub", home.log("hub"))
    return _unheard(home, remembered, status, sites)


def _unheard(home: Home, remembered: Remembered, status: Status, sites: Sequence[Site]) -> _Missing | None:
    """A worker that has said nothing since it began: an earlier word says nothing about this process."""
    heard = {f"{site.name}/{node.name}": node.heard_at or NEVER for site in sites for node in site.nodes}
    began = {child.site: datetime.fromisoformat(child.since) for child in status.children}
    for place in remembered.places():
        node = place if "/" in place else f"{place}/{NODE}"
        if place not in began or heard.get(node, NEVER) < began[place]:
            return _Missing(f"the worker of site {place}", home.log("worker", place))
    return None


def _say_end(log: Path) -> None:
    try:
        lines = log.read_text("utf-8", "replace").splitlines()[-LINES:]
    except OSError:
        return
    for line in lines:
        say(f"  {log.name}: {line}")
