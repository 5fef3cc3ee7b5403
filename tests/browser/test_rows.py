"""Every screen with no row, with three and with thirty thousand, in a real browser over a real hub."""

from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from bench.stock import opened
from playwright.sync_api import Browser, Page, expect
from tests.browser.looks import elements, flaws, settled, wider
from tests.browser.place import (
    PATIENCE,
    Place,
    enter,
    faults_of,
    load,
    page_of,
    place,
    pretty,
    set_password,
    visit,
)
from tests.browser.stocked import LISTS, long_job, more_jobs, put
from tests.fixtures_hub import MakeHub

from towpath.store.tables import workflows

expect.set_options(timeout=PATIENCE)
FEW: Final = 3
MANY: Final = 30_000
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
    "/audit?by=somebody-else": "Clear all filters",
}
"""Screen → the next step, as it says it where there is nothing."""


def looked_at(page: Page) -> dict[str, Any]:
    """What is wrong with a page, by what was looked for; the colours in light and dark."""
    found = {"too wide": wider(page), "axe": flaws(page)}
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
        enter(page, here)
        wrong = {}
        for path, word in EMPTY.items():
            visit(page, here, path)
            settled(page)
            expect(page.locator("[data-empty]").filter(has_text=word).first).to_be_visible()
            wrong[path] = looked_at(page)
        assert {path: some for path, some in wrong.items() if some} == {}, pretty(wrong)
        assert faults_of(page) == []
        page.context.close()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_screens_bear_thirty_thousand_rows_as_they_bear_three(
    make_shared_hub: MakeHub, browser: Browser
) -> None:
    with place(make_shared_hub(), sites=("oslo",)) as here:
        set_password(here)
        data = here.hub.site("oslo") / "files"
        data.mkdir()
        (data / "there").write_bytes(b"x")
        good = here.ended(here.submit("noop", data / "there"))["id"]
        bad = here.ended(here.submit("checksum", data / "missing"))["id"]
        page = page_of(browser)
        enter(page, here)
        wrong = {}
        before = 0
        for count in (FEW, MANY):
            long = stock(here, (good, bad), data, before, count)
            before = count
            # What was read of fewer rows is forgotten.
            load(page, here, "/")
            for path, shown in screens(here, data, long, count).items():
                visit(page, here, path)
                settled(page)
                expect(page.locator("main")).to_contain_text(shown)
                wrong[f"{count}: {path}"] = looked_at(page)
        assert {path: some for path, some in wrong.items() if some} == {}, pretty(wrong)
        assert faults_of(page) == []
        page.context.close()


def stock(here: Place, templates: tuple[int, int], data: Path, before: int, count: int) -> int:
    """As many rows of everything; the job with as many tasks, each with a path that failed."""
    good, bad = templates
    with opened(here.database_url) as database, database.writing() as tx:
        for table in LISTS:
            put(tx, table, before, count)
        more_jobs(tx, good, count - before)
        long = long_job(tx, bad, count)
    for number in range(before, count):
        (data / f"sample-{number:05}").touch()
    return long


def screens(here: Place, data: Path, long: int, count: int) -> dict[str, str]:
    """Screen → what it has to show of so many rows."""
    task = here.http.get(f"/api/jobs/{long}/tasks/").json()["results"][-1]["id"]
    many = f"{count:,}"
    return {
        "/": "Jobs",
        "/jobs": "noop",
        "/jobs?state=SUCCESS": f"{count + 1:,}",
        f"/jobs/{long}": many,
        f"/jobs/{long}?tab=paths": many,
        f"/jobs/{long}?tab=tasks": many,
        f"/jobs/{long}?tab=nodes": many if count < 1000 else "are drawn",
        f"/tasks/{task}": "checksum",
        f"/files/oslo?path={data}": "sample-00002",
        "/people": f"{count + 2:,}",
        "/people?tab=groups": f"{many} groups",
        "/people?tab=spaces": f"{many} spaces",
        "/profile": "tow_stock",
        "/audit": "192.0.2.7",
        "/targets": "stock-00002",
        "/workflows": "stock-00002",
        "/sites": "stock-00002",
        "/sites/stock-00002": "No node has joined yet",
        "/files": "stock-00002",
    }
