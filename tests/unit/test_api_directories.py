"""Signing in with a directory's passwords: a real OpenLDAP server, the API, and people who come and go."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from tests.fixtures_api import Api, api, laid
from tests.fixtures_slapd import GROUPS, PASSWORD, PEOPLE, READER, READER_PASSWORD, Slapd, slapd

from towpath.engine.sign_in import TRIES

__all__ = ["api", "laid", "slapd"]

OTHER = "ten large barges"


@pytest.fixture
def stranger(api: Api) -> Iterator[httpx.Client]:
    """Somebody who has no key."""
    with httpx.Client(base_url=api.url, timeout=30, trust_env=False, verify=False) as http:
        yield http


def told(slapd: Slapd, **more: object) -> dict[str, object]:
    """The directory as the API takes it."""
    return {
        "url": slapd.tls,
        "people_base": PEOPLE,
        "groups_base": GROUPS,
        "bind_dn": READER,
        "bind_password": READER_PASSWORD,
        "ca": slapd.ca,
        **more,
    }


def set_directory(api: Api, slapd: Slapd, **more: object) -> httpx.Response:
    """Have the hub ask it."""
    return api.http.put("/api/auth/directories/lab/", json=told(slapd, **more))


def sign_in(http: httpx.Client, name: str, password: str = PASSWORD, by: str = "session") -> httpx.Response:
    """An attempt."""
    return http.post(f"/api/auth/{by}/", json={"username": name, "password": password})


@pytest.mark.parametrize("way", ["plain", "tls"])
def test_who_a_directory_knows_signs_in_with_its_password(
    api: Api, stranger: httpx.Client, slapd: Slapd, way: str
) -> None:
    slapd.add_person(f"bea-{way}")
    assert set_directory(api, slapd, url=getattr(slapd, way)).json()["has_password"]
    answer = sign_in(stranger, f"BEA-{way}")
    assert answer.is_success, answer.text
    assert (answer.json()["user"], answer.json()["role"]) == (f"bea-{way}", "member")
    assert stranger.get("/api/auth/session/").json()["via"] == "session"
    user = api.http.get(f"/api/auth/users/bea-{way}/").json()
    assert (user["origin"], user["has_password"]) == ("lab", False)
    pair = sign_in(stranger, f"bea-{way}", by="token").json()
    bearer = {"Authorization": f"Bearer {pair['access']}"}
    assert httpx.get(f"{api.url}/api/auth/session/", headers=bearer, trust_env=False, verify=False).is_success


@pytest.mark.parametrize("password", ["", OTHER, f"{PASSWORD}\0", "\0", "Ö\u200b"])
def test_no_other_password_is_taken(api: Api, stranger: httpx.Client, slapd: Slapd, password: str) -> None:
    if not api.http.get("/api/auth/directories/").json()["count"]:
        set_directory(api, slapd)
    name = f"cleo{len(password)}{ord((password or 'x')[0])}"
    slapd.add_person(name)
    assert sign_in(stranger, name, password).status_code in (401, 422)
    assert sign_in(stranger, name).is_success


@pytest.mark.parametrize("name", ["*", "d*", "dan)(uid=*", "dan)(|(uid=*", "dan\\2a", "", "(&)"])
def test_what_means_something_in_a_filter_names_nobody(
    api: Api, stranger: httpx.Client, slapd: Slapd, name: str
) -> None:
    set_directory(api, slapd)
    answer = sign_in(stranger, name)
    assert answer.status_code == 401
    assert "name and password" in answer.json()["detail"]


def test_groups_and_role_are_what_the_directory_says_at_each_sign_in(
    api: Api, stranger: httpx.Client, slapd: Slapd
) -> None:
    eve = slapd.add_person("eve")
    other = slapd.add_person("other")
    slapd.set_group("hub-operators", [eve, other])
    slapd.set_group("lab-genomics", [eve])
    for group in ("genomics", "tape", "by-hand"):
        api.http.post("/api/auth/groups/", json={"name": group})
    mapped = {"lab-genomics": "genomics", "lab-tape": "tape"}
    set_directory(api, slapd, roles={"hub-operators": "operator"}, groups=mapped)
    assert sign_in(stranger, "eve").json()["role"] == "operator"
    assert members(api, "genomics") == ["eve"]
    assert api.http.put("/api/auth/groups/by-hand/members/eve/").is_success
    slapd.set_group("hub-operators", [other])
    slapd.set_group("lab-genomics", [other])
    slapd.set_group("lab-tape", [eve])
    assert sign_in(stranger, "eve").json()["role"] == "member"
    assert (members(api, "genomics"), members(api, "tape"), members(api, "by-hand")) == ([], ["eve"], ["eve"])


def members(api: Api, group: str) -> list[str]:
    found = api.http.get(f"/api/auth/groups/{group}/").json()["members"]
    assert isinstance(found, list)
    return found


def test_who_is_in_no_group_that_may_is_not_let_in(api: Api, stranger: httpx.Client, slapd: Slapd) -> None:
    slapd.add_person("fay")
    set_directory(api, slapd, role=None, roles={"hub-staff": "viewer"})
    answer = sign_in(stranger, "fay")
    assert answer.status_code == 401
    assert "expected a group" in answer.json()["detail"]
    assert api.http.get("/api/auth/users/fay/").status_code == 404
    assert refusals(api, "fay") == 1


def refusals(api: Api, name: str) -> int:
    """How often the log says that somebody was refused."""
    return int(api.http.get("/api/audit/", params={"action": "sign_in_refused", "by": name}).json()["count"])


@pytest.mark.parametrize("known", [True, False])
def test_wrong_passwords_lock_out_who_is_known_and_who_is_not_yet(
    api: Api, stranger: httpx.Client, slapd: Slapd, known: bool
) -> None:
    name = f"gus-{known}"
    slapd.add_person(name)
    set_directory(api, slapd)
    if known:
        assert sign_in(stranger, name).is_success
    for attempt in range(TRIES):
        # Another spelling of a name is the same person.
        answer = sign_in(stranger, name.upper() if attempt % 2 else name, OTHER)
        assert answer.status_code == 401
        assert "name and password" in answer.json()["detail"]
    locked = sign_in(stranger, name)
    assert locked.status_code == 401
    assert "try again in 15 min" in locked.json()["detail"]
    assert refusals(api, name) == TRIES
    if known:
        assert api.http.post(f"/api/auth/users/{name}/unlock/").is_success
        assert sign_in(stranger, name).is_success


def test_a_user_who_is_disabled_is_out_at_once_and_stays_out(
    api: Api, stranger: httpx.Client, slapd: Slapd
) -> None:
    slapd.add_person("hal")
    set_directory(api, slapd)
    assert sign_in(stranger, "hal").is_success
    assert stranger.get("/api/auth/session/").is_success
    assert api.http.patch("/api/auth/users/hal/", json={"disabled": True}).is_success
    assert stranger.get("/api/auth/session/").status_code == 401
    answer = sign_in(stranger, "hal")
    assert answer.status_code == 401
    assert "disabled" in answer.json()["detail"]


def test_who_left_the_directory_cannot_sign_in_and_another_of_the_name_is_not_them(
    api: Api, stranger: httpx.Client, slapd: Slapd
) -> None:
    ida = slapd.add_person("ida")
    set_directory(api, slapd)
    assert sign_in(stranger, "ida").is_success
    slapd.remove(ida)
    assert sign_in(stranger, "ida").status_code == 401
    slapd.add_person("ida")
    answer = sign_in(stranger, "ida")
    assert answer.status_code == 401
    assert "somebody else" in answer.json()["detail"]


def test_whom_the_hub_knows_itself_no_directory_answers_for(
    api: Api, stranger: httpx.Client, slapd: Slapd
) -> None:
    slapd.add_person("ana")
    set_directory(api, slapd)
    assert sign_in(stranger, "ana").status_code == 401
    assert api.http.get("/api/auth/users/ana/").json()["origin"] is None


def test_a_user_of_a_directory_gets_no_password_here(api: Api, stranger: httpx.Client, slapd: Slapd) -> None:
    slapd.add_person("jan")
    set_directory(api, slapd)
    csrf = sign_in(stranger, "jan").json()["csrf_token"]
    assert api.http.post("/api/auth/users/jan/link/").status_code == 409
    change = {"old_password": PASSWORD, "password": OTHER}
    refused = stranger.put("/api/auth/password/", json=change, headers={"X-CSRF-Token": csrf})
    assert refused.status_code == 401


def test_a_directory_that_is_down_is_told_so_and_costs_no_try(
    api: Api, stranger: httpx.Client, slapd: Slapd
) -> None:
    slapd.add_person("kim")
    set_directory(api, slapd)
    assert sign_in(stranger, "kim").is_success
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    set_directory(api, slapd, url=f"ldaps://127.0.0.1:{port}")
    for _ in range(TRIES + 1):
        answer = sign_in(stranger, "kim")
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:towpath:provider-silent"
        assert "cannot be asked now" in answer.json()["detail"]
    assert api.http.get("/api/jobs/").is_success
    set_directory(api, slapd)
    assert sign_in(stranger, "kim").is_success


def test_the_hub_serves_others_while_a_directory_hangs(
    api: Api, stranger: httpx.Client, slapd: Slapd
) -> None:
    with _silent() as port:
        set_directory(api, slapd, url=f"ldaps://127.0.0.1:{port}")
        with httpx.Client(base_url=api.url, timeout=0.5, trust_env=False, verify=False) as hasty:
            with pytest.raises(httpx.ReadTimeout):
                sign_in(hasty, "lea")
            assert api.http.get("/api/jobs/").is_success


@contextmanager
def _silent() -> Iterator[int]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("way", ["plain", "tls"])
def test_a_directory_whose_certificate_nobody_vouches_for_is_told_no_password(
    api: Api, stranger: httpx.Client, slapd: Slapd, way: str
) -> None:
    slapd.add_person(f"mia-{way}")
    set_directory(api, slapd, url=getattr(slapd, way), ca="")
    answer = sign_in(stranger, f"mia-{way}")
    assert answer.status_code == 503
    assert "CERTIFICATE_VERIFY_FAILED" in answer.json()["detail"]


def test_a_certificate_for_another_host_is_not_believed(
    api: Api, stranger: httpx.Client, slapd: Slapd
) -> None:
    port = slapd.tls.rsplit(":", 1)[1]
    set_directory(api, slapd, url=f"ldaps://localhost:{port}")
    answer = sign_in(stranger, "nia")
    assert answer.status_code == 503
    assert "CERTIFICATE_VERIFY_FAILED" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("more", "says"),
    [({"url": "http://127.0.0.1"}, "ldaps://HOST"), ({"url": "ldaps://a:b@127.0.0.1"}, "ldaps://HOST"),
     ({"people_filter": "(uid=ana)"}, "{name}"), ({"people_filter": "(uid={name}"}, "parentheses"),
     ({"people_filter": "(uid={dn})"}, "{name}"), ({"groups_filter": "(member=*)"}, "{dn"),
     ({"bind_password": ""}, "bind_dn"), ({"bind_dn": ""}, "bind_dn")],
)  # fmt: skip
def test_a_directory_that_could_not_be_asked_safely_is_refused(
    api: Api, slapd: Slapd, more: dict[str, object], says: str
) -> None:
    answer = set_directory(api, slapd, **more)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


def test_the_hubs_password_at_a_directory_is_shown_to_nobody(api: Api, slapd: Slapd) -> None:
    texts = [set_directory(api, slapd).text]
    texts += [api.http.get(f"/api/auth/directories/{name}").text for name in ("", "lab/")]
    texts.append(api.http.get("/api/audit/").text)
    assert not [text for text in texts if READER_PASSWORD in text]
    with api.database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT secret FROM providers").all()
    assert READER_PASSWORD.encode() not in bytes(rows[0][0])


def test_whoever_signed_in_by_a_directory_is_out_with_it(
    api: Api, stranger: httpx.Client, slapd: Slapd
) -> None:
    slapd.add_person("ole")
    set_directory(api, slapd)
    assert sign_in(stranger, "ole").is_success
    assert api.http.delete("/api/auth/directories/lab/").status_code == 204
    assert stranger.get("/api/auth/session/").status_code == 401
    assert sign_in(stranger, "ole").status_code == 401


def test_a_directory_and_an_identity_provider_never_share_a_name(api: Api, slapd: Slapd) -> None:
    oidc = {"issuer": "https://login.example.org", "client_id": "towpath"}
    set_directory(api, slapd)
    assert api.http.put("/api/auth/providers/lab/", json=oidc).status_code == 409
    assert api.http.put("/api/auth/providers/web/", json=oidc).is_success
    assert api.http.put("/api/auth/directories/web/", json=told(slapd)).status_code == 409
    assert [one["name"] for one in api.http.get("/api/auth/providers/").json()["results"]] == ["web"]
