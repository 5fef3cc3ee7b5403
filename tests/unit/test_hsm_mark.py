"""Marks: packed, signed, and judged together with a file's stat."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.step_context import OTHER_KEY, SITE_KEY

from towpath.hsm import mark as marks
from towpath.hsm.mark import LARGEST_HEAD, LARGEST_SIZE, LENGTH, Malformed, Mark, Reference, Standing, State

REFERENCES = st.builds(
    Reference,
    st.binary(min_size=4, max_size=4),
    st.binary(min_size=10, max_size=10),
    st.integers(0, 65535),
)
MARKS = st.builds(
    Mark,
    st.sampled_from(State),
    REFERENCES,
    st.integers(0, 2**64 - 1),
    st.integers(0, LARGEST_SIZE),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 0o7777),
    st.integers(0, LARGEST_HEAD // 4096).map(lambda blocks: blocks * 4096),
)


@given(MARKS)
def test_a_mark_comes_back_as_it_was_packed(mark: Mark) -> None:
    packed = mark.pack(SITE_KEY)
    assert len(packed) == LENGTH <= 60
    assert marks.unpack(packed, SITE_KEY) == mark


@given(MARKS)
def test_a_mark_of_another_site_is_malformed(mark: Mark) -> None:
    with pytest.raises(Malformed):
        marks.unpack(mark.pack(OTHER_KEY), SITE_KEY)


@given(st.binary(max_size=80))
def test_any_bytes_are_malformed(packed: bytes) -> None:
    with pytest.raises(Malformed):
        marks.unpack(packed, SITE_KEY)


@given(REFERENCES)
def test_a_reference_comes_back_as_it_was_packed(reference: Reference) -> None:
    assert Reference.unpack(reference.pack()) == reference


@pytest.mark.parametrize("packed", [b"", b"x" * 15, b"x" * 17])
def test_a_reference_of_another_length_is_malformed(packed: bytes) -> None:
    with pytest.raises(Malformed):
        Reference.unpack(packed)


@pytest.fixture
def file(tmp_path: Path) -> os.stat_result:
    """A file's stat."""
    (tmp_path / "f").write_bytes(b"content")
    return os.stat(tmp_path / "f")


def of(file: os.stat_result, state: State) -> Mark:
    return Mark.of(state, Reference(b"tgt1", bytes(10), 0), file)


def judged(file: os.stat_result, mark: Mark) -> Standing:
    return marks.judge(file, mark.pack(SITE_KEY), SITE_KEY).standing


UNTOUCHED = {
    State.PREMIGRATED: Standing.PREMIGRATED,
    State.FREEING: Standing.INTERRUPTED,
    State.OFFLINE: Standing.OFFLINE,
    State.PRIVATE: Standing.RESIDENT,
}
OTHER_MTIME = UNTOUCHED | {State.PREMIGRATED: Standing.MODIFIED, State.OFFLINE: Standing.EDITED}
OTHER_SIZE = OTHER_MTIME | {State.FREEING: Standing.EDITED}
OTHER_INODE = {
    State.PREMIGRATED: Standing.MODIFIED,
    State.FREEING: Standing.FOREIGN,
    State.OFFLINE: Standing.FOREIGN,
    State.PRIVATE: Standing.RESIDENT,
}


@pytest.mark.parametrize("state", State)
def test_a_file_stands_as_its_mark_and_its_stat_say_together(file: os.stat_result, state: State) -> None:
    mark = of(file, state)
    assert judged(file, mark) is UNTOUCHED[state]
    assert judged(file, replace(mark, mtime_ns=mark.mtime_ns + 1)) is OTHER_MTIME[state]
    assert judged(file, replace(mark, size=mark.size + 1)) is OTHER_SIZE[state]
    assert judged(file, replace(mark, inode=mark.inode + 1)) is OTHER_INODE[state]


def test_a_file_without_a_mark_is_resident(file: os.stat_result) -> None:
    assert marks.judge(file, None, SITE_KEY).standing is Standing.RESIDENT


def test_a_foreign_mark_says_what_is_wrong_with_it(file: os.stat_result) -> None:
    found = marks.judge(file, b"x", SITE_KEY)
    assert found.standing is Standing.FOREIGN
    assert found.mark is None
    assert "expected 60 bytes, found 1" in found.why
    packed = of(file, State.OFFLINE).pack(SITE_KEY)
    assert "version" in marks.judge(file, b"\x63" + packed[1:], SITE_KEY).why


def test_a_mark_may_be_written_again_and_forgotten_after_its_other_name_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    fd = os.open(path, os.O_RDWR)
    try:
        os.setxattr(fd, marks.USER, b"old")
        names = os.listxattr(fd)
        marks.write(fd, b"new", names)
        marks.write(fd, b"newer", names)
        marks.forget(fd, sorted({*names, *os.listxattr(fd)}))
        marks.forget(fd, sorted({*names, *os.listxattr(fd)}))
        assert not set(os.listxattr(fd)) & set(marks.NAMES)
    finally:
        os.close(fd)
