"""`make screenshots`: a picture of every screen in light and dark, from a hub with two sites that does real work.

With `--readme` the pictures of the README are made anew too.
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page
from tests.browser.chromium import chromium
from tests.browser.palette import keep
from tests.browser.place import OPERATOR, PASSWORD, Place, fill, lose, page_of, place, set_password, sign_in
from tests.fixtures_hub import Hub, until

TOP: Final = Path(__file__).parents[2]
SHOTS: Final = TOP / "ui" / "shots"
PICTURES: Final = TOP / "docs" / "pictures"
README: Final = ("job-failed", "workflow-edit", "dashboard")
"""The pictures of the README, in light colours."""
LARGEST: Final = 150_000
"""Bytes of each of them."""


def main() -> int:
    """Make them all."""
    SHOTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="towpath-shots-") as top:
        hub = Hub(Path(top))
        try:
            with place(hub) as here, chromium() as browser:
                set_password(here)
                work(here)
                for scheme in ("light", "dark"):
                    take(browser, here, scheme)
                if "--readme" in sys.argv:
                    publish(browser)
        finally:
            hub.command("down")
    print(f"pictures in {SHOTS}")
    return 0


def work(here: Place) -> None:
    """Jobs of every kind: some that went well, one with failed paths, one paused, one cancelled, one that runs."""
    oslo = here.hub.site("oslo")
    survey = fill(oslo / "survey" / "2026", 900, 20_000)
    here.ended(here.submit("premigrate", survey))
    here.ended(here.submit("migrate", fill(oslo / "cores", 120, 60_000)))
    here.ended(here.submit("recall", survey))
    lose(here, "cores/sample-00017")
    here.ended(here.submit("recall", oslo / "cores"))
    here.ended(here.submit("migrate", fill(oslo / "tide", 300, 9_000)))
    here.http.post(
        "/api/sites/oslo/pause/", json={"reason": "tape library down until 14:00"}
    ).raise_for_status()
    for verb, reason in (("pause", "let the others pass"), ("cancel", "wrong target")):
        job = here.submit("premigrate", fill(oslo / verb, 50))
        here.http.post(f"/api/jobs/{job}/{verb}/", json={"reason": reason}).raise_for_status()
    here.submit("migrate", fill(oslo / "winter", 2000, 2_000))
    here.http.post("/api/sites/oslo/resume/", json={}).raise_for_status()
    job = here.submit("premigrate", fill(oslo / "spring", 6000, 2_000))
    until(lambda: here.job(job)["state"] != "PENDING", "the last job runs")


def take(browser: Browser, here: Place, scheme: str) -> None:
    """Each screen once in these colours, and some of them as a phone shows them."""
    page = page_of(browser, scheme)
    page.goto(f"{here.url}/sign-in")
    page.get_by_label("Name").wait_for()
    shoot(page, f"sign-in-{scheme}")
    sign_in(page, here)
    failed = here.http.get("/api/jobs/", params={"state": "FAILURE"}).json()["results"]
    number = failed[0]["id"] if failed else 1
    task = here.http.get(f"/api/jobs/{number}/tasks/").json()["results"][-1]["id"]
    oslo = here.hub.site("oslo")
    screens = {
        "dashboard": "/",
        "jobs": "/jobs",
        "jobs-none": "/jobs?site=nowhere",
        "job": "/jobs/1?tab=paths",
        "job-failed": f"/jobs/{number}",
        "job-tasks": "/jobs/1?tab=tasks",
        "job-line": "/jobs/1?tab=line",
        "task": f"/tasks/{task}",
        "alerts": "/alerts",
        "alert-rules": "/alerts?tab=rules",
        "settings": "/settings",
        "webhooks": "/settings?tab=webhooks",
        "files": "/files",
        "directory": f"/files/oslo?path={oslo}/survey/2026&look=sample-00007.dat",
        "creator": f"/files/oslo?path={oslo}/survey/2026&run=send",
        "workflows": "/workflows",
        "workflow": "/workflows/send",
        "workflow-edit": "/workflows/migrate/edit",
        "workflow-code": "/workflows/migrate/edit?view=code",
        "sites": "/sites",
        "site": "/sites/oslo",
        "targets": "/targets",
        "target": "/targets/vault",
        "profile": "/profile",
        "people": "/people",
        "audit": "/audit",
        "nothing": "/no",
    }
    for name, path in screens.items():
        page.goto(f"{here.url}{path}")
        page.locator("h1").wait_for()
        page.wait_for_timeout(1200)
        shoot(page, f"{name}-{scheme}")
    page.goto(f"{here.url}/")
    page.get_by_role("heading", name="Dashboard").wait_for()
    page.keyboard.press("Control+k")
    page.get_by_placeholder("A screen, a command").fill("12")
    shoot(page, f"palette-{scheme}")
    page.context.close()
    phone = page_of(browser, scheme, 390, 844)
    phone.goto(f"{here.url}/sign-in")
    phone.get_by_label("Name").fill(OPERATOR)
    phone.get_by_role("textbox", name="Password").fill(PASSWORD)
    phone.get_by_role("button", name="Sign in").click()
    for name, path in (("dashboard", "/"), ("jobs", "/jobs"), ("job", "/jobs/1"), ("alerts", "/alerts")):
        phone.get_by_role("heading", level=1).wait_for()
        phone.goto(f"{here.url}{path}")
        phone.wait_for_timeout(1200)
        shoot(phone, f"phone-{name}-{scheme}")
    phone.context.close()


def publish(browser: Browser) -> None:
    """Write the pictures of the README, as small as they go."""
    PICTURES.mkdir(exist_ok=True)
    page = browser.new_page()
    for name in README:
        size = keep(page, (SHOTS / f"{name}-light.png").read_bytes(), PICTURES / f"{name}.png")
        if size > LARGEST:
            raise SystemExit(f"picture {name}: expected at most {LARGEST} bytes, found {size}")
    page.close()


def shoot(page: Page, name: str) -> None:
    """One picture."""
    page.screenshot(path=str(SHOTS / f"{name}.png"))


if __name__ == "__main__":
    raise SystemExit(main())
