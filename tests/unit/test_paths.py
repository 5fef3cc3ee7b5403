"""Paths as bytes: how they are shown, checked and compared."""

import base64
import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.domain.paths import (
    OUTCOME_OF,
    Code,
    Outcome,
    as_base64,
    depth,
    is_beneath,
    is_clean,
    printable,
    reason_of,
)

NAMES = st.binary(min_size=1, max_size=12).map(
    lambda name: name.replace(b"/", b"").replace(b"\0", b"") or b"x"
)
CLEAN = st.lists(NAMES.filter(lambda name: name not in {b".", b".."}), max_size=5).map(b"/".join)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"a/b.txt", "a/b.txt"),
        ("fjord/ål".encode(), "fjord/ål"),
        (b"a\nb", "a\\x0ab"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"tab\there", "tab\\x09here"),
        (b"", ""),
        ("a\u202eb".encode(), "a\\xe2\\x80\\xaeb"),
    ],
)
def test_a_path_is_shown_on_one_line_without_control_characters(path: bytes, shown: str) -> None:
    assert printable(path) == shown


@given(st.binary(max_size=64))
def test_any_bytes_can_be_shown_and_are_printable(path: bytes) -> None:
    assert printable(path).isprintable()


@given(st.binary(max_size=64))
def test_base64_keeps_every_byte(path: bytes) -> None:
    assert base64.b64decode(as_base64(path), validate=True) == path


@pytest.mark.parametrize(
    "path", [b"a", b"a/b", b"", b"...", b".hidden", b"-rf", b"a b\n", b"\xff", b"x" * 4096]
)
def test_these_paths_are_clean(path: bytes) -> None:
    assert is_clean(path)


@pytest.mark.parametrize(
    "path", [b"/", b"/a", b"a/", b"a//b", b".", b"..", b"a/../b", b"./a", b"a/.", b"a\0b", b"x" * 4097]
)
def test_these_paths_are_not_clean(path: bytes) -> None:
    assert not is_clean(path)


@given(CLEAN)
def test_a_path_of_clean_names_is_clean_and_beneath_each_of_its_ancestors(path: bytes) -> None:
    assert is_clean(path)
    parts = path.split(b"/") if path else []
    assert depth(path) == len(parts)
    for count in range(len(parts) + 1):
        assert is_beneath(path, b"/".join(parts[:count]))


@given(CLEAN.filter(bool), NAMES)
def test_a_longer_name_is_not_beneath_a_shorter_one(path: bytes, more: bytes) -> None:
    assert not is_beneath(path + more, path)
    assert not is_beneath(path, path + b"/" + more)


def test_every_code_but_none_has_its_outcome() -> None:
    assert set(OUTCOME_OF) == set(Code) - {Code.NONE}
    assert OUTCOME_OF[Code.ALREADY] is Outcome.PROCESSED
    assert set(Outcome) - set(OUTCOME_OF.values()) == {Outcome.UNKNOWN, Outcome.NOT_RUN}


def test_a_code_is_one_byte() -> None:
    assert bytes(Code) == bytes(range(len(Code)))


def test_a_reason_says_what_was_being_done_and_what_the_system_said() -> None:
    assert reason_of(OSError(errno.EACCES, "whatever"), "open") == f"open: {os.strerror(errno.EACCES)}"
    assert reason_of(OSError("the line is dead"), "read") == "read: the line is dead"


def test_a_link_in_the_way_is_called_what_it_is_since_none_is_followed() -> None:
    said = reason_of(OSError(errno.ELOOP, os.strerror(errno.ELOOP)), "open")
    assert said == "open: it was replaced by a symbolic link meanwhile, or a directory above it is one"
