"""Keys of objects: safe at every place, distinct for distinct paths, readable, and reversible."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from towpath.domain.errors import Mistake
from towpath.domain.paths import is_clean
from towpath.domain.targets import LONGEST_TEMPLATE, PLAIN_TEMPLATE, Traits, check_traits
from towpath.hsm.keys import INSTANCE_LENGTH, instance_of, object_key, read_key, record_key, templated_key
from towpath.storage.protocol import LONGEST_COMPONENT, LONGEST_KEY, is_safe_key

INSTANCE = "0123456789abcdef"
NAMES = st.text("abcXYZ019_-", min_size=1, max_size=64)
TRICKY = st.sampled_from(
    [b"a", b"@", b"%", b".", b" ", b"~", b"@~", b"\xff", b"\n", b"\\", b"/", b"\xc3\xa9", b"=", b"%41"]
)
PARTS = st.one_of(
    st.binary(min_size=1, max_size=255), st.lists(TRICKY, min_size=1, max_size=80).map(b"".join)
).filter(lambda part: b"/" not in part and is_clean(part))
PATHS = st.lists(PARTS, min_size=1, max_size=12).map(b"/".join).filter(is_clean)


def key_of(path: bytes, instance: str = INSTANCE) -> str:
    return object_key("oslo", "data", path, instance)


@given(NAMES, NAMES, PATHS)
@example("a" * 64, "b" * 64, b"/".join([b"\xff" * 255] * 15))
@example("a" * 64, "b" * 64, b"/".join([b"d"] * 2000))
@example("s", "r", b".towpath/tmp/x")
@example("s", "r", b"a. /b /c.")
@example("s", "r", b"..a/...")
def test_every_key_is_safe_at_every_place(site: str, root: str, path: bytes) -> None:
    key = object_key(site, root, path, INSTANCE)
    assert is_safe_key(key)
    assert len(key) <= LONGEST_KEY
    assert all(len(part) <= LONGEST_COMPONENT for part in key.split("/"))


@given(PATHS, PATHS)
@example(b"a@0123456789abcdef", b"a")
@example(b"a/b", b"a%2Fb")
@example(b"x" * 255, b"x" * 254)
@example(b"/".join([b"d" * 100] * 15 + [b"f"]), b"/".join([b"d" * 100] * 16 + [b"f"]))
@example(b"%41", b"A")
def test_distinct_paths_have_distinct_keys(one: bytes, other: bytes) -> None:
    assert (key_of(one) == key_of(other)) == (one == other)


@given(PATHS, PATHS)
def test_no_key_is_the_directory_of_another(one: bytes, other: bytes) -> None:
    assert not key_of(other).startswith(key_of(one) + "/")


@given(PATHS)
def test_a_key_that_was_not_shortened_tells_the_path(path: bytes) -> None:
    named = read_key(key_of(path))
    assert named is not None
    assert (named.site, named.root, named.instance) == ("oslo", "data", INSTANCE)
    assert named.path in (path, None)


@given(st.lists(PARTS.filter(lambda part: len(part) < 70), min_size=1, max_size=3).map(b"/".join))
def test_the_key_of_a_short_path_is_not_shortened(path: bytes) -> None:
    named = read_key(key_of(path))
    assert named is not None
    assert named.path == path


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (b"reports/2026 (final), v2.pdf", "reports/2026 (final), v2.pdf@"),
        (b"me@home", "me%40home@"),
        (b"caf\xc3\xa9/x", "caf%C3%A9/x@"),
        (b"ends. /x", "ends.%20/x@"),
        (b"ends./x", "ends%2E/x@"),
    ],
)
def test_a_key_can_be_read_by_people(path: bytes, key: str) -> None:
    assert key_of(path) == f"oslo/data/{key}{INSTANCE}"


def test_a_shortened_name_keeps_its_beginning() -> None:
    key = key_of(b"d/" + b"n" * 255)
    assert key.startswith("oslo/data/d/" + "n" * 150)
    named = read_key(key)
    assert named is not None
    assert named.path is None


@pytest.mark.parametrize("key", ["", "oslo", "oslo/data/x", "oslo/data/@" + INSTANCE, "oslo/data/x@short"])
def test_what_is_no_key_of_ours_tells_nothing(key: str) -> None:
    assert read_key(key) is None


def test_the_records_of_a_group_have_a_safe_key() -> None:
    assert record_key(bytes(range(10))) == ".towpath/records/00010203040506070809"
    assert is_safe_key(record_key(b"\xff" * 10))


def test_each_version_of_a_file_has_its_own_instance(tmp_path: "os.PathLike[str]") -> None:
    path = os.path.join(tmp_path, "f")
    seen: set[str] = set()
    for content in (b"a", b"b", b"cc"):
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, ns=(1, len(seen)))
        found = os.stat(path)
        assert instance_of(found) == instance_of(os.stat(path))
        assert len(instance_of(found)) == INSTANCE_LENGTH
        seen.add(instance_of(found))
    assert len(seen) == 3


def test_a_template_says_what_stands_before_the_path(tmp_path: Path) -> None:
    found = os.stat(tmp_path)
    plain = templated_key("", "oslo", "data", b"a/b c", found)
    assert plain == object_key("oslo", "data", b"a/b c", instance_of(found))
    assert templated_key(PLAIN_TEMPLATE, "oslo", "data", b"a/b c", found) == plain
    keys = [templated_key("{site}/2026/{path}", "oslo", root, b"a/b c", found) for root in ("data", "other")]
    assert {key.rpartition("@")[0] for key in keys} == {"oslo/2026/a/b c"}
    assert len(set(keys)) == 2, "what the template leaves out tells keys apart all the same"
    assert templated_key("{site}/2026/{path}", "oslo", "data", b"a/b c", found) == keys[0]
    assert templated_key("{site}/{path}", "oslo", "data", b"top", found).startswith("oslo/top@")
    longest = "{site}/" + "d" * (LONGEST_TEMPLATE - 21) + "/{root}/{path}"
    check_traits("s3", Traits(template=longest))
    assert is_safe_key(templated_key(longest, "s" * 64, "r" * 64, b"/".join([b"\n" * 255] * 9), found))


@pytest.mark.parametrize(
    "template",
    [
        "{path}",
        "{site}",
        "{site}{path}",
        "{root}/{site}/{path}",
        "{site}/{path}/x",
        "{site}//{path}",
        "{site}/../{path}",
        "{site}/a.b/{path}",
        "{site}/{name}/{path}",
        "{site}/@/{path}",
        "{site}/{path}{path}",
        "{site}/" + "d" * LONGEST_TEMPLATE + "/{path}",
    ],
)
def test_a_template_that_could_mix_up_sites_or_paths_is_refused(template: str) -> None:
    with pytest.raises(Mistake, match="template: expected"):
        check_traits("s3", Traits(template=template))
