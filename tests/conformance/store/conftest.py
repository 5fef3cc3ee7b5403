"""What every test of this suite is given: a database of each back end, and a hub on it that is audited at the end."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.conformance.store.audit import audit
from tests.hub_desk import Hub, Node, Numbers, furnish

from towpath.store import schema
from towpath.store.database import Database


def _sqlite(fresh: Path, directory: Path, clock: Numbers) -> Database:
    """A copy of a database that was brought to the newest form once; it need not survive a power cut."""
    shutil.copy(fresh, directory / "hub.db")
    database = Database(f"sqlite:///{directory / 'hub.db'}", clock)

    @sa.event.listens_for(database.engine, "connect")
    def _hurry(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    return database


BACK_ENDS: dict[str, Callable[[Path, Path, Numbers], Database]] = {"sqlite": _sqlite}
"""How each back end gives an empty database; every test of this suite runs once on each."""


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new SQLite database in the newest form, to be copied."""
    made = tmp_path_factory.mktemp("fresh") / "hub.db"
    schema.upgrade(f"sqlite:///{made}")
    return made


@pytest.fixture
def clock() -> Numbers:
    """The database's clock."""
    return Numbers()


@pytest.fixture(params=list(BACK_ENDS))
def database(
    request: pytest.FixtureRequest, fresh: Path, tmp_path: Path, clock: Numbers
) -> Iterator[Database]:
    """An empty database in the newest form."""
    made = BACK_ENDS[request.param](fresh, tmp_path, clock)
    yield made
    made.stop()


@pytest.fixture
def hub(database: Database, clock: Numbers) -> Iterator[Hub]:
    """A hub; whatever a test did with it, what it kept must equal what is counted anew."""
    made = furnish(database, clock)
    yield made
    with made.database.reading() as conn:
        audit(conn)


@pytest.fixture
def oslo(hub: Hub) -> Node:
    """A node at the site oslo."""
    return hub.node("oslo")


@pytest.fixture
def bergen(hub: Hub) -> Node:
    """A node at the site bergen."""
    return hub.node("bergen")
