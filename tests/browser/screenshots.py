"""`make screenshots`: a picture of every screen in light and dark, from a hub with two sites that does real work.

With `--readme` the pictures of the README are made anew too.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page
from tests.browser.chromium import chromium
from tests.browser.looks import settled
from tests.browser.palette import keep
from tests.browser.place import Place, page_of, place, set_password, sign_in
from tests.browser.stage import WORKFLOW, burst, operated, play, settle
from tests.fixtures_hub import Hub

TOP: Final = Path(__file__).parents[2]
SHOTS: Final = TOP / "ui" / "shots"
PICTURES: Final = TOP / "docs" / "pictures"
README: Final = ("job-failed", "workflow-edit", "dashboard")
"""The pictures of the README, in light colours."""
LARGEST: Final = 150_000
"""Bytes of each of them."""
TWO_LOOKS: Final = 4500
"""Milliseconds in which a screen has looked twice at what runs, so that it knows its rate."""
DRAWN: Final = 300
MOVES: Final = frozenset({"dashboard", "jobs", "job-running"})
PHONE: Final = ("dashboard", "jobs", "job-failed", "alerts", "files", "directory", "sites", "workflow-edit")
WIDE: Final = ("dashboard", "jobs", "job-failed", "directory", "workflow-edit")


def main() -> int:
    """Make them all."""
    shutil.rmtree(SHOTS, ignore_errors=True)
    SHOTS.mkdir(parents=True)
    with room() as top:
        hub = Hub(top)
        settle(hub)
        try:
            with place(hub) as bare, operated(bare) as here, chromium() as browser:
                set_password(here)
                play(here)
                for scheme in ("light", "dark"):
                    take(browser, here, scheme)
                if "--readme" in sys.argv:
                    publish(browser)
        finally:
            hub.command("down")
    print(f"pictures in {SHOTS}")
    return 0


@contextmanager
def room() -> Iterator[Path]:
    """A directory that is removed, with a name that looks well in pictures where nobody has it yet."""
    top = Path(tempfile.gettempdir()) / "fjord"
    try:
        top.mkdir(mode=0o755)
    except FileExistsError:
        top = Path(tempfile.mkdtemp(prefix="fjord-"))
    try:
        yield top
    finally:
        shutil.rmtree(top, ignore_errors=True)


def screens(here: Place) -> Mapping[str, str]:
    """Name of each picture → the address of what it shows."""
    jobs = here.http.get("/api/jobs/").raise_for_status().json()["results"]
    failed = next(job["id"] for job in jobs if job["state"] == "FAILURE")
    runs = next(job["id"] for job in jobs if job["workflow"] == WORKFLOW["name"])
    task = here.http.get(f"/api/jobs/{failed}/tasks/", params={"state": "ERROR"}).json()["results"][0]["id"]
    top = here.hub.root
    return {
        "dashboard": "/",
        "jobs": "/jobs",
        "jobs-none": "/jobs?site=nowhere",
        "job": "/jobs/1?tab=paths",
        "job-running": f"/jobs/{runs}",
        "job-failed": f"/jobs/{failed}",
        "job-tasks": f"/jobs/{failed}?tab=tasks",
        "job-nodes": f"/jobs/{failed}?tab=nodes",
        "job-line": f"/jobs/{failed}?tab=line",
        "job-with": f"/jobs/{failed}?tab=with",
        "task": f"/tasks/{task}",
        "alerts": "/alerts",
        "alert-rules": "/alerts?tab=rules",
        "settings": "/settings",
        "webhooks": "/settings?tab=webhooks",
        "files": "/files",
        "directory": f"/files/oslo?path={top}/oslo/survey/2026&look=sample-00007.dat",
        "creator": f"/files/oslo?path={top}/oslo/survey/2026&run=send",
        "workflows": "/workflows",
        "workflow": "/workflows/previews",
        "workflow-fields": "/workflows/send?tab=fields",
        "workflow-edit": "/workflows/previews/edit",
        "workflow-code": "/workflows/previews/edit?view=code",
        "sites": "/sites",
        "site": "/sites/oslo",
        "targets": "/targets",
        "target": "/targets/vault?prefix=oslo/",
        "profile": "/profile",
        "people": "/people",
        "groups": "/people?tab=groups",
        "spaces": "/people?tab=spaces",
        "audit": "/audit",
        "nothing": "/no",
    }


def take(browser: Browser, here: Place, scheme: str) -> None:
    """Each screen once in these colours, and some of them as a phone and a large screen show them."""
    shown = screens(here)
    page = page_of(browser, scheme)
    page.goto(f"{here.url}/sign-in")
    page.get_by_label("Name").wait_for()
    shoot(page, f"sign-in-{scheme}")
    sign_in(page, here)
    if scheme == "light":
        # Once: its twenty thousand files take longer to remove than all pictures of a screen.
        burst(here, "autumn")
    for name, path in shown.items():
        visit(page, f"{here.url}{path}", name)
        shoot(page, f"{name}-{scheme}")
    visit(page, f"{here.url}/", "")
    page.keyboard.press("Control+k")
    page.get_by_placeholder("A screen, a command").fill("si")
    page.wait_for_timeout(DRAWN)
    shoot(page, f"palette-{scheme}")
    page.context.close()
    for size, names, width, height in (("phone", PHONE, 390, 844), ("wide", WIDE, 2560, 1440)):
        page = page_of(browser, scheme, width, height)
        sign_in(page, here)
        for name in names:
            visit(page, f"{here.url}{shown[name]}", name)
            shoot(page, f"{size}-{name}-{scheme}")
        page.context.close()


def visit(page: Page, address: str, name: str) -> None:
    """Go there, and wait until all is drawn."""
    page.goto(address)
    settled(page)
    page.wait_for_timeout(TWO_LOOKS if name in MOVES else DRAWN)


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
