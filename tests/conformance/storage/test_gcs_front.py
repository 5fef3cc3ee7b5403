"""The front that stands in for Google answers as Google's reference says: it is asked in plain HTTP here."""

import base64
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from xml.etree import ElementTree

import google_crc32c
import httpx
import pytest
from tests.fixtures_gcs import Google
from tests.fixtures_seaweed import PATIENCE
from tests.gcs_accounts import Account


@dataclass(frozen=True)
class Asking:
    """A bucket, asked with a token."""

    google: Google
    bucket: str

    def __call__(
        self, method: str, key: str = "", body: bytes = b"", token: str | None = "", **headers: str
    ) -> httpx.Response:
        """The answer. `_` in a header's name stands for `-`; a token of "" is a good one, of None none."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            told["authorization"] = f"Bearer {token or self.google.account.token(time.time())}"
        url = f"{self.google.endpoint}/{self.bucket}" + (f"/{key}" if key else "")
        return httpx.request(method, url, content=body, headers=told, timeout=PATIENCE, trust_env=False)

    def limited(self, *permissions: str) -> str:
        """A token of an account that lacks these."""
        email = f"lacks-{'-'.join(permissions)}@tests.iam.gserviceaccount.com"
        lacking = {f"storage.{each}" for each in permissions}
        account = Account(email, self.google.account.permissions - lacking, everywhere=False)
        return self.google.front.accounts.add(account).token(time.time())


@pytest.fixture
def ask(google: Google, bucket: str) -> Asking:
    """A fresh bucket behind the front."""
    return Asking(google, bucket)


def code(answer: httpx.Response) -> tuple[int, str]:
    """The status of an error, and its code."""
    return answer.status_code, ElementTree.fromstring(answer.content).findtext("Code") or ""


def keys(answer: httpx.Response) -> list[str]:
    """The names in a list."""
    return [
        one.findtext("{*}Key") or ""
        for one in ElementTree.fromstring(answer.content).iter()
        if one.tag.endswith("Contents")
    ]


def test_what_is_put_is_told_of_with_its_checksums_and_generation(ask: Asking) -> None:
    content = b"hello"
    md5 = hashlib.md5(content, usedforsecurity=False)
    crc32c = base64.b64encode(google_crc32c.value(content).to_bytes(4)).decode()
    put = ask("PUT", "a%2Fb", content, x_goog_storage_class="NEARLINE", x_goog_meta_colour="red")
    found = ask("GET", "a/b")
    assert (put.status_code, put.content, found.content) == (200, b"", content)
    for answer in (put, found):
        assert answer.headers["etag"] == f'"{md5.hexdigest()}"'
        assert (
            answer.headers["x-goog-hash"] == f"crc32c={crc32c},md5={base64.b64encode(md5.digest()).decode()}"
        )
    assert found.headers["x-goog-generation"] == put.headers["x-goog-generation"]
    assert (found.headers["x-goog-storage-class"], found.headers["x-goog-meta-colour"]) == ("NEARLINE", "red")
    head = ask("HEAD", "a/b")
    assert (head.headers["content-length"], head.headers["x-goog-stored-content-length"]) == ("5", "5")


def test_a_write_happens_at_the_generation_that_it_expects_and_at_no_other(ask: Asking) -> None:
    first = ask("PUT", "k", b"1", x_goog_if_generation_match="0").headers["x-goog-generation"]
    assert code(ask("PUT", "k", b"2", x_goog_if_generation_match="0")) == (412, "PreconditionFailed")
    second = ask("PUT", "k", b"2", x_goog_if_generation_match=first).headers["x-goog-generation"]
    assert int(second) > int(first)
    assert code(ask("DELETE", "k", x_goog_if_generation_match=first)) == (412, "PreconditionFailed")
    assert ask("GET", "k").content == b"2"
    assert ask("DELETE", "k", x_goog_if_generation_match=second).status_code == 204


def test_what_is_not_there_is_an_error_to_delete_too(ask: Asking) -> None:
    for method in ("GET", "DELETE"):
        assert code(ask(method, "nothing")) == (404, "NoSuchKey")
    assert code(Asking(ask.google, "no-such-bucket")("GET", "k")) == (404, "NoSuchBucket")


TOKENS: dict[str, Callable[[Account], str]] = {
    "no token at all": lambda _: "ya29.nothing",
    "signed with another's key": lambda account: replace(account, key=1).token(time.time()),
    "of an account that nobody knows": lambda _: Account("nobody@tests").token(time.time()),
    "of a key that was deleted": lambda account: replace(account, key_id="0" * 40).token(time.time()),
    "expired": lambda account: account.token(time.time() - 4_000),
    "good from tomorrow on": lambda account: account.token(time.time() + 86_400),
    "good for too long": lambda account: account.token(time.time(), exp=int(time.time()) + 7_200),
    "for an audience in place of a scope": lambda account: account.token(
        time.time(), scope=None, aud="https://storage.googleapis.com/"
    ),
    "of a scope that holds no storage": lambda account: account.token(time.time(), scope="email"),
}


@pytest.mark.parametrize("what", TOKENS)
def test_a_token_that_is_not_well_is_refused(ask: Asking, what: str) -> None:
    token = TOKENS[what](ask.google.account)
    assert code(ask("GET", "k", token=token)) == (401, "AuthenticationRequired")


def test_an_empty_token_is_refused_and_who_brings_none_may_do_nothing(ask: Asking) -> None:
    assert code(ask("GET", "k", token=None, authorization="Bearer")) == (401, "AuthenticationRequired")
    refused = ask("GET", "k", token=None)
    assert code(refused) == (403, "AccessDenied")
    assert "Anonymous caller does not have storage.objects.get access" in refused.text


def test_a_permission_that_lacks_is_named(ask: Asking) -> None:
    ask("PUT", "k", b"1")
    for method, permission, body in (("GET", "get", b""), ("PUT", "create", b"2"), ("DELETE", "delete", b"")):
        refused = ask(method, "k", body, ask.limited(f"objects.{permission}"))
        assert code(refused) == (403, "AccessDenied")
        assert f"does not have storage.objects.{permission} access" in refused.text
    assert ask("GET", "k").content == b"1"


def test_who_may_not_delete_may_not_replace_and_who_may_not_list_is_not_told_what_is_missing(
    ask: Asking,
) -> None:
    token = ask.limited("objects.delete", "objects.list")
    assert ask("PUT", "k", b"1", token).status_code == 200
    assert code(ask("PUT", "k", b"2", token)) == (403, "AccessDenied")
    assert code(ask("GET", "nothing", token=token)) == (403, "AccessDenied")
    assert code(Asking(ask.google, "no-such-bucket")("GET", "k", token=token)) == (403, "AccessDenied")


def test_a_body_that_is_not_what_its_checksum_says_is_refused(ask: Asking) -> None:
    for header in ("content_md5", "x_goog_hash"):
        wrong = base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode()
        value = wrong if header == "content_md5" else f"md5={wrong}"
        assert code(ask("PUT", "k", b"hello", **{header: value})) == (400, "BadDigest")
    assert code(ask("PUT", "k", b"hello", x_goog_hash="crc32c=AAAAAA==")) == (400, "CrcMismatch")
    assert code(ask("GET", "k")) == (404, "NoSuchKey")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("bytes=0-0", b"0"),
        ("bytes=7-", b"789"),
        ("bytes=-2", b"89"),
        ("bytes=5-99", b"56789"),
        ("lines=1", None),
    ],
)
def test_a_range_is_given_as_it_is_asked_for(ask: Asking, asked: str, found: bytes | None) -> None:
    ask("PUT", "digits", b"0123456789")
    answer = ask("GET", "digits", range=asked)
    assert (answer.status_code, answer.content) == ((206, found) if found else (200, b"0123456789"))
    assert code(ask("GET", "digits", range="bytes=10-")) == (416, "InvalidRange")


def test_a_list_is_in_the_order_of_bytes_page_by_page(ask: Asking) -> None:
    names = ["a-b", "a/b", "a/b/c", "a0", "ab", "é"]
    for name in reversed(names):
        ask("PUT", name, b"x")
    base = {"list-type": "2", "max-keys": "2"}
    found, query = [], dict(base)
    while True:
        page = ask("GET", "?" + str(httpx.QueryParams(query)))
        found += keys(page)
        token = ElementTree.fromstring(page.content).findtext("{*}NextContinuationToken")
        if token is None:
            break
        query = {**base, "continuation-token": token}
    assert found == names
    assert keys(ask("GET", "?list-type=2&prefix=a/&start-after=a/b")) == ["a/b/c"]


def begun(ask: Asking, key: str) -> str:
    """The id of a new upload."""
    answer = ask("POST", f"{key}?uploads")
    return ElementTree.fromstring(answer.content).findtext("{*}UploadId") or ""


def completion(*parts: tuple[int, str]) -> bytes:
    """What completes an upload of these parts: number and ETag."""
    said = "".join(
        f"<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber></Part>" for number, etag in parts
    )
    return f"<CompleteMultipartUpload>{said}</CompleteMultipartUpload>".encode()


def test_an_object_of_parts_has_a_crc32c_and_no_md5_and_is_there_once_it_is_complete(ask: Asking) -> None:
    content, identity = bytes(5 << 20) + b"tail", begun(ask, "large")
    parts = []
    for number, part in ((1, content[: 5 << 20]), (2, content[5 << 20 :])):
        answer = ask("PUT", f"large?partNumber={number}&uploadId={identity}", part)
        parts.append((number, answer.headers["etag"]))
    assert keys(ask("GET", "?list-type=2")) == []
    listed = ElementTree.fromstring(ask("GET", f"large?uploadId={identity}").content)
    assert [one.findtext("{*}ETag") for one in listed.iterfind("{*}Part")] == [etag for _, etag in parts]
    assert [one.findtext("{*}Size") for one in listed.iterfind("{*}Part")] == [str(5 << 20), "4"]
    begun_there = ElementTree.fromstring(ask("GET", "?uploads&prefix=lar").content)
    assert [one.findtext("{*}UploadId") for one in begun_there.iterfind("{*}Upload")] == [identity]
    assert not list(ElementTree.fromstring(ask("GET", "?uploads&prefix=x").content).iterfind("{*}Upload"))
    done = ask("POST", f"large?uploadId={identity}", completion(*parts))
    crc32c = base64.b64encode(google_crc32c.value(content).to_bytes(4)).decode()
    found = ask("GET", "large")
    assert found.content == content
    for answer in (done, found):
        assert answer.headers["x-goog-hash"] == f"crc32c={crc32c}"
    etag = ElementTree.fromstring(done.content).findtext("{*}ETag")
    assert etag == found.headers["etag"]
    assert etag.startswith('"-')
    assert code(ask("POST", f"large?uploadId={identity}", completion(*parts))) == (404, "NoSuchUpload")


def test_parts_that_are_too_small_or_others_or_out_of_order_complete_nothing(ask: Asking) -> None:
    identity = begun(ask, "k")
    etags = [
        ask("PUT", f"k?partNumber={number}&uploadId={identity}", b"small").headers["etag"]
        for number in (1, 2)
    ]
    for parts, expected in (
        (((1, etags[0]), (2, etags[1])), "EntityTooSmall"),
        (((2, etags[1]), (1, etags[0])), "InvalidPartOrder"),
        (((1, '"00000000000000000000000000000000"'),), "InvalidPart"),
        (((3, etags[0]),), "InvalidPart"),
    ):
        assert code(ask("POST", f"k?uploadId={identity}", completion(*parts))) == (400, expected)
    assert ask("DELETE", f"k?uploadId={identity}").status_code == 204
    assert code(ask("DELETE", f"k?uploadId={identity}")) == (404, "NoSuchUpload")


def test_what_it_does_not_model_it_refuses(ask: Asking) -> None:
    assert code(ask("GET", "?list-type=2&delimiter=/")) == (501, "NotImplemented")
    assert code(ask("PUT", "k", b"x", x_goog_copy_source="b/k")) == (501, "NotImplemented")
    assert code(ask("GET", "k?acl")) == (501, "NotImplemented")
    assert code(ask("PUT", "k", b"x", x_goog_storage_class="GLACIER")) == (400, "InvalidStorageClass")
    assert code(ask("PUT", "n" * 1025, b"x")) == (400, "KeyTooLong")


def test_the_metadata_server_gives_tokens_to_its_machine_alone(ask: Asking) -> None:
    google = ask.google
    url = f"{google.endpoint}/computeMetadata/v1/instance/service-accounts/default/token"
    asked = {"metadata-flavor": "Google"}
    assert httpx.get(url, headers=asked, trust_env=False).status_code == 404
    google.front.machine = google.account
    try:
        assert httpx.get(url, trust_env=False).status_code == 403
        token = httpx.get(url, headers=asked, trust_env=False).json()["access_token"]
    finally:
        google.front.machine = None
    assert ask("PUT", "k", b"x", token).status_code == 200
