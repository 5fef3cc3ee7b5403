"""Each kind of place that the conformance suite is run over.

Google is stood in for by a front that speaks its XML API before the S3 server (`tests/gcs_front.py`).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import MemoryStore
from tests.fixtures_azurite import Azurite
from tests.fixtures_gcs import Google
from tests.fixtures_seaweed import Seaweed
from tests.fixtures_sftp import Sftp, sftp
from tests.tiers import also

from towpath.storage.objects import ObjectStorage
from towpath.storage.opening import open_storage
from towpath.storage.posix import DirectoryStorage
from towpath.storage.protocol import Storage
from towpath.storage.sftp import SftpStorage
from towpath.storage.wrappers import Counted, Retrying, Surroundings, Tally

__all__ = ["directory", "place", "s3", "server", "sftp"]

PLACES = ("directory", "s3", "memory", "wrapped", *also("azure", "gs", "server"))


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DirectoryStorage]:
    """An empty directory target."""
    target = tmp_path / "target"
    target.mkdir()
    storage = DirectoryStorage(bytes(target))
    yield storage
    storage.close()


@pytest.fixture
def s3(seaweed: Seaweed, bucket: str) -> Storage:
    """A prefix in an empty bucket of a real S3 server."""
    return open_storage(seaweed.url(bucket, "some/prefix"), seaweed.credentials, ())


@pytest.fixture
def azure(azurite: Azurite, container: str) -> Storage:
    """A prefix in an empty container of a real Azure server."""
    return open_storage(azurite.url(container, "some/prefix"), azurite.credentials, ())


@pytest.fixture(name="gs")
def google_place(google: Google, bucket: str) -> Storage:
    """A prefix in an empty bucket behind the front of Google's."""
    return open_storage(google.url(bucket, "some/prefix"), google.credentials, ())


@pytest.fixture
def server(sftp: Sftp) -> Iterator[Storage]:
    """A directory that is still to be made, at a real SFTP server."""
    storage = open_storage(sftp.url(sftp.fresh_directory(), "cold"), sftp.credentials, ())
    assert isinstance(storage, SftpStorage)
    yield storage
    storage.close()


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Storage:
    """A place of each kind, empty."""
    if request.param == "memory":
        return ObjectStorage(MemoryStore())
    if request.param == "wrapped":
        inner: Storage = request.getfixturevalue("directory")
        at_once = Surroundings(clock=lambda: 0.0, sleep=lambda _: None, random=lambda: 0.0)
        return Retrying(Counted(inner, Tally()), at_once)
    found: Storage = request.getfixturevalue(request.param)
    return found
