"""Pytest fixtures: a new database of each back end, for suites that every back end must pass."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from towpath.store import schema

BACK_ENDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def fresh_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new SQLite database in the newest form, to be copied."""
    made = tmp_path_factory.mktemp("fresh") / "hub.db"
    schema.upgrade(f"sqlite:///{made}")
    return made


@pytest.fixture(params=BACK_ENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a new database in the newest form is; every test that asks runs once on each back end."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("fresh_file"), tmp_path / "hub.db")
        yield f"sqlite:///{tmp_path / 'hub.db'}"
    else:
        with request.getfixturevalue("databases").lend() as lent:
            yield lent
