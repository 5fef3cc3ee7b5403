"""The web UI in a real browser, over a real hub with two sites."""

import re

import pytest
from playwright.sync_api import Browser, Error, expect
from tests.browser.looks import flaws, settled, unreadable, violations
from tests.browser.place import (
    OPERATOR,
    PASSWORD,
    PATIENCE,
    Place,
    enter,
    faults_of,
    fill,
    link_for,
    page_of,
    pretty,
    sign_in,
    visit,
)

expect.set_options(timeout=PATIENCE)
FIRST_LOAD = 350_000
"""Bytes of compressed script that the first screen may need."""


def test_an_operator_signs_in_watches_a_job_pauses_resumes_and_cancels_it(
    browser: Browser, here: Place
) -> None:
    data = fill(here.hub.site("oslo") / "tide", 300, 40_000)
    page = page_of(browser)
    sign_in(page, here, "/jobs?state=FAILURE")
    expect(page).to_have_url(re.compile(r"/jobs\?state=FAILURE$"))
    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    here.http.post("/api/sites/oslo/pause/", json={"reason": "tape library down"}).raise_for_status()
    job = here.submit("premigrate", data)
    page.get_by_role("link", name="Jobs", exact=True).first.click()
    # It comes by itself, on top, live.
    row = page.locator(f"[data-job='{job}']")
    expect(row.locator("[data-state]")).to_have_text("Pending")
    row.get_by_role("link", name=str(job)).click()
    expect(page.locator("[data-sentence]")).to_contain_text("tape library down")
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Why").fill("let the others pass")
    page.get_by_role("button", name=f"Pause job {job}").click()
    expect(page.locator("[data-state]").first).to_have_text("Paused")
    expect(page.locator("[data-sentence]")).to_contain_text(f"Paused by {OPERATOR}: let the others pass")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("[data-state]").first).to_have_text("Pending")
    here.http.post("/api/sites/oslo/resume/", json={}).raise_for_status()
    expect(page.locator("[data-state]").first).to_have_text("Success")
    assert here.job(job)["totals"]["done"] >= 300
    assert faults_of(page) == []
    page.context.close()


def test_a_failed_path_is_found_by_its_reason_and_retried(browser: Browser, here: Place) -> None:
    failed = here.http.get("/api/jobs/", params={"state": "FAILURE"}).json()["results"]
    if not failed:
        pytest.fail("the place has no job that failed")
    page = page_of(browser)
    enter(page, here, f"/jobs/{failed[0]['id']}")
    expect(page.get_by_text("sample-00007.dat").first).to_be_visible()
    page.get_by_role("button", name="Retry").click()
    page.get_by_role("button", name=re.compile("Retry job")).click()
    expect(page).not_to_have_url(re.compile(f"/jobs/{failed[0]['id']}$"))
    page.context.close()


def test_no_page_has_a_fault_that_axe_finds_in_light_or_dark(browser: Browser, here: Place) -> None:
    page = page_of(browser)
    page.goto(f"{here.url}/sign-in")
    page.get_by_label("Name").wait_for()
    found = {"/sign-in": flaws(page)}
    page.goto(f"{here.url}/welcome")
    page.get_by_role("heading", name="Set a password").wait_for()
    found["/welcome"] = flaws(page)
    sign_in(page, here)
    task = here.http.get("/api/jobs/1/tasks/").json()["results"][-1]["id"]
    screens = [
        "/",
        "/jobs",
        "/jobs?state=PAUSED",
        "/jobs/1",
        "/jobs/1?tab=paths",
        "/jobs/2",
        f"/tasks/{task}",
        "/no",
    ]
    for path in screens:
        visit(page, here, path)
        settled(page)
        found[path] = flaws(page)
    assert {path: some for path, some in found.items() if some} == {}, pretty(found)
    assert faults_of(page) == []
    page.context.close()


def test_the_first_load_stays_within_its_budget_and_asks_no_other_host(browser: Browser, here: Place) -> None:
    page = page_of(browser)
    sizes: dict[str, int] = {}
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.on(
        "response",
        lambda answer: (
            sizes.update({answer.url: int(answer.headers.get("content-length", 0))})
            if answer.url.endswith(".js")
            else None
        ),
    )
    sign_in(page, here)
    page.get_by_role("heading", name="Dashboard").wait_for()
    assert sizes
    assert sum(sizes.values()) < FIRST_LOAD, sizes
    assert hosts == {here.url.split("/")[2]}
    page.context.close()


def test_a_one_time_link_sets_a_password_and_its_code_leaves_the_address(
    browser: Browser, here: Place
) -> None:
    here.http.post("/api/auth/users/", json={"name": "bo", "role": "viewer"}).raise_for_status()
    page = page_of(browser)
    page.goto(link_for(here, "bo"))
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    expect(page).to_have_url(f"{here.url}/welcome")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_text("You can sign in as bo")).to_be_visible()
    assert faults_of(page) == []
    page.context.close()


def test_a_hub_that_restarts_is_told_and_what_is_shown_goes_on(browser: Browser, here: Place) -> None:
    page = page_of(browser)
    enter(page, here, "/jobs")
    here.hub.run("down")
    expect(page.locator("[data-link=away]")).to_contain_text("The hub is away")
    here.hub.up("oslo", "bergen")
    expect(page.locator("[data-link=live]")).to_have_count(1)
    job = here.submit("premigrate", here.hub.site("oslo") / "survey")
    expect(page.locator(f"[data-job='{job}'] [data-state]")).to_have_text("Success")
    page.context.close()


def test_the_reference_of_the_api_shows_every_operation_and_runs_no_script_but_its_own(
    browser: Browser, here: Place
) -> None:
    page = page_of(browser)
    page.goto(f"{here.url}/api/docs")
    paths = here.http.get("/api/openapi.json").json()["paths"]
    expect(page.locator("#operations section")).to_have_count(sum(len(verbs) for verbs in paths.values()))
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert unreadable(page) == []
    assert faults_of(page) == []
    with pytest.raises(Error, match="Content Security Policy"):
        page.add_script_tag(content="document.title = 'not ours'")
    page.context.close()
