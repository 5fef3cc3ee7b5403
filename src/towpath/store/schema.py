"""Brings a database to the newest form of the tables."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from towpath.domain.errors import Mistake
from towpath.store.engines import full_url, is_to_write, open_engine
from towpath.store.laying import form_of, lay

__all__ = ["Standing", "bring", "form_of", "known", "newest", "opened", "shown", "standing", "upgrade"]

SQLITE = "sqlite:///"
VERSIONS = Path(__file__).parent / "migrations" / "versions"
"""A file for each form, which its name begins with."""

_LOCK = sa.text("SELECT pg_advisory_xact_lock(1954640496)")
"""Of several hubs that start at once, one migrates, and the others find it done."""


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the database to the newest form, or only to an older one; nothing happens where it has it.

    Raises `Mistake` where it cannot be reached, or has a form that is newer than this hub.
    """
    engine = opened(database_url)
    try:
        with engine.connect() as connection, is_to_write(connection).begin():
            if connection.dialect.name == "postgresql":
                connection.execute(_LOCK)
            _check_known(connection, database_url)
            bring(connection, revision)
    except sa.exc.OperationalError as error:
        raise Mistake(f"database {shown(database_url)}: {_reason(error)}") from None
    finally:
        engine.dispose()


def bring(connection: Connection, revision: str = "head") -> None:
    """Bring a database to the newest form, or only to an older one, within a transaction that writes."""
    wanted = newest() if revision == "head" else revision
    form = form_of(connection)
    if form is None and wanted == newest():
        lay(connection, wanted)
    elif form != wanted:
        # Alembic takes a twentieth of a second to load, and nearly every start finds nothing to do.
        import_module("towpath.store.migrating").migrate(connection, wanted)


@cache
def known() -> list[str]:
    """The forms that this hub knows, the newest first."""
    return sorted((file.name.partition("_")[0] for file in VERSIONS.glob("[0-9]*.py")), reverse=True)


def newest() -> str:
    """The newest of them."""
    return known()[0]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a database stands."""

    form: str | None
    """The newest of the migrations that it has seen; None where it has no tables yet."""
    newest: str
    """The newest that this hub knows."""
    is_known: bool
    now: float | None
    """The time of its server, in seconds since 1970; None where it has no clock of its own."""


def standing(database_url: str) -> Standing:
    """How a database stands, without a change to it; raises `Mistake` where it does not answer."""
    if database_url.startswith(SQLITE) and not Path(database_url.removeprefix(SQLITE)).exists():
        return Standing(None, newest(), True, None)
    engine = opened(database_url)
    try:
        with engine.connect() as connection, connection.begin():
            form = form_of(connection)
            asked = sa.text("SELECT extract(epoch FROM clock_timestamp())")
            now = (
                None if connection.dialect.name == "sqlite" else float(connection.execute(asked).scalar_one())
            )
    except sa.exc.DatabaseError as error:
        raise Mistake(f"database {shown(database_url)}: {_reason(error)}") from None
    finally:
        engine.dispose()
    return Standing(form, newest(), form is None or form in known(), now)


def opened(database_url: str) -> Engine:
    """An engine for that URL; raises `Mistake` where it is none."""
    try:
        return open_engine(database_url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise Mistake(
            f"database: expected a URL such as postgresql://USER@HOST/NAME, found {error}"
        ) from None


def _check_known(connection: Connection, database_url: str) -> None:
    found = form_of(connection)
    if found is not None and found not in known():
        raise Mistake(
            f"database {shown(database_url)}: expected a form up to {newest()}, found {found}: a newer version of"
            " Towpath has written to it; run that version, or restore a backup from before"
        )


def shown(database_url: str) -> str:
    """The URL for people, without its password."""
    return full_url(database_url).set(drivername=database_url.partition(":")[0]).render_as_string()


def _reason(error: sa.exc.DatabaseError) -> str:
    """The driver's own reason, in one line."""
    return " ".join(str(error.orig).split())
