"""What holds at Google: whose account is used, what vouches for a put, and what becomes of lost answers."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import obstore
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.conformance.storage.proxy import Weather, proxy
from tests.conformance.storage.sources import Failing, Generated, as_file
from tests.fixtures_gcs import Google
from tests.gcs_accounts import Accounts, Unknown

from towpath.domain.paths import ErrorClass
from towpath.storage.google import read_key, self_signed
from towpath.storage.objects import MD5, READ_BACK
from towpath.storage.opening import open_storage
from towpath.storage.protocol import Corrupt, ObjectMissing, Storage, StorageError

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


def test_a_token_is_good_for_an_hour_and_each_is_new(google: Google) -> None:
    times = [1_000_000.0]
    accounts = Accounts(lambda: times[0])
    accounts.add(google.account)
    give = self_signed(read_key(google.account.key_file), lambda: times[0])
    first = give()
    assert first["expires_at"] is not None
    assert first["expires_at"].timestamp() == times[0] + 3600
    assert accounts.who(f"Bearer {first['token']}") == google.account
    times[0] += 3601
    with pytest.raises(Unknown):
        accounts.who(f"Bearer {first['token']}")
    assert accounts.who(f"Bearer {give()['token']}") == google.account


def test_a_key_that_is_none_is_refused_at_once_and_not_repeated(google: Google) -> None:
    whole = json.loads(google.account.key_file)
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for text, says in (
        ("hunter2", "expected the file of an account's key, with JSON; found other text"),
        ('["hunter2"]', "found no client_email"),
        (json.dumps({**whole, "private_key": None}), "found no private_key"),
        (json.dumps({**whole, "private_key": "hunter2"}), "found one that cannot be read"),
        (json.dumps({**whole, "private_key": curve.decode()}), "found a private_key of another kind"),
    ):
        with pytest.raises(StorageError, match=says) as caught:
            open_storage("gs://bucket", {"service_account_key": text}, ())
        assert "hunter2" not in caught.value.reason
        assert "BEGIN" not in caught.value.reason


# What vouches for a put ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "how"), [(0, MD5), (8 << 20, MD5), (LARGE, READ_BACK)])
def test_an_object_of_parts_is_read_back_since_google_tells_no_md5_of_it(
    google: Google, bucket: str, size: int, how: str
) -> None:
    storage = open_storage(google.url(bucket), google.credentials, ())
    assert put(storage, size) == how
    assert kept(google, bucket) == {"k": size}


@pytest.mark.parametrize("size", [10_000, LARGE])
def test_a_bit_flipped_on_the_way_to_google_is_found_and_nothing_stays(
    google: Google, bucket: str, size: int
) -> None:
    with proxy(google.endpoint, once(b"PUT ")) as between:
        storage = open_storage(google.url(bucket, endpoint=between.endpoint), google.credentials, ())
        with pytest.raises(Corrupt, match="keeps not what was sent"):
            put(storage, size)
        assert kept(google, bucket) == {}
        assert put(storage, size)
    assert kept(google, bucket) == {"k": size}


def test_who_may_not_delete_is_told_so_where_an_object_is_replaced(google: Google, bucket: str) -> None:
    storage = open_storage(google.url(bucket), google.limited("objects.delete"), ())
    put(storage, 5)
    says = r"put 'k': 403 AccessDenied: .* does not have storage\.objects\.delete access"
    with pytest.raises(StorageError, match=says) as refused:
        put(storage, 6)
    assert refused.value.error_class is ErrorClass.NO_PERMISSION
    assert kept(google, bucket) == {"k": 5}


# Answers that are lost, and uploads that end early -------------------------------------------------------------


@pytest.mark.parametrize(
    ("asks", "size"),
    [(b"PUT ", 10_000), (b"GET ", 10_000), (b"DELETE ", 10_000), (b"PUT ", LARGE), (b"POST ", LARGE)],
)
def test_an_answer_that_is_lost_is_asked_for_again(
    google: Google, bucket: str, asks: bytes, size: int
) -> None:
    with proxy(google.endpoint, weather=Weather(loses=once(asks))) as between:
        storage = open_storage(google.url(bucket, endpoint=between.endpoint), google.credentials, ())
        put(storage, size)
        assert sum(len(piece) for piece in storage.get("k")) == size
        storage.delete("k")
        assert between.cut == 1
    assert kept(google, bucket) == {}


def test_a_completion_whose_answer_is_lost_may_be_tried_again(google: Google, bucket: str) -> None:
    with proxy(google.endpoint, weather=Weather(loses=once(b"POST ", b"uploadId"))) as between:
        storage = open_storage(google.url(bucket, endpoint=between.endpoint), google.credentials, ())
        with pytest.raises(StorageError, match="NoSuchUpload") as caught:
            put(storage, LARGE)
        assert caught.value.error_class is ErrorClass.TRANSIENT
        assert put(storage, LARGE) == READ_BACK
    assert kept(google, bucket) == {"k": LARGE}


def test_an_upload_whose_source_breaks_is_let_go_of(google: Google, bucket: str) -> None:
    storage = open_storage(google.url(bucket), google.credentials, ())
    with pytest.raises(OSError, match="broke"):
        storage.put("k", as_file(Failing(bytes(10 << 20), OSError("it broke"))), 20 << 20)
    with pytest.raises(StorageError, match="expected"):
        storage.put("k", io.BytesIO(bytes(10 << 20)), 20 << 20)
    assert under_way(google, bucket) == 0
    assert kept(google, bucket) == {}
