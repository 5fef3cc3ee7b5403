"""An SFTP server as a target: who it is, who we are there, what is wrong with it, what a break costs."""

import io
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import pytest
from tests.applicable import mount
from tests.conformance.storage.test_checking import well, wrong
from tests.fixtures_sftp import Sftp
from tests.servers import free_port

from towpath.domain.paths import ErrorClass
from towpath.storage.opening import open_storage
from towpath.storage.protocol import PRIVATE_PREFIX, Storage, StorageError, Sweeping

CONTENT = os.urandom(3 << 20)


def put(storage: Storage, key: str = "a/b", content: bytes = CONTENT) -> None:
    """Put bytes."""
    storage.put(key, io.BytesIO(content), len(content))


@pytest.fixture
def small(sftp: Sftp) -> Iterator[str]:
    """A directory of two megabytes at the server."""
    name = sftp.fresh_directory()
    place = sftp.directory / name
    mount("tmpfs", "small", place, "size=2m")
    yield name
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_user_comes_in_by_a_password_or_by_a_key(sftp: Sftp) -> None:
    for credentials in (sftp.credentials, sftp.by_key):
        storage = open_storage(sftp.url(sftp.fresh_directory()), credentials, ())
        put(storage)
        assert b"".join(storage.get("a/b")) == CONTENT


def test_objects_are_plain_files_that_nobody_else_reads(sftp: Sftp) -> None:
    name = sftp.fresh_directory()
    put(open_storage(sftp.url(name), sftp.credentials, ()))
    assert (sftp.directory / name / "a/b").read_bytes() == CONTENT
    assert (sftp.directory / name / "a/b").stat().st_mode & 0o777 == 0o600
    assert list((sftp.directory / name / PRIVATE_PREFIX).iterdir()) == []


def test_all_is_well_and_nothing_is_left(sftp: Sftp) -> None:
    name = sftp.fresh_directory()
    found = well(sftp.url(name), sftp.credentials)
    assert [finding.what for finding in found] == [
        "target",
        "name",
        "connection",
        "host key",
        "credentials",
        "trial",
    ]
    assert "GB free" in found[-1].says
    assert [path for path in (sftp.directory / name).rglob("*") if path.is_file()] == []


def test_another_host_key_than_the_given_one_is_told_and_nothing_is_sent(sftp: Sftp) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    credentials = sftp.credentials | {"host_key": other}
    found = wrong(sftp.url(sftp.fresh_directory()), credentials)
    assert (found.what, "another host key" in found.says) == ("host key", True)
    with pytest.raises(StorageError, match="Host key") as caught:
        put(open_storage(sftp.url(sftp.fresh_directory()), credentials, ()))
    assert caught.value.error_class is ErrorClass.PERMANENT


def test_a_wrong_password_and_a_strange_key_are_told(sftp: Sftp) -> None:
    strange = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    for credentials in (
        sftp.credentials | {"password": "hunter2hunter2"},
        sftp.by_key | {"private_key": strange},
    ):
        found = wrong(sftp.url(sftp.fresh_directory()), credentials)
        assert found.what == "credentials"
        with pytest.raises(StorageError) as caught:
            put(open_storage(sftp.url(sftp.fresh_directory()), credentials, ()))
        assert caught.value.error_class is ErrorClass.NO_PERMISSION


@pytest.mark.parametrize("name", ["host_key", "private_key"])
def test_what_is_no_key_is_told_before_anybody_is_asked(sftp: Sftp, name: str) -> None:
    found = wrong(sftp.url("x"), sftp.by_key | {name: "nope"})
    assert (found.what, name in found.says) == ("target", True)


def test_a_port_where_nobody_listens_and_a_name_that_nobody_has_are_told(sftp: Sftp) -> None:
    assert wrong(f"sftp://127.0.0.1:{free_port()}/x", sftp.credentials).what == "connection"
    assert wrong("sftp://nowhere.invalid/x", sftp.credentials).what == "name"


def test_a_directory_whose_parent_is_missing_is_told(sftp: Sftp) -> None:
    found = wrong(sftp.url("missing", "deep/below"), sftp.credentials)
    assert (found.what, "directory above" in found.hint) == ("trial", True)


def test_a_directory_where_one_may_not_write_is_told(sftp: Sftp) -> None:
    (sftp.directory / "barred").mkdir(exist_ok=True)
    found = wrong(sftp.url("barred"), sftp.credentials)
    assert (found.what, "right to write" in found.hint) == ("trial", True)


def test_a_full_server_is_a_lack_of_space_and_nothing_stays(sftp: Sftp, small: str) -> None:
    storage = open_storage(sftp.url(small), sftp.credentials, ())
    with pytest.raises(StorageError) as caught:
        put(storage)
    assert caught.value.error_class is ErrorClass.NO_SPACE
    assert list(storage.listing()) == []
    assert list((sftp.directory / small / PRIVATE_PREFIX).iterdir()) == []
    put(storage, "little", b"x")


def test_after_a_break_the_next_call_connects_anew(sftp: Sftp) -> None:
    storage = open_storage(sftp.url(sftp.fresh_directory()), sftp.credentials, ())
    put(storage)

    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 1 << 20:
                assert sftp.cut()
            return super().read(size)

    with pytest.raises(StorageError) as caught:
        storage.put("a/c", Breaking(CONTENT), len(CONTENT))
    assert caught.value.error_class is ErrorClass.TRANSIENT
    assert b"".join(storage.get("a/b")) == CONTENT
    assert [found.key for found in storage.listing()] == ["a/b"]


def test_what_a_dead_writer_left_is_swept_after_a_day(sftp: Sftp) -> None:
    name = sftp.fresh_directory()
    storage = open_storage(sftp.url(name), sftp.credentials, ())
    put(storage)
    left = sftp.directory / name / PRIVATE_PREFIX / "left"
    left.write_bytes(b"x")
    assert isinstance(storage, Sweeping)
    now = datetime.now(UTC)
    assert storage.sweep("oslo", now) == 0
    assert storage.sweep("oslo", now + timedelta(days=2)) == 1
    assert not Path(left).exists()


@pytest.mark.parametrize(
    ("left_out", "says"), [("username", "username"), ("host_key", "host_key"), ("password", "password")]
)
def test_credentials_that_lack_something_are_refused(sftp: Sftp, left_out: str, says: str) -> None:
    credentials = {name: value for name, value in sftp.credentials.items() if name != left_out}
    with pytest.raises(StorageError, match=says):
        open_storage(sftp.url("x"), credentials, ())
