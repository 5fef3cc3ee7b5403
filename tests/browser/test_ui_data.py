"""Files, the jobs that begin there, and workflows, in a real browser over a real hub."""

import os
import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect
from tests.browser.looks import flaws, settled, violations
from tests.browser.place import Place, choose, enter, faults_of, fill, load, page_of, pretty, visit

MANY = 3000
TIDY = {
    "name": "tidy",
    "label": "Check, then migrate",
    "filter_rules": [
        {"type": "file", "state": "all", "include": ["*.dat"], "action": [{"name": "checksum"}]},
        {"type": "all", "state": "default", "action": [{"name": "noop"}]},
    ],
}


def entries(page: Page, here: Place, directory: Path) -> None:
    """Look at a directory of oslo, as it is now: what has been read of it stays while the application does."""
    load(page, here, f"/files/oslo?path={directory}")
    page.get_by_role("grid").wait_for()


def test_a_job_is_tried_dry_and_run_on_files_that_were_chosen(browser: Browser, here: Place) -> None:
    data = fill(here.hub.site("oslo") / "choice", 5)
    Path(os.fsdecode(os.fsencode(data) + b"/caf\xe9\n.dat")).write_bytes(b"odd")
    page = page_of(browser)
    enter(page, here, "/files")
    page.get_by_role("region", name="oslo").get_by_role("link", name=re.compile("root")).click()
    page.get_by_role("button", name="choice", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("choice")
    odd = page.get_by_role("row", name=re.compile(r"caf\\xe9\\x0a\.dat"))
    odd.click()
    expect(page.get_by_role("region", name="Details")).to_contain_text("All its data is here, and no copy")
    expect(page).to_have_url(re.compile("look="))
    page.get_by_role("grid").focus()
    for key in ("Home", "Space", "ArrowDown", "Shift+ArrowDown"):
        page.keyboard.press(key)
    page.get_by_role("button", name="New job on 3 entries").click()
    choose(page, "Workflow", "premigrate")
    page.get_by_role("button", name="Dry run").click()
    foreseen = page.locator("[data-foreseen=true]")
    expect(foreseen).to_contain_text("3 paths would be taken")
    expect(foreseen.get_by_role("row", name=re.compile("migrate"))).to_contain_text("1 files")
    assert violations(page) == []
    page.get_by_role("button", name="Run on 3 paths").click()
    # What was tried dry has a state as well.
    expect(page).to_have_url(re.compile(r"/jobs/\d+$"))
    expect(page.locator("[data-state]").first).to_have_text("Success")
    entries(page, here, data)
    expect(page.locator("[data-standing=premigrated]")).to_have_count(3)
    expect(page.locator("[data-standing=resident]")).to_have_count(3)
    assert faults_of(page) == []
    page.context.close()


def test_a_directory_of_thousands_is_read_as_far_as_one_looks(browser: Browser, here: Place) -> None:
    many = fill(here.hub.site("oslo") / "many", MANY, 0)
    page = page_of(browser)
    enter(page, here, f"/files/oslo?path={many}")
    expect(page.get_by_text("1,000 so far")).to_be_visible()
    page.get_by_label("Find in this directory").fill(f"sample-0{MANY - 1}")
    expect(page.get_by_role("row", name=re.compile(f"sample-0{MANY - 1}"))).to_be_visible()
    page.get_by_label("Find in this directory").fill("nothing like it")
    expect(page.get_by_text("No name fits")).to_be_visible()
    visit(page, here, f"/files/oslo?path={many}/missing")
    expect(page.get_by_role("alert")).to_contain_text("nothing is at")
    page.context.close()


def test_a_workflow_is_written_mended_kept_and_compared(browser: Browser, here: Place) -> None:
    here.http.post("/api/workflows/", json=TIDY).raise_for_status()
    page = page_of(browser)
    enter(page, here, "/workflows/tidy")
    expect(page.get_by_text("All entries that no other rule takes")).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    expect(page.locator("[data-valid=true]")).to_be_visible()
    page.get_by_text("Code", exact=True).click()
    page.get_by_text("name: checksum").click()
    page.keyboard.press("End")
    page.keyboard.press("Backspace")
    # The hub says it, at its place.
    expect(page.get_by_role("region", name="Problems")).to_contain_text("did you mean 'checksum'?")
    expect(page.get_by_role("button", name="Save as version 2")).to_be_disabled()
    page.keyboard.type("m")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("queue: night")
    page.get_by_text("JSON", exact=True).click()
    expect(page.get_by_label("Definition")).to_contain_text('"queue": "night"')
    page.get_by_role("button", name="Save as version 2").click()
    page.get_by_role("tab", name="Versions").click()
    expect(page.get_by_label("From version 1 to version 2")).to_contain_text("queue: night")
    assert here.http.get("/api/workflows/tidy/").json()["version"] == 2
    assert faults_of(page) == []
    page.context.close()


def test_no_page_of_files_or_workflows_has_a_fault_that_axe_finds_in_light_or_dark(
    browser: Browser, here: Place
) -> None:
    page = page_of(browser)
    enter(page, here)
    data = here.hub.site("oslo") / "survey"
    screens = [
        "/files",
        f"/files/oslo?path={data}&look=locked.dat",
        f"/files/oslo?path={data}/none",
        "/workflows",
        "/workflows?words=none",
        "/workflows/send",
        "/workflows/send?tab=fields",
        "/workflows/send?tab=versions",
        "/workflows/send/edit",
        "/workflows/send/edit?view=code",
        "/define",
    ]
    found = {}
    for path in screens:
        visit(page, here, path)
        settled(page)
        found[path] = flaws(page)
    assert {path: some for path, some in found.items() if some} == {}, pretty(found)
    assert faults_of(page) == []
    page.context.close()
