"""Migrates a database that has tables already, by Alembic, which is loaded where there is something to migrate."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: Connection, form: str) -> None:
    """Bring a database to a form, within a transaction that writes."""
    # Alembic's settings, without a file of its own.
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, form)
