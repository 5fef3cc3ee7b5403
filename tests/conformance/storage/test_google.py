"""What holds at Google: whose account is used, what vouches for a put, and what becomes of lost answers."""

import io
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import obstore
import pytest
from obstore.store import GCSStore
from tests.conformance.storage.proxy import Weather, proxy
from tests.conformance.storage.sources import Failing, Generated, Watching, as_file
from tests.fixtures_gcs import Google, google_front
from tests.fixtures_hub import until
from tests.fixtures_seaweed import Seaweed
from tests.gcs_accounts import Accounts, Unknown

from towpath.domain.paths import ErrorClass
from towpath.storage.google import GOOGLES, Tokens, read_key
from towpath.storage.large import CRC32C, Sizes
from towpath.storage.objects import MD5, READ_BACK, ObjectStorage
from towpath.storage.opening import open_storage
from towpath.storage.protocol import Corrupt, GivenUp, ObjectMissing, Storage, StorageError
from towpath.storage.s3 import S3Place, S3Uploads

LARGE = 9 << 20
"""Goes in two parts."""


def kept(google: Google, bucket: str) -> dict[str, int]:
    """What truly lies in the bucket."""
    pages = obstore.list(google.seaweed.store(bucket))
    return {meta["path"]: meta["size"] for page in pages for meta in page}


def under_way(google: Google, bucket: str) -> int:
    """How many uploads in parts nobody has ended."""
    return sum(upload.bucket == bucket for upload in google.front.objects.uploads.values())


def put(storage: Storage, size: int) -> str:
    """Put so much; what vouched for it."""
    return storage.put("k", as_file(Generated(size)), size).how


def once(begins: bytes, holds: bytes = b"") -> Callable[[bytes], bool]:
    """True for the first request whose line begins so, and holds that."""
    seen: list[bytes] = []

    def first(line: bytes) -> bool:
        if seen or not (line.startswith(begins) and holds in line):
            return False
        seen.append(line)
        return True

    return first


