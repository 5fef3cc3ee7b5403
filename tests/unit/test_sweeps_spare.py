"""What a sweep leaves alone: what others put there, what is new, and whatever nobody can be certain of."""

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.step_context import OTHER_KEY, TAG, Place
from tests.unit.test_objects_lives import CONTENT, LATER, Sites, copy_stub, keys, sites

from towpath.domain.errors import Mistake
from towpath.domain.lives import MANY, begun_key, guard
from towpath.domain.paths import Code, Kind, PathOutcome
from towpath.hsm import mark as marks
from towpath.hsm.comparing import Comparison, Terms
from towpath.hsm.keys import RECORDS, instance_of, object_key
from towpath.hsm.mark import Standing
from towpath.steps.collect import AS_COPIED, NEWER, NOT_OURS, REFERRED, TOO_LATE, Collect
from towpath.steps.migrate import Migrate
from towpath.steps.protocol import Item, Target
from towpath.steps.recall import Recall
from towpath.steps.record import RecordObjects
from towpath.steps.refer import BLIND, EMPTY, HOLLOW, Refer
from towpath.steps.undelete import COLLECTED, Undelete
from towpath.storage.posix import DirectoryStorage

__all__ = ["sites"]

OURS = "oslo/data/by-hand@0123456789abcdef"


def put(place: Place, key: str, content: bytes = b"x") -> str:
    """An object that somebody puts; its key."""
    place.storage.put(key, io.BytesIO(content), len(content))
    return key


def forsaken(place: Place, name: str = "f") -> str:
    """A file is migrated and deleted; the key of its object."""
    path = place.write(name, CONTENT)
    assert place.run_one(Migrate(), path).code is Code.PROCESSED
    (key,) = keys(place, path)
    (place.directory / name).unlink()
    return key


def compared(sites: Sites, **said: object) -> set[str]:
    """The orphans of a sweep that is told otherwise than it is."""
    name = sites.begin()
    expected = sites.walk(name)
    terms = Terms(name, "oslo", sites.oslo.key, {"oslo", "bergen"}, {"data"}, expected, plain=True)
    place = sites.scratch / name
    place.mkdir()
    comparison = Comparison(sites.oslo.storage, replace(terms, **said), place)  # type: ignore[arg-type]
    for _ in comparison.gather():
        pass
    return {orphan.key for looked in comparison.orphans() for orphan in looked.orphans}


def collect(sites: Sites, key: str, entry: str = "", until: int = LATER) -> PathOutcome:
    """What becomes of one object in a collection."""
    name = f"{sites.sweeps:024x}"
    context = sites.oslo.context(Collect(), [], sweep=name, until=until)
    context.items = [Item(0, key.encode(), Kind.FILE, 1, entry)]
    (outcome,) = Collect().run(context)
    return outcome


# The comparison -----------------------------------------------------------------------------------------------


def test_an_object_that_nothing_refers_to_is_an_orphan_with_its_file_and_its_record(sites: Sites) -> None:
    key = forsaken(sites.oslo)
    (orphan,) = sites.sweep().values()
    assert (orphan.key, orphan.size, orphan.root, orphan.path) == (key, len(CONTENT), "data", b"f")
    assert len(orphan.entry) == 12


def test_objects_that_others_put_there_are_none(sites: Sites) -> None:
    put(sites.oslo, "oslo/data/plain.txt")
    put(sites.oslo, "lab/notes@0123456789abcdef")
    sites.oslo.run_one(RecordObjects(), b"by-hand@0123456789abcdef", prefix="oslo/data", to_path="")
    put(sites.oslo, OURS)
    assert sites.oslo.run_one(
        RecordObjects(), b"by-hand@0123456789abcdef", prefix="oslo/data", to_path=""
    ).code in (Code.PROCESSED, Code.ALREADY)
    assert sites.sweep() == {}


def test_an_object_that_no_record_names_is_told_apart(sites: Sites) -> None:
    put(sites.oslo, OURS)
    (orphan,) = sites.sweep().values()
    assert (orphan.key, orphan.root, orphan.path, orphan.entry) == (OURS, "data", b"by-hand", b"")
    assert compared(sites, plain=False) == set()
    assert compared(sites, roots={"other"}) == set()
    put(sites.oslo, RECORDS + "00" * 10, b"no records of ours")
    assert compared(sites) == set()


def test_objects_of_another_towpath_with_the_same_names_are_none(sites: Sites) -> None:
    forsaken(sites.oslo)
    assert compared(sites, key=OTHER_KEY) == set()


def test_objects_of_a_root_that_was_not_walked_are_none(sites: Sites) -> None:
    forsaken(sites.oslo)
    assert compared(sites, roots={"other"}) == set()


