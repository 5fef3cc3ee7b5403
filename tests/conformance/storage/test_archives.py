"""What lies in an archive is asked for when it is read, and read once it is back."""

import io
import threading

import pytest
from tests.conformance.storage.proxy import proxy
from tests.fixtures_azurite import Azurite
from tests.fixtures_seaweed import Seaweed

from towpath.domain.paths import ErrorClass
from towpath.storage.opening import open_storage
from towpath.storage.protocol import Archived, Storage

RECORD = ".towpath/records/00ff"
DENIED = (
    b"<?xml version='1.0'?><Error><Code>InvalidObjectState</Code><Message>The operation is not valid for the object's"
    b" storage class</Message></Error>"
)


def put(storage: Storage, key: str) -> None:
    """Put a small object."""
    storage.put(key, io.BytesIO(b"hello"), 5)


def get(storage: Storage, key: str) -> bytes:
    """Get it."""
    return b"".join(storage.get(key))


def test_an_object_goes_to_azures_archive_once_it_is_verified_and_comes_back_when_it_is_read(
    azurite: Azurite, container: str
) -> None:
    storage = open_storage(azurite.url(container, "p"), azurite.credentials, (), storage_class="Archive")
    for key in ("a/b c", RECORD):
        put(storage, key)
    assert get(storage, RECORD) == b"hello"
    assert tier(azurite, f"{container}/p/a/b%20c") == "Archive"
    with pytest.raises(Archived, match="it is in an archive, and was asked for") as caught:
        get(storage, "a/b c")
    assert (caught.value.error_class, caught.value.error_name) == (ErrorClass.ARCHIVED, "409 BlobArchived")
    # This server brings it back in no time.
    assert tier(azurite, f"{container}/p/a/b%20c") == "Hot"
    assert get(storage, "a/b c") == b"hello"


def test_a_token_is_enough_to_go_to_azures_archive_and_back(azurite: Azurite, container: str) -> None:
    token = {"sas_token": azurite.shared_access(container, "rwdl")}
    storage = open_storage(azurite.url(container), token, (), storage_class="Archive")
    put(storage, "a")
    with pytest.raises(Archived):
        get(storage, "a")
    assert get(storage, "a") == b"hello"


def tier(azurite: Azurite, blob: str) -> str:
    """Where a blob lies."""
    return str(azurite.ask("HEAD", blob, {}).headers["x-ms-access-tier"])


class Glacier:
    """Answers as S3 does for an object of its archive: to reads with an error until it was restored."""

    def __init__(self) -> None:
        self.restores = 0
        self.back = threading.Event()

    def __call__(self, head: bytes) -> bytes | None:
        line = head.partition(b"\r\n")[0]
        if line.startswith(b"POST ") and b"?restore" in line:
            self.restores += 1
            if self.restores == 1:
                return b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
            return _error(b"409 Conflict", DENIED.replace(b"InvalidObjectState", b"RestoreAlreadyInProgress"))
        if line.startswith(b"GET ") and b"archived" in line and not self.back.is_set():
            return _error(b"403 Forbidden", DENIED)
        return None


def _error(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-type: application/xml\r\ncontent-length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )


def test_an_object_of_s3s_archive_is_asked_for_and_read_once_it_is_back(
    seaweed: Seaweed, bucket: str
) -> None:
    glacier = Glacier()
    with proxy(seaweed.endpoint, answers=glacier) as between:
        storage = open_storage(seaweed.url(bucket, "p", between.endpoint), seaweed.credentials, ())
        put(storage, "a/archived")
        for asked in (1, 2):
            with pytest.raises(Archived) as caught:
                get(storage, "a/archived")
            assert caught.value.error_name == "403 InvalidObjectState"
            assert glacier.restores == asked
        glacier.back.set()
        assert get(storage, "a/archived") == b"hello"
        assert glacier.restores == 2, "what is there is not asked for"
