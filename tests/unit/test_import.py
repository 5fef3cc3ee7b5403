"""What others wrote at a target is found there, recorded, and made into stubs or files here."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.step_context import Place, place_with_directory

from towpath.discovery.listing import Listing
from towpath.discovery.protocol import MOST_UNREADABLE, Discovery, OfTarget, Piece, Start
from towpath.discovery.recursive import Recursive
from towpath.domain.errors import Mistake
from towpath.domain.paths import Code, ErrorClass, Kind, PathOutcome
from towpath.hsm.mark import Standing
from towpath.steps.migrate import Migrate
from towpath.steps.recall import Recall
from towpath.steps.record import RecordObjects
from towpath.steps.reverse_stub import ReverseStub
from towpath.steps.verify import Verify
from towpath.storage.foreign import Shelving

NAMES = ("a", "b/c", "b/d e", "b/f/g", "z")
CONTENT = b"of a partner" * 1000


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a target at which a partner has put objects beneath `lab`, and somebody else one beside."""
    made = place_with_directory(tmp_path)
    for name in NAMES:
        made.storage.put(f"lab/{name}", io.BytesIO(CONTENT), len(CONTENT))
    made.storage.put("label", io.BytesIO(b"beside"), 6)
    yield made
    made.root.close()


def listed(place: Place, *starts: bytes, cursor: bytes = b"", **options: str) -> list[Piece]:
    """What the discovery finds."""
    given = [Start(place.root, start) for start in starts or (b"",)]
    return list(Listing().at(place.storage).walk(given, options, cursor))


def paths(pieces: list[Piece]) -> list[bytes]:
    """All paths of some pieces."""
    return [path for piece in pieces for path in piece.paths]


# The discovery ------------------------------------------------------------------------------------------------


def test_objects_beneath_the_prefix_are_files_beneath_the_directory(place: Place) -> None:
    found = listed(place, prefix="lab", to_path="in")
    assert paths(found) == [f"in/{name}".encode() for name in NAMES]
    assert {kind for piece in found for kind in piece.kinds} == {Kind.FILE}
    assert {size for piece in found for size in piece.sizes} == {len(CONTENT)}


def test_without_a_prefix_all_objects_are_listed_but_those_that_are_ours(place: Place) -> None:
    place.write("mine", b"1")
    place.run_one(Migrate(), b"mine", premigrate=True)
    found = paths(listed(place))
    assert not any(path.startswith(b".towpath") for path in found)
    assert {b"lab/a", b"label"} < set(found)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"", NAMES),
        (b"in", NAMES),
        (b"in/b", ("b/c", "b/d e", "b/f/g")),
        (b"in/b/f/g", ("b/f/g",)),
        (b"in/none", ()),
        (b"elsewhere", ()),
    ],
)
def test_only_what_lies_beneath_a_start_is_listed(
    place: Place, start: bytes, expected: tuple[str, ...]
) -> None:
    assert paths(listed(place, start, prefix="lab", to_path="in")) == [f"in/{n}".encode() for n in expected]


def test_a_listing_goes_on_behind_any_of_its_cursors(place: Place) -> None:
    starts = (b"in/b", b"in/z", b"in/a")
    whole = paths(listed(place, *starts, prefix="lab", to_path="in"))
    assert len(whole) == 5
    listing = Listing()
    for number, path in enumerate(whole):
        start = next(i for i, s in enumerate(starts) if path.startswith(s))
        rest = listed(place, *starts, cursor=listing.cursor(start, path), prefix="lab", to_path="in")
        assert paths(rest) == whole[number + 1 :]


def test_a_cursor_or_an_option_that_cannot_be_is_told(place: Place) -> None:
    with pytest.raises(Mistake, match="prefix: expected components of a key"):
        listed(place, prefix="lab/")
    with pytest.raises(Mistake, match="to_path: expected a relative path"):
        listed(place, to_path="../in")
    with pytest.raises(Mistake, match="expected a cursor of this listing"):
        listed(place, cursor=Listing().cursor(7, b"in/a"))
    with pytest.raises(Mistake, match="expected a target to list"):
        list(Listing().walk([Start(place.root, b"")], {}, b""))


STRANGERS = ("b/Zürich", "b/d e.", "ü/x", *(f"zz/{number}*" for number in range(20)))


def test_an_object_whose_key_is_not_safe_is_told_of_and_never_left_out(place: Place) -> None:
    top = place.directory.parent / "target" / "lab"
    for name in STRANGERS:
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_bytes(CONTENT)
    (top / os.fsdecode(b"\xff")).write_bytes(CONTENT)
    strange = {f"in/{name}".encode() for name in STRANGERS} | {b"in/\xff"}
    whole = listed(place, prefix="lab", to_path="in")
    told = [one for piece in whole for one in piece.unreadable]
    assert paths(whole) == [f"in/{name}".encode() for name in NAMES]
    assert sorted(one.path for one in told) == sorted(strange)
    assert {one.error_class for one in told} == {ErrorClass.PERMANENT}
    assert "another key at the target" in told[0].reason
    assert max(len(piece.unreadable) for piece in whole) == MOST_UNREADABLE
    for number, piece in enumerate(whole):
        rest = listed(place, cursor=piece.cursor, prefix="lab", to_path="in")
        assert rest[0].cursor == whole[number + 1].cursor if rest else number + 1 == len(whole)
        assert sum(len(p.unreadable) for p in rest) == sum(len(p.unreadable) for p in whole[number + 1 :])
    (alone,) = listed(place, "in/b/Zürich".encode(), prefix="lab", to_path="in")
    assert [one.path for one in alone.unreadable] == ["in/b/Zürich".encode()]


