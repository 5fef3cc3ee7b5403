"""What a rule takes."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from towpath.domain.paths import Kind
from towpath.domain.rules import (
    ANY,
    RULE_TYPES,
    Condition,
    Globs,
    Rules,
    Verdict,
    Why,
    check_glob,
    match,
    sentence,
)


def takes(pattern: str, path: str | bytes) -> bool:
    """Whether one glob matches one path."""
    return Globs([pattern]).match(path if isinstance(path, bytes) else path.encode())


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.txt", "a.txt", True),
        ("*.txt", "deep/down/a.txt", True),
        ("*.txt", "a.TXT", False),
        ("*.txt", "a.txt/b", False),
        ("a", "a", True),
        ("a", "b/a", True),
        ("a", "a/b", False),
        ("/a", "a", True),
        ("/a", "b/a", False),
        ("/*.txt", "a.txt", True),
        ("/*.txt", "b/a.txt", False),
        ("a/*", "a/b", True),
        ("a/*", "a/b/c", False),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("**/a", "a", True),
        ("**/a", "b/c/a", True),
        ("**/a", "b/ca", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "a/xb", False),
        ("a/**.txt", "a/b.txt", True),
        ("a/**.txt", "a/b/c.txt", True),
        ("**a*b/c", "xa/yab/c", True),
        ("a/**/**", "a/b", True),
        ("**", "a/b", True),
        ("/**", "a/b", True),
        ("?", "a", True),
        ("?", "é", True),
        ("?", b"\xff", True),
        ("?", "ab", False),
        ("x/?", "x/a", True),
        ("x?y/z", "x/y/z", False),
        ("[a-c]", "b", True),
        ("[a-c]", "d", False),
        ("[!a-c]", "d", True),
        ("[!a-c]", "b", False),
        ("x[!a]y/z", "x/y/z", False),
        ("[à-ü]", "é", True),
        ("[]x]", "]", True),
        ("[!]x]", "]", False),
        ("[-a]", "-", True),
        ("[*]", "*", True),
        ("[*]", "a", False),
        ("[^a]", "^", True),
        ("[!]", "!", True),
        ("[&&||~~]", "&", True),
        ("*\udcff", b"a\xff", True),
        ("a\n*", "a\nb", True),
        ("*", "a\nb", True),
        ("a.c", "abc", False),
        ("*", "", True),
        ("-*", "--help", True),
    ],
)
def test_a_glob_matches_what_its_signs_say(pattern: str, path: str | bytes, expected: bool) -> None:
    assert takes(pattern, path) is expected


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("", "1 to 4096 characters"),
        ("a" * 5000, "1 to 4096 characters"),
        ("a\0b", "NUL"),
        ("build/", "expected 'build' or 'build/**'"),
        ("/", "no path ends in a slash"),
        ("a//b", "empty part"),
        ("../b", "'..'"),
        ("./b", "'.'"),
        ("a[b", "expected ']'"),
        ("a[b/c]d", "expected ']'"),
        ("[]", "expected ']'"),
        ("[z-a]", "not 'z-a'"),
        ("a**b**c**d**e**f/x", "at most 4"),
    ],
)
def test_a_wrong_glob_is_refused_with_what_is_wrong(pattern: str, says: str) -> None:
    wrong = check_glob(pattern)
    assert wrong is not None
    assert says in wrong
    with pytest.raises(ValueError, match=re.escape(says)):
        Globs([pattern])


def naive(pattern: str, path: str) -> bool:
    """What a glob means, said as plainly as it can be."""
    if "/" not in pattern:
        return plainly(pattern.replace("**", "*"), path.rpartition("/")[2])
    pattern = pattern.removeprefix("/")
    if pattern.startswith("**/") and naive("/" + pattern[3:], path):
        return True
    return plainly(pattern, path)


def plainly(pattern: str, text: str) -> bool:
    """By trying everything; `/**/` may also be a single slash."""
    if not pattern:
        return not text
    if pattern.startswith("/**/") and plainly(pattern[3:], text):
        return True
    if pattern.startswith("**"):
        rest = pattern.lstrip("*")
        return any(plainly(rest, text[i:]) for i in range(len(text) + 1))
    if pattern[0] == "*":
        ends = len(text.split("/", maxsplit=1)[0]) + 1
        return any(plainly(pattern[1:], text[i:]) for i in range(ends))
    if not text:
        return False
    if pattern[0] == "?":
        return text[0] != "/" and plainly(pattern[1:], text[1:])
    return pattern[0] == text[0] and plainly(pattern[1:], text[1:])


PATTERNS = st.text("ab/*?", min_size=1, max_size=9).filter(
    lambda p: check_glob(p) is None and "***" not in p and not p.endswith("/**")
)
PATHS = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=5).map("/".join)


@given(PATTERNS, PATHS)
@example("**a*b/a", "ba/bab/a")
@example("**/a/**/b/*a*", "b/a/a/b/b/bab")
@settings(max_examples=1500)
def test_a_glob_matches_exactly_what_trying_everything_matches(pattern: str, path: str) -> None:
    assert takes(pattern, path) is naive(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 40 + "*b", b"a" * 255),
        ("/" + "*a" * 40 + "*b", b"a" * 255),
        ("**/a/" * 20 + "b", b"/".join([b"a"] * 2047)),
        ("**a**a**a**a*/" + "**/a/" * 20 + "b", b"/".join([b"aa"] * 1300)),
    ],
)
def test_no_glob_is_slow_on_any_path(pattern: str, path: bytes) -> None:
    assert not takes(pattern, path)  # it would take years if stars were tried in all combinations


def test_the_first_condition_that_takes_a_path_wins() -> None:
    conditions = [
        Condition(RULE_TYPES["directory"]),
        Condition(ANY, include=("*.txt", "doc/**"), exclude=("*~",)),
        Condition(RULE_TYPES["file"]),
    ]
    assert match(conditions, Kind.DIRECTORY, "processed", b"doc/x") == 0
    assert match(conditions, Kind.FILE, "processed", b"a.txt") == 1
    assert match(conditions, Kind.SYMLINK, "processed", b"doc/x") == 1
    assert match(conditions, Kind.FILE, "processed", b"doc/x~") == 2
    assert match(conditions, Kind.SYMLINK, "processed", b"x") is None


def test_a_default_condition_takes_only_what_no_other_takes_wherever_it_stands() -> None:
    conditions = [
        Condition(ANY, "default", exclude=("*.bak",)),
        Condition(RULE_TYPES["file"], "created"),
        Condition(RULE_TYPES["file"], "all", include=("*.all",)),
    ]
    assert match(conditions, Kind.FILE, "created", b"x") == 1
    assert match(conditions, Kind.FILE, "deleted", b"x.all") == 2
    assert match(conditions, Kind.FILE, "deleted", b"x") == 0
    assert match(conditions, Kind.DIRECTORY, "created", b"x") == 0
    assert match(conditions, Kind.FILE, "deleted", b"x.bak") is None


def test_a_missing_path_is_taken_like_a_file() -> None:
    assert (
        match([Condition(RULE_TYPES["folder"]), Condition(RULE_TYPES["file"])], Kind.MISSING, "s", b"x") == 1
    )
    assert match([Condition(RULE_TYPES["link"])], Kind.MISSING, "s", b"x") is None


def test_a_kind_is_settled_only_where_no_glob_can_change_its_rule() -> None:
    rules = Rules(
        [Condition(Kind.FILE, include=("a",)), Condition(Kind.FILE), Condition(Kind.SYMLINK, "moved")]
    )
    assert rules.settled(Kind.FILE, "processed") is None
    assert rules.settled(Kind.SYMLINK, "moved") == (2,)
    assert rules.settled(Kind.SYMLINK, "processed") == (None,)
    assert rules.settled(Kind.DIRECTORY, "processed") == (None,)


def test_each_condition_says_why_it_does_not_take_a_path() -> None:
    rules = Rules(
        [
            Condition(RULE_TYPES["directory"]),
            Condition(ANY, "created"),
            Condition(ANY, include=("*.txt", "doc/**")),
            Condition(RULE_TYPES["file"], exclude=("*.bak", "*~")),
            Condition(RULE_TYPES["file"], "default"),
            Condition(ANY, include=("*.dat",)),
        ]
    )
    assert rules.explain(Kind.FILE, "processed", b"a.dat") == (
        Verdict(Why.TYPE),
        Verdict(Why.STATE),
        Verdict(Why.INCLUDE),
        Verdict(Why.TAKES),
        Verdict(Why.EARLIER),
        Verdict(Why.EARLIER, None),
    )
    assert rules.explain(Kind.FILE, "processed", b"doc/x~")[2:4] == (
        Verdict(Why.TAKES, "doc/**"),
        Verdict(Why.EXCLUDE, "*~"),
    )


TRIED = st.builds(
    Condition,
    st.sampled_from([ANY, Kind.FILE, Kind.DIRECTORY]),
    st.sampled_from(["all", "default", "processed", "created"]),
    st.lists(PATTERNS, max_size=2).map(tuple),
    st.lists(PATTERNS, max_size=2).map(tuple),
)


@given(st.lists(TRIED, max_size=5), st.sampled_from(Kind), st.sampled_from(["processed", "created"]), PATHS)
@settings(max_examples=300)
def test_the_rule_that_says_it_takes_a_path_is_the_one_that_jobs_give_it_to(
    conditions: list[Condition], kind: Kind, state: str, path: str
) -> None:
    rules = Rules(conditions)
    verdicts = rules.explain(kind, state, path.encode())
    takes = [index for index, one in enumerate(verdicts) if one.why is Why.TAKES]
    found = rules.match(kind, state, path.encode())
    assert takes == ([] if found is None else [found])
    for condition, one in zip(conditions, verdicts, strict=True):
        by_itself = match([condition], kind, state, path.encode()) is not None
        assert by_itself is (one.why in (Why.TAKES, Why.EARLIER))
        assert sentence(condition, one, kind, state)
