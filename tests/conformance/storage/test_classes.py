"""Objects are put with the storage class of their target, and what Towpath must always read with none."""

import io

import pytest
from tests.conformance.storage.proxy import proxy
from tests.conformance.storage.sources import Generated, as_file
from tests.fixtures_azurite import Azurite
from tests.fixtures_gcs import Google
from tests.fixtures_seaweed import Seaweed

from towpath.storage.opening import open_storage
from towpath.storage.protocol import StorageError

RECORD = ".towpath/records/00ff"


@pytest.mark.parametrize("size", [10, 20 << 20])
def test_an_object_of_s3_has_the_class_of_its_target(seaweed: Seaweed, bucket: str, size: int) -> None:
    with proxy(seaweed.endpoint) as between:
        url = seaweed.url(bucket, endpoint=between.endpoint)
        storage = open_storage(url, seaweed.credentials, (), storage_class="STANDARD_IA")
        for key in ("a/b", RECORD):
            storage.put(key, as_file(Generated(size)), size)
    begun = [head for head in between.heads if (head[:4] == b"PUT ") is (size == 10) and _begins(head)]
    classed = [b"x-amz-storage-class: standard_ia" in head.lower() for head in begun]
    assert classed == [True, False]


def _begins(head: bytes) -> bool:
    """Whether it puts a small object, or begins the upload of a large one."""
    return b"partNumber" not in head and (
        head[:4] == b"PUT " or (head.startswith(b"POST ") and b"?uploads" in head)
    )


def test_an_object_of_azure_has_the_class_of_its_target(azurite: Azurite, container: str) -> None:
    storage = open_storage(azurite.url(container, "p"), azurite.credentials, (), storage_class="Cool")
    for key, tier in (("a/b", "Cool"), (RECORD, "Hot")):
        storage.put(key, io.BytesIO(b"x"), 1)
        assert b"".join(storage.get(key)) == b"x"
        found = azurite.ask("HEAD", f"{container}/p/{key}", {})
        assert found.headers["x-ms-access-tier"] == tier


@pytest.mark.parametrize("size", [10, 9 << 20])
def test_an_object_of_google_has_the_class_of_its_target(google: Google, bucket: str, size: int) -> None:
    storage = open_storage(google.url(bucket, "p"), google.credentials, (), storage_class="COLDLINE")
    for key, expected in (("a/b", "COLDLINE"), (RECORD, "STANDARD")):
        storage.put(key, as_file(Generated(size)), size)
        found = google.front.objects.find(bucket, f"p/{key}")
        assert found is not None
        assert (found.storage_class, found.size) == (expected, size)


def test_a_class_that_google_does_not_have_is_refused_by_it(google: Google, bucket: str) -> None:
    storage = open_storage(google.url(bucket), google.credentials, (), storage_class="GLACIER")
    with pytest.raises(StorageError, match="400 InvalidStorageClass"):
        storage.put("k", io.BytesIO(b"x"), 1)
