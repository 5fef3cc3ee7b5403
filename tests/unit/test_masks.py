"""Masks and codes: one byte a path, compressed; nothing is lost or doubled when they are divided."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zstandard import ZstdError

from towpath.domain.paths import Code
from towpath.store import batches
from towpath.wire import compress

plain = st.binary(max_size=50).map(lambda raw: bytes(byte & 1 for byte in raw))
codes = st.lists(st.sampled_from(list(Code)), max_size=50).map(bytes)


@given(plain)
def test_what_is_packed_comes_back(mask: bytes) -> None:
    assert batches.unpack_bytes(batches.pack_bytes(mask), 1) == mask


@pytest.mark.parametrize("kept", [None, b""])
def test_a_mask_that_is_not_kept_is_all_ones(kept: bytes | None) -> None:
    assert batches.unpack_bytes(kept, 3) == b"\x01\x01\x01"
    assert batches.unpack_bytes(kept, 0) == b""


def test_no_more_is_ever_unpacked_than_a_batch_can_have() -> None:
    with pytest.raises(ZstdError, match="frame holds more than 1000000 bytes"):
        batches.unpack_bytes(compress(bytes(batches.LARGEST + 1)), 1)


@given(codes)
def test_a_path_is_done_where_it_has_an_outcome(said: bytes) -> None:
    assert batches.done_mask(said) == bytes(int(code != Code.NONE) for code in said)


@given(codes)
def test_only_processed_paths_go_on(said: bytes) -> None:
    going_on = batches.processed_mask(said)
    assert going_on == bytes(int(code in (Code.PROCESSED, Code.ALREADY)) for code in said)
    assert batches.is_within(going_on, batches.done_mask(said))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=50))
def test_what_is_taken_and_what_is_left_make_up_the_whole(paths: list[tuple[bool, bool]]) -> None:
    mask = bytes(mine for mine, _ in paths)
    taken = bytes(mine and now for mine, now in paths)
    rest = batches.without(mask, taken)
    assert bytes(a + b for a, b in zip(taken, rest, strict=True)) == mask
    assert batches.is_within(taken, mask)
    assert batches.is_within(rest, mask)
    assert batches.is_within(mask, taken) == (mask == taken)


@given(plain, plain)
def test_a_mask_is_within_another_of_its_length_that_has_all_its_paths(inner: bytes, outer: bytes) -> None:
    expected = len(inner) == len(outer) and all(a <= b for a, b in zip(inner, outer, strict=True))
    assert batches.is_within(inner, outer) == expected


def test_first_and_last_path_of_a_mask_are_paths_like_any_other() -> None:
    assert batches.without(b"\x01\x01\x01", b"\x01\x00\x01") == b"\x00\x01\x00"
    assert not batches.is_within(b"\x01\x00", b"\x00\x01")
    assert not batches.is_within(b"\x00", b"\x00\x00")
    assert batches.without(b"", b"") == b""
