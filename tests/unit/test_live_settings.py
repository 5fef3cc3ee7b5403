"""Settings are changed while a hub runs: over the API and by the command line, checked, audited, taken up."""

import asyncio
import logging
from collections.abc import Iterator

import httpx
import pytest
import sqlalchemy as sa
from tests.fixtures_api import Api, api, laid
from tests.unit.test_cli_commands import Cli, cli

from towpath.api.door import COOKIE
from towpath.api.settings import take_up
from towpath.domain.rights import Role, Via
from towpath.engine import live_settings, sign_in
from towpath.store.tables import sessions

__all__ = ["api", "cli", "laid"]

HOUR = 3_600_000_000
"""Microseconds."""


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    """The log is as it was afterwards."""
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


def value(api: Api, name: str) -> object:
    return next(
        one["value"] for one in api.http.get("/api/settings/").json()["results"] if one["name"] == name
    )


def test_a_change_holds_at_once_where_it_was_made_and_is_in_the_log_of_deeds(api: Api) -> None:
    assert value(api, "requests_per_minute") == 60_000
    answer = api.http.patch("/api/settings/", json={"requests_per_minute": 7, "log_level": "ERROR"})
    assert answer.status_code == 200, answer.text
    assert (api.context.rates.most, logging.getLogger().level) == (7, logging.ERROR)
    api.context.rates.most = 0
    [deed] = [
        one for one in api.http.get("/api/audit/").json()["results"] if one["action"] == "change_settings"
    ]
    assert (deed["by"], deed["thing"]) == ("ana", "/api/settings/")
    api.http.patch("/api/settings/", json={"requests_per_minute": None})
    assert api.context.rates.most == 60_000
    assert value(api, "log_level") == "ERROR"


def test_another_hub_takes_up_what_was_set_in_the_database(api: Api) -> None:
    with api.database.writing() as tx:
        live_settings.change(tx, {"requests_per_minute": 500}, "elsewhere")
    asyncio.run(take_up(api.context))
    assert api.context.rates.most == 500


@pytest.mark.parametrize(
    ("changes", "place", "said"),
    [
        ({"keep_days": -1}, "keep_days", "expected a number from 0 to 100000, found -1"),
        ({"keep_days": "long"}, "keep_days", "expected a number from 0 to 100000, found 'long'"),
        ({"keep_days": False}, "keep_days", "expected a number from 0 to 100000, found false"),
        ({"keep_days": [1]}, "keep_days", "expected a number from 0 to 100000, found a list"),
        ({"log_level": "LOUD"}, "log_level", "expected one of DEBUG, INFO, WARNING, ERROR, found 'LOUD'"),
        ({"keep_dais": 1}, "keep_dais", "no such setting, did you mean 'keep_days'?"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    api: Api, changes: dict[str, object], place: str, said: str
) -> None:
    answer = api.http.patch("/api/settings/", json={"keep_events_days": 3, **changes})
    assert answer.status_code == 422
    assert [(one["place"], one["text"]) for one in answer.json()["problems"]] == [(place, said)]
    assert value(api, "keep_events_days") == 30


def test_of_two_who_change_them_the_second_is_told(api: Api) -> None:
    tag = api.http.get("/api/settings/").headers["etag"]
    first, second = (
        api.http.patch("/api/settings/", json={"keep_days": days}, headers={"If-Match": tag})
        for days in (1, 2)
    )
    assert (first.status_code, second.status_code) == (200, 412)
    assert value(api, "keep_days") == 1


def test_the_command_line_lists_sets_and_resets(cli: Cli) -> None:
    assert cli.run("settings", "set", "keep_days", "30") == "keep_days: 30 days\n"
    line = next(line for line in cli.run("settings", "list").splitlines() if line.startswith("keep_days"))
    assert line.split()[:5] == ["keep_days", "30", "days", "90", "ana"]
    assert cli.run("settings", "reset", "keep_days") == "keep_days: 90 days\n"
    assert "keep_days: expected a number" in cli.mistake("settings", "set", "keep_days", "many")


def test_a_hub_is_ready_once_its_database_has_its_form_and_alive_before(api: Api) -> None:
    assert api.http.get("/api/health/live").json() == {"status": "ok"}
    ready = api.http.get("/api/health/ready").json()
    assert (ready["status"], ready["database"], ready["bus"], ready["migrations"]) == ("ok",) * 4
    with api.database.writing() as tx:
        tx.conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    answer = api.http.get("/api/health/ready")
    assert (answer.status_code, answer.json()["migrations"]) == (503, "down")
    assert api.http.get("/api/health/live").status_code == 200


def test_a_shorter_session_ends_those_that_there_are_and_a_new_one_lasts_as_long_as_was_set(api: Api) -> None:
    def enter() -> tuple[str, int]:
        with api.database.writing() as tx:
            asker, secret = sign_in.open_session(tx, "ana", Role.ADMINISTRATOR, Via.SESSION, "127.0.0.1")
            row = tx.conn.execute(sa.select(sessions).where(sessions.c.id == asker.credential)).one()
            return secret, row.expires_at - row.created_at

    def status(secret: str) -> int:
        with httpx.Client(
            base_url=api.url, trust_env=False, verify=False, cookies={COOKIE: secret}
        ) as browser:
            return browser.get("/api/auth/session/").status_code

    old, lasts = enter()
    assert (status(old), lasts) == (200, 7 * 24 * HOUR)
    with api.database.writing() as tx:
        hour_ago = {"created_at": tx.now - HOUR, "used_at": tx.now - HOUR}
        tx.conn.execute(sa.update(sessions).values(hour_ago))
    assert status(old) == 200
    for name in ("session_hours", "session_idle_hours"):
        api.http.patch("/api/settings/", json={name: 0.5}).raise_for_status()
        with api.database.writing() as tx:
            tx.conn.execute(sa.update(sessions).values(hour_ago))
        assert status(old) == 401
        api.http.patch("/api/settings/", json={name: None}).raise_for_status()
        assert status(old) == 200
    api.http.patch("/api/settings/", json={"session_hours": 2}).raise_for_status()
    assert enter()[1] == 2 * HOUR
