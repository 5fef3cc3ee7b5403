"""The API keeps its contract: whatever is asked of it, it answers as its OpenAPI document says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import fixtures_api
from tests.contract import Trial
from tests.fixtures_postgres import Databases

from towpath.api.app import create_app
from towpath.config import HubSettings
from towpath.store.database import Database


@pytest.fixture
def served(databases: Databases, tmp_path: Path) -> Iterator[tuple[str, Database]]:
    """The API over PostgreSQL, which refuses more than SQLite does, with a site whose nodes answer nothing."""
    with databases.lend() as address:
        database = Database(address, fixtures_api.now)
        fixtures_api.lay(database, {"data": fixtures_api.ROOT})
        database.start()
        settings = HubSettings(tmp_path, address, "nats://127.0.0.1:1", max_body=200_000, answer_seconds=0.05)
        app = create_app(database, settings, b"h" * 32, fixtures_api.hears, fixtures_api.now)
        with fixtures_api.serving(app) as url:
            yield url, database
        database.stop()


def check(trial: Trial) -> None:
    """Tells of every kind of failure, whole."""
    if failures := list(trial.failures()):
        pytest.fail("\n\n".join(failures), pytrace=False)


def test_every_answer_is_one_that_the_contract_tells_of(served: tuple[str, Database]) -> None:
    trial = Trial(*served, ("examples", "coverage", "fuzzing"), most=3, seconds=120)
    check(trial)
    assert set(trial.calls) >= {"examples", "coverage", "fuzzing"}


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_every_answer_of_half_an_hour_is_one_that_the_contract_tells_of(served: tuple[str, Database]) -> None:
    trial = Trial(*served, ("examples", "coverage", "fuzzing", "stateful"), most=300, seconds=1800)
    check(trial)
