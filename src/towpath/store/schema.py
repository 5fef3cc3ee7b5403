"""Brings a database to the newest form of the tables, by Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from towpath.store.engines import open_engine

MIGRATIONS = Path(__file__).parent / "migrations"


def alembic_config() -> Config:
    """Alembic's settings, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the database to the newest form, or only to an older one; nothing happens where it has it."""
    engine = open_engine(database_url)
    config = alembic_config()
    try:
        with engine.execution_options(towpath_writes=True).connect() as connection, connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    finally:
        engine.dispose()
