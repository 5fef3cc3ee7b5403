"""Several hubs on one PostgreSQL and one bus, and workers that know nothing of it: whatever dies, the work goes on."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.fleet import SITE, Fleet, Member, sailing, teach
from tests.acceptance.world import LEASE
from tests.fixtures_hub import until
from tests.fixtures_postgres import Databases, Postgres, postgres_server

FILES = 40
SILENT = "a node fell silent"


@pytest.fixture
def fleet(databases: Databases, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet on a database of its own."""
    with databases.lend() as url, sailing(tmp_path, url) as made:
        yield made


@pytest.fixture
def mortal() -> Iterator[Postgres]:
    """A PostgreSQL server of one's own, that may be killed; it has a database `hub`."""
    with postgres_server() as server:
        with server.connect() as admin:
            admin.execute("CREATE DATABASE hub")
        yield server


def fill(place: Path) -> None:
    """Files to work on."""
    place.mkdir(parents=True)
    for number in range(FILES):
        (place / f"f{number:03}").write_bytes(b"x" * number)


def begin(fleet: Fleet, asked: Member, name: str) -> tuple[int, Path]:
    """A job in the midst: its tasks wait at a gate, which opens where that file is made."""
    place, gate = fleet.root / SITE / name, fleet.root / f"{name}.gate"
    fill(place)
    return asked.begin_at_gate(place, gate), gate


def finish(asked: Member, job: int) -> None:
    """The job ends well, with each path once."""
    ended = asked.finish(job)
    assert ended["totals"]["done"] == ended["totals"]["discovered"] == FILES
    assert len(asked.outcomes(ended, step="checksum")) == FILES


def test_a_job_ends_well_though_the_conductor_is_killed_in_its_midst(fleet: Fleet) -> None:
    one, two = fleet.hub("one"), fleet.hub("two")
    fleet.worker("n1")
    teach(one)
    until(lambda: fleet.conducting() is not None, "one of them conducted")
    dead = fleet.conducting()
    assert dead is not None
    (living,) = (member for member in (one, two) if member is not dead)
    job, gate = begin(fleet, dead, "a")
    dead.send(signal.SIGKILL)
    gate.touch()
    finish(living, job)
    until(lambda: fleet.conducting() is living, "the other one conducted")
    # What the hub does itself is done by the one that conducts now.
    again = living.post(f"/api/jobs/{job}/retry/", {"which": "all"})["id"]
    finish(living, again)
    assert fleet.lost_nodes() == []
    assert SILENT not in living.log


def test_a_hub_that_was_stopped_longer_than_a_lease_comes_back_and_takes_nothing_from_anybody(
    fleet: Fleet,
) -> None:
    hub = fleet.hub("one")
    fleet.worker("n1")
    teach(hub)
    job, gate = begin(fleet, hub, "a")
    hub.send(signal.SIGSTOP)
    end = time.monotonic() + 2 * LEASE
    until(lambda: time.monotonic() > end, "two leases had gone by")
    hub.send(signal.SIGCONT)
    gate.touch()
    finish(hub, job)
    assert SILENT not in hub.log


def test_a_conductor_that_was_stopped_is_followed_and_does_no_more_in_office(fleet: Fleet) -> None:
    one = fleet.hub("one")
    fleet.worker("n1")
    teach(one)
    until(lambda: fleet.conducting() is one, "the first one conducted")
    two = fleet.hub("two")
    job, gate = begin(fleet, two, "a")
    one.send(signal.SIGSTOP)
    until(lambda: fleet.conducting() is two, "the other one conducted")
    gate.touch()
    finish(two, job)
    one.send(signal.SIGCONT)
    until(lambda: "this hub conducts no longer" in one.log, "the first one saw it")
    assert fleet.conducting() is two
    assert fleet.lost_nodes() == []


def test_a_job_ends_well_though_the_database_is_killed_in_its_midst(mortal: Postgres, tmp_path: Path) -> None:
    with sailing(tmp_path, mortal.url("hub")) as fleet:
        hub = fleet.hub("one")
        fleet.worker("n1")
        teach(hub)
        job, gate = begin(fleet, hub, "a")
        mortal.kill()
        until(lambda: not hub.answers(), "the hub saw that its database was away")
        mortal.start()
        until(hub.answers, "the hub went on by itself")
        gate.touch()
        finish(hub, job)
        assert fleet.lost_nodes() == []
        assert SILENT not in hub.log
