"""What the hub tells unasked, and what it has done: alerts, settings, webhooks, throughput, counts, in a browser."""

import re
from typing import Final

from playwright.sync_api import Browser, expect
from tests.browser.looks import dress, flaws, settled, wider
from tests.browser.place import OPERATOR, PASSWORD, Place, enter, faults_of, link_for, page_of, pretty, visit
from tests.fixtures_hub import until
from tests.receiver import receiving

SCREENS: Final = (
    "/alerts",
    "/alerts?kind=site.offline",
    "/alerts?tab=history",
    "/alerts?tab=rules",
    "/alerts?tab=mutes",
    "/alerts?tab=destinations",
    "/settings",
    "/settings?tab=webhooks",
    "/",
    "/sites",
)


def stands(here: Place, kind: str) -> None:
    """Return once an alert of a kind stands; the hub looks every ten seconds."""
    found = lambda: here.http.get("/api/alerts/", params={"kind": kind}).json()["count"]  # noqa: E731
    until(found, f"an alert {kind} stands")


def test_an_alert_says_what_to_do_counts_in_the_menu_and_is_muted_with_a_reason(
    browser: Browser, here: Place
) -> None:
    stands(here, "job.failed")
    page = page_of(browser)
    enter(page, here)
    menu = page.get_by_role("navigation", name="Screens")
    expect(menu.locator("[data-standing]")).to_be_visible()
    menu.get_by_role("link", name="Sites").click()
    page.locator("[data-site=oslo] [data-alerts]").click()
    expect(page).to_have_url(re.compile("/alerts[?]site=oslo$"))
    line = page.locator("[data-kind='job.failed']").first
    expect(line).to_contain_text("What to do")
    expect(line.get_by_role("link", name=re.compile("^Job [0-9]+$"))).to_be_visible()
    line.get_by_role("button", name=re.compile("^Mute")).click()
    page.get_by_label("Why").fill("known, mended tomorrow")
    page.get_by_role("button", name="Mute", exact=True).click()
    expect(line).to_contain_text(f"muted by {OPERATOR}, known, mended tomorrow")
    page.get_by_role("tab", name="Mutes").click()
    page.get_by_role("button", name=re.compile("^Unmute")).click()
    page.get_by_role("dialog").get_by_role("button", name="Unmute").click()
    expect(page.get_by_text("Nothing is muted")).to_be_visible()
    assert faults_of(page) == []
    page.context.close()


def test_a_rule_is_changed_within_its_bounds_turned_off_and_on(browser: Browser, here: Place) -> None:
    page = page_of(browser)
    enter(page, here, "/alerts?tab=rules")
    row = page.locator("[data-rule='job.stalled']")
    row.get_by_role("button").click()
    threshold = page.get_by_label("Threshold in seconds")
    threshold.fill("0")
    expect(page.get_by_role("button", name="Change the rule", exact=True)).to_be_disabled()
    threshold.fill("7200")
    page.get_by_role("button", name="Change the rule", exact=True).click()
    expect(row).to_contain_text("2 h")
    expect(row).to_contain_text(f"by {OPERATOR}")
    row.get_by_role("switch").click(force=True)
    expect(page.get_by_text("Job comes no further: not told any more.")).to_be_visible()
    rule = here.http.get("/api/alerts/rules/job.stalled/").json()
    assert (rule["enabled"], rule["threshold"]) == (False, 7200)
    row.get_by_role("switch").click(force=True)
    expect(page.get_by_text("Job comes no further: told from now on.")).to_be_visible()
    assert faults_of(page) == []
    page.context.close()


