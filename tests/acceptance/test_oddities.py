"""What trees may hold: strange names, what is no file, what cannot be read, what vanishes."""

import os
import stat
from collections import Counter
from pathlib import Path

import pytest
from tests.acceptance import trees
from tests.acceptance.world import World, exact
from tests.fixtures_hub import until

PRIVATE = b".towpath-0123456789abcdef.part"

NAMES = (
    b"two\nlines",
    b"\xff\xfe not UTF-8",
    b"\xed\xa0\x80 a surrogate",
    b"n" * 255,
    "é".encode() * 127,
    b"-rf",
    b"--help",
    b" blank ",
    b"100% %2F %00",
    b"a@b@0123456789abcdef",
    b"@~",
    b"~",
    b"~root",
    b"#hash?query&more",
    b"\\x41",
    b"'\"$(reboot)`;|*[",
    b"\x01\x1b[31m\x7f",
    b"...",
    b".towpath",
    PRIVATE,
    b"NUL.",
    "日本語".encode(),
)


def test_files_of_any_name_go_and_come_back_and_are_named_exactly(world: World) -> None:
    tree = bytes(world.fresh("names"))
    deep = os.path.join(tree, *[b"d\xff%d" % number for number in range(40)])
    os.makedirs(deep)
    for directory in (tree, deep):
        for number, name in enumerate(NAMES):
            with open(os.path.join(directory, name), "wb") as file:
                file.write(name * number)
    top = Path(os.fsdecode(tree))
    before = trees.picture(top)
    ended = world.command("run", "migrate", "--site=oslo", "--wait", "--json", tree)
    assert ended.status == 0, ended
    job = world.job(int(next(iter(world.lines("/api/jobs/")))["id"]))
    seen = world.outcomes(job)
    # What has the name of a file under way to its place is nobody's file.
    assert set(seen) == {path for path in trees.files(top) if not path.endswith(PRIVATE)}
    for path in seen:
        was = before[os.path.relpath(path, tree)]
        assert trees.is_stub(path, was.size, was.mtime_ns), path
    world.do("recall", top)
    assert trees.picture(top) == before


def test_one_path_of_a_strange_name_can_be_asked_for(world: World) -> None:
    place = world.fresh("asked")
    for name in NAMES:
        with open(os.path.join(bytes(place), name), "wb") as file:
            file.write(name)
    for name in (b"\xff\xfe not UTF-8", b"two\nlines"):
        path = os.path.join(bytes(place), name)
        ended = world.command("run", "checksum", "--site=oslo", "--wait", path)
        assert ended.status == 0
        assert [exact(row) for row in world.paths(int(ended.out))] == [path]


def test_what_is_no_file_is_skipped_and_says_what_it_is(world: World) -> None:
    place = world.fresh("kinds")
    (place / "file").write_bytes(b"content")
    (place / "empty").write_bytes(b"")
    (place / "directory").mkdir()
    (place / "link").symlink_to("file")
    (place / "dangling").symlink_to("nowhere")
    (place / "up").symlink_to("..")
    (place / "loop").symlink_to("loop")
    os.mkfifo(place / "fifo")
    os.mknod(place / "socket", stat.S_IFSOCK | 0o600)
    before = trees.picture(place)
    job = world.do("migrate", place)
    link = "it is a symbolic link, and has no data to copy"
    other = "it is a device, fifo or socket, and has no data to copy"
    assert {os.path.basename(path): said for path, said in world.outcomes(job).items()} == {
        b"file": ("processed", None),
        b"empty": ("processed", None),
        b"link": ("skipped", link),
        b"dangling": ("skipped", link),
        b"up": ("skipped", link),
        b"loop": ("skipped", link),
        b"fifo": ("skipped", other),
        b"socket": ("skipped", other),
    }
    assert job["totals"]["skipped"] == 6
    # The directories: no rule of the workflow takes one.
    assert job["unmatched"] == 2
    world.do("recall", place)
    assert trees.picture(place) == before


def test_files_that_vanish_during_the_job_fail_by_name_and_the_others_go_on(world: World) -> None:
    place, gate = world.fresh("vanishing"), world.root / "vanishing.gate"
    for directory in ("stays", "goes"):
        (place / directory).mkdir()
        for number in range(40):
            (place / directory / f"{number}").write_bytes(b"content %d" % number)
    job = world.submit("gated-premigrate", place, {"gate": str(gate)})
    until(lambda: world.steps(job)[-1, -1]["tasks"].get("SUCCESS"), "everything was found")
    gone = {bytes(place / "stays" / f"{number}") for number in range(0, 40, 2)}
    for path in gone:
        os.unlink(path)
    # A directory's files lose their way too, and what became a link is not followed.
    (place / "goes").rename(place / "went")
    (place / "stays" / "1").unlink()
    (place / "stays" / "1").symlink_to("3")
    gate.touch()
    ended = world.finish(job, "FAILURE")
    seen = world.outcomes(ended, step="migrate")
    gone |= {bytes(place / "goes" / f"{number}") for number in range(40)}
    failed = {path: reason for path, (outcome, reason) in seen.items() if outcome == "failed"}
    assert "it was replaced by a symbolic link meanwhile" in (failed.pop(bytes(place / "stays" / "1")) or "")
    assert set(failed) == gone
    assert set(failed.values()) == {"it is not there"}
    assert Counter(outcome for outcome, _ in seen.values()) == {"failed": 61, "processed": 19}
    assert ended["totals"]["discovered"] == 80


def test_a_directory_of_ten_thousand_files_is_worked_through_once_each(world: World) -> None:
    crowded(world, 10_000)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_directory_of_a_hundred_thousand_files_goes_and_comes_back(world: World) -> None:
    place = crowded(world, 100_000)
    before = trees.picture(place)
    world.do("migrate", place, patience=600)
    for path in trees.files(place):
        was = before[os.path.relpath(path, bytes(place))]
        assert trees.is_stub(path, was.size, was.mtime_ns), path
    world.do("recall", place, patience=600)
    assert trees.picture(place) == before


def crowded(world: World, count: int) -> Path:
    """One directory of so many files, of which each has one outcome in each step."""
    place = world.fresh("crowded")
    names = {b"%06d" % number for number in range(count)}
    for name in names:
        with open(os.path.join(bytes(place), name), "wb") as file:
            file.write(name)
    job = world.do("checksum-noop", place)
    assert (job["totals"]["discovered"], job["totals"]["done"]) == (count, count)
    for step in ("checksum", "noop"):
        seen = [
            os.path.basename(exact(row)) for row in world.paths(job["id"], step=step, outcome="processed")
        ]
        assert len(seen) == count
        assert set(seen) == names
    return place
