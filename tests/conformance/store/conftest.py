"""What every test of this suite is given: a database of each back end, and a hub on it that is audited at the end."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.store.audit import audit
from tests.fixtures_postgres import Databases
from tests.fixtures_store import BACK_ENDS, kept_engine, lent_file
from tests.hub_desk import Hub, Node, Numbers, furnish

from towpath.store.database import Database


def furnished(url: str) -> int:
    """Furnish the database of a hub; when that was done."""
    clock = Numbers()
    database = Database(url, clock)
    furnish(database, clock)
    database.stop()
    return clock.at


@pytest.fixture(scope="session")
def furnished_file(fresh_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """An SQLite database that is furnished, to be copied, and when that was done."""
    made = Path(shutil.copy(fresh_file, tmp_path_factory.mktemp("furnished") / "hub.db"))
    done_at = furnished(f"sqlite:///{made}")
    assert not made.with_name("hub.db-wal").exists(), "not all of it is in the file that is copied"
    return made, done_at


@pytest.fixture(scope="session")
def furnished_databases(databases: Databases) -> Iterator[tuple[Databases, int]]:
    """PostgreSQL databases that are furnished, and when that was done."""
    databases.copy("furnished")
    made = Databases(databases.server, "furnished")
    yield made, furnished(databases.server.url("furnished"))
    made.close()


@pytest.fixture(params=BACK_ENDS)
def database_url(request: pytest.FixtureRequest, clock: Numbers) -> Iterator[str]:
    """Where a furnished database is, a moment after that was done; every test runs once on each back end."""
    if request.param == "sqlite":
        file, clock.at = request.getfixturevalue("furnished_file")
        yield f"sqlite:///{lent_file(file)}"
    else:
        databases, clock.at = request.getfixturevalue("furnished_databases")
        with databases.lend() as lent:
            yield lent


@pytest.fixture
def clock() -> Numbers:
    """The database's clock."""
    return Numbers()


@pytest.fixture
def database(database_url: str, clock: Numbers) -> Iterator[Database]:
    """A furnished database in the newest form."""
    made = Database(database_url, clock, kept_engine)
    yield made
    made.stop()


@pytest.fixture
def hub(database: Database, clock: Numbers) -> Iterator[Hub]:
    """A hub; whatever a test did with it, what it kept must equal what is counted anew."""
    made = Hub(database, clock)
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
