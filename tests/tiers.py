"""Which tests `make test` leaves to `make test-wide`: they try in all its breadth what `make test` tries once."""

from collections.abc import Iterable
from typing import Any

import pytest

WIDE = (
    "tests/acceptance/test_bad_networks.py",
    "tests/acceptance/test_burnt_hub.py",
    "tests/acceptance/test_documents.py::test_the_commands_of_a_page_run_at_a_hub_that_is_up[docs/",
    "tests/acceptance/test_documents.py::test_the_commands_of_a_page_that_brings_a_hub_up_run[docs/",
    "tests/acceptance/test_downtime.py",
    "tests/acceptance/test_face_up.py",
    "tests/acceptance/test_fleet.py",
    "tests/acceptance/test_https.py",
    "tests/acceptance/test_joining.py",
    "tests/acceptance/test_large_files.py",
    "tests/acceptance/test_namespaces.py",
    "tests/acceptance/test_nodes.py",
    "tests/acceptance/test_objects_lives.py",
    "tests/acceptance/test_old_workers.py",
    "tests/acceptance/test_traces.py",
    "tests/acceptance/test_webhooks_kept.py",
    "tests/browser/test_eyes.py",
    "tests/browser/test_places.py",
    "tests/browser/test_rows.py",
    "tests/browser/test_telling.py",
    "tests/browser/test_ui.py",
    "tests/browser/test_ui_data.py",
    "tests/browser/test_ui_editor.py",
    "tests/unit/test_database_postgresql.py",
)
"""How the names of those tests begin: several hubs and networks, all screens, every page of the documents."""

SERVERS = frozenset({"azurite", "google", "postgres", "sftp", "slapd"})
"""Fixtures: a test that asks for one of these servers belongs there too. `make test` has SQLite, and an S3 server."""

KEPT = (
    "tests/browser/test_ui.py::test_the_first_load_stays_within_its_budget",
    "tests/integration/test_contract.py",
)
"""What `make test` has all the same: how much the web UI loads, and the API's contract, over PostgreSQL, which refuses
more than SQLite."""


def also(*values: Any) -> list[Any]:
    """Further kinds of a thing, as parameters of what `make test` tries with the first ones."""
    return [pytest.param(value, marks=pytest.mark.wide) for value in values]


def mark(items: Iterable[pytest.Item]) -> None:
    """Mark the tests of `make test-wide`, for `-m` to choose by."""
    for item in items:
        if item.nodeid.startswith(KEPT):
            continue
        asks = not SERVERS.isdisjoint(getattr(item, "fixturenames", ()))
        if item.nodeid.startswith(WIDE) or asks:
            item.add_marker("wide")
