"""What every test of this suite is given: a hub on a fresh database, audited at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.store.audit import audit
from tests.hub_desk import Hub, Node, make_hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub; whatever a test did with it, what it kept must equal what is counted anew."""
    made = make_hub(tmp_path)
    yield made
    with made.database.reading() as conn:
        audit(conn)
    made.database.stop()


@pytest.fixture
def oslo(hub: Hub) -> Node:
    """A node at the site oslo."""
    return hub.node("oslo")


@pytest.fixture
def bergen(hub: Hub) -> Node:
    """A node at the site bergen."""
    return hub.node("bergen")
