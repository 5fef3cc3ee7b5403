"""The web UI for those who look differently: through a screen reader into dialogs, on a phone, with fewer rights."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.looks import dress, flaws, settled, violations, wider
from tests.browser.place import (
    PATIENCE,
    Place,
    enter,
    faults_of,
    fill,
    load,
    page_of,
    place,
    pretty,
    set_password,
    visit,
)
from tests.fixtures_hub import MakeHub

expect.set_options(timeout=PATIENCE)
PHONE: Final = (390, 844)
OPENS: Final = "main [aria-haspopup=dialog]:visible:enabled"
SCREENS: Final = (
    "/",
    "/jobs",
    "/jobs/1",
    "/jobs/1?tab=paths",
    "/jobs/1?tab=tasks",
    "/jobs/1?tab=nodes",
    "/jobs/2",
    "/jobs/3",
    "/tasks/1",
    "/files",
    "/files/oslo",
    "/workflows",
    "/workflows/send",
    "/workflows/send?tab=fields",
    "/sites",
    "/sites/oslo",
    "/targets",
    "/targets/vault",
    "/profile",
    "/alerts",
    "/people",
    "/people?tab=groups",
    "/people?tab=spaces",
    "/audit",
    "/settings",
    "/nowhere",
)
"""Jobs: 1 went well, 2 failed, 3 waits."""
FOR_SOME: Final = ("People and groups", "Audit", "Settings")
CHANGES: Final = (
    "New job here", "New job", "Run", "Pause", "Resume", "Cancel", "Retry", "Drain", "Edit", "Delete", "Import",
    "New workflow", "Add a site", "Join a node", "Add a target", "Add a bucket", "Add a user", "Mute",
)  # fmt: skip
"""What buttons and links say that change something of others."""


@pytest.fixture(scope="module")
def eyes(make_shared_hub: MakeHub) -> Iterator[Place]:
    """A viewer, and two members of groups, of whom one may run in a space; a job went well there, one failed,
    one waits."""
    with place(make_shared_hub()) as here:
        set_password(here)
        for user, role in (("vi", "viewer"), ("mo", "member"), ("ed", "member")):
            here.http.post("/api/auth/users/", json={"name": user, "role": role}).raise_for_status()
            set_password(here, user)
        data = fill(here.hub.site("oslo") / "survey", 3)
        space = {"name": "surveys", "site": "oslo", "path": str(data)}
        here.http.post("/api/spaces/", json=space).raise_for_status()
        for group, user, right in (("guests", "mo", "view"), ("crew", "ed", "administer")):
            url = f"/api/auth/groups/{group}"
            here.http.post("/api/auth/groups/", json={"name": group}).raise_for_status()
            here.http.put(f"{url}/members/{user}/").raise_for_status()
            here.http.put(f"{url}/spaces/surveys/", json={"right": right}).raise_for_status()
        here.ended(here.submit("premigrate", data))
        here.ended(here.submit("checksum", data / "missing"))
        here.http.post("/api/sites/oslo/pause/", json={"reason": "tape library down"}).raise_for_status()
        here.submit("premigrate", data)
        yield here


def opened(page: Page) -> dict[str, Any]:
    """What axe finds in each dialog that a screen can open; buttons that say the same open the same."""
    found = {}
    buttons = page.locator(OPENS)
    words = list(dict.fromkeys(buttons.all_inner_texts()))
    for word in words:
        buttons.filter(has_text=word).first.click()
        dialog = page.get_by_role("dialog")
        # A dialog points at its title once that stands in it, a moment after itself.
        expect(dialog).to_have_accessible_name(re.compile(r"\w"))
        expect(dialog.locator("[aria-busy=true]")).to_have_count(0)
        if wrong := violations(page, "[role=dialog]"):
            found[word] = wrong
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    return found


def test_no_dialog_has_a_fault_that_axe_finds_and_escape_closes_each(browser: Browser, eyes: Place) -> None:
    page = page_of(browser)
    enter(page, eyes)
    found = {}
    seen = 0
    for path in SCREENS:
        if "?tab=" in path and "people" not in path:
            continue
        visit(page, eyes, path)
        settled(page)
        seen += page.locator(OPENS).count()
        found[path] = opened(page)
    assert seen > 20
    assert {path: some for path, some in found.items() if some} == {}, pretty(found)
    assert faults_of(page) == []
    page.context.close()


def test_on_a_phone_no_screen_is_wider_than_the_glass_or_has_a_fault_and_the_menu_leads_everywhere(
    browser: Browser, eyes: Place
) -> None:
    page = page_of(browser, "light", *PHONE)
    enter(page, eyes)
    found = {}
    for path in SCREENS:
        visit(page, eyes, path)
        settled(page)
        found[path] = [*wider(page), *flaws(page)]
    assert {path: some for path, some in found.items() if some} == {}, pretty(found)
    dress(page, "light")
    page.goto(f"{eyes.url}/site/oslo")
    expect(page.get_by_role("link", name="Site oslo")).to_be_visible()
    page.get_by_role("button", name="Menu", exact=True).click()
    menu = page.get_by_role("navigation", name="Screens")
    menu.get_by_role("link", name="Sites").click()
    expect(page.get_by_role("heading", level=1, name="Sites")).to_be_visible()
    expect(menu).not_to_be_in_viewport()
    assert faults_of(page) == []
    page.context.close()


# One of them by addresses alone: each screen stands by itself.
@pytest.mark.parametrize(("user", "to"), [("vi", load), ("mo", visit)])
def test_who_may_only_look_is_shown_nothing_that_they_may_not_do(
    browser: Browser, eyes: Place, user: str, to: Callable[[Page, Place, str], None]
) -> None:
    page = page_of(browser)
    enter(page, eyes, "/", user)
    menu = page.get_by_role("navigation", name="Screens")
    expect(menu.get_by_role("link", name="Jobs")).to_be_visible()
    for name in FOR_SOME:
        expect(menu.get_by_role("link", name=name)).to_have_count(0)
    found = {}
    for path in SCREENS:
        if path == "/profile":
            continue
        to(page, eyes, path)
        settled(page)
        said = page.locator("main :is(button, a):visible").all_inner_texts()
        found[path] = sorted({word for word in said if word.strip() in CHANGES})
    assert {path: some for path, some in found.items() if some} == {}, pretty(found)
    assert faults_of(page) == []
    page.context.close()


def test_a_member_who_may_run_in_a_space_is_shown_how_there_and_nowhere_else(
    browser: Browser, eyes: Place
) -> None:
    page = page_of(browser)
    enter(page, eyes, "/jobs/3", "ed")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    visit(page, eyes, "/files")
    page.get_by_role("main").get_by_role("link", name="surveys").click()
    expect(page.get_by_text("sample-00001.dat").first).to_be_visible()
    expect(page.get_by_role("button", name="New job here")).to_be_visible()
    visit(page, eyes, "/files/oslo")
    expect(page.get_by_text("sample-00001.dat").first).to_be_visible()
    visit(page, eyes, "/sites")
    settled(page)
    expect(page.get_by_role("button", name="Add a site")).to_have_count(0)
    assert faults_of(page) == []
    page.context.close()
