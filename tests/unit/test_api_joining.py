"""Join tokens: who makes them, what becomes of each, and what the open door says."""

from typing import Any

import httpx
import pytest
from tests.fixtures_api import NODE, SITE, Api, api, laid

from towpath.api.joining import ATTEMPTS
from towpath.bus.keys import make_seed, public_key
from towpath.engine import registry
from towpath.wire.joining import PREFIX, Ticket, read_token, write_token

__all__ = ["api", "laid"]


def made(api: Api, **asked: object) -> dict[str, Any]:
    """A token that was made."""
    answer = api.http.post("/api/join/tokens/", json={"site": SITE, **asked})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def knock(api: Api, token: str, node: str | None = "n2", key: str | None = None) -> httpx.Response:
    """A node that comes with a token, and nothing else."""
    body = {"code": read_token(token).code, "public_key": key or public_key(make_seed()), "node": node}
    return httpx.post(f"{api.url}/api/join/", json=body, trust_env=False, verify=False)


def refused(answer: httpx.Response, status: int, text: str) -> None:
    assert answer.status_code == status, answer.text
    assert text in answer.json()["detail"]


def test_a_node_joins_with_a_token_once(api: Api) -> None:
    token = made(api)
    key = public_key(make_seed())
    joined = knock(api, token["token"], key=key)
    assert (joined.status_code, joined.json()) == (
        201,
        {
            "site": SITE,
            "node": "n2",
            "bus": "nats://127.0.0.1:1",
            "bus_ca": "",
            "bus_name": "",
            "others": True,
        },
    )
    with api.database.reading() as conn:
        assert registry.NodeName(SITE, "n2", key) in registry.list_nodes(conn)
    refused(knock(api, token["token"], "n3"), 401, f"was used already, by node {SITE}/n2")
    # An answer that was lost is asked for again.
    assert knock(api, token["token"], key=key).json() == joined.json()
    shown = api.http.get("/api/join/tokens/", params={"site": SITE}).json()["results"][0]
    assert (shown["state"], shown["used_by"]) == ("used", "n2")
    assert "token" not in shown


def test_a_token_that_opens_nothing_says_why(api: Api) -> None:
    revoked = made(api)
    assert api.http.delete(f"/api/join/tokens/{revoked['id']}/").status_code == 204
    refused(knock(api, revoked["token"]), 401, "this join token was revoked; make another")
    expired = made(api)
    with api.database.writing() as tx:
        tx.conn.exec_driver_sql("UPDATE join_tokens SET expires_at = created_at + 1")
    refused(knock(api, expired["token"]), 401, "this join token has expired; make another")
    forged = write_token(Ticket(api.url, b"", "x" * 43))
    refused(knock(api, forged), 401, "the hub does not know this join token")


def test_the_log_has_who_joined_and_who_tried_with_a_token_of_ours_but_no_code(api: Api) -> None:
    token = made(api)
    knock(api, token["token"])
    knock(api, token["token"], "n3")
    knock(api, write_token(Ticket(api.url, b"", "x" * 43)))
    deeds = api.http.get("/api/audit/").json()["results"]
    told = [(deed["by"], deed["via"], deed["action"], deed["thing"]) for deed in deeds[:3]]
    assert told == [
        ("", "join", "join_refused", f"/api/join/tokens/{token['id']}/"),
        (f"{SITE}/n2", "join", "join", "/api/join/"),
        ("ana", "key", "make_join_token", "/api/join/tokens/"),
    ]
    assert read_token(token["token"]).code not in str(deeds)


def test_a_name_or_key_that_another_node_has_is_refused_and_the_token_stays(api: Api) -> None:
    token = made(api)["token"]
    refused(knock(api, token, NODE), 409, f"site {SITE} has a node '{NODE}' already")
    with api.database.reading() as conn:
        taken = registry.list_nodes(conn)[0].public_key
    refused(knock(api, token, key=taken), 409, f"found that of node {SITE}/{NODE}")
    refused(knock(api, token, key="UABC"), 400, "public_key: expected a public NKEY")
    refused(knock(api, token, "no/name"), 400, "node: expected 1 to 64 letters")
    assert knock(api, token).status_code == 201


