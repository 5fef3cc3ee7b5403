"""Targets are opened by their URL, and say plainly what is wrong with it."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fixtures_seaweed import Seaweed

from towpath.domain.paths import ErrorClass
from towpath.storage.opening import open_storage
from towpath.storage.posix import DirectoryStorage
from towpath.storage.protocol import StorageError

SECRET = "hunter2hunter2"


def refusal(
    url: str, credentials: dict[str, str] | None = None, allowed: tuple[bytes, ...] = ()
) -> StorageError:
    """What opening says."""
    with pytest.raises(StorageError) as caught:
        open_storage(url, credentials or {}, allowed)
    assert "\n" not in caught.value.reason
    return caught.value


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """A directory beneath which targets may lie, beside one where they may not."""
    (tmp_path / "allowed" / "target").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    return tmp_path / "allowed"


def test_a_directory_beneath_an_allowed_root_is_opened(allowed: Path) -> None:
    storage = open_storage(f"file://{allowed}/target", {}, [b"/elsewhere", bytes(allowed)])
    storage.put("a/b", io.BytesIO(b"x"), 1)
    assert (allowed / "target" / "a" / "b").read_bytes() == b"x"
    assert open_storage(f"file://{allowed}", {}, [bytes(allowed)]).abilities.local


def test_only_the_last_component_of_a_directory_is_made(allowed: Path) -> None:
    open_storage(f"file://{allowed}/new", {}, [bytes(allowed)])
    assert (allowed / "new").is_dir()
    error = refusal(f"file://{allowed}/more/deep", allowed=(bytes(allowed),))
    assert "No such file" in error.reason
    assert not (allowed / "more").exists()


@pytest.mark.parametrize("name", ["other", "other/new", "allowedx", "allowed/../other"])
def test_a_directory_elsewhere_is_refused(allowed: Path, name: str) -> None:
    error = refusal(f"file://{allowed.parent}/{name}", allowed=(bytes(allowed),))
    assert error.error_class in (ErrorClass.NO_PERMISSION, ErrorClass.PERMANENT)
    assert not (allowed.parent / "other" / "new").exists()


def test_the_refusal_names_what_is_allowed_and_what_was_found(allowed: Path) -> None:
    (allowed / "astray").symlink_to(allowed.parent / "other")
    error = refusal(f"file://{allowed}/astray", allowed=(bytes(allowed),))
    assert f"expected one beneath what this site allows: '{allowed}'" in error.reason
    assert f"found '{allowed}/astray', which is '{allowed.parent}/other'" in error.reason
    assert "allows no directory targets" in refusal(f"file://{allowed}/target").reason


def test_an_allowed_root_may_itself_be_a_link(allowed: Path) -> None:
    link = allowed.parent / "link"
    link.symlink_to(allowed)
    storage = open_storage(f"file://{link}/target", {}, [bytes(link)])
    assert isinstance(storage, DirectoryStorage)
    assert storage.real_path == bytes(allowed / "target")


def test_a_file_is_no_target(allowed: Path) -> None:
    (allowed / "file").write_bytes(b"")
    assert "Not a directory" in refusal(f"file://{allowed}/file", allowed=(bytes(allowed),)).reason


def test_mistakes_come_as_errors_of_the_storage(allowed: Path) -> None:
    assert "did you mean 'endpoint'" in refusal("s3://bucket?endpont=x").reason
    assert "did you mean 'access_key_id'" in refusal("s3://bucket", {"access_key": "x"}).reason
    assert "takes none" in refusal(f"file://{allowed}/target", {"access_key_id": "x"}).reason


def test_two_prefixes_of_a_bucket_do_not_see_each_other(seaweed: Seaweed, bucket: str) -> None:
    one = open_storage(seaweed.url(bucket, "one"), seaweed.credentials, ())
    two = open_storage(seaweed.url(bucket, "one-two"), seaweed.credentials, ())
    whole = open_storage(seaweed.url(bucket), seaweed.credentials, ())
    one.put("k", io.BytesIO(b"1"), 1)
    two.put("k", io.BytesIO(b"22"), 2)
    assert [(found.key, found.size) for found in one.listing()] == [("k", 1)]
    assert [(found.key, found.size) for found in two.listing()] == [("k", 2)]
    assert {found.key for found in whole.listing()} == {"one/k", "one-two/k"}


def test_the_environment_does_not_mix_in(
    seaweed: Seaweed, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "stale")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    assert open_storage(seaweed.url(bucket), seaweed.credentials, ()).check().startswith("works")


def test_a_wrong_secret_is_a_matter_of_permission(seaweed: Seaweed, bucket: str) -> None:
    wrong = seaweed.credentials | {"secret_access_key": SECRET}
    storage = open_storage(seaweed.url(bucket), wrong, ())
    for attempt in (
        storage.check,
        lambda: storage.put("a/b", io.BytesIO(b"x"), 1),
        lambda: list(storage.get("a/b")),
        lambda: list(storage.listing()),
        lambda: storage.delete("a/b"),
    ):
        with pytest.raises(StorageError) as caught:
            attempt()
        assert caught.value.error_class is ErrorClass.NO_PERMISSION
        assert "403 SignatureDoesNotMatch" in caught.value.reason
        assert SECRET not in caught.value.reason
        assert len(caught.value.reason) < 300


def test_a_server_that_is_not_there_may_be_there_later() -> None:
    credentials = {"access_key_id": "k", "secret_access_key": SECRET}
    storage = open_storage("s3://bucket?endpoint=http://127.0.0.1:9", credentials, ())
    with pytest.raises(StorageError) as caught:
        storage.check()
    assert caught.value.error_class is ErrorClass.TRANSIENT
    assert "no connection with http://127.0.0.1:9: Connection refused" in caught.value.reason


def test_azure_and_google_are_opened_without_asking_anything() -> None:
    key = "a2V5a2V5a2V5a2V5"
    assert not open_storage("az://container/p?account=name", {"account_key": key}, ()).abilities.local
    error = refusal("gs://bucket/p", {"service_account_key": f"no JSON {SECRET}"})
    assert SECRET not in error.reason
    assert "service_account_key: expected the file of an account's key" in error.reason


def test_a_variable_of_the_environment_that_is_refused_is_among_the_suspects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", SECRET)
    error = refusal("gs://bucket/p")
    assert SECRET not in error.reason
    assert (
        "a setting, a credential or a GOOGLE_… variable of the worker's environment was refused"
        in error.reason
    )


def test_memory_stays_flat_however_large_the_object(seaweed: Seaweed, bucket: str, allowed: Path) -> None:
    for url, credentials in (
        (f"file://{allowed}/target", {}),
        (seaweed.url(bucket), seaweed.credentials),
    ):
        peak = peak_mib_of_a_round_trip(url, credentials, allowed)
        # The interpreter takes 50; 4 parts of 8 MiB on their way and one being read; the rest is slack.
        assert peak < 130, (url, peak)


def peak_mib_of_a_round_trip(url: str, credentials: dict[str, str], allowed: Path) -> int:
    """Resident memory at its highest, in MiB, of a process that puts and gets 400 MiB."""
    code = (
        "import json, os, sys\n"
        "from tests.conformance.storage.sources import Generated\n"
        "from towpath.storage.opening import open_storage\n"
        "url, credentials, allowed = json.loads(sys.argv[1])\n"
        "storage, size = open_storage(url, credentials, [os.fsencode(allowed)]), 400 << 20\n"
        "storage.put('large', Generated(size), size)\n"
        "assert sum(len(piece) for piece in storage.get('large')) == size\n"
        # Not ru_maxrss, which outlives an exec and so begins with the peak of the test process.
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, json.dumps([url, credentials, str(allowed)])],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])},
        capture_output=True,
        check=True,
        text=True,
    )
    return int(said.stdout) >> 10
