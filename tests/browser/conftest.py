"""Browser tests: one browser for all of them, and one hub for those of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.browser.chromium import chromium
from tests.browser.place import Place, fill, lose, place, set_password
from tests.fixtures_hub import MakeHub, make_shared_hub, reaper

from towpath.config import find_ui

__all__ = ["make_shared_hub", "reaper"]


@pytest.fixture(scope="session")
def built() -> Path:
    """The UI as it was built from these sources."""
    found = find_ui()
    if found is None:
        pytest.skip("needs the web UI: run `make ui`")
    return found


@pytest.fixture(scope="package")
def browser(built: Path) -> Iterator[Browser]:
    """A real browser, which ends with the last of these tests: each opens windows that share nothing with others."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def here(make_shared_hub: MakeHub, built: Path) -> Iterator[Place]:
    """A hub with two sites, on which a job has run and one has failed."""
    with place(make_shared_hub()) as running:
        set_password(running)
        data = fill(running.hub.site("oslo") / "survey", 40)
        running.ended(running.submit("migrate", data))
        lose(running, "sample-00007")
        assert running.ended(running.submit("recall", data))["state"] == "FAILURE"
        yield running
