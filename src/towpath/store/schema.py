"""Brings a database to the newest form of the tables, by Alembic."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from towpath.domain.errors import Mistake
from towpath.store.engines import full_url, is_to_write, open_engine

MIGRATIONS = Path(__file__).parent / "migrations"

_LOCK = sa.text("SELECT pg_advisory_xact_lock(1954640496)")
"""Of several hubs that start at once, one migrates, and the others find it done."""


def alembic_config() -> Config:
    """Alembic's settings, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the database to the newest form, or only to an older one; nothing happens where it has it.

    Raises `Mistake` where it cannot be reached, or has a form that is newer than this hub.
    """
    try:
        engine = open_engine(database_url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise Mistake(
            f"database: expected a URL such as postgresql://USER@HOST/NAME, found {error}"
        ) from None
    config = alembic_config()
    try:
        with engine.connect() as connection, is_to_write(connection).begin():
            if connection.dialect.name == "postgresql":
                connection.execute(_LOCK)
            _check_known(connection, config, database_url)
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    except sa.exc.OperationalError as error:
        raise Mistake(f"database {_shown(database_url)}: {_reason(error)}") from None
    finally:
        engine.dispose()


def _check_known(connection: Connection, config: Config, database_url: str) -> None:
    script = ScriptDirectory.from_config(config)
    known = {revision.revision for revision in script.walk_revisions()}
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in known:
        newest = script.get_current_head()
        raise Mistake(
            f"database {_shown(database_url)}: expected a form up to {newest}, found {found}: a newer version of"
            " Towpath has written to it; run that version, or restore a backup from before"
        )


def _shown(database_url: str) -> str:
    return full_url(database_url).set(drivername=database_url.partition(":")[0]).render_as_string()


def _reason(error: sa.exc.OperationalError) -> str:
    """The driver's own reason, in one line."""
    return " ".join(str(error.orig).split())