def test_what_came_after_the_sweep_began_is_none(sites: Sites) -> None:
    name = sites.begin()
    forsaken(sites.oslo)
    assert sites.compare(name, sites.walk(name)) == {}
    assert len(sites.sweep()) == 1


def test_references_that_are_missing_end_the_comparison(sites: Sites) -> None:
    sites.oslo.run_one(Migrate(), sites.oslo.write("f", CONTENT))
    name = sites.begin()
    expected = sites.walk(name)
    with pytest.raises(Mistake, match="references at the target: expected 2, found 1"):
        sites.compare(name, expected + 1)


def test_a_begin_that_comes_late_changes_nothing(sites: Sites) -> None:
    name = sites.begin()
    before = sites.oslo.storage.look(begun_key(name, "oslo"))
    sites.sweeps -= 1
    assert sites.begin() == name
    assert sites.oslo.storage.look(begun_key(name, "oslo")) == before


def test_a_new_sweep_takes_away_what_the_one_before_has_left(sites: Sites) -> None:
    sites.sweep()
    sites.begin()
    left = [found.key for found in sites.oslo.storage.listing(".towpath/sweeps")]
    assert left == [begun_key(f"{sites.sweeps:024x}", "oslo")]


# The references -----------------------------------------------------------------------------------------------


def refer(sites: Sites, path: bytes, *, trusted: bool = False) -> PathOutcome:
    """What the step says of a file."""
    name = f"{sites.sweeps:024x}"
    marker = begun_key(name, "oslo")
    return sites.oslo.run_one(Refer(), path, sweep=name, marker=marker, trusted=trusted)


def test_a_mark_that_cannot_be_read_fails(sites: Sites) -> None:
    sites.begin()
    path = sites.oslo.write("f", CONTENT)
    os.setxattr(sites.oslo.directory / "f", "user.towpath", b"\x02 of a later version")
    outcome = refer(sites, path)
    assert (outcome.code, "its mark cannot be read" in outcome.reason) == (Code.FAILED, True)


def test_a_stub_without_a_mark_fails(sites: Sites) -> None:
    sites.begin()
    path = sites.oslo.write("f", b"")
    os.truncate(sites.oslo.directory / "f", 1 << 20)
    assert refer(sites, path).code is Code.ALREADY
    (sites.oslo.directory / "f").chmod(0)
    assert (refer(sites, path).code, refer(sites, path).reason) == (Code.FAILED, HOLLOW)


