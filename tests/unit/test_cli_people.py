"""`towpath user`, `key` and `audit` against a real API."""

import json

import httpx
import pytest
from tests.fixtures_api import Api, api, laid
from tests.unit.test_cli_commands import Cli, cli

__all__ = ["api", "cli", "laid"]


def test_a_user_is_added_changed_and_removed(cli: Cli) -> None:
    assert cli.run("user", "add", "bea") == "user bea: viewer, no password: keys alone\n"
    assert cli.run("user", "role", "bea", "operator") == "user bea: operator, no password: keys alone\n"
    assert cli.json("user", "disable", "bea")["disabled"] is True
    assert cli.run("user", "disable", "bea") == "user bea: operator, disabled\n"
    assert cli.json("user", "enable", "bea")["disabled"] is False
    assert cli.json("user", "unlock", "bea")["locked_until"] is None
    table = cli.run("user", "list").splitlines()
    assert [line.split()[0] for line in table] == ["name", "ana", "bea"]
    assert "never" in table[2]
    cli.run("user", "remove", "bea")
    assert [row["name"] for row in cli.json("user", "list")] == ["ana"]
    assert "last administrator" in cli.mistake("user", "disable", "ana")
    assert "no user 'bea'" in cli.mistake("user", "link", "bea")


def test_the_link_that_is_printed_sets_a_password(cli: Cli, api: Api) -> None:
    cli.run("user", "add", "bea", "--role", "operator")
    url = cli.run("user", "link", "bea").strip()
    assert "once, within 24 hours" in cli.err
    page, code = url.split("#")
    assert page == f"{api.url}/welcome"
    assert httpx.get(page, trust_env=False, verify=False).is_success
    body = {"code": code, "password": "seven long boats"}
    assert httpx.post(f"{api.url}/api/auth/password/", json=body, trust_env=False, verify=False).is_success
    assert cli.run("user", "enable", "bea") == "user bea: operator\n"


def test_a_key_is_printed_once_and_revoked(cli: Cli, api: Api) -> None:
    key = cli.run("key", "add", "--label", "nightly", "--scope", "read", "--expires", "+30d").strip()
    assert "shown this once" in cli.err

    def status() -> int:
        answer = httpx.get(
            f"{api.url}/api/jobs/", headers={"Authorization": f"Api-Key {key}"}, trust_env=False, verify=False
        )
        return answer.status_code

    assert status() == 200
    [made, _] = cli.json("key", "list")
    assert (made["label"], made["scopes"]) == ("nightly", ["read"])
    assert key not in cli.run("key", "list")
    cli.run("key", "revoke", str(made["id"]))
    assert status() == 401
    assert "revoked" in cli.run("key", "list")
    assert "no key 99" in cli.mistake("key", "revoke", "99")
    assert "--expires: expected a time" in cli.mistake("key", "add", "--expires", "soon")


def test_an_administrator_makes_and_revokes_keys_of_others(cli: Cli) -> None:
    cli.run("user", "add", "robot", "--role", "operator")
    made = cli.json("key", "add", "--user", "robot")
    assert made["user"] == "robot"
    assert [row["user"] for row in cli.json("key", "list", "--all")] == ["robot", "ana"]
    assert [row["id"] for row in cli.json("key", "list", "--user", "robot")] == [made["id"]]
    assert "no key" in cli.mistake("key", "revoke", str(made["id"]))
    cli.run("key", "revoke", "--all", str(made["id"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cli.env, "TOWPATH_API_KEY", made["key"])
        assert "does not know that API key" in cli.mistake("job", "list")


def test_what_was_done_is_listed_and_exported(cli: Cli) -> None:
    cli.run("user", "add", "bea")
    cli.run("user", "role", "bea", "operator")
    lines = [json.loads(line) for line in cli.run("audit", "--jsonl").splitlines()]
    assert [line["action"] for line in lines] == ["change_user", "add_user"]
    assert [line["action"] for line in cli.json("audit", "--on", "users/bea")] == ["change_user"]
    assert cli.json("audit", "--action", "pause") == []
    assert cli.json("audit", "--by", "bea") == []
    table = cli.run("audit", "--since", "2020-01-01")
    assert "add_user" in table
    assert "auth/users/bea/" in table
