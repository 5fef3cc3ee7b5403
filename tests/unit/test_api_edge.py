"""The edge of the API: whom a proxy speaks for, and who comes around it."""

import asyncio

import httpx
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from tests.fixtures_api import Api, laid, proxied_api

from towpath.api.edge import Edge
from towpath.config import Front, Listen

__all__ = ["laid", "proxied_api"]

PROXIED = Front(Listen("0.0.0.0", 80), proxies=("10.1.0.0/16", "192.0.2.7"))


def ask(
    front: Front, peer: str, server: str = "192.0.2.1", **headers: str
) -> tuple[int, dict[str, str], str]:
    """The status, the headers, and the body: who asks, and by which scheme, in the eyes of the API."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(f"{scope['client'][0]} {scope['scheme']}")(scope, receive, send)

    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": sent}
    scope |= {"client": (peer, 5), "server": (server, 80), "scheme": "http", "http_version": "1.1"}
    asyncio.run(Edge(app, front)(scope, receive, send))
    answered = {name.decode(): value.decode() for name, value in told[0]["headers"]}
    return told[0]["status"], answered, told[1]["body"].decode()


def test_a_listed_proxy_says_for_whom_it_speaks_and_by_which_way_they_came() -> None:
    for proxy in ("10.1.2.3", "192.0.2.7"):
        status, headers, body = ask(PROXIED, proxy, x_forwarded_for="203.0.113.5", x_forwarded_proto="https")
        assert (status, body) == (200, "203.0.113.5 https")
        assert headers["strict-transport-security"] == "max-age=31536000"


def test_what_a_client_puts_before_its_true_address_is_not_believed() -> None:
    forged = "127.0.0.1, 198.51.100.9, 10.1.0.4"
    assert ask(PROXIED, "10.1.2.3", x_forwarded_for=forged)[2] == "198.51.100.9 http"


def test_who_comes_around_the_proxies_in_the_clear_is_refused() -> None:
    status, _, body = ask(PROXIED, "192.0.2.8", x_forwarded_for="10.1.0.1", x_forwarded_proto="https")
    assert status == 403
    assert "found plain HTTP from 192.0.2.8, which is not among them (--behind-proxy)" in body


def test_this_machine_itself_may_come_around_the_proxies() -> None:
    assert ask(PROXIED, "127.0.0.1")[2] == "127.0.0.1 http"
    assert ask(PROXIED, "192.0.2.1", server="192.0.2.1")[2] == "192.0.2.1 http"


def test_a_hub_that_lists_no_proxies_believes_nobody() -> None:
    status, headers, body = ask(
        Front(), "127.0.0.1", x_forwarded_for="203.0.113.5", x_forwarded_proto="https"
    )
    assert (status, body) == (200, "127.0.0.1 http")
    assert "strict-transport-security" not in headers


def test_the_log_has_the_true_client_from_listed_proxies_alone(proxied_api: Api) -> None:
    told = {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https"}
    for peer in ("127.0.0.1", "127.0.0.2"):
        with _from(peer, proxied_api) as http:
            assert http.post("/api/auth/users/", json={"name": f"a{peer[-1]}"}, headers=told).is_success
    deeds = proxied_api.http.get("/api/audit/", params={"action": "add_user"}).json()["results"]
    assert [deed["address"] for deed in deeds] == ["127.0.0.2", "203.0.113.5"]


def test_a_cookie_is_for_https_alone_where_the_browser_came_by_it(proxied_api: Api) -> None:
    code = proxied_api.http.post("/api/auth/users/ana/link/").json()["code"]
    password = "correct horse battery"
    set_it = proxied_api.http.post("/api/auth/password/", json={"code": code, "password": password})
    assert set_it.is_success
    asked = {"username": "ana", "password": password}
    with httpx.Client(base_url=proxied_api.url, trust_env=False, verify=False) as browser:
        for scheme, secure in (("https", True), ("http", False)):
            answer = browser.post("/api/auth/session/", json=asked, headers={"X-Forwarded-Proto": scheme})
            assert ("; Secure" in answer.headers["set-cookie"]) is secure
            assert ("strict-transport-security" in answer.headers) is secure
            name, _, value = answer.headers["set-cookie"].split(";")[0].partition("=")
            assert name == ("__Host-towpath_session" if secure else "towpath_session")
            for sent in ("__Host-towpath_session", "towpath_session"):
                headers = {"X-Forwarded-Proto": scheme, "Cookie": f"{sent}={value}"}
                opens = httpx.get(
                    f"{proxied_api.url}/api/auth/session/", headers=headers, trust_env=False, verify=False
                )
                assert opens.is_success is (sent == name)


def test_browsers_are_told_to_be_careful_with_every_answer(proxied_api: Api) -> None:
    for url in ("/api/health", "/api/jobs/", "/api/jobs/999/", "/nowhere", "/api/openapi.json"):
        headers = proxied_api.http.get(url).headers
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["cache-control"] == "no-store"
        assert (headers["referrer-policy"], headers["x-content-type-options"]) == ("no-referrer", "nosniff")
    for page in ("/api/docs", "/welcome"):
        headers = proxied_api.http.get(page).headers
        [policy] = headers.get_list("content-security-policy")
        assert "unsafe" not in policy
        assert "script-src 'sha256-" in policy
        assert "style-src 'sha256-" in policy


def _from(address: str, api: Api) -> httpx.Client:
    transport = httpx.HTTPTransport(local_address=address)
    return httpx.Client(base_url=api.url, headers=api.http.headers, transport=transport, timeout=30)
