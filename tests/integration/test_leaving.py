"""The commands of docs/leaving.md bring every file home: no worker, no hub, no key, no stub is left to help."""

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from docs.generate import HERE
from tests.fixtures_seaweed import Seaweed
from tests.step_context import Place, place_with_directory

from towpath.domain.paths import Code
from towpath.steps.migrate import Migrate
from towpath.storage.opening import open_storage

FILES: Mapping[bytes, bytes] = {
    b"plain": b"x" * 100_000,
    b"a/b/c/deep.txt": b"deep",
    b"a/with blank": b"blank",
    b"a/at@0123456789abcdef": b"looks like a version",
    "ünï/日本語.dat".encode(): b"letters",
    b"per%cent %41": b"percent",
    b"two\nlines": b"lines",
    b"\xff\xfe no text": b"bytes",
    b"--help": b"no option",
    b".hidden/...": b"dots",
    b"empty": b"",
}
RCLONE_DIRECTORY, RCLONE_S3, NAMES = re.findall(r"^\$ (.*)$", (HERE / "leaving.md").read_text(), re.MULTILINE)
"""The commands, as they stand there."""


def migrate(place: Place) -> None:
    """Let all data be at the target, and nowhere else."""
    for name, content in FILES.items():
        path = Path(os.fsdecode(bytes(place.directory) + b"/" + name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    outcomes = place.run(Migrate(), *FILES)
    assert {outcome.code for outcome in outcomes.values()} <= {Code.PROCESSED, Code.ALREADY}
    place.root.close()
    shutil.rmtree(place.directory)


def leave(rclone: str, source: str, old: str, home: Path, settings: Mapping[str, str]) -> dict[bytes, bytes]:
    """Run the documented commands; what is home then."""
    tools = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    environment = {**os.environ, **settings, "RCLONE_CONFIG": os.devnull, "PATH": tools}
    for command in (rclone.replace(old, source), NAMES):
        line = command.replace("/srv/home", str(home))
        assert line != command
        subprocess.run(["sh", "-c", line], env=environment, check=True, capture_output=True)
    found = {}
    for top, _, names in os.walk(bytes(home)):
        for name in names:
            path = os.path.join(top, name)
            found[os.path.relpath(path, bytes(home))] = Path(os.fsdecode(path)).read_bytes()
    return found


def test_every_file_comes_home_from_a_directory_with_rclone_alone(tmp_path: Path) -> None:
    migrate(place_with_directory(tmp_path))
    source = str(tmp_path / "target" / "oslo" / "data")
    assert leave(RCLONE_DIRECTORY, source, "/srv/vault/oslo/data", tmp_path / "home", {}) == FILES


def test_every_file_comes_home_from_s3_with_rclone_alone(
    tmp_path: Path, seaweed: Seaweed, bucket: str
) -> None:
    storage = open_storage(seaweed.url(bucket, "prefix"), seaweed.credentials, [])
    migrate(Place.at(tmp_path / "site", storage))
    settings = {
        "RCLONE_CONFIG_S3_TYPE": "s3",
        "RCLONE_CONFIG_S3_PROVIDER": "SeaweedFS",
        "RCLONE_CONFIG_S3_ENDPOINT": seaweed.endpoint,
        "RCLONE_CONFIG_S3_ACCESS_KEY_ID": seaweed.access_key_id,
        "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY": seaweed.secret_access_key,
    }
    source = f"s3:{bucket}/prefix/oslo/data"
    assert leave(RCLONE_S3, source, "s3:bucket/prefix/oslo/data", tmp_path / "home", settings) == FILES


def test_the_page_has_the_commands_that_are_tried() -> None:
    assert [command.split()[0] for command in (RCLONE_DIRECTORY, RCLONE_S3, NAMES)] == [
        "rclone",
        "rclone",
        "find",
    ]
