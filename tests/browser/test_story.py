"""A day of an operator, told by a real browser over a real hub with two sites; the hub dies in the midst of it."""

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.acceptance.world import GATE, plant_rig
from tests.browser.place import (
    OPERATOR,
    PATIENCE,
    Place,
    choose,
    faults_of,
    fill,
    lose,
    page_of,
    place,
    set_password,
    sign_in,
)
from tests.fixtures_hub import MakeHub

expect.set_options(timeout=PATIENCE)
ALL: Final = 16
AT_ONCE: Final = 10
"""Of all files, those that pass no gate."""
FETCH: Final = {
    "name": "fetch",
    "label": "Fetch, some behind a gate",
    "fields": [{"name": "gate", "type": "string", "label": "file that opens the gate", "required": True}],
    "filter_rules": [
        {"type": "file", "state": "all", "include": ["sample-0000?.dat"], "action": [{"name": "recall"}]},
        {"type": "file", "state": "all", "action": [GATE, {"name": "recall"}]},
    ],
}


STUB = "offline" if os.geteuid() == 0 else "file"
"""How a stub stands in a list: a node that is not root may not read its mark, and does not guess."""


@dataclass(frozen=True)
class Day:
    """What the operator has before them: a directory of stubs, the gate, and an object that somebody put aside."""

    here: Place
    page: Page
    data: Path
    gate: Path
    lost: Path

    def state(self) -> Locator:
        """How the job that is shown stands."""
        return self.page.locator("[data-state]").first

    def job(self) -> int:
        """The job that is shown."""
        expect(self.page).to_have_url(re.compile(r"/jobs/\d+$"))
        return int(self.page.url.rpartition("/")[2])


@pytest.fixture
def day(
    make_shared_hub: MakeHub, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Day]:
    """Its morning: two sites work, and a directory has been migrated."""
    hub = make_shared_hub()
    above = os.environ.get("PYTHONPATH", "")
    rig = plant_rig(tmp_path_factory.mktemp("rig"))
    hub.env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(rig), above]))
    with place(hub) as here:
        set_password(here)
        data = fill(hub.site("oslo") / "cores", ALL)
        here.ended(here.submit("migrate", data))
        here.http.post("/api/workflows/", json=FETCH).raise_for_status()
        page = page_of(browser)
        yield Day(here, page, data, hub.root / "gate", lose(here, f"sample-{AT_ONCE + 2:05}"))
        page.context.close()


def test_an_operator_brings_files_back_though_the_hub_dies_and_one_path_fails(day: Day) -> None:
    number = find_try_and_run(day)
    watch_pause_and_resume(day, number)
    die_and_come_back(day, number)
    mend_and_retry(day, number)
    edit_and_cancel(day)
    assert faults_of(day.page) == []


def find_try_and_run(day: Day) -> int:
    """From the sites to a directory, from its files to a dry run, and from its counts to a job."""
    page = day.page
    sign_in(page, day.here, "/files")
    for site in ("oslo", "bergen"):
        expect(page.get_by_role("region", name=site)).to_contain_text("all nodes online")
    page.get_by_role("region", name="oslo").get_by_role("link", name=re.compile("root")).click()
    page.get_by_role("button", name="cores", exact=True).click()
    expect(page.locator(f"[data-standing={STUB}]")).to_have_count(ALL)
    page.get_by_label("Choose all that were read").click()
    page.get_by_role("button", name=f"New job on {ALL} entries").click()
    choose(page, "Workflow", "fetch")
    page.get_by_label("File that opens the gate").fill(str(day.gate))
    page.get_by_role("button", name="Dry run").click()
    foreseen = page.locator("[data-foreseen=true]")
    expect(foreseen).to_contain_text(f"{ALL} paths would be taken")
    expect(foreseen.get_by_role("row", name=re.compile(f"recall oslo {AT_ONCE} {AT_ONCE} "))).to_be_visible()
    page.get_by_role("button", name=f"Run on {ALL} paths").click()
    return day.job()


