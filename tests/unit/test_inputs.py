"""What a caller asked for becomes inputs beneath a site's roots, each walked once."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.domain.errors import Mistake
from towpath.domain.paths import is_beneath
from towpath.engine import room
from towpath.engine.inputs import Asked, for_walk, place
from towpath.wire import Input

ROOTS = {"data": "/srv/data", "deep": "/srv/data/deep/", "home": "/home"}


def placed(path: bytes, roots: dict[str, str] = ROOTS) -> tuple[str, bytes]:
    """Root and relative path of an absolute one."""
    (found,) = place([Asked(path)], "oslo", roots)
    return found.root, found.path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/srv/data", ("data", b"")),
        (b"/srv/data/", ("data", b"")),
        (b"/srv/data/a/b", ("data", b"a/b")),
        (b"//srv///data/./a//b/", ("data", b"a/b")),
        (b"/srv/data/a/../b", ("data", b"b")),
        (b"/srv/data/deep", ("deep", b"")),
        (b"/srv/data/deep/x", ("deep", b"x")),
        (b"/srv/data/deeper", ("data", b"deeper")),
        (b"/home/\xff\xfe\n-", ("home", b"\xff\xfe\n-")),
        (b"/srv/data/...", ("data", b"...")),
    ],
)
def test_a_path_lies_beneath_the_nearest_root(path: bytes, expected: tuple[str, bytes]) -> None:
    assert placed(path) == expected


def test_a_root_may_be_the_whole_file_system() -> None:
    assert placed(b"/etc/hosts", {"all": "/"}) == ("all", b"etc/hosts")
    assert placed(b"/", {"all": "/"}) == ("all", b"")
    assert placed(b"/srv/x", {"all": "/", "srv": "/srv"}) == ("srv", b"x")


def test_a_root_may_have_a_name_that_is_no_text() -> None:
    assert placed(b"/srv/\xff/a", {"odd": os.fsdecode(b"/srv/\xff")}) == ("odd", b"a")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"a/b", "expected an absolute path, found 'a/b'"),
        (b"", "expected an absolute path, found ''"),
        (
            b"/srv/database",
            r"'/srv/database' lies beneath no root of site oslo \(its roots: /home, /srv/data",
        ),
        (b"/srv/data/../etc", "'/srv/data/../etc' lies beneath no root of site oslo"),
        (b"/srv", "'/srv' lies beneath no root"),
        (b"/srv/data/a\0b", r"'/srv/data/a\\x00b' lies beneath no root"),
        (b"/srv/data/" + b"x/" * 2100, "lies beneath no root"),
    ],
)
def test_a_path_that_lies_beneath_no_root_is_a_mistake(path: bytes, text: str) -> None:
    with pytest.raises(Mistake, match=text):
        placed(path)


def test_no_path_at_all_is_a_mistake() -> None:
    with pytest.raises(Mistake, match="expected at least one path, found none"):
        place([], "oslo", ROOTS)


def test_a_site_that_has_not_said_its_roots_cannot_take_paths() -> None:
    with pytest.raises(
        Mistake, match="site oslo: no worker has said yet which roots it has; start one there"
    ):
        placed(b"/srv/data", {})


def test_what_the_caller_said_of_a_path_stays_with_it() -> None:
    asked = [Asked(b"/home/a", "created"), Asked(b"/home/b")]
    assert place(asked, "oslo", ROOTS) == [Input("home", b"a", "created"), Input("home", b"b", "")]


def test_inputs_that_overlap_are_walked_once() -> None:
    names = (b"d/e", b"d", b"d", b"dd", b"d.x", b"d/e/f", b"e/f")
    starts = for_walk([Input("data", name) for name in names])
    assert [given.path for given in starts] == [b"d", b"d.x", b"dd", b"e/f"]


def test_inputs_of_different_roots_do_not_overlap() -> None:
    starts = for_walk([Input("b", b"d/e"), Input("a", b"d")])
    assert [(given.root, given.path) for given in starts] == [("a", b"d"), ("b", b"d/e")]


def test_a_root_itself_covers_all_beneath_it() -> None:
    assert for_walk([Input("data", b"a"), Input("data", b""), Input("data", b"z")]) == (Input("data", b""),)


component = st.sampled_from([b"a", b"b", b"a.", b"a-", b"\xff"])
relative = st.lists(component, max_size=4).map(b"/".join)


@given(st.lists(st.builds(Input, st.sampled_from(["x", "y"]), relative), min_size=1, max_size=8))
def test_every_input_is_beneath_exactly_one_start_and_no_start_beneath_another(inputs: list[Input]) -> None:
    starts = for_walk(inputs)
    for given_one in inputs:
        above = [s for s in starts if s.root == given_one.root and is_beneath(given_one.path, s.path)]
        assert len(above) == 1
    assert set(starts) <= set(inputs)


def test_more_starts_than_a_message_holds_are_a_mistake_that_says_what_to_do() -> None:
    inputs = [Input("data", b"%0200d" % number) for number in range(1000)]
    with pytest.raises(
        Mistake, match=f"at most {room.INPUTS} bytes.*found 2[0-9]{{5}}; name a directory above them"
    ):
        for_walk(inputs)