def test_only_this_discovery_is_one_of_a_target() -> None:
    found: list[Discovery] = [Listing(), Recursive()]
    assert [isinstance(discovery, OfTarget) for discovery in found] == [True, False]


@pytest.mark.parametrize("prefix", ["", "lab", "a/b"])
@pytest.mark.parametrize("to_path", [b"", b"in", b"x/y"])
def test_the_key_of_a_path_has_that_path(prefix: str, to_path: bytes) -> None:
    shelving = Shelving(prefix, to_path)
    path = os.path.join(to_path, b"c/d e")
    key = shelving.key_of(path)
    assert key is not None
    assert shelving.path_of(key) == path
    assert shelving.key_of(to_path) is None
    assert shelving.path_of(".towpath/records/x") is None


# The steps ----------------------------------------------------------------------------------------------------


def brought(
    place: Place, *given: bytes, record: dict[str, Any], **arguments: Any
) -> dict[bytes, PathOutcome]:
    """Record the objects of these paths, and make files of them."""
    recorded = place.run(RecordObjects(), *given, **record)
    place.carried = {i: recorded[path].carry or b"" for i, path in enumerate(given) if recorded[path].carry}
    return place.run(ReverseStub(), *given, **arguments)


WHERE = {"prefix": "lab", "to_path": "in"}


def test_an_object_becomes_a_stub_that_is_recalled_and_freed_again(place: Place) -> None:
    outcome = brought(place, b"in/b/c", record=WHERE)[b"in/b/c"]
    assert outcome.code is Code.PROCESSED
    assert place.standing(b"in/b/c") is Standing.OFFLINE
    assert place.root.stat(b"in/b/c").st_size == len(CONTENT)
    assert place.run_one(Recall(), b"in/b/c").code is Code.PROCESSED
    path = place.directory / "in/b/c"
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o7777 == 0o644
    there = place.storage.look("lab/b/c")
    assert there is not None
    assert abs(path.stat().st_mtime - there.modified_at.timestamp()) < 0.01
    assert place.run_one(Verify(), b"in/b/c", depth="data").code is Code.PROCESSED
    assert place.run_one(Migrate(), b"in/b/c").code is Code.PROCESSED
    assert place.standing(b"in/b/c") is Standing.OFFLINE
    assert [o.key for o in place.storage.listing("lab")] == [f"lab/{name}" for name in NAMES]


def test_hydrate_brings_the_data_at_once(place: Place) -> None:
    given = tuple(f"in/{name}".encode() for name in NAMES)
    outcomes = brought(place, *given, record=WHERE, hydrate=True)
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}
    assert {path: (place.directory / path.decode()).read_bytes() for path in given} == dict.fromkeys(
        given, CONTENT
    )
    again = brought(place, *given, record=WHERE, hydrate=True)
    assert {outcome.code for outcome in again.values()} == {Code.ALREADY}


def test_mode_and_owner_are_as_the_step_says(place: Place) -> None:
    mine = {"default_uid": os.geteuid(), "default_gid": os.getegid()}
    record = WHERE | {"mode": "0640"} | (mine if os.geteuid() else {"default_uid": 1234, "default_gid": 2345})
    brought(place, b"in/a", record=record, hydrate=True)
    found = place.root.stat(b"in/a")
    assert found.st_mode & 0o7777 == 0o640
    assert (found.st_uid, found.st_gid) == (record["default_uid"], record["default_gid"])


@pytest.mark.parametrize(("abort", "code"), [(True, Code.ABORTED), (False, Code.FAILED)])
def test_abort_missing_says_what_a_path_without_an_object_counts_as(
    place: Place, abort: bool, code: Code
) -> None:
    outcome = place.run_one(RecordObjects(), b"in/gone", prefix="lab", to_path="in", abort_missing=abort)
    assert outcome.code is code


@pytest.mark.parametrize("path", [b"elsewhere", b"in", "in/ünï".encode(), b"in/\xff"])
def test_a_path_that_no_object_can_have_is_told(place: Place, path: bytes) -> None:
    outcome = place.run_one(RecordObjects(), path, prefix="lab", to_path="in")
    assert (outcome.code, outcome.error_class) == (Code.FAILED, ErrorClass.PERMANENT)
    assert "no object can have this path" in outcome.reason


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("mode", "rw", "mode: expected permission bits"),
        ("prefix", "/lab", "prefix: expected components of a key"),
        ("to_path", "/in", "to_path: expected a relative path"),
    ],
)
def test_an_argument_that_cannot_be_is_told(place: Place, argument: str, value: str, said: str) -> None:
    outcome = place.run_one(RecordObjects(), b"in/a", **{argument: value})
    assert outcome.code is Code.FAILED
    assert said in outcome.reason


def test_an_object_that_has_another_size_by_now_is_not_brought(place: Place) -> None:
    brought(place, b"in/a", record=WHERE)
    place.storage.put("lab/a", io.BytesIO(b"shorter"), 7)
    outcome = place.run_one(Recall(), b"in/a")
    assert outcome.code is Code.FAILED
    assert place.standing(b"in/a") is Standing.OFFLINE


def test_to_import_again_leaves_stubs_of_the_same_objects_and_tells_of_those_that_changed(
    place: Place,
) -> None:
    """Whatever else is recorded in the same group."""
    brought(place, b"in/a", b"in/z", record=WHERE)
    changed = place.directory.parent / "target/lab/z"
    os.utime(changed, (1, 1))
    outcomes = brought(place, b"in/z", b"in/b/c", b"in/a", record=WHERE)
    assert outcomes[b"in/a"].code is Code.ALREADY
    assert outcomes[b"in/z"].reason == "what stands here is different; it stays"
    assert outcomes[b"in/b/c"].code is Code.PROCESSED
