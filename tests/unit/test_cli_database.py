"""Which database a hub uses: no password in an argument, one hub to what takes one, and plain words where it fails."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.fixtures_postgres import Databases, Postgres

from towpath.cli.alone import alone
from towpath.cli.database_option import read_database, without_password
from towpath.config import HubSettings
from towpath.domain.errors import Mistake
from towpath.store import schema
from towpath.store.engines import open_engine

DEFAULT = "sqlite:////home/hub.db"
PLAIN, SECRET = (
    "postgresql://ana@db:5433/hub?sslmode=require",
    "postgresql://ana:pw@db:5433/hub?sslmode=require",
)


@pytest.mark.parametrize(
    ("given", "named", "expected"),
    [
        (None, None, DEFAULT),
        (PLAIN, None, PLAIN),
        (None, SECRET, SECRET),
        (PLAIN, SECRET, SECRET),
        ("postgresql://other/hub", SECRET, "postgresql://other/hub"),
    ],
)
def test_the_option_goes_before_the_environment_which_may_add_the_password(
    given: str | None, named: str | None, expected: str
) -> None:
    assert read_database(given, {"TOWPATH_DATABASE": named} if named else {}, DEFAULT) == expected


@pytest.mark.parametrize("url", [SECRET, "postgresql://db/hub?user=ana&password=pw"])
def test_a_password_in_an_argument_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Mistake, match="expected a URL without a password") as refused:
        read_database(url, {}, DEFAULT)
    assert "pw" not in str(refused.value)
    assert "pw" not in without_password(url)


@pytest.mark.parametrize("where", ["option", "environment"])
def test_another_kind_of_database_is_refused(where: str) -> None:
    url = "mysql://ana:pw@db/hub"
    with pytest.raises(Mistake, match="begins with sqlite:/// or postgresql://, found 'mysql:…'"):
        read_database(
            url if where == "option" else None, {"TOWPATH_DATABASE": url} if where != "option" else {}, ""
        )


# One hub --------------------------------------------------------------------------------------------------------


def settings(home: Path, database: str) -> HubSettings:
    """Those of a hub."""
    return HubSettings(home, database, "nats://127.0.0.1:1")


def test_a_second_hub_on_one_sqlite_file_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    other = settings(tmp_path / "b", url)
    with (
        alone(settings(tmp_path / "a", url)),
        pytest.raises(Mistake, match=r"another hub has it \(pid \d+\); SQLite takes one hub"),
        alone(other),
    ):
        pass
    with alone(other):
        pass


def test_hubs_on_one_postgresql_need_homes_of_their_own(tmp_path: Path) -> None:
    with (
        alone(settings(tmp_path / "a", PLAIN)),
        alone(settings(tmp_path / "b", PLAIN)),
        pytest.raises(Mistake, match="another hub has it"),
        alone(settings(tmp_path / "a", PLAIN)),
    ):
        pass


# What fails -----------------------------------------------------------------------------------------------------


def test_a_server_that_is_away_is_told_in_one_sentence(tmp_path: Path) -> None:
    url = f"postgresql://ana:pw@/hub?host={tmp_path}"
    with pytest.raises(
        Mistake, match=r"^database postgresql://ana:\*\*\*@/hub.*connection to server .* failed"
    ) as told:
        schema.upgrade(url)
    assert "pw" not in str(told.value).replace("***", "")
    assert "\n" not in str(told.value)


def test_a_database_that_is_not_there_is_told(postgres: Postgres) -> None:
    with pytest.raises(Mistake, match='database "nowhere" does not exist'):
        schema.upgrade(postgres.url("nowhere"))


def test_a_wrong_password_is_told(postgres: Postgres) -> None:
    with (
        postgres.guarded("carl", "right") as url,
        pytest.raises(Mistake, match="password authentication failed"),
    ):
        schema.upgrade(url.replace("carl@", "carl:wrong@"))


def test_a_database_that_a_newer_hub_has_written_to_is_told(databases: Databases) -> None:
    with databases.lend() as url:
        engine = open_engine(url)
        with engine.begin() as conn:
            before = conn.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one()
            conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(Mistake, match=r"expected a form up to \d{4}, found 9999: a newer version"):
            schema.upgrade(url)
        with engine.begin() as conn:
            conn.execute(sa.text("UPDATE alembic_version SET version_num = :it"), {"it": before})
        engine.dispose()


def test_hubs_that_start_at_once_on_a_new_database_migrate_it_once(postgres: Postgres) -> None:
    with postgres.connect() as admin:
        admin.execute("CREATE DATABASE together")
    errors: list[BaseException] = []

    def start() -> None:
        try:
            schema.upgrade(postgres.url("together"))
        except BaseException as error:
            errors.append(error)

    starting = [threading.Thread(target=start) for _ in range(3)]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()
    assert errors == []
