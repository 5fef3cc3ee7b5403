"""Whoever leaves needs rclone alone: objects are plain files under the very keys that we gave them."""

import io
import os
import subprocess
import sysconfig
from pathlib import Path

from tests.conformance.storage.test_contract import AWKWARD_KEYS
from tests.fixtures_seaweed import Seaweed

from towpath.storage.opening import open_storage
from towpath.storage.posix import DirectoryStorage
from towpath.storage.protocol import Storage

RCLONE = str(Path(sysconfig.get_path("scripts")) / "rclone")


def fill(storage: Storage) -> None:
    """Put each key, itself as content."""
    for key in AWKWARD_KEYS:
        storage.put(key, io.BytesIO(key.encode()), len(key))


def copied(source: str, to: Path, settings: dict[str, str]) -> dict[str, str]:
    """What rclone brings home: path → content."""
    environment = {**os.environ, **settings, "RCLONE_CONFIG": os.devnull}
    subprocess.run([RCLONE, "copy", source, str(to)], env=environment, check=True, capture_output=True)
    files = [path for path in to.rglob("*") if path.is_file()]
    return {str(path.relative_to(to)): path.read_text() for path in files}


def test_rclone_brings_everything_home_from_s3(seaweed: Seaweed, bucket: str, tmp_path: Path) -> None:
    fill(open_storage(seaweed.url(bucket, "some/prefix"), seaweed.credentials, ()))
    settings = {
        "RCLONE_CONFIG_SEAWEED_TYPE": "s3",
        "RCLONE_CONFIG_SEAWEED_PROVIDER": "SeaweedFS",
        "RCLONE_CONFIG_SEAWEED_ENDPOINT": seaweed.endpoint,
        "RCLONE_CONFIG_SEAWEED_ACCESS_KEY_ID": seaweed.access_key_id,
        "RCLONE_CONFIG_SEAWEED_SECRET_ACCESS_KEY": seaweed.secret_access_key,
    }
    found = copied(f"seaweed:{bucket}/some/prefix", tmp_path / "home", settings)
    assert found == {key: key for key in AWKWARD_KEYS}


def test_rclone_brings_everything_home_from_a_directory(directory: DirectoryStorage, tmp_path: Path) -> None:
    fill(directory)
    found = copied(os.fsdecode(directory.real_path), tmp_path / "home", {})
    assert found == {key: key for key in AWKWARD_KEYS}
