"""What the pictures of the screens show: two sites with spaces and people, jobs that are over, and one that runs on."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import httpx
from tests.browser.place import OPERATOR, Place, fill, lose
from tests.fixtures_hub import Hub, until

PACE: Final = 0.1
"""Seconds that the command takes for a path: the last job runs while all pictures are taken."""
RENDER: Final = f"""
import sys, time
for number, _ in enumerate(sys.stdin.buffer.read().split(b"\\0")[:-1]):
    time.sleep({PACE})
    print(number, "processed", flush=True)
"""
WORKFLOW: Final = {
    "name": "previews",
    "label": "Check, render previews, migrate",
    "discovery": "recursive",
    "fields": [],
    "filter_rules": [
        {
            "type": "file",
            "state": "all",
            "include": ["*.dat"],
            "action": [{"name": "checksum"}, {"name": "run", "command": "render"}, {"name": "migrate"}],
        },
    ],
}
LONG: Final = 240.0
"""Seconds."""
SPACES: Final = (("survey", "oslo"), ("cores", "oslo"), ("tide", "bergen"))
PEOPLE: Final = (("ben", "operator"), ("kim", "viewer"), ("liv", "member"))


def settle(hub: Hub) -> None:
    """Before it is brought up: the command that the site oslo lets workflows run."""
    home = hub.home / "settings"
    home.mkdir(parents=True, mode=0o700)
    argv = json.dumps([sys.executable, "-I", "-c", RENDER])
    (home / "oslo.toml").write_text(f'[commands.render]\nargv = {argv}\nanswers = "lines"\n')


@contextmanager
def operated(here: Place) -> Iterator[Place]:
    """The place in the operator's name."""
    made = here.http.post(f"/api/auth/clientkeys/of/{OPERATOR}/", json={"label": "nightly run"})
    headers = {"Authorization": f"Api-Key {made.raise_for_status().json()['key']}"}
    url = str(here.http.base_url)
    with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as http:
        yield replace(here, http=http)


def play(here: Place) -> None:
    """Do the work of a day; returns while the last job runs."""
    _people(here)
    _over(here)
    _waiting(here)
    job = here.submit("previews", fill(here.hub.site("oslo") / "winter", 8000, 40_000), max_tasks=2)
    until(lambda: here.job(job)["totals"]["done"] > 0, "the last job runs", LONG)


def burst(here: Place, name: str) -> None:
    """One job more, which takes a while: there is something to see of how fast it goes."""
    job = here.submit("premigrate", fill(here.hub.site("oslo") / name, 20_000, 9_000), max_tasks=1)
    until(lambda: here.job(job)["totals"]["done"] > 0, "the burst has begun", LONG)


def _people(here: Place) -> None:
    """Spaces, users, and a group that may work in one of the spaces."""
    for space, site in SPACES:
        fill(here.hub.site(site) / space, 3)
        _ask(here, "/api/spaces/", {"name": space, "site": site, "path": str(here.hub.site(site) / space)})
    for user, role in PEOPLE:
        _ask(here, "/api/auth/users/", {"name": user, "role": role})
    _ask(here, "/api/auth/groups/", {"name": "geology"})
    for user in ("kim", "liv"):
        here.http.put(f"/api/auth/groups/geology/members/{user}/").raise_for_status()
    here.http.put("/api/auth/groups/geology/spaces/cores/", json={"right": "administer"}).raise_for_status()


def _over(here: Place) -> None:
    """Jobs that went well, and one whose target has lost what it was to give back."""
    oslo = here.hub.site("oslo")
    _ask(here, "/api/workflows/", WORKFLOW)
    survey = fill(oslo / "survey" / "2026", 900, 400_000)
    here.ended(here.submit("premigrate", survey))
    cores = fill(oslo / "cores", 120, 2_000_000)
    here.ended(here.submit("migrate", cores))
    here.ended(here.submit("send", fill(oslo / "tide", 200, 90_000), fields={"destinationsite": "bergen"}))
    for number in (17, 18, 40):
        lose(here, f"cores/sample-{number:05}")
    here.ended(here.submit("recall", cores))
    for space, site in SPACES:
        here.http.post(f"/api/spaces/{space}/{site}/usage/").raise_for_status()


def _waiting(here: Place) -> None:
    """A job that somebody paused, one that somebody cancelled."""
    reason = {"reason": "tape library down until 14:00"}
    _ask(here, "/api/sites/oslo/pause/", reason)
    for verb, place, why in (("pause", "spring", "let the others pass"), ("cancel", "draft", "wrong target")):
        job = here.submit("premigrate", fill(here.hub.site("oslo") / place, 50))
        _ask(here, f"/api/jobs/{job}/{verb}/", {"reason": why})
    _ask(here, "/api/sites/oslo/resume/", {})


def _ask(here: Place, path: str, body: object) -> None:
    here.http.post(path, json=body).raise_for_status()