# Whose account -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GOOGLE_SERVICE_ACCOUNT", "another's file"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", "another's key"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere"),
        ("GOOGLE_BEARER_TOKEN", "stale"),
        ("GOOGLE_SKIP_SIGNATURE", "true"),
        ("GOOGLE_BASE_URL", "http://127.0.0.1:9"),
    ],
)
def test_the_environment_changes_nothing_where_credentials_are_given(
    google: Google, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    another, file = replace(google.account, email="nobody@tests").key_file, tmp_path / "key.json"
    file.write_text(another)
    monkeypatch.setenv(variable, {"another's file": str(file), "another's key": another}.get(value, value))
    assert open_storage(google.url(bucket), google.credentials, ()).check().startswith("works")
    asked = google.front.seen[-1].headers["authorization"]
    assert google.front.accounts.who(asked) == google.account


@pytest.fixture
def machine(google: Google, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose metadata server is the front, and that has no account yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP"):
        monkeypatch.setenv(name, google.endpoint.removeprefix("http://"))


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("given", ["by its metadata server", "by a file", "in the home of its user"])
def test_without_credentials_the_machines_own_account_is_used(
    google: Google, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    key = tmp_path / ".config/gcloud/application_default_credentials.json"
    if given == "by its metadata server":
        monkeypatch.setattr(google.front, "machine", google.account)
    else:
        key.parent.mkdir(parents=True)
        key.write_text(google.account.key_file)
    if given == "by a file":
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key.rename(tmp_path / "key.json")))
    assert open_storage(google.url(bucket), {}, ()).check().startswith("works")


@pytest.mark.usefixtures("machine")
def test_an_object_is_not_missing_because_the_machine_has_no_account(google: Google, bucket: str) -> None:
    storage = open_storage(google.url(bucket), {}, ())
    for call in (
        lambda: list(storage.get("k")),
        lambda: storage.look("k"),
        lambda: list(storage.listing()),
        lambda: put(storage, 5),
        lambda: storage.delete("k"),
    ):
        with pytest.raises(
            StorageError, match=r"no token from http://127\.0\.0\.1:.*: 404 Not Found"
        ) as caught:
            call()
        assert not isinstance(caught.value, ObjectMissing)
        assert (caught.value.error_class, caught.value.error_name) == (
            ErrorClass.NO_PERMISSION,
            "NoCredentials",
        )


def test_an_account_that_google_does_not_know_is_a_matter_of_permission(google: Google, bucket: str) -> None:
    for wrong in (replace(google.account, key=1), replace(google.account, email="nobody@tests")):
        storage = open_storage(google.url(bucket), {"service_account_key": wrong.key_file}, ())
        for call in (
            storage.check,
            lambda storage=storage: list(storage.get("k")),
            lambda storage=storage: list(storage.listing()),
            lambda storage=storage: put(storage, LARGE),
        ):
            with pytest.raises(StorageError, match="401 AuthenticationRequired") as caught:
                call()
            assert caught.value.error_class is ErrorClass.NO_PERMISSION


def test_a_token_is_used_until_shortly_before_its_end_and_never_before_its_beginning(google: Google) -> None:
    times = [1_000_000.0]
    accounts = Accounts(lambda: times[0])
    accounts.add(google.account)
    tokens = Tokens(read_key(google.account.key_file), lambda: times[0])
    first = tokens.token()
    assert accounts.who(f"Bearer {first}") == google.account
    for seconds, is_new in ((3299, False), (1, True), (3600, True), (-1, True)):
        before, times[0] = tokens.token(), times[0] + seconds
        assert (tokens.token() != before) is is_new
        assert accounts.who(f"Bearer {tokens.token()}") == google.account
    times[0] += 3601
    with pytest.raises(Unknown):
        accounts.who(f"Bearer {first}")


def test_a_token_that_ran_out_while_the_machine_slept_is_not_used(seaweed: Seaweed, bucket: str) -> None:
    ahead = [0.0]
    with google_front(seaweed, lambda: time.time() + ahead[0]) as google:
        tokens = Tokens(read_key(google.account.key_file), google.front.clock)
        store = GCSStore(
            bucket,
            config={"base_url": google.endpoint},
            client_options={"allow_http": True},
            credential_provider=tokens.credential,
        )
        place = S3Place(google.endpoint, bucket, "", "", {}, 30, dialect=GOOGLES)
        storage = ObjectStorage(store, S3Uploads(place, tokens.sign))
        for seconds in (0.0, 7200.0, -7200.0):
            ahead[0] += seconds
            assert put(storage, LARGE) == CRC32C
            until(lambda: takes(storage), "obstore asked for a token again", patience=5)


def takes(storage: Storage) -> bool:
    """Whether a small object can be put; obstore may use the token that it has for a tenth of a second more."""
    with suppress(StorageError):
        return put(storage, 5) == MD5
    return False


# What vouches for a put ----------------------------------------------------------------------------------------


@pytest.fixture
def own(machine: None, google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has an account of its own: a large object goes by obstore's parts."""
    monkeypatch.setattr(google.front, "machine", google.account)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("size", "given"), [(0, "a key"), (8 << 20, "a key"), (LARGE, "a key"), (LARGE, "nothing")]
)
def test_google_vouches_for_what_it_keeps_by_its_md5_or_its_crc32c(
    google: Google, bucket: str, size: int, given: str
) -> None:
    storage = open_storage(google.url(bucket), google.credentials if given == "a key" else {}, ())
    large = CRC32C if given == "a key" else READ_BACK  # obstore does not tell it.
    assert put(storage, size) == (large if size == LARGE else MD5)
    assert kept(google, bucket) == {"k": size}


def test_a_small_object_that_is_changed_on_the_way_to_google_is_found_and_does_not_stay(
    google: Google, bucket: str
) -> None:
    with proxy(google.endpoint, once(b"PUT ")) as between:
        storage = open_storage(google.url(bucket, endpoint=between.endpoint), google.credentials, ())
        with pytest.raises(Corrupt, match="keeps not what was sent"):
            put(storage, 10_000)
    assert kept(google, bucket) == {}


@pytest.mark.usefixtures("own")
def test_so_is_a_large_one_that_goes_by_obstores_parts(google: Google, bucket: str) -> None:
    with proxy(google.endpoint, once(b"PUT ")) as between:
        storage = open_storage(google.url(bucket, endpoint=between.endpoint), {}, ())
        with pytest.raises(Corrupt, match="keeps not what was sent"):
            put(storage, LARGE)
    assert kept(google, bucket) == {}


def test_a_part_that_is_changed_on_the_way_is_refused_by_google_and_sent_again(
    google: Google, bucket: str
) -> None:
    with proxy(google.endpoint, once(b"PUT ", b"partNumber=1&")) as between:
        storage = open_storage(google.url(bucket, endpoint=between.endpoint), google.credentials, ())
        assert put(storage, LARGE) == CRC32C
        assert between.flipped
    with proxy(google.endpoint, lambda line: b"partNumber=1&" in line) as between:
        storage = open_storage(google.url(bucket, endpoint=between.endpoint), google.credentials, ())
        with pytest.raises(Corrupt, match="the store refused what arrived there: 400 CrcMismatch"):
            storage.put("other", as_file(Generated(LARGE)), LARGE)
    assert (kept(google, bucket), under_way(google, bucket)) == ({"k": LARGE}, 0)


def test_who_may_not_delete_is_told_so_where_an_object_is_replaced(google: Google, bucket: str) -> None:
    storage = open_storage(google.url(bucket), google.limited("objects.delete"), ())
    for size in (5, LARGE):
        storage.put(f"k{size}", as_file(Generated(size)), size)
        says = rf"put 'k{size}': 403 AccessDenied: .* does not have storage\.objects\.delete access"
        with pytest.raises(StorageError, match=says) as refused:
            storage.put(f"k{size}", as_file(Generated(size)), size)
        assert refused.value.error_class is ErrorClass.NO_PERMISSION
    assert kept(google, bucket) == {"k5": 5, f"k{LARGE}": LARGE}
    assert under_way(google, bucket) == 0


# Uploads that end early, and answers that are lost -------------------------------------------------------------


def test_a_put_to_google_that_was_given_up_is_gone_on_with_and_sends_no_part_again(
    google: Google, bucket: str
) -> None:
    size, sizes, most = 6 * (5 << 20) - 17, Sizes(5 << 20, 5 << 20, 10 << 20), 2

    def sent() -> "Counter[str]":
        asked = [one for one in google.front.seen if (one.bucket, one.method) == (bucket, "PUT")]
        return Counter(number for one in asked if int(number := one.query["partNumber"]) <= 6)

    def asking() -> None:
        if sum(sent().values()) >= 4:
            raise GivenUp

    storage = open_storage(google.url(bucket, "cold"), google.credentials, (), sizes, "COLDLINE")
    with pytest.raises(GivenUp):
        storage.put("k", as_file(Watching(Generated(size).read(size), asking)), size)
    assert under_way(google, bucket) == 1
    another = open_storage(google.url(bucket, "cold"), google.credentials, (), sizes, "COLDLINE")
    assert put(another, size) == CRC32C
    again = sent() - Counter("123456")
    assert sum(again.values()) <= most  # What was in flight may not have been there yet.
    found = google.front.objects.find(bucket, "cold/k")
    assert found is not None
    assert (found.size, found.storage_class, under_way(google, bucket)) == (size, "COLDLINE", 0)


def test_what_nobody_goes_on_with_at_google_is_swept_and_what_is_given_up_is_taken_away(
    google: Google, bucket: str
) -> None:
    storage = open_storage(google.url(bucket), google.credentials, ())
    assert isinstance(storage, ObjectStorage)

    def give_up() -> None:
        if under_way(google, bucket):
            raise GivenUp

    def leave() -> None:
        with pytest.raises(GivenUp):
            storage.put("oslo/k", as_file(Watching(bytes(LARGE), give_up)), LARGE)
        assert under_way(google, bucket) == 1

    leave()
    now = datetime.now(UTC)
    assert storage.sweep("oslo", now + timedelta(days=6)) == 0
    assert storage.sweep("bergen", now + timedelta(days=8)) == 0
    assert storage.sweep("oslo", now + timedelta(days=8)) == 1
    assert under_way(google, bucket) == 0
    leave()
    storage.give_up("oslo/k")
    assert under_way(google, bucket) == 0


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("given", ["a key", "nothing"])
def test_an_upload_whose_source_breaks_is_let_go_of(google: Google, bucket: str, given: str) -> None:
    storage = open_storage(google.url(bucket), google.credentials if given == "a key" else {}, ())
    with pytest.raises(OSError, match="broke"):
        storage.put("k", as_file(Failing(bytes(10 << 20), OSError("it broke"))), 20 << 20)
    with pytest.raises(StorageError, match="expected"):
        storage.put("k", io.BytesIO(bytes(10 << 20)), 20 << 20)
    assert (kept(google, bucket), under_way(google, bucket)) == ({}, 0)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("asks", "size", "given"),
    [
        ((b"PUT ",), 10_000, "a key"),
        ((b"GET ",), 10_000, "a key"),
        ((b"DELETE ",), 10_000, "a key"),
        ((b"PUT ", b"partNumber=1&"), LARGE, "a key"),
        ((b"PUT ", b"partNumber=1&"), LARGE, "nothing"),
    ],
)
def test_an_answer_that_is_lost_is_asked_for_again(
    google: Google, bucket: str, asks: tuple[bytes, ...], size: int, given: str
) -> None:
    with proxy(google.endpoint, weather=Weather(loses=once(*asks))) as between:
        url = google.url(bucket, endpoint=between.endpoint)
        storage = open_storage(url, google.credentials if given == "a key" else {}, ())
        put(storage, size)
        assert sum(len(piece) for piece in storage.get("k")) == size
        storage.delete("k")
        assert between.cut == 1
    assert kept(google, bucket) == {}


def test_a_completion_whose_answer_is_lost_is_believed_once_the_object_is_read_back(
    google: Google, bucket: str
) -> None:
    with proxy(google.endpoint, weather=Weather(loses=once(b"POST ", b"uploadId"))) as between:
        storage = open_storage(google.url(bucket, endpoint=between.endpoint), google.credentials, ())
        assert put(storage, LARGE) == READ_BACK
        assert between.cut == 1
    assert kept(google, bucket) == {"k": LARGE}


@pytest.mark.usefixtures("own")
def test_by_obstores_parts_it_may_be_tried_again(google: Google, bucket: str) -> None:
    with proxy(google.endpoint, weather=Weather(loses=once(b"POST ", b"uploadId"))) as between:
        storage = open_storage(google.url(bucket, endpoint=between.endpoint), {}, ())
        with pytest.raises(StorageError, match="NoSuchUpload") as caught:
            put(storage, LARGE)
        assert caught.value.error_class is ErrorClass.TRANSIENT
        assert put(storage, LARGE) == READ_BACK
    assert kept(google, bucket) == {"k": LARGE}
