"""The contract of the API as a file: what a hub answers at `/api/openapi.json`."""

import json
from pathlib import Path

from towpath.api.app import create_app
from towpath.config import HubSettings
from towpath.store.database import Database

RELEASED = Path(__file__).parent / "openapi.released.json"
"""The contract of the last release: nothing that it promises is taken away."""


async def _never() -> bool:
    return False


def page() -> str:
    """The document, laid out so that a change of it can be read."""
    # Nothing is read from the database to say what could be asked.
    database = Database("sqlite://", lambda: 0)
    settings = HubSettings(Path(), "sqlite://", "")
    document = create_app(database, settings, bytes(32), _never, lambda: 0).openapi()
    database.stop()
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
