"""The tokens of programs: what opens a session, and what does not."""

import base64
import hashlib
import hmac
import json
from typing import Final

import pytest

from towpath.api.tokens import Kind, Tokens

HUB_KEY: Final = b"h" * 32
NOW: Final = 1_700_000_000_000_000
HOUR: Final = 3_600_000_000


def part(said: object) -> str:
    """One of the parts of a token, between its dots."""
    written = said if isinstance(said, bytes) else json.dumps(said).encode()
    return base64.urlsafe_b64encode(written).rstrip(b"=").decode()


def signed(header: object, claims: object) -> str:
    """A token under the hub's key, made without the library."""
    key = hashlib.blake2b(b"tokens", key=HUB_KEY, person=b"towpath tokens").digest()
    head = f"{part(header)}.{part(claims)}"
    return f"{head}.{part(hmac.digest(key, head.encode(), 'sha256'))}"


CLAIMS: Final = {"token_type": "access", "sub": "bea", "sid": "seven", "iat": 1, "exp": NOW // 1_000_000 + 60}
NOBODYS: Final = {
    "empty": "",
    "a word": "open",
    "three words": "a.b.c",
    "five words": "a.b.c.d.e",
    "no letters of tokens": "\u00e9.\ud800.\0",
    "a header that is none": signed([1], CLAIMS),
    "a header of bytes": signed(b"\xff", CLAIMS),
    "a header without an end": f"{part(b'[' * 100_000)}.{part(CLAIMS)}.x",
    "no algorithm": signed({}, CLAIMS),
    "an algorithm that is none": signed({"alg": ["HS256"]}, CLAIMS),
    "unsigned": f"{part({'alg': 'none'})}.{part(CLAIMS)}.",
    "another algorithm": signed({"alg": "HS512"}, CLAIMS),
    "an unknown demand": signed({"alg": "HS256", "crit": ["x"], "x": 1}, CLAIMS),
    "encrypted": f"{part({'alg': 'dir', 'enc': 'A128GCM'})}....",
    "claims that are none": signed({"alg": "HS256"}, [1]),
    "another kind": signed({"alg": "HS256"}, {**CLAIMS, "token_type": "refresh"}),
    "too old": signed({"alg": "HS256"}, {**CLAIMS, "exp": NOW // 1_000_000}),
    "cut off": signed({"alg": "HS256"}, CLAIMS)[:-1],
}


def test_a_token_opens_its_session_until_it_ends_and_as_nothing_else() -> None:
    tokens = Tokens(HUB_KEY)
    for kind, hours in ((Kind.ACCESS, 1), (Kind.REFRESH, 24)):
        token = tokens.make(kind, "bea", "seven", NOW)
        assert tokens.secret_of(kind, token, NOW + hours * HOUR - 1_000_000) == "seven"
        assert tokens.secret_of(kind, token, NOW + hours * HOUR) is None
        (other,) = set(Kind) - {kind}
        assert tokens.secret_of(other, token, NOW) is None
        assert Tokens(b"g" * 32).secret_of(kind, token, NOW) is None


def test_the_format_is_the_standards_own() -> None:
    assert (
        Tokens(HUB_KEY).secret_of(Kind.ACCESS, signed({"alg": "HS256", "typ": "JWT"}, CLAIMS), NOW) == "seven"
    )


@pytest.mark.parametrize("token", NOBODYS.values(), ids=list(NOBODYS))
def test_what_is_no_token_of_ours_opens_nothing(token: str) -> None:
    assert Tokens(HUB_KEY).secret_of(Kind.ACCESS, token, NOW) is None