def test_a_destination_is_added_tested_and_its_url_is_never_shown_again(
    browser: Browser, here: Place
) -> None:
    page = page_of(browser)
    enter(page, here, "/alerts?tab=destinations")
    with receiving() as (port, receiver):
        page.get_by_role("button", name="Add a destination").click()
        page.get_by_role("dialog").get_by_label("Name").fill("operators")
        page.get_by_role("textbox", name="URL").fill(f"json://127.0.0.1:{port}/a-secret-path")
        page.get_by_role("button", name="Add it").click()
        line = page.locator("[data-destination=operators]")
        expect(line).to_contain_text(f"json://127.0.0.1:{port}/")
        assert "a-secret-path" not in page.content()
        page.get_by_role("button", name="Test operators").click()
        expect(page.locator("[data-tried=delivered]")).to_be_visible()
        assert len(receiver.got) == 1
        receiver.status = 500
        page.get_by_role("button", name="Done").click()
        page.get_by_role("button", name="Test operators").click()
        expect(page.locator("[data-tried='given up']")).to_be_visible()
        page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="What was sent to operators").click()
    expect(page.locator("[data-tag='Given up']").first).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Remove operators").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("Nobody is told yet")).to_be_visible()
    assert faults_of(page) == []
    page.context.close()


def test_the_secret_of_a_webhook_is_shown_once_and_its_deliveries_tell_what_was_answered(
    browser: Browser, here: Place
) -> None:
    page = page_of(browser)
    enter(page, here, "/settings?tab=webhooks")
    with receiving(status=418) as (port, _):
        page.get_by_role("button", name="Add a webhook").click()
        page.get_by_role("textbox", name="URL").fill(f"http://127.0.0.1:{port}/hook")
        page.get_by_role("button", name="Add the webhook").click()
        secret = page.locator("[data-secret]").inner_text()
        assert secret.startswith("whsec_")
        page.get_by_role("button", name="I have it").click()
        assert secret not in page.content()
        number = here.http.get("/api/webhooks/").json()["results"][-1]["id"]
        page.get_by_role("button", name=f"Test webhook {number}").click()
        expect(page.locator("[data-tried='given up']")).to_be_visible()
        expect(page.get_by_text("The receiver answered with status 418.")).to_be_visible()
        page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name=f"Deliveries of webhook {number}").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("418")
    page.keyboard.press("Escape")
    page.get_by_role("button", name=f"Turn off webhook {number}").click()
    expect(page.locator(f"[data-webhook='{number}'] [data-tag=Off]")).to_be_visible()
    page.get_by_role("button", name=f"Remove webhook {number}").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("No webhook yet")).to_be_visible()
    assert faults_of(page) == []
    page.context.close()


def test_a_setting_that_somebody_else_changed_first_is_told_and_nothing_is_lost(
    browser: Browser, here: Place
) -> None:
    page = page_of(browser)
    enter(page, here, "/settings")
    row = page.locator("[data-setting=keep_days]")
    row.get_by_role("button", name="Change Keep days").click()
    page.get_by_label("Keep days, in days").fill("45")
    here.http.patch("/api/settings/", json={"keep_days": 30}).raise_for_status()
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_text("Somebody was faster")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("set keep days to 30 days")
    assert kept(here) == 30
    page.get_by_role("button", name="Change it").click()
    expect(row).to_contain_text("45 days")
    expect(row).to_contain_text(f"Set by {OPERATOR}")
    assert kept(here) == 45
    row.get_by_role("button", name="Reset Keep days").click()
    page.get_by_role("button", name="Reset it").click()
    expect(row).to_contain_text("As the hub was started")
    assert faults_of(page) == []
    page.context.close()


def kept(here: Place) -> object:
    """For how many days jobs are kept."""
    found = here.http.get("/api/settings/").raise_for_status().json()["results"]
    return next(one["value"] for one in found if one["name"] == "keep_days")


