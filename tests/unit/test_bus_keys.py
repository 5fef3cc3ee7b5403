"""NKEYs: seeds are made, kept and checked."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from towpath.bus.keys import is_public_key, load_or_make_seed, load_seed, make_seed, public_key
from towpath.domain.errors import Mistake


def test_a_seed_has_one_public_key_of_its_own() -> None:
    seed = make_seed()
    assert is_public_key(public_key(seed))
    assert public_key(seed) == public_key(seed) != public_key(make_seed())


def test_a_mistyped_seed_is_refused_and_not_shown() -> None:
    seed = make_seed()
    mistyped = seed[:20] + ("A" if seed[20] != "A" else "B") + seed[21:]
    for text in (mistyped, "", "SU", seed.lower(), "ü" * 58, public_key(seed)):
        with pytest.raises(Mistake, match="expected a user's seed") as caught:
            public_key(text)
        assert len(text) < 10 or text not in str(caught.value)


def test_a_mistyped_public_key_is_none() -> None:
    key = public_key(make_seed())
    mistyped = key[:20] + ("A" if key[20] != "A" else "B") + key[21:]
    assert not any(map(is_public_key, (mistyped, "", "U", key + "\n", key.lower(), "ü" * 56, make_seed())))


def test_a_seed_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "home" / "node.nk"
    seed = load_or_make_seed(file)
    assert load_or_make_seed(file) == load_seed(file) == seed
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["node.nk"]


def test_all_who_make_a_seed_at_once_end_with_the_same(tmp_path: Path) -> None:
    file = tmp_path / "node.nk"
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(load_or_make_seed, [file] * 32))) == 1


def test_a_file_that_holds_no_seed_is_named_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "node.nk"
    file.write_text("hello\n")
    with pytest.raises(Mistake, match=r"node\.nk: NKEY seed: expected"):
        load_or_make_seed(file)
    assert file.read_text() == "hello\n"
