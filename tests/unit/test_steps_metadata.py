"""What the steps promise that change what is said of files: unmanage, set_metadata, tag."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.step_context import OTHER_KEY, Place, place_with_directory

from towpath.domain.paths import Code
from towpath.hsm.mark import Standing
from towpath.steps.migrate import Migrate
from towpath.steps.recall import Recall
from towpath.steps.set_metadata import SetMetadata
from towpath.steps.tag import Tag
from towpath.steps.unmanage import Unmanage

CONTENT = b"content" * 1000
OTHER = 1234 if os.geteuid() == 0 else os.geteuid()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


# unmanage -----------------------------------------------------------------------------------------------------


def test_a_premigrated_file_and_one_edited_since_become_resident(place: Place) -> None:
    place.write("a", CONTENT)
    place.write("b", CONTENT)
    place.run(Migrate(), b"a", b"b", premigrate=True)
    (place.directory / "b").write_bytes(b"edited")
    outcomes = place.run(Unmanage(), b"a", b"b")
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}
    assert {place.standing(path) for path in outcomes} == {Standing.RESIDENT}
    assert os.listxattr(place.directory / "a") == []
    assert place.run_one(Unmanage(), b"a").code is Code.ALREADY
    assert place.object_of(b"a") == CONTENT


def test_a_stub_is_never_touched(place: Place) -> None:
    place.write("a", CONTENT)
    place.run_one(Migrate(), b"a")
    outcome = place.run_one(Unmanage(), b"a")
    assert outcome.code is Code.SKIPPED
    assert "recall brings it" in outcome.reason
    assert place.standing(b"a") is Standing.OFFLINE


def test_a_mark_that_is_not_trusted_stays(place: Place) -> None:
    place.write("a", CONTENT)
    place.run_one(Migrate(), b"a", premigrate=True)
    place.key = OTHER_KEY
    assert place.run_one(Unmanage(), b"a").code is Code.FAILED
    assert place.standing(b"a") is Standing.FOREIGN


def test_a_directory_and_a_link_are_skipped_by_unmanage(place: Place) -> None:
    (place.directory / "d").mkdir()
    (place.directory / "l").symlink_to("d")
    assert {o.code for o in place.run(Unmanage(), b"d", b"l").values()} == {Code.SKIPPED}


@pytest.mark.parametrize("step", [Unmanage(), SetMetadata(), Tag()])
@pytest.mark.parametrize(("abort", "code"), [(True, Code.ABORTED), (False, Code.FAILED)])
def test_abort_missing_says_what_a_path_counts_as_that_is_not_there(
    place: Place, step: Unmanage | SetMetadata | Tag, abort: bool, code: Code
) -> None:
    needed = {"tag": "x"} if isinstance(step, Tag) else {}
    assert place.run_one(step, b"gone", abort_missing=abort, **needed).code is code


# set_metadata -------------------------------------------------------------------------------------------------


def test_mode_owner_group_times_and_attributes_are_set_each_by_itself(place: Place) -> None:
    place.write("f", CONTENT)
    (place.directory / "d").mkdir()
    for name in (b"f", b"d"):
        path = place.directory / name.decode()
        os.setxattr(path, "user.gone", b"1")
        before = path.stat()
        assert place.run_one(SetMetadata(), name, mode="0750").code is Code.PROCESSED
        assert path.stat().st_mode & 0o7777 == 0o750
        assert path.stat().st_mtime_ns == before.st_mtime_ns
        place.run_one(SetMetadata(), name, owner=str(OTHER))
        place.run_one(SetMetadata(), name, group=str(os.getegid()))
        assert (path.stat().st_uid, path.stat().st_gid) == (OTHER, os.getegid())
        place.run_one(SetMetadata(), name, mtime="2020-02-29T12:00:00.000001+01:00")
        assert path.stat().st_mtime_ns == 1582974000_000001000
        place.run_one(SetMetadata(), name, atime="2021-01-01T00:00:00Z")
        assert path.stat().st_atime_ns == 1609459200_000000000
        place.run_one(SetMetadata(), name, xattrs=json.dumps({"user.colour": "blue", "user.gone": None}))
        assert {n: os.getxattr(path, n) for n in os.listxattr(path)} == {"user.colour": b"blue"}
        assert place.run_one(SetMetadata(), name, mode="750").code is Code.ALREADY


def test_now_is_the_time_of_the_run(place: Place) -> None:
    place.write("f", CONTENT)
    os.utime(place.directory / "f", (1, 1))
    before = time.time_ns()
    place.run_one(SetMetadata(), b"f", mtime="now", atime="now")
    found = (place.directory / "f").stat()
    assert before <= found.st_mtime_ns == found.st_atime_ns <= time.time_ns()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: names of owners that are not our own")
def test_owner_and_group_may_be_names(place: Place) -> None:
    place.write("f", CONTENT)
    assert place.run_one(SetMetadata(), b"f", owner="nobody", group="daemon").code is Code.PROCESSED
    assert (place.directory / "f").owner() == "nobody"
    assert (place.directory / "f").group() == "daemon"


def test_a_link_gets_owner_and_times_and_what_it_points_to_does_not(place: Place) -> None:
    place.write("f", CONTENT)
    before = (place.directory / "f").stat()
    (place.directory / "l").symlink_to("f")
    outcome = place.run_one(SetMetadata(), b"l", owner=str(OTHER), mtime="2020-01-01T00:00:00Z", mode="0600")
    assert outcome.code is Code.PROCESSED
    assert (place.directory / "l").lstat().st_mtime_ns == 1577836800_000000000
    assert (place.directory / "l").lstat().st_uid == OTHER
    assert (place.directory / "f").stat() == before


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("mode", "u+w", "mode: expected permission bits in octal"),
        ("mode", "17777", "mode: expected permission bits in octal"),
        ("owner", "nobody-of-that-name", "owner: expected a number, or a name that this site knows"),
        ("group", "", "group: expected a number"),
        ("mtime", "2020-01-01T00:00:00", "mtime: expected 'now', or a time with its zone"),
        ("atime", "yesterday", "atime: expected 'now'"),
        ("xattrs", "user.a=1", "xattrs: expected a JSON object"),
        ("xattrs", '{"user.towpath": "1"}', "found 'user.towpath'"),
        ("xattrs", '{"trusted.a": "1"}', "found 'trusted.a'"),
        ("xattrs", '{"user.a": 1}', "found 'user.a'"),
    ],
)
def test_a_value_that_cannot_be_is_told_and_nothing_is_set(
    place: Place, argument: str, value: str, said: str
) -> None:
    place.write("f", CONTENT)
    before = (place.directory / "f").stat()
    outcome = place.run_one(SetMetadata(), b"f", **{argument: value})
    assert outcome.code is Code.FAILED
    assert said in outcome.reason
    assert (place.directory / "f").stat() == before


def test_a_premigrated_file_stays_so_whatever_is_set(place: Place) -> None:
    place.write("f", CONTENT)
    place.run_one(Migrate(), b"f", premigrate=True)
    wishes = {"mode": "0600", "mtime": "2020-01-01T00:00:00Z", "xattrs": '{"user.a": "1"}'}
    assert place.run_one(SetMetadata(), b"f", **wishes).code is Code.PROCESSED
    assert place.standing(b"f") is Standing.PREMIGRATED


def test_a_stub_stays_shut_and_has_what_was_set_once_it_is_recalled(place: Place) -> None:
    place.write("f", CONTENT)
    place.run_one(Migrate(), b"f")
    path = place.directory / "f"
    wishes = {"mode": "0640", "mtime": "2020-01-01T00:00:00Z", "xattrs": '{"user.a": "1"}'}
    assert place.run_one(SetMetadata(), b"f", **wishes).code is Code.PROCESSED
    assert place.standing(b"f") is Standing.OFFLINE
    assert path.stat().st_mode & 0o7777 == 0
    assert place.run_one(SetMetadata(), b"f", **wishes).code is Code.ALREADY
    assert place.run_one(Recall(), b"f").code is Code.PROCESSED
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o7777 == 0o640
    assert path.stat().st_mtime_ns == 1577836800_000000000
    assert os.getxattr(path, "user.a") == b"1"


def test_a_time_that_a_lost_run_was_setting_on_a_stub_is_set_by_the_next(place: Place) -> None:
    place.write("f", CONTENT)
    place.run_one(Migrate(), b"f")
    path = place.directory / "f"
    was = path.stat().st_mtime_ns
    place.run_one(SetMetadata(), b"f", mtime="2020-01-01T00:00:00Z")
    os.utime(path, ns=(was, was))  # The mark was told, and then the worker died.
    assert place.standing(b"f") is Standing.EDITED
    assert place.run_one(SetMetadata(), b"f", mtime="2021-01-01T00:00:00Z").code is Code.FAILED
    assert place.run_one(SetMetadata(), b"f", mtime="2020-01-01T00:00:00Z").code is Code.PROCESSED
    assert place.standing(b"f") is Standing.OFFLINE


# tag ----------------------------------------------------------------------------------------------------------


def test_a_tag_is_a_user_attribute_of_files_directories_and_stubs(place: Place) -> None:
    place.write("f", CONTENT)
    place.write("s", CONTENT)
    (place.directory / "d").mkdir()
    (place.directory / "l").symlink_to("f")
    place.run_one(Migrate(), b"s")
    outcomes = place.run(Tag(), b"f", b"s", b"d", b"l", tag="project", value="survey")
    assert {outcomes[path].code for path in (b"f", b"s", b"d")} == {Code.PROCESSED}
    assert outcomes[b"l"].code is Code.SKIPPED
    for name in ("f", "d"):
        assert os.getxattr(place.directory / name, "user.tag.project") == b"survey"
    assert place.standing(b"s") is Standing.OFFLINE
    place.run_one(Recall(), b"s")
    assert os.getxattr(place.directory / "s", "user.tag.project") == b"survey"


def test_a_tag_is_set_anew_kept_and_taken_away(place: Place) -> None:
    place.write("f", CONTENT)
    path = place.directory / "f"
    place.run_one(Tag(), b"f", tag="a")
    assert os.getxattr(path, "user.tag.a") == b""
    assert place.run_one(Tag(), b"f", tag="a").code is Code.ALREADY
    assert place.run_one(Tag(), b"f", tag="a", value="2").code is Code.PROCESSED
    assert os.getxattr(path, "user.tag.a") == b"2"
    assert place.run_one(Tag(), b"f", tag="a", remove=True).code is Code.PROCESSED
    assert os.listxattr(path) == []
    assert place.run_one(Tag(), b"f", tag="a", remove=True).code is Code.ALREADY


@pytest.mark.parametrize("arguments", [{}, {"tag": "a b"}, {"tag": "a", "value": "x" * 1025}])
def test_a_tag_that_cannot_be_is_told(place: Place, arguments: dict[str, str]) -> None:
    place.write("f", CONTENT)
    outcome = place.run_one(Tag(), b"f", **arguments)
    assert outcome.code is Code.FAILED
    assert "expected" in outcome.reason
    assert os.listxattr(place.directory / "f") == []


@pytest.mark.usefixtures("unprivileged")
def test_an_ordinary_users_worker_tags_and_dresses_its_stubs(place: Place) -> None:
    place.write("f", CONTENT)
    place.run_one(Migrate(), b"f")
    assert place.run_one(Tag(), b"f", tag="a").code is Code.PROCESSED
    assert place.run_one(SetMetadata(), b"f", mode="0600").code is Code.PROCESSED
    assert (place.directory / "f").stat().st_mode & 0o7777 == 0
    assert place.run_one(Recall(), b"f").code is Code.PROCESSED
    assert (place.directory / "f").stat().st_mode & 0o7777 == 0o600
