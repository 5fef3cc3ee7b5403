"""Pytest fixtures: a real provider of OpenID Connect (oidc-provider, from npm), and a browser that signs in there."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.npm import NODE, package
from tests.servers import comes_up, end, free_port, spawn

VERSION = "9.13.3"
PROGRAM = Path(__file__).with_name("oidc_provider.mjs")
CLIENT, SECRET = "towpath", "a secret of tests"


@dataclass
class OidcServer:
    """A running provider, and the file of the people that it knows."""

    issuer: str
    people: Path

    def know(self, login: str, password: str, *groups: str, name: str = "") -> None:
        """Somebody who can sign in from now on, with these groups."""
        known = json.loads(self.people.read_text())
        claims = {"preferred_username": name or login, "groups": groups}
        known[login] = {"password": password, "claims": claims}
        draft = self.people.with_suffix(".new")
        draft.write_text(json.dumps(known))
        draft.replace(self.people)


@contextmanager
def oidc_server(home: Path) -> Iterator[OidcServer]:
    """A provider that sends browsers back to this machine; it dies with this process, whatever happens to it."""
    people, log = home / "people.json", home / "oidc.log"
    people.write_text("{}")
    # A module finds what it imports beside itself.
    shutil.copyfile(PROGRAM, home / PROGRAM.name)
    (home / "node_modules").symlink_to(package("oidc-provider", VERSION))
    for _ in range(5):
        port = free_port()
        issuer = f"http://127.0.0.1:{port}"
        process = spawn([str(NODE), PROGRAM.name, str(port), str(people)], home, log)
        if comes_up(process, lambda issuer=issuer: _answers(issuer)):  # type: ignore[misc]  # bound now
            try:
                yield OidcServer(issuer, people)
            finally:
                end(process)
            return
        end(process)
    raise RuntimeError(f"oidc-provider did not come up: {log.read_text(errors='replace')[-2000:]}")


def _answers(issuer: str) -> bool:
    try:
        return httpx.get(
            f"{issuer}/.well-known/openid-configuration", trust_env=False, verify=False
        ).is_success
    except httpx.HTTPError:
        return False


def go(browser: httpx.Client, url: str, login: str, password: str) -> str:
    """Follow a provider's pages from a URL, giving name and password where they are asked for; where it leads at last.

    "" where the provider does not let them in.
    """
    for _ in range(10):
        if "/callback/" in url:
            return url
        if "/interaction/" in url:
            url = str(httpx.URL(url).copy_merge_params({"login": login, "password": password}))
        answer = browser.get(url)
        if not answer.has_redirect_location:
            return ""
        url = str(httpx.URL(url).join(answer.headers["location"]))
    raise AssertionError(f"the provider leads in circles: {url}")