def test_a_worker_that_may_not_see_what_others_have_set_fails(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites.begin()
    path = sites.oslo.write("f", CONTENT)
    monkeypatch.setattr(marks, "SETS_TRUSTED", False)
    assert refer(sites, path).code is Code.ALREADY
    assert refer(sites, path, trusted=True).reason == BLIND
    monkeypatch.setattr(marks, "SETS_TRUSTED", True)
    assert refer(sites, path, trusted=True).code is Code.ALREADY


def test_a_root_that_is_not_mounted_here_fails(sites: Sites) -> None:
    """The walk came upon its files at another node."""
    sites.begin()
    other = sites.oslo.write("other", b"")
    assert refer(sites, b"deleted-meanwhile").code is Code.ALREADY
    (sites.oslo.directory / os.fsdecode(other)).unlink()
    assert (refer(sites, b"f").code, refer(sites, b"f").reason) == (Code.FAILED, EMPTY)


def test_a_late_run_of_a_task_takes_no_reference_away(sites: Sites) -> None:
    for name in ("f", "g"):
        sites.oslo.run_one(Migrate(), sites.oslo.write(name, CONTENT))
    name = sites.begin()
    said = {"sweep": name, "marker": begun_key(name, "oslo")}
    sites.oslo.run(Refer(), b"f", b"g", **said)
    sites.oslo.run(Refer(), b"f", **said)
    assert sites.compare(name, 2) == {}


def test_a_mark_of_a_target_that_nobody_knows_fails(sites: Sites) -> None:
    sites.begin()
    path = sites.oslo.write("f", CONTENT)
    sites.oslo.run_one(Migrate(), path)
    del sites.oslo.targets[TAG]
    assert refer(sites, path).code is Code.FAILED


def test_a_place_that_has_two_names_is_one_place(sites: Sites, tmp_path: Path) -> None:
    """A target that was added twice, or whose site reaches it by another way."""
    oslo = sites.oslo
    oslo.targets[b"twin"] = replace(oslo.targets[TAG], tag=b"twin", name="twin")
    (tmp_path / "elsewhere").mkdir()
    other = DirectoryStorage(str(tmp_path / "elsewhere").encode())
    oslo.targets[b"othr"] = Target("other", b"othr", other)
    for tag, name in ((b"twin", "f"), (b"othr", "g")):
        context = oslo.context(Migrate(), [oslo.write(name, CONTENT)])
        context.endpoint = tag
        assert [outcome.code for outcome in Migrate().run(context)] == [Code.PROCESSED]
    assert sites.sweep() == {}
    assert refer(sites, b"f").bytes == 12
    assert refer(sites, b"g").code is Code.ALREADY


# The last look ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to copy stubs of mode 000 as a backup does")
def test_an_object_whose_file_refers_to_one_again_stays(sites: Sites) -> None:
    path = sites.oslo.write("f", CONTENT)
    sites.oslo.run_one(Migrate(), path)
    copy_stub(sites.oslo.directory / "f", sites.scratch / "saved")
    (sites.oslo.directory / "f").unlink()
    (orphan,) = sites.sweep().values()
    copy_stub(sites.scratch / "saved", sites.oslo.directory / "f")
    outcome = collect(sites, orphan.key, orphan.entry.hex())
    assert (outcome.code, outcome.reason) == (Code.SKIPPED, REFERRED)
    (sites.oslo.directory / "f").unlink()
    assert collect(sites, orphan.key, orphan.entry.hex()).code is Code.PROCESSED
    assert collect(sites, orphan.key, orphan.entry.hex()).code is Code.ALREADY
    outcome = sites.oslo.run_one(Undelete(), b"f")
    assert (outcome.code, COLLECTED in outcome.reason) == (Code.FAILED, True)


@pytest.mark.parametrize("lost", ["object", "record"])
def test_a_file_whose_copy_is_gone_is_copied_anew_before_its_data_goes(sites: Sites, lost: str) -> None:
    """Whoever deleted it: a mark alone vouches for nothing."""
    path = sites.oslo.write("f", CONTENT)
    sites.oslo.run_one(Migrate(), path, premigrate=True)
    beneath = {"object": "oslo", "record": RECORDS.rstrip("/")}[lost]
    for found in list(sites.oslo.storage.listing(beneath)):
        sites.oslo.storage.delete(found.key)
    outcome = sites.oslo.run_one(Migrate(), path)
    assert (outcome.code, outcome.bytes) == (Code.PROCESSED, len(CONTENT))
    assert sites.oslo.standing(path) is Standing.OFFLINE
    assert sites.oslo.run_one(Recall(), path).code is Code.PROCESSED
    assert (sites.oslo.directory / "f").read_bytes() == CONTENT


def test_an_object_that_may_be_put_again_under_its_key_stays(sites: Sites) -> None:
    """A job that died between an object and its mark: the next one puts the same version under the same key."""
    other = put(sites.oslo, object_key("oslo", "data", b"g", "0" * 16))
    sites.oslo.write("g", CONTENT)
    again = object_key("oslo", "data", b"g", instance_of((sites.oslo.directory / "g").stat()))
    put(sites.oslo, again)
    assert set(sites.sweep()) == {other, again}
    outcome = collect(sites, again)
    assert (outcome.code, outcome.reason) == (Code.SKIPPED, AS_COPIED)
    assert collect(sites, other).code is Code.PROCESSED


def test_nothing_is_deleted_that_is_new_or_not_this_sites_own(sites: Sites) -> None:
    sites.begin()
    put(sites.oslo, OURS)
    assert collect(sites, OURS).reason == NEWER
    (orphan,) = sites.sweep().values()
    key = forsaken(sites.oslo)
    entry = sites.sweep()[key].entry.hex()
    for bad, said in (
        ("bergen/data/f@0123456789abcdef", ""),
        ("oslo/data/f", ""),
        (orphan.key, entry),
        ("oslo/other/f@0123456789abcdef", ""),
    ):
        put(sites.oslo, bad)
        sites.sweep()
        outcome = collect(sites, bad, said)
        assert (outcome.code, outcome.reason) == (Code.FAILED, NOT_OURS), bad


def test_what_a_sweep_knew_grows_old(sites: Sites) -> None:
    key = forsaken(sites.oslo)
    sites.sweep()
    assert collect(sites, key, until=1_000).reason == TOO_LATE
    sites.sweeps += 7
    assert collect(sites, key).reason == TOO_LATE


@pytest.mark.parametrize(
    ("due", "objects", "passes"),
    [(100, 100, True), (101, 1_010, True), (101, 1_000, False), (MANY + 1, 10**9, False)],
)
def test_the_guard_asks_before_too_large_a_share_goes(due: int, objects: int, passes: bool) -> None:
    assert (guard(due, objects) is None) is passes
