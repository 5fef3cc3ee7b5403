"""Every screen of a hub that has nothing yet, in a real browser."""

from typing import Any, Final

import sqlalchemy as sa
from bench.stock import opened
from playwright.sync_api import Browser, Page, expect
from tests.browser.looks import elements, settled, unreadable, violations, wider
from tests.browser.place import PATIENCE, faults_of, page_of, place, pretty, set_password, sign_in
from tests.fixtures_hub import MakeHub

from towpath.store.tables import workflows

expect.set_options(timeout=PATIENCE)
MOST: Final = 3_000
"""Elements that a page may hold, whatever it shows."""
EMPTY: Final = {
    "/": "No job has run yet",
    "/jobs": "Start one",
    "/files": "Make a token",
    "/workflows": "Define one",
    "/sites": "join its first machine with a token",
    "/targets": "Add",
    "/people?tab=groups": "Add a group",
    "/people?tab=spaces": "Add a space",
    "/profile": "Make a key",
    "/audit?by=nobody": "Clear all filters",
}
"""Screen → the next step, as it says it where there is nothing."""


def looked_at(page: Page) -> dict[str, Any]:
    """What is wrong with a page, by what was looked for; the colours in light and dark."""
    page.emulate_media(color_scheme="light")
    found = {"axe": violations(page), "too wide": wider(page)}
    page.emulate_media(color_scheme="dark")
    page.locator("html[data-mantine-color-scheme=dark]").wait_for()
    found["dark"] = unreadable(page)
    if (count := elements(page)) > MOST:
        found["elements"] = count
    return {what: wrong for what, wrong in found.items() if wrong}


def test_a_hub_with_nothing_says_on_every_screen_what_to_do_next(
    make_shared_hub: MakeHub, browser: Browser
) -> None:
    with place(make_shared_hub(), sites=()) as here:
        set_password(here)
        with opened(here.database_url) as database, database.writing() as tx:
            tx.conn.execute(sa.delete(workflows))
        page = page_of(browser)
        sign_in(page, here)
        wrong = {}
        for path, word in EMPTY.items():
            page.goto(f"{here.url}{path}")
            settled(page)
            expect(page.locator("[data-empty]").filter(has_text=word).first).to_be_visible()
            wrong[path] = looked_at(page)
        assert {path: some for path, some in wrong.items() if some} == {}, pretty(wrong)
        assert faults_of(page) == []
        page.context.close()
