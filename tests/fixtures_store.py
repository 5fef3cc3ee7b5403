"""Pytest fixtures: a new database of each back end, for suites that every back end must pass."""

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from tests.tiers import also

from towpath.store import schema
from towpath.store.engines import open_engine

BACK_ENDS = ("sqlite", *also("postgresql"))


@pytest.fixture(scope="session")
def fresh_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new SQLite database in the newest form, to be copied."""
    made = tmp_path_factory.mktemp("fresh") / "hub.db"
    schema.upgrade(f"sqlite:///{made}")
    return made


def lent_file(original: Path) -> Path:
    """A copy of a database that is lent to one test after the other, each time as the original is."""
    file = original.with_name("lent.db")
    for left in original.parent.glob("lent.db*"):
        left.unlink()
    shutil.copy(original, file)
    return file


@cache
def kept_engine(url: str) -> Engine:
    """The engine of a place that is lent to one test after the other: what it has compiled serves them all, and so do
    its connections to a server, each of which has looked up and planned what the next test asks."""
    engine = open_engine(url)
    if url.startswith("sqlite"):
        sa.event.listen(engine, "connect", _hurry)
    else:
        engine.dispose = _stay_connected  # type: ignore[method-assign]
    return engine


def _stay_connected(close: bool = True) -> None:
    """Close nothing, though the database that uses the engine is stopped."""


def _hurry(connection: Any, _record: Any) -> None:
    """It need not survive a power cut."""
    connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture(params=BACK_ENDS)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a new database in the newest form is; every test that asks runs once on each back end."""
    if request.param == "sqlite":
        yield f"sqlite:///{lent_file(request.getfixturevalue('fresh_file'))}"
    else:
        with request.getfixturevalue("databases").lend() as lent:
            yield lent