def test_a_viewer_sees_alerts_and_nothing_that_they_may_not_do(browser: Browser, here: Place) -> None:
    here.http.post("/api/auth/users/", json={"name": "vera", "role": "viewer"}).raise_for_status()
    code = link_for(here, "vera").partition("#")[2]
    here.http.post("/api/auth/password/", json={"code": code, "password": PASSWORD}).raise_for_status()
    page = page_of(browser)
    page.goto(f"{here.url}/sign-in?to=/alerts")
    page.get_by_label("Name").fill("vera")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1, name="Alerts")).to_be_visible()
    expect(page.get_by_role("tab", name="Destinations")).to_have_count(0)
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    page.get_by_role("tab", name="Rules").click()
    expect(page.locator("[data-rule='job.failed'] input")).to_be_disabled()
    expect(page.locator("[data-rule] button")).to_have_count(0)
    page.get_by_role("tab", name="Mutes").click()
    expect(page.get_by_text("Nothing is muted")).to_be_visible()
    expect(page.get_by_role("button", name="Mute alerts")).to_have_count(0)
    assert faults_of(page) == []
    page.context.close()


def test_the_dashboard_tells_what_was_done_in_the_last_hour_as_chart_sentence_and_table(
    browser: Browser, here: Place
) -> None:
    done = sum(job["totals"]["done"] for job in here.http.get("/api/jobs/").json()["results"])
    page = page_of(browser)
    enter(page, here)
    panel = page.get_by_role("region", name="Throughput", exact=True)
    expect(panel.locator("[data-throughput]")).to_contain_text(
        re.compile(rf" and {done} paths.*; at most .*B/s")
    )
    expect(panel.get_by_role("img")).to_have_attribute("aria-label", re.compile(f" and {done} paths"))
    expect(panel.locator("[data-site-throughput=oslo]")).to_contain_text(str(done))
    panel.get_by_text("Paths", exact=True).first.click()
    panel.get_by_text("Last day").click()
    expect(panel.locator("[data-throughput]")).to_contain_text(
        re.compile(rf" and {done} paths.*; at most .*paths/s")
    )
    panel.get_by_text("As a table").click()
    expect(panel.get_by_role("region", name="Throughput by time").get_by_role("row").nth(1)).to_contain_text(
        "paths/s"
    )
    assert faults_of(page) == []
    page.context.close()


def test_a_sites_card_tells_what_was_counted_in_its_spaces_and_says_where_nothing_was(
    browser: Browser, here: Place
) -> None:
    survey = str(here.hub.site("oslo") / "survey")
    here.http.post("/api/spaces/", json={"name": "survey", "site": "oslo", "path": survey}).raise_for_status()
    page = page_of(browser)
    enter(page, here, "/sites")
    oslo = page.locator("[data-site=oslo]")
    expect(oslo).to_contain_text("not known, its spaces were never counted")
    expect(page.locator("[data-site=bergen]")).to_contain_text("not known, it has no space")
    here.http.post("/api/spaces/survey/oslo/usage/").raise_for_status()
    counted = lambda: here.http.get("/api/spaces/survey/oslo/usage/").json()["complete"]  # noqa: E731
    until(counted, "survey is counted")
    page.reload()
    expect(oslo).to_contain_text("40 files in")
    expect(oslo).to_contain_text("39 hydrated")
    expect(oslo).to_contain_text("1 dehydrated")
    assert faults_of(page) == []
    page.context.close()


def test_no_screen_of_alerts_and_settings_has_a_fault_that_axe_finds_or_is_wider_than_a_phone(
    browser: Browser, here: Place
) -> None:
    stands(here, "job.failed")
    here.http.post("/api/alerts/mutes/", json={"kind": "disk.high", "why": "known"}).raise_for_status()
    here.http.post(
        "/api/webhooks/", json={"url": "http://127.0.0.1:9/", "events": ["job.ended"]}
    ).raise_for_status()
    page = page_of(browser)
    enter(page, here)
    found = {}
    for path in SCREENS:
        page.set_viewport_size({"width": 1440, "height": 900})
        visit(page, here, path)
        settled(page)
        found[path] = flaws(page)
        page.set_viewport_size({"width": 390, "height": 844})
        found[path] += wider(page)
        dress(page, "light")
        found[path] += wider(page)
    assert {path: some for path, some in found.items() if some} == {}, pretty(found)
    page.context.close()
