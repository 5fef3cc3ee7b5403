"""What is believed of a provider's signed answer: nothing that another could have made, or that is old."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from towpath.domain.providers import NotShown, Oidc, Question
from towpath.identity.oidc import check_id_token, groups_in, is_from, person_of

NOW = 1_800_000_000
SETTINGS = Oidc("https://login.example.org", "towpath")
QUESTION = Question("state", "nonce", "verifier")
KEY = ECKey.generate_key("P-256", {"kid": "1"})
RIGHT: dict[str, Any] = {
    "iss": SETTINGS.issuer, "aud": "towpath", "sub": "b-7", "nonce": "nonce",
    "iat": NOW - 5, "exp": NOW + 300, "preferred_username": "bea",
}  # fmt: skip


def claims_of(told: dict[str, Any], key: Any = KEY, alg: str = "ES256") -> dict[str, Any]:
    """The claims of a token that says so, signed by that key, as the hub believes them."""
    token = jwt.encode({"alg": alg, "kid": "1"}, told, key)
    public = {"keys": [KEY.as_dict(private=False)]}
    return check_id_token(SETTINGS, QUESTION, {"id_token": token, "access_token": "a"}, public, NOW)


def test_the_right_answer_is_believed() -> None:
    person = person_of(SETTINGS, claims_of({**RIGHT, "groups": ["x", 7, "y"]}))
    assert (person.subject, person.name) == ("https://login.example.org#b-7", "bea")
    assert person.groups == {"x", "y"}


@pytest.mark.parametrize(
    "wrong",
    [{"iss": "https://evil.example"}, {"aud": "another"}, {"aud": ["towpath", "another"]}, {"nonce": "other"},
     {"nonce": None}, {"exp": NOW - 120}, {"iat": NOW + 3600}, {"azp": "another"}, {"exp": None}, {"sub": None},
     {"at_hash": "AAAA"}],
    ids=str,
)  # fmt: skip
def test_any_other_answer_is_refused(wrong: dict[str, Any]) -> None:
    told = {name: value for name, value in {**RIGHT, **wrong}.items() if value is not None}
    with pytest.raises(NotShown):
        claims_of(told)


def test_an_answer_that_another_key_or_a_shared_secret_has_signed_is_refused() -> None:
    for key, alg in ((ECKey.generate_key("P-256"), "ES256"), (OctKey.import_key("s" * 64), "HS256")):
        with pytest.raises(NotShown):
            claims_of(RIGHT, key, alg)
    with pytest.raises(NotShown):
        check_id_token(
            SETTINGS, QUESTION, {"id_token": "no.token.this"}, {"keys": [KEY.as_dict(private=False)]}, NOW
        )


def test_groups_may_lie_within_objects_and_claims_may_have_dots() -> None:
    assert groups_in({"realm_access": {"roles": ["a"]}}, "realm_access.roles") == {"a"}
    assert groups_in({"https://x.org/groups": "a"}, "https://x.org/groups") == {"a"}
    assert groups_in({}, "a.b") == groups_in({"a": 7}, "a.b") == frozenset()


def test_groups_that_are_too_many_to_be_told_are_not_taken_for_none() -> None:
    with pytest.raises(NotShown, match="too many groups"):
        person_of(SETTINGS, {**RIGHT, "_claim_names": {"groups": "src1"}})


def test_an_address_that_nobody_has_verified_is_no_name() -> None:
    by_address = Oidc(SETTINGS.issuer, "towpath", name_claim="email")
    told = {"sub": "b-7", "email": "bea@example.org", "email_verified": False}
    with pytest.raises(NotShown, match="verified"):
        person_of(by_address, told)
    assert person_of(by_address, {**told, "email_verified": True}).name == "bea@example.org"


def test_an_answer_that_names_another_issuer_is_not_from_here() -> None:
    assert is_from(SETTINGS, None)
    assert is_from(SETTINGS, SETTINGS.issuer)
    assert not is_from(SETTINGS, "https://evil.example")
