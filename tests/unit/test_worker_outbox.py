"""What the outbox promises: nothing lost that was appended, nothing out of order, nothing that blocks the node."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from towpath.worker.outbox import LARGEST_EVENT, Bounds, Outbox, Unwritable

FIRST, SECOND = b"1" * 16, b"2" * 16


def test_events_are_numbered_from_one_without_a_gap(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", FIRST)
    assert [outbox.append([b"a", b"b"]), outbox.append([b"c"]), outbox.append([b"d"])] == [1, 3, 4]
    parcel = outbox.parcel()
    assert parcel is not None
    assert (parcel.incarnation, parcel.first, parcel.last, parcel.events) == (
        FIRST,
        1,
        4,
        [b"a", b"b", b"c", b"d"],
    )
    outbox.close()


def test_numbers_go_on_after_events_were_forgotten(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", FIRST)
    outbox.append([b"a", b"b"])
    outbox.forget(FIRST, 2)
    assert outbox.parcel() is None
    assert outbox.append([b"c"]) == 3
    outbox.close()


def test_only_what_was_committed_is_forgotten(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", FIRST)
    outbox.append([b"a", b"bb", b"ccc"])
    outbox.forget(SECOND, 3)
    outbox.forget(FIRST, 2)
    parcel = outbox.parcel()
    assert parcel is not None
    assert (parcel.first, parcel.events) == (3, [b"ccc"])
    assert (outbox.waiting, outbox.waiting_bytes) == (1, 3)
    outbox.close()


def test_a_parcel_is_as_full_as_a_message_allows(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", FIRST)
    outbox.append([bytes(100)] * 10)
    parcel = outbox.parcel(limit=330)
    assert parcel is not None
    assert len(parcel.events) == 3
    outbox.close()


def test_an_event_of_any_size_is_sent(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", FIRST)
    outbox.append([bytes(LARGEST_EVENT), b"next"])
    parcel = outbox.parcel()
    assert parcel is not None
    assert parcel.events == [bytes(LARGEST_EVENT)]
    outbox.close()


def test_what_an_earlier_life_left_comes_first_and_under_its_own_name(tmp_path: Path) -> None:
    earlier = Outbox(tmp_path / "outbox.db", FIRST)
    earlier.append([b"a", b"b", b"c"])
    earlier.forget(FIRST, 1)
    earlier.close()
    outbox = Outbox(tmp_path / "outbox.db", SECOND)
    assert outbox.append([b"d"]) == 1
    assert outbox.waiting == 3
    parcel = outbox.parcel()
    assert parcel is not None
    assert (parcel.incarnation, parcel.first, parcel.events) == (FIRST, 2, [b"b", b"c"])
    outbox.forget(FIRST, 3)
    parcel = outbox.parcel()
    assert parcel is not None
    assert (parcel.incarnation, parcel.first, parcel.events) == (SECOND, 1, [b"d"])
    outbox.close()


@pytest.mark.parametrize("bounds", [Bounds(events=3), Bounds(bytes=30)])
def test_there_is_room_up_to_the_bounds(tmp_path: Path, bounds: Bounds) -> None:
    outbox = Outbox(tmp_path / "outbox.db", FIRST, bounds)
    outbox.append([bytes(10), bytes(10)])
    assert outbox.room()
    outbox.append([bytes(10)])
    assert not outbox.room()
    outbox.forget(FIRST, 1)
    assert outbox.room()
    outbox.close()


def test_what_is_on_its_way_to_the_outbox_takes_room_too(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", FIRST, Bounds(events=3))
    assert outbox.room(2)
    assert not outbox.room(3)
    outbox.close()


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    Outbox(tmp_path / "outbox.db", FIRST).close()
    assert (tmp_path / "outbox.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("where", ["head", "middle", "all"])
def test_a_damaged_file_is_put_aside_and_a_new_one_begun(
    tmp_path: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "outbox.db"
    outbox = Outbox(path, FIRST)
    outbox.append([os.urandom(3000) for _ in range(50)])
    outbox.close()
    content = bytearray(path.read_bytes())
    span = {"head": slice(0, 100), "middle": slice(4096 * 3, 4096 * 30), "all": slice(0, len(content))}[where]
    content[span] = os.urandom(len(content[span]))
    path.write_bytes(content)
    fresh = Outbox(path, SECOND)
    assert fresh.waiting == 0
    assert fresh.append([b"a"]) == 1
    fresh.close()
    assert (tmp_path / "outbox.db.damaged-1").read_bytes() == content
    assert "the outbox is damaged" in capsys.readouterr().out


def test_a_full_disk_keeps_nothing_of_an_append_and_it_may_be_tried_again(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", FIRST)
    outbox.append([b"before"])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, limits[1]))
    try:
        with pytest.raises(Unwritable):
            outbox.append([bytes(1000)] * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert outbox.waiting == 1
    assert outbox.append([b"after"]) == 2
    parcel = outbox.parcel()
    assert parcel is not None
    assert parcel.events == [b"before", b"after"]
    outbox.close()


WRITER = """
import sys
from pathlib import Path
from towpath.worker.outbox import Outbox
outbox = Outbox(Path(sys.argv[1]), b"1" * 16)
number = 0
while True:
    events = [b"%d" % n for n in range(number, number + 7)]
    outbox.append(events)
    number += 7
    print(number, flush=True)
"""


def test_a_process_killed_at_any_moment_loses_no_event_that_it_appended(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    for life in range(1, 4):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            seen = [int(writer.stdout.readline()) for _ in range(20 * life)]
            os.kill(writer.pid, signal.SIGKILL)
            seen += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        outbox = Outbox(path, SECOND)
        parcel = outbox.parcel()
        assert parcel is not None
        assert (parcel.incarnation, parcel.first) == (FIRST, 1)
        assert parcel.last >= seen[-1]
        assert parcel.last % 7 == 0, "an append is kept whole or not at all"
        assert parcel.events == [b"%d" % number for number in range(parcel.last)]
        outbox.forget(FIRST, parcel.last)
        outbox.close()
