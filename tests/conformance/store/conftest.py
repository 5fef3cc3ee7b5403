"""What every test of this suite is given: a database of each back end, and a hub on it that is audited at the end."""

from collections.abc import Iterator

import pytest
from tests.conformance.store.audit import audit
from tests.fixtures_store import database_url, fresh_file, kept_engine
from tests.hub_desk import Hub, Node, Numbers, furnish

from towpath.store.database import Database

__all__ = ["database_url", "fresh_file"]


@pytest.fixture
def clock() -> Numbers:
    """The database's clock."""
    return Numbers()


@pytest.fixture
def database(database_url: str, clock: Numbers) -> Iterator[Database]:
    """An empty database in the newest form."""
    made = Database(database_url, clock, kept_engine)
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
