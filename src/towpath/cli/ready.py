"""Whether what `towpath up` starts has come up: the API answers, and every site's worker is heard."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from towpath.cli.errors import HubBug
from towpath.cli.home import Connection, Home, Remembered, find_connection
from towpath.cli.hubs import open_hub
from towpath.cli.output import say
from towpath.cli.running import Status, is_running, read_status
from towpath.cli.shapes import Sites
from towpath.config import Listen
from towpath.domain.errors import Mistake

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.1
LINES = 12
"""How much of a log an error shows."""


def wait(home: Home, remembered: Remembered, lives: Callable[[], bool]) -> None:
    """Wait until all is up; raises `Mistake` with the end of the log of what is not."""
    end = time.monotonic() + PATIENCE_SECONDS
    missing = "supervisor"
    while lives():
        missing, log = _missing(home, remembered)
        if not missing:
            return
        if time.monotonic() > end:
            _say_end(log)
            raise Mistake(f"{missing} did not come up in {PATIENCE_SECONDS:.0f} s; see {log}")
        time.sleep(POLL_SECONDS)
    _say_end(home.log("supervisor"))
    raise Mistake(f"the hub did not start; see {home.log('supervisor')}")


def wait_for_status(home: Home) -> Status | None:
    """What a supervisor that has perhaps just begun says of itself; None where it ended."""
    end = time.monotonic() + PATIENCE_SECONDS
    while is_running(home) and time.monotonic() < end:
        found = read_status(home)
        if found is not None:
            return found
        time.sleep(POLL_SECONDS)
    return None


def _missing(home: Home, remembered: Remembered) -> tuple[str, Path]:
    """What is not up yet, and its log; an empty name once all is."""
    connection = find_connection(home)
    status = read_status(home)
    if connection is None or status is None:
        return "the supervisor", home.log("supervisor")
    dead = [child for child in status.children if child.pid is None]
    if dead:
        return f"{dead[0].role} {dead[0].site or ''}".strip(), home.log(dead[0].role, dead[0].site)
    # The file may still have the address of an earlier run.
    with open_hub(Connection(Listen.parse(remembered.listen).url, connection.api_key)) as hub:
        try:
            hub.get("/api/health")
            sites = msgspec.json.decode(hub.get("/api/sites/"), type=Sites).results
        except (Mistake, HubBug):
            return "the hub", home.log("hub")
    heard = {site.name: max((node.heard_at or "" for node in site.nodes), default="") for site in sites}
    began = {child.site: child.since for child in status.children}
    for name in remembered.sites:
        # A word from before this process began says nothing about it.
        if name not in began or _moment(heard.get(name, "")) < _moment(began[name]):
            return f"the worker of site {name}", home.log("worker", name)
    return "", home.log("supervisor")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)


def _say_end(log: Path) -> None:
    try:
        lines = log.read_text("utf-8", "replace").splitlines()[-LINES:]
    except OSError:
        return
    for line in lines:
        say(f"  {log.name}: {line}")
