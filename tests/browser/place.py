"""A hub with two sites and people, as browser tests and screenshots need it: real processes, real files, real jobs."""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser, Locator, Page, expect
from tests.fixtures_hub import Hub, until

PASSWORD: Final = "seven locks and a tunnel"
OPERATOR: Final = "ana"
PATIENCE: Final = 60_000
"""Milliseconds for which a page is waited for on a busy machine."""
expect.set_options(timeout=PATIENCE)
MOVED: Final = """
async path => {
  const router = window.__TSR_ROUTER__;
  await router.navigate({ href: path });
  const { status, location, resolvedLocation } = router.state;
  if (status !== "idle" || resolvedLocation !== location) throw new Error(`${path} is not drawn: ${status}`);
  const { pathname } = new URL(path, window.location.href);
  if (location.pathname !== pathname) throw new Error(`expected ${pathname}, found ${location.pathname}`);
}
"""
"""Returns once the screen of a path is drawn, with all but what it reads: the router is where its own tools find it."""


@dataclass(frozen=True)
class Place:
    """A running hub with the sites oslo and bergen, and its API for an administrator."""

    hub: Hub
    http: httpx.Client
    sessions: dict[str, list[Any]] = field(default_factory=dict, compare=False)
    """User → the cookies of who has signed in."""

    @property
    def url(self) -> str:
        """Where browsers find it."""
        return f"http://127.0.0.1:{self.hub.port}"

    @property
    def database_url(self) -> str:
        """Where the hub keeps the truth."""
        return f"sqlite:///{self.hub.home / 'hub.db'}"

    def submit(self, workflow: str, path: Path, **more: object) -> int:
        """Start a job at oslo; its id."""
        order = {"workflow": workflow, "site": "oslo", "paths": [os.fspath(path)], **more}
        answer = self.http.post("/api/file/workflow/", json=order)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def job(self, number: int) -> Any:
        """A job as the API shows it."""
        return self.http.get(f"/api/jobs/{number}/").raise_for_status().json()

    def ended(self, number: int) -> Any:
        """The job, once it is over."""
        until(lambda: self.job(number)["ended_at"], f"job {number} is over")
        return self.job(number)


@contextmanager
def place(hub: Hub, sites: Sequence[str] = ("oslo", "bergen")) -> Iterator[Place]:
    """Bring it up, with an operator, who has no password yet, and a target that all its sites reach."""
    hub.up(*sites)
    key = tomllib.loads((hub.home / "client.toml").read_text())["api_key"]
    headers = {"Authorization": f"Api-Key {key}"}
    url = f"http://127.0.0.1:{hub.port}"
    with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False, verify=False) as http:
        here = Place(hub, http)
        if sites:
            vault = hub.root / "vault"
            vault.mkdir()
            hub.run("target", "add", "vault", f"file://{vault}")
        for site in sites:
            http.patch(f"/api/sites/{site}/", json={"default_target": "vault"}).raise_for_status()
        http.post("/api/auth/users/", json={"name": OPERATOR, "role": "administrator"}).raise_for_status()
        yield here


def fill(directory: Path, count: int, size: int = 2000) -> Path:
    """A directory with so many files of so many bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (directory / f"sample-{number:05}.dat").write_bytes(number.to_bytes(4, "big") * (size // 4))
    return directory


def lose(here: Place, name: str) -> Path:
    """Put an object aside at the target: a recall of that file fails. Where it belongs."""
    vault = here.hub.root / "vault"
    found = next(p for p in vault.rglob("*") if name in str(p) and p.is_file() and ".towpath" not in p.parts)
    found.rename(here.hub.root / "aside")
    return found


def link_for(here: Place, user: str) -> str:
    """A one-time link with which a user sets a password."""
    made = here.http.post(f"/api/auth/users/{user}/link/").raise_for_status().json()
    return f"{here.url}/welcome#{made['code']}"


def page_of(browser: Browser, scheme: str = "light", width: int = 1440, height: int = 900) -> Page:
    """A fresh browser window, in which any error of a script or of the policy fails the test that looks at `faults`."""
    dark = "dark" if scheme == "dark" else "light"
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=dark,  # type: ignore[arg-type]  # one of two words
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.__dict__["faults"] = faults
    return page


def faults_of(page: Page) -> list[str]:
    """What the browser has complained of, but for answers that a test provokes."""
    faults: list[str] = page.__dict__["faults"]
    return [fault for fault in faults if "Failed to load resource" not in fault]


def sign_in(page: Page, here: Place, path: str = "/", user: str = OPERATOR) -> None:
    """As the operator, or another, who ends where they wanted to go."""
    page.goto(f"{here.url}{path}")
    page.get_by_label("Name").fill(user)
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1, name="Sign in").wait_for(state="detached")
    page.locator("h1").wait_for()


def enter(page: Page, here: Place, path: str = "/", user: str = OPERATOR) -> None:
    """The same with the session of who has signed in here before: the form is for those who come first."""
    if user not in here.sessions:
        sign_in(page, here, path, user)
        here.sessions[user] = page.context.cookies()
        return
    page.context.add_cookies(here.sessions[user])
    page.goto(f"{here.url}{path}")
    page.locator("h1").wait_for()
    expect(page.get_by_role("heading", level=1, name="Sign in")).to_have_count(0)


def load(page: Page, here: Place, path: str) -> None:
    """To a screen as by a bookmark: all of the application is loaded."""
    page.goto(f"{here.url}{path}")


def visit(page: Page, _here: Place, path: str) -> None:
    """To a screen as by a link of the one that stands there: a quarter of the time that loading takes."""
    page.evaluate(MOVED, path)


def set_password(here: Place, user: str = OPERATOR) -> None:
    """Give the operator, or another, a password through the API."""
    code = link_for(here, user).partition("#")[2]
    here.http.post("/api/auth/password/", json={"code": code, "password": PASSWORD}).raise_for_status()


def choose(within: Page | Locator, label: str, value: str) -> None:
    """Choose from a list that the hub searches: an option that is the value, or bears it in brackets."""
    field = within.get_by_role("combobox", name=label, exact=True)
    page = within if isinstance(within, Page) else within.page
    field.click()
    field.fill(value)
    page.get_by_role("option", name=re.compile(rf"(^|\(){re.escape(value)}\)?$")).click()


def pretty(document: object) -> str:
    """A document for an assertion's message."""
    return json.dumps(document, indent=1)[:6000]
