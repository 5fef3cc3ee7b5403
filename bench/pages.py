"""How soon a page of the web UI is ready in a browser that has kept nothing of it."""

import argparse
import json
import sys
from dataclasses import asdict, dataclass

from playwright.sync_api import Browser, StorageState
from tests.browser.chromium import chromium

from bench.figure import Line, p
from bench.ground import Ground, hub

MOST = 1.5
ROUNDS = 5
WORK = ("/", "/jobs", "/jobs/1", "/alerts", "/files", "/workflows", "/workflows/migrate")
REST = ("/sites", "/sites/oslo", "/targets", "/people", "/audit", "/settings", "/profile")
USER, PASSWORD = "ana", "seven locks and a tunnel"
READY = """
() => document.querySelector("h1") && !document.querySelector("[aria-busy=true]") && performance.now()
"""
"""Milliseconds since the browser set out for the page, once its name stands there and nothing is read any more."""


@dataclass(frozen=True)
class PagesFigure:
    """Seconds from setting out for a page until it is ready."""

    pages: int
    rounds: int
    p50: float
    slowest: str
    """The page whose median is the longest."""
    slowest_p50: float


def signed_in(ground: Ground, browser: Browser) -> StorageState:
    """What a browser keeps of somebody who has signed in."""
    ground.api.post("/api/auth/users/", json={"name": USER, "role": "administrator"}).raise_for_status()
    code = ground.api.post(f"/api/auth/users/{USER}/link/").raise_for_status().json()["code"]
    ground.api.post("/api/auth/password/", json={"code": code, "password": PASSWORD}).raise_for_status()
    context = browser.new_context()
    page = context.new_page()
    page.goto(str(ground.api.base_url))
    page.get_by_label("Name").fill(USER)
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1, name="Dashboard").wait_for()
    kept = context.storage_state()
    context.close()
    return kept


def opened(ground: Ground, browser: Browser, kept: StorageState, path: str) -> float:
    """Seconds until a page is ready in a window of its own, which has none of its scripts."""
    context = browser.new_context(storage_state=kept, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{ground.api.base_url}".rstrip("/") + path, wait_until="commit")
    ready = page.wait_for_function(READY, polling="raf").json_value()
    context.close()
    return float(ready) / 1000


def run(rounds: int = ROUNDS, jobs: int = 200) -> PagesFigure:
    """One run: every page in turn, so many times."""
    with hub(["oslo", "bergen"]) as ground, chromium() as browser:
        (ground.sites["oslo"] / "file").touch()
        last = [ground.submit("checksum", ground.sites["oslo"] / "file") for _ in range(jobs)][-1]
        ground.finish(last)
        kept = signed_in(ground, browser)
        seconds: dict[str, list[float]] = {path: [] for path in WORK + REST}
        for _ in range(rounds):
            for path, found in seconds.items():
                found.append(opened(ground, browser, kept, path))
    medians = {path: p(found, 50) for path, found in seconds.items()}
    slowest = max(medians, key=lambda path: medians[path])
    every = [one for found in seconds.values() for one in found]
    return PagesFigure(len(WORK + REST), rounds, p(every, 50), slowest, medians[slowest])


def lines(figure: PagesFigure) -> list[Line]:
    """The figure in words."""
    what = f"a page of the web UI, nothing kept of it, until it is ready: the slowest of {figure.pages}"
    ours = f"{figure.slowest}: p50 {figure.slowest_p50:.2f} s (all: {figure.p50:.2f} s)"
    return [Line(what, ours, bar=f"< {MOST} s", met=figure.slowest_p50 < MOST)]


def main(argv: list[str] | None = None) -> int:
    """Print the figure in words, then as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    figure = run(parser.parse_args(argv).rounds)
    for line in lines(figure):
        print(f"{line.what}: {line.ours} ({line.verdict})")
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