def watch_pause_and_resume(day: Day, number: int) -> None:
    """What is done counts up by itself, what waits at the gate is handed back, and taken again."""
    page = day.page
    expect(day.state()).to_have_text("Started")
    expect(page.get_by_role("region", name="Progress")).to_contain_text(f"Done{AT_ONCE}63%")
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Now: running tasks stop at their next path").check()
    page.get_by_label("Why").fill("the night shift needs the drives")
    page.get_by_role("button", name=f"Pause job {number}").click()
    expect(day.state()).to_have_text("Paused")
    said = f"Paused by {OPERATOR}: the night shift needs the drives"
    expect(page.locator("[data-sentence]")).to_contain_text(said)
    page.get_by_role("button", name="Resume").click()
    expect(day.state()).to_have_text("Started")


def die_and_come_back(day: Day, number: int) -> None:
    """The hub and its nodes are killed; the page says so, and goes on where it was when they are back."""
    page, hub = day.page, day.here.hub
    os.kill(hub.supervisor(), signal.SIGKILL)
    expect(page.locator("[data-link=away]")).to_contain_text("The hub is away")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"#{number}")
    hub.up("oslo", "bergen")
    expect(page.locator("[data-link=live]")).to_have_count(1)
    expect(day.state()).to_have_text("Started")
    day.gate.touch()
    expect(day.state()).to_have_text("Failure")


def mend_and_retry(day: Day, number: int) -> None:
    """The path that failed stands there with its reason; once its object is back, a retry brings it home."""
    page = day.page
    asked = {"outcome": "failed"}
    [failed] = day.here.http.get(f"/api/jobs/{number}/paths/", params=asked).json()["results"]
    panel = page.get_by_role("tabpanel")
    expect(panel).to_contain_text(failed["reason"])
    expect(panel).to_contain_text(f"sample-{AT_ONCE + 2:05}.dat")
    (day.here.hub.root / "aside").rename(day.lost)
    page.get_by_role("button", name="Retry").click()
    page.get_by_role("button", name=f"Retry job {number}").click()
    expect(page).not_to_have_url(re.compile(f"/jobs/{number}$"))
    expect(day.state()).to_have_text("Success")
    page.goto(f"{day.here.url}/files/oslo?path={day.data}")
    expect(page.locator("[data-standing=premigrated]")).to_have_count(ALL)


def edit_and_cancel(day: Day) -> None:
    """The workflow gets a queue that nobody serves: its job says why it waits, and is cancelled."""
    page = day.page
    page.get_by_role("navigation", name="Screens").get_by_role("link", name="Workflows").click()
    page.get_by_role("link", name="fetch", exact=True).click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_text("Code", exact=True).click()
    page.get_by_text("Code", exact=True).click()
    page.get_by_text("name: recall").first.click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.type("queue: night")
    page.get_by_role("button", name="Save as version 2").click()
    expect(page).to_have_url(re.compile("/workflows/fetch$"))
    page.goto(f"{day.here.url}/files/oslo?path={day.data}&run=fetch")
    page.get_by_label("File that opens the gate").fill(str(day.gate))
    page.get_by_role("button", name="Run on 1 path").click()
    number = day.job()
    expect(page.get_by_role("region", name="Chain")).to_contain_text(re.compile(r"Pending\s*1"))
    page.get_by_role("navigation", name="Screens").get_by_role("link", name="Dashboard").click()
    waits = page.locator("[data-queue='oslo/night']")
    expect(waits).to_contain_text("1 waiting")
    expect(waits).to_contain_text("Not served")
    waits.get_by_role("link").click()
    expect(page).to_have_url(re.compile("/sites/oslo#queues$"))
    expect(page.locator("[data-queue=night]")).to_contain_text("nobody serves it")
    page.goto(f"{day.here.url}/jobs/{number}")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_label("Why").fill("wrong queue")
    page.get_by_role("button", name=f"Cancel job {number}").click()
    expect(day.state()).to_have_text("Cancelled")
    page.get_by_role("tab", name="Time line").click()
    expect(page.get_by_role("tabpanel")).to_contain_text(f"{OPERATOR} cancelled it: wrong queue")
