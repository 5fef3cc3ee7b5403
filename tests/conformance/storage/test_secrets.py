"""No error of a target repeats a secret, whatever goes wrong and however the secret is given."""

import io
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, quote

import pytest
from tests.fixtures_azurite import Azurite
from tests.fixtures_gcs import Google
from tests.fixtures_seaweed import Seaweed

from towpath.storage.opening import open_storage
from towpath.storage.protocol import Storage, StorageError

SECRET = "correct-horse-battery-staple"


def said(storage: Storage) -> str:
    """All that a place says when everything is asked of it; it must refuse something."""
    calls: tuple[Callable[[], object], ...] = (
        storage.check,
        lambda: storage.put("a/b", io.BytesIO(b"x"), 1),
        lambda: storage.put("a/large", io.BytesIO(bytes(20 << 20)), 20 << 20),
        lambda: list(storage.get("a/b")),
        lambda: storage.look("a/b"),
        lambda: list(storage.listing()),
        lambda: storage.delete("a/b"),
    )
    told: list[str] = []
    for call in calls:
        if told and "no connection" in told[0]:
            break  # The rest would say the same, each after a while.
        try:
            call()
        except StorageError as error:
            told.append(f"{error.reason} {error!r} {error.error_name} {error.__cause__!r}")
    assert told
    return "\n".join(told)


def nobody_listens() -> str:
    """An address where nothing is."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_errors_of_s3_repeat_no_secret(seaweed: Seaweed, bucket: str) -> None:
    wrong = seaweed.credentials | {"secret_access_key": SECRET, "session_token": f"token-{SECRET}"}
    for endpoint in (seaweed.endpoint, nobody_listens()):
        assert SECRET not in said(open_storage(seaweed.url(bucket, endpoint=endpoint), wrong, ()))


@pytest.mark.parametrize("rights", ["r", "l", "w"])
def test_errors_of_azure_repeat_no_token(azurite: Azurite, container: str, rights: str) -> None:
    token = azurite.shared_access(container, rights)
    signature = parse_qs(token)["sig"][0]
    for endpoint in (azurite.endpoint, f"{nobody_listens()}/towpath"):
        url = azurite.url(container, endpoint=endpoint)
        told = said(open_storage(url, {"sas_token": token}, (), storage_class="Archive"))
        assert signature not in told
        assert quote(signature, safe="") not in told
        assert "sig=" not in told


def test_errors_of_azure_repeat_no_key(azurite: Azurite, container: str) -> None:
    for endpoint in (azurite.endpoint, f"{nobody_listens()}/towpath"):
        key = "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ=="
        told = said(open_storage(azurite.url(container, endpoint=endpoint), {"account_key": key}, ()))
        assert key not in told
        assert SECRET not in told


def test_errors_of_google_repeat_neither_key_nor_token(google: Google, bucket: str) -> None:
    unknown = replace(google.account, key=1).key_file
    pem = json.loads(unknown)["private_key"].splitlines()[1]
    for endpoint in (google.endpoint, nobody_listens()):
        url = google.url(bucket, endpoint=endpoint)
        told = said(open_storage(url, {"service_account_key": unknown}, ()))
        assert "no connection" in told or "401 AuthenticationRequired" in told
        assert not [secret for secret in (pem, "PRIVATE KEY", "eyJ", "Bearer") if secret in told]
