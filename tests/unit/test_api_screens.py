"""The hub gives browsers the web UI: the page for every deep link, its files for ever, and no word to another host."""

import gzip
import re
import shutil
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from tests import fixtures_api
from tests.fixtures_api import laid

from towpath.api.app import create_app
from towpath.api.screens import NONCE, is_screen
from towpath.config import HubSettings, find_ui
from towpath.store.database import Database

__all__ = ["laid"]

SCRIPT = b"export const one = 1;\n" * 50
PAGE = f'<!doctype html><meta name="nonce" content="{NONCE}"><script type="module" src="/assets/a-1.js"></script>'


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A UI of one page and one script."""
    folder = tmp_path / "ui"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "icon.svg").write_text("<svg/>")
    (folder / ".stamp").write_text("x")
    (folder / "assets" / "a-1.js").write_bytes(SCRIPT)
    (folder / "assets" / "a-1.js.gz").write_bytes(gzip.compress(SCRIPT))
    return folder


@pytest.fixture
def browser(laid: tuple[Path, str], built: Path, tmp_path: Path) -> Iterator[httpx.Client]:
    """Somebody who has not signed in, at a hub with that UI."""
    shutil.copyfile(laid[0], tmp_path / "hub.db")
    settings = HubSettings(tmp_path, f"sqlite:///{tmp_path / 'hub.db'}", "nats://127.0.0.1:1", ui=built)
    database = Database(settings.database_url, fixtures_api.now)
    database.start()
    app = create_app(database, settings, b"h" * 32, fixtures_api.hears, fixtures_api.now)
    with (
        fixtures_api.serving(app) as url,
        httpx.Client(base_url=url, timeout=30, trust_env=False, verify=False) as http,
    ):
        yield http
    database.stop()


def test_each_answer_with_the_page_has_a_number_of_its_own_and_allows_no_other_host(
    browser: httpx.Client,
) -> None:
    first, second = browser.get("/"), browser.get("/jobs/12")
    numbers = []
    for page in (first, second):
        policy = page.headers["content-security-policy"]
        [number] = re.findall(r"'nonce-([\w-]{20,})'", policy)
        assert f'content="{number}"' in page.text
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "default-src 'none'" in policy
        assert page.headers["cache-control"] == "no-store"
        numbers.append(number)
    assert numbers[0] != numbers[1]


@pytest.mark.parametrize("path", ["/", "/welcome", "/sign-in", "/jobs", "/jobs/7", "/tasks/9", "/sites/oslo"])
def test_every_deep_link_leads_to_the_page(browser: httpx.Client, path: str) -> None:
    page = browser.get(path)
    assert (page.status_code, page.headers["content-type"]) == (HTTPStatus.OK, "text/html; charset=utf-8")
    assert browser.head(path).status_code == HTTPStatus.OK


@pytest.mark.parametrize(
    "path",
    ["/api/nothing", "/api", "/metrics/x", "/assets/none.js", "/.stamp", "/assets/../../hub.db", "/x.php"],
)
def test_what_is_no_screen_is_not_found_in_the_words_of_the_api(browser: httpx.Client, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_api_answers_as_it_does_without_screens(browser: httpx.Client) -> None:
    assert browser.get("/api/jobs").headers["location"].endswith("/api/jobs/")
    assert browser.get("/api/jobs/").status_code == HTTPStatus.UNAUTHORIZED
    assert browser.post("/jobs").status_code == HTTPStatus.NOT_FOUND
    assert browser.get("/api/docs").status_code == HTTPStatus.OK


def test_a_file_whose_name_changes_with_it_is_kept_for_ever_and_sent_compressed(
    browser: httpx.Client,
) -> None:
    plain = browser.get("/assets/a-1.js", headers={"Accept-Encoding": "identity"})
    packed = browser.get("/assets/a-1.js", headers={"Accept-Encoding": "gzip"})
    assert plain.content == packed.content == SCRIPT
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert packed.headers["content-type"] == "text/javascript; charset=utf-8"
    assert browser.get("/icon.svg").headers["cache-control"] == "no-cache"


def test_who_has_a_file_is_not_sent_it_again(browser: httpx.Client) -> None:
    tag = browser.get("/icon.svg").headers["etag"]
    again = browser.get("/icon.svg", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (HTTPStatus.NOT_MODIFIED, b"")
    assert browser.get("/icon.svg", headers={"If-None-Match": '"other"'}).status_code == HTTPStatus.OK


def test_only_what_looks_like_a_screen_is_one() -> None:
    assert all(map(is_screen, ("/", "/jobs", "/sites/oslo/nodes")))
    assert not any(map(is_screen, ("/api", "/api/x", "/metrics", "/a.js", "/jobs/x.map")))


def test_a_built_ui_is_found_where_there_is_its_page(built: Path) -> None:
    assert find_ui(built.parent) == built
    assert find_ui(built) is None
