"""What the checksum and noop steps promise."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3
from tests.step_context import Place, place_with_directory
from xxhash import xxh3_128, xxh64

from towpath.domain.paths import Code, ErrorClass
from towpath.steps.checksum import Checksum
from towpath.steps.migrate import Migrate
from towpath.steps.noop import Noop

CONTENT = os.urandom(2_500_000)
EXPECTED = {
    "xxh3_128": xxh3_128(CONTENT).digest(),
    "xxh64": xxh64(CONTENT).digest(),
    "blake3": blake3(CONTENT).digest(),
    "sha256": hashlib.sha256(CONTENT).digest(),
    "md5": hashlib.md5(CONTENT).digest(),
}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


@pytest.mark.parametrize("algorithm", EXPECTED)
def test_the_digest_of_each_file_is_handed_on(place: Place, algorithm: str) -> None:
    name, empty = place.write("f", CONTENT), place.write("empty", b"")
    outcomes = place.run(Checksum(), name, empty, algorithm=algorithm)
    assert outcomes[name].carry == EXPECTED[algorithm]
    assert (outcomes[name].code, outcomes[name].bytes) == (Code.PROCESSED, len(CONTENT))
    assert outcomes[empty].code is Code.PROCESSED


def test_a_premigrated_file_is_read_and_a_stub_is_skipped(place: Place) -> None:
    name = place.write("f", CONTENT)
    place.run_one(Migrate(), name, premigrate=True)
    assert place.run_one(Checksum(), name).carry == EXPECTED["xxh3_128"]
    place.run_one(Migrate(), name)
    outcome = place.run_one(Checksum(), name)
    assert outcome.code is Code.SKIPPED
    assert "offline" in outcome.reason


def test_what_is_no_file_is_skipped_and_what_is_gone_fails(place: Place) -> None:
    (place.directory / "link").symlink_to("nowhere")
    (place.directory / "dir").mkdir()
    outcomes = place.run(Checksum(), b"link", b"dir", b"gone")
    assert [outcomes[p].code for p in (b"link", b"dir")] == [Code.SKIPPED] * 2
    assert outcomes[b"gone"].code is Code.FAILED


@pytest.mark.usefixtures("unprivileged")
def test_a_file_that_nobody_may_read_fails_for_want_of_permission(place: Place) -> None:
    """Its owner's worker could give itself the right, and would thereby read what was closed on purpose."""
    name = place.write("f", CONTENT)
    (place.directory / "f").chmod(0)
    outcome = place.run_one(Checksum(), name)
    assert (outcome.code, outcome.error_class) == (Code.FAILED, ErrorClass.NO_PERMISSION)
    assert (place.directory / "f").stat().st_mode & 0o7777 == 0


def test_noop_says_of_each_path_that_it_was_processed(place: Place) -> None:
    outcomes = place.run(Noop(), b"gone", b"", b"a/b")
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}


def test_noop_ends_where_the_task_is_handed_back(place: Place) -> None:
    left = iter([True, True])
    place.allow = lambda: next(left, False)
    assert len(place.run(Noop(), b"a", b"b", b"c")) == 2
