"""The contract of the API as files: what a hub answers at `/api/openapi.json`, and at `/api/workflows/schema/`."""

import json
from pathlib import Path

from towpath.api.app import create_app
from towpath.config import HubSettings
from towpath.domain.catalogue import INSTALLED
from towpath.domain.definition_schema import definition_schema
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


def schema() -> str:
    """The JSON Schema of workflow definitions, with the steps that are built in."""
    return json.dumps(definition_schema(INSTALLED), indent=1, ensure_ascii=False) + "\n"
