"""The screens of places, people and the log in a real browser, over a real hub with two sites."""

import re
from typing import Final

from playwright.sync_api import Browser, expect
from tests.browser.looks import flaws, settled
from tests.browser.place import OPERATOR, Place, enter, faults_of, page_of, pretty, visit

SCREENS: Final = (
    "/sites",
    "/sites?q=nowhere",
    "/sites/oslo",
    "/sites/nowhere",
    "/targets",
    "/targets/vault",
    "/profile",
    "/people",
    "/people?tab=groups",
    "/people?tab=spaces",
    "/audit",
    "/audit?by=somebody-else",
)


def test_a_site_is_paused_and_resumed_with_a_reason_that_its_card_shows(
    browser: Browser, here: Place
) -> None:
    page = page_of(browser)
    enter(page, here, "/sites")
    page.get_by_role("link", name="oslo").click()
    expect(page.get_by_role("heading", level=1, name="oslo")).to_be_visible()
    page.get_by_role("button", name="Pause", exact=True).first.click()
    page.get_by_label("Why").fill("tape library down")
    page.get_by_role("button", name="Pause site oslo").click()
    expect(page.get_by_text(f"oslo is paused by {OPERATOR}: tape library down")).to_be_visible()
    visit(page, here, "/sites")
    expect(page.locator("[data-site=oslo]")).to_contain_text(f"Paused by {OPERATOR}: tape library down")
    visit(page, here, "/sites/oslo")
    page.get_by_role("button", name="Resume", exact=True).click()
    page.get_by_role("button", name="Resume site oslo").click()
    expect(page.get_by_text("oslo is paused by")).to_have_count(0)
    assert faults_of(page) == []
    page.context.close()


def test_slots_of_a_node_are_changed_while_it_works_and_it_is_drained_and_let_work_again(
    browser: Browser, here: Place
) -> None:
    page = page_of(browser)
    enter(page, here, "/sites/bergen")
    page.get_by_role("button", name=re.compile("^default worker .* slots of")).click()
    page.get_by_role("textbox", name="Slots").fill("7")
    page.get_by_role("button", name="Set slots").click()
    expect(page.get_by_role("button", name=re.compile("^default worker 7 of"))).to_be_visible()
    expect(page.locator("[data-queue=default]")).to_contain_text("7 worker")
    page.get_by_role("button", name=re.compile(r"^Drain \S+$")).last.click()
    page.get_by_label("Why").fill("new kernel")
    page.get_by_role("button", name=re.compile("^Drain node")).click()
    expect(page.locator("[data-tag=Drained]")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Undrain")).click()
    expect(page.locator("[data-tag=Online]")).to_be_visible()
    assert faults_of(page) == []
    page.context.close()


def test_a_new_site_teaches_its_next_step_and_a_token_is_shown_once_or_refused_with_what_to_do(
    browser: Browser, here: Place
) -> None:
    page = page_of(browser)
    enter(page, here, "/sites")
    page.get_by_role("button", name="Add a site").click()
    page.get_by_label("Name").fill("rome")
    page.get_by_role("button", name="Add the site").click()
    expect(page.get_by_role("heading", level=1, name="rome")).to_be_visible()
    expect(page.get_by_text("No node has joined yet")).to_be_visible()
    page.get_by_role("button", name="Join a node").first.click()
    page.get_by_role("button", name="Make the token").click()
    # This hub's bus listens on the loopback: a node elsewhere would not find it, and the hub says so.
    expect(page.get_by_role("alert").or_(page.locator("[data-secret]")).first).to_be_visible()
    assert faults_of(page) == []
    page.context.close()


def test_a_target_is_checked_and_each_finding_stands_as_the_node_said_it(
    browser: Browser, here: Place
) -> None:
    told = here.http.post("/api/targets/vault/check/", json={"site": "oslo"}).raise_for_status().json()
    page = page_of(browser)
    enter(page, here, "/targets/vault")
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_text("It works")).to_be_visible()
    for finding in told["findings"]:
        expect(page.locator(f"[data-finding='{finding['what']}']")).to_be_visible()
    assert faults_of(page) == []
    page.context.close()


def test_a_key_is_shown_once_opens_the_hub_and_opens_nothing_once_it_is_revoked(
    browser: Browser, here: Place
) -> None:
    page = page_of(browser)
    enter(page, here, "/profile")
    page.get_by_role("button", name="Make a key").first.click()
    page.get_by_label("What it is for").fill("nightly run")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("[data-secret]").first.inner_text()
    page.get_by_role("button", name="I have it").click()
    asked = {"Authorization": f"Api-Key {key}"}
    assert here.http.get("/api/sites/", headers=asked).status_code == 200
    page.get_by_role("button", name="Revoke key nightly run").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(page.locator("[data-tag=Revoked]")).to_be_visible()
    assert here.http.get("/api/sites/", headers=asked).status_code == 401
    assert key not in page.content()
    page.context.close()


def test_a_user_is_added_and_blocked_and_the_log_tells_who_did_it(browser: Browser, here: Place) -> None:
    page = page_of(browser)
    enter(page, here, "/people")
    page.get_by_role("button", name="Add a user").click()
    page.get_by_role("dialog").get_by_label("Name").fill("bea")
    page.get_by_role("button", name="Add the user").click()
    page.get_by_role("button", name="Block bea").click()
    page.get_by_role("dialog").get_by_role("button", name="Block bea").click()
    expect(page.locator("[data-tag=Blocked]")).to_be_visible()
    visit(page, here, "/audit?action=change_user")
    expect(page.get_by_role("row").nth(1)).to_contain_text(OPERATOR)
    assert faults_of(page) == []
    page.context.close()


def test_no_screen_of_places_and_people_has_a_fault_that_axe_finds_in_light_or_dark(
    browser: Browser, here: Place
) -> None:
    page = page_of(browser)
    enter(page, here)
    found = {}
    for path in SCREENS:
        visit(page, here, path)
        settled(page)
        found[path] = flaws(page)
    assert {path: some for path, some in found.items() if some} == {}, pretty(found)
    page.context.close()