def test_a_token_for_one_name_is_for_no_other(api: Api) -> None:
    token = made(api, node="n7")["token"]
    refused(knock(api, token, "n8"), 400, "node: expected n7, for which the token was made, found n8")
    assert knock(api, token, None).json()["node"] == "n7"


@pytest.mark.parametrize(
    ("asked", "status", "text"),
    [
        ({"site": "olso"}, 404, "no site 'olso', did you mean 'oslo'?"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 400, "expected a time to come, within 30 days"),
        ({"expires_at": "2999-01-01T00:00:00Z"}, 400, "expected a time to come, within 30 days"),
        ({"url": "http://hub.example"}, 400, "expected https:// for a host other than this machine"),
        ({"url": "https://hub.example"}, 409, "start the hub with --bus-listen HOST:PORT"),
        ({"node": "no/name"}, 400, "node: expected 1 to 64 letters"),
    ],
)
def test_a_token_that_nobody_could_use_is_not_made(
    api: Api, asked: dict[str, object], status: int, text: str
) -> None:
    refused(api.http.post("/api/join/tokens/", json={"site": SITE, **asked}), status, text)


def test_a_node_that_was_removed_is_heard_no_more_and_gives_its_name_up_once_its_leases_are_out(
    api: Api,
) -> None:
    assert api.http.delete(f"/api/nodes/{SITE}/{NODE}/").status_code == 204
    assert api.http.get("/api/nodes/").json()["count"] == 0
    with pytest.raises(ValueError, match="expected a hello of this incarnation first"):
        api.claim()
    assert api.http.delete(f"/api/nodes/{SITE}/{NODE}/").status_code == 404
    token = made(api)["token"]
    refused(knock(api, token, NODE), 409, "its leases have not run out yet")
    with api.database.writing() as tx:
        tx.conn.exec_driver_sql("UPDATE nodes SET lost = 1")
    assert knock(api, token, NODE).status_code == 201
    assert api.http.get(f"/api/nodes/{SITE}/{NODE}/").json()["state"] == "offline"


def test_a_site_is_added_once(api: Api) -> None:
    assert api.http.post("/api/sites/", json={"name": "rome"}).json()["nodes"] == []
    refused(api.http.post("/api/sites/", json={"name": "rome"}), 409, "site rome is there already")
    refused(api.http.post("/api/sites/", json={"name": "r/m"}), 400, "site name: expected 1 to 64 letters")


def test_whoever_knocks_too_often_waits(api: Api) -> None:
    forged = write_token(Ticket(api.url, b"", "x" * 43))
    answers = [knock(api, forged) for _ in range(ATTEMPTS)]
    assert [answer.status_code for answer in answers] == [401] * ATTEMPTS
    # Of a slow machine's knocks one or the other is let pass meanwhile.
    refusal = next(answer for answer in iter(lambda: knock(api, forged), None) if answer.status_code != 401)
    refused(refusal, 429, "expected at most 10 requests within a minute")
    assert 0 < int(refusal.headers["Retry-After"]) <= 6


@pytest.mark.parametrize("text", ["", "x", PREFIX, f"{PREFIX}k7", "towpath_abc", f"{PREFIX}!!!"])
def test_what_is_no_join_token_is_refused_and_not_repeated(text: str) -> None:
    from towpath.domain.errors import Mistake

    with pytest.raises(Mistake, match=r"expected a whole token that `towpath site token` printed") as caught:
        read_token(text)
    assert not text or len(text) < 20 or text not in str(caught.value)


def test_a_join_token_says_what_was_written_into_it() -> None:
    ticket = Ticket("https://hub.example:8420", b"p" * 32, "code")
    assert read_token(f" {write_token(ticket)}\n") == ticket
