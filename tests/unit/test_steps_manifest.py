"""What the steps checksum and manifest promise: the tools themselves, where they are here, read what was written."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.programs import program
from tests.step_context import Place, place_with_directory

from towpath.domain.paths import Code, ErrorClass, PathOutcome
from towpath.steps.checksum import Checksum
from towpath.steps.manifest import Manifest
from towpath.steps.manifests import ALGORITHMS, Malformed, line_of, name_in, parse_line, path_of
from towpath.steps.migrate import Migrate
from towpath.steps.protocol import Stopped
from towpath.storage.protocol import StorageError

ODD = (b"plain", b"back\\slash", b"cr\rx", b"cr\r", b" lead", b"end ", b"*star", b"-dash", "ünï".encode())
EVERYWHERE = (*ODD, b"new\nline", b"\xff\xfe", b"\\first", b"x" * 255)
TOOLS = {name: algorithm.tool for name, algorithm in ALGORITHMS.items()}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


def plant(place: Place, *names: bytes) -> tuple[bytes, ...]:
    """Files of these names in a directory `t`, each with its name as content; their paths."""
    (place.directory / "t").mkdir(exist_ok=True)
    for name in names:
        Path(os.fsdecode(os.fsencode(place.directory / "t") + b"/" + name)).write_bytes(name)
    return tuple(b"t/" + name for name in names)


def read(place: Place, *paths: bytes, **arguments: object) -> dict[bytes, PathOutcome]:
    """One task of checksums."""
    return place.run(Checksum(), *paths, **arguments)


def finish(place: Place, **arguments: object) -> PathOutcome:
    """The end of the job."""
    return place.run_one(Manifest(), b"t", **arguments)


def checked_by_tool(place: Place, tool: str, name: str = "SUMS") -> subprocess.CompletedProcess[bytes]:
    """What the tool says of a manifest, run in its directory."""
    return subprocess.run(
        [program(tool), "-c", name], cwd=place.directory / "t", capture_output=True, check=False
    )


def left_over(place: Place) -> list[str]:
    """All files beneath the root's own directory."""
    return [str(path) for path in (place.directory / ".towpath").rglob("*") if path.is_file()]


@pytest.mark.parametrize("algorithm", TOOLS)
def test_the_tool_itself_finds_the_manifest_of_several_tasks_right(place: Place, algorithm: str) -> None:
    names = EVERYWHERE if TOOLS[algorithm] in ("sha256sum", "md5sum") else ODD
    paths = plant(place, *names)
    where = {"algorithm": algorithm, "manifest": "t/SUMS"}
    for number in range(0, len(paths), 3):
        place.task = 70 + number
        outcomes = read(place, *paths[number : number + 3], **where)
        assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}
    assert finish(place, **where).code is Code.PROCESSED
    said = checked_by_tool(place, TOOLS[algorithm])
    assert (said.returncode, said.stdout.count(b": OK\n")) == (0, len(paths)), said
    (place.directory / "t/plain").write_bytes(b"spoilt")
    said = checked_by_tool(place, TOOLS[algorithm])
    assert said.returncode != 0
    assert b"plain: FAILED" in said.stdout
    assert left_over(place) == []
    assert place.private_files() == []


@pytest.mark.parametrize("algorithm", TOOLS)
def test_a_manifest_of_the_tool_itself_is_checked(place: Place, algorithm: str) -> None:
    names = EVERYWHERE if TOOLS[algorithm] in ("sha256sum", "md5sum") else ODD
    paths = plant(place, *names)
    more = {"xxh3_128": ["-H2"], "xxh64": ["-H1"]}.get(algorithm, [])
    line = [program(TOOLS[algorithm]), *more, "--", *(os.fsdecode(name) for name in names)]
    said = subprocess.run(line, cwd=place.directory / "t", capture_output=True, check=True)
    (place.directory / "t/SUMS").write_bytes(said.stdout)
    where = {"algorithm": algorithm, "manifest": "t/SUMS", "check": True}
    outcomes = read(place, *paths, **where)
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}
    assert finish(place, **where).code is Code.PROCESSED


def test_xxhsum_and_b3sum_lines_are_as_these_tools_document_them() -> None:
    empty = {name: algorithm.make().digest() for name, algorithm in ALGORITHMS.items()}
    assert {name: line_of(ALGORITHMS[name], digest, b"a b") for name, digest in empty.items()} == {
        "xxh3_128": b"99aa06d3014798d86001c324468d497f  a b\n",
        "xxh64": b"ef46db3751d8e999  a b\n",
        "sha256": b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a b\n",
        "blake3": b"af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262  a b\n",
        "md5": b"d41d8cd98f00b204e9800998ecf8427e  a b\n",
    }
    sha, b3, xxh = (ALGORITHMS[name] for name in ("sha256", "blake3", "xxh64"))
    assert line_of(sha, bytes(32), b"a\\\n\r")[:1] + line_of(sha, bytes(32), b"a\\\n\r")[65:] == (
        b"\\  a\\\\\\n\\r\n"
    )
    assert line_of(b3, bytes(32), b"a\\\n\r")[65:] == b"  a\\\\\\n\r\n"
    assert line_of(xxh, bytes(8), b"a\\")[16:] == b"  a\\\n"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", EVERYWHERE)
def test_a_line_says_what_was_said_or_the_name_is_refused(algorithm: str, name: bytes) -> None:
    kind = ALGORITHMS[algorithm]
    digest = kind.make().digest()
    if kind.unspeakable(name):
        with pytest.raises(StorageError, match=f"{kind.tool} has no way to spell its name"):
            line_of(kind, digest, name)
    else:
        assert parse_line(kind, line_of(kind, digest, name)) == (digest, name)


@pytest.mark.parametrize(
    "line",
    [b"", b"abc", b"zz" * 32 + b"  a", b"00" * 32 + b" a", b"00" * 32 + b"  ", b"\\" + b"00" * 32 + b"  \\x"],
)
def test_a_line_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(Malformed, match="expected"):
        parse_line(ALGORITHMS["sha256"], line)


@pytest.mark.parametrize(
    ("manifest", "path", "name"),
    [
        (b"SUMS", b"a/b", b"a/b"),
        (b"a/SUMS", b"a/b/c", b"b/c"),
        (b"sums/SUMS", b"a/b", b"../a/b"),
        (b"a/b/SUMS", b"a/b", b"."),
    ],
)
def test_names_are_relative_to_the_manifests_directory(manifest: bytes, path: bytes, name: bytes) -> None:
    assert name_in(manifest, path) == name
    assert path_of(manifest, name) == path


def test_a_name_that_the_tool_cannot_spell_fails_and_the_others_are_written(place: Place) -> None:
    paths = plant(place, b"new\nline", b"plain")
    where = {"algorithm": "xxh64", "manifest": "t/SUMS"}
    outcomes = read(place, *paths, **where)
    assert (outcomes[paths[0]].code, outcomes[paths[0]].error_class) == (Code.FAILED, ErrorClass.PERMANENT)
    finish(place, **where)
    assert (place.directory / "t/SUMS").read_bytes().endswith(b"  plain\n")


@pytest.mark.parametrize("algorithm", ["xxh3_128", "xxh64", "sha256", "blake3", "md5"])
def test_what_was_written_is_found_right_and_what_was_spoilt_is_not(place: Place, algorithm: str) -> None:
    """For every algorithm, whichever tools the machine has."""
    paths = plant(place, *ODD)
    for step in (Checksum(), Manifest()):
        outcomes = place.run(
            step,
            *paths[: len(paths) if isinstance(step, Checksum) else 1],
            algorithm=algorithm,
            manifest="t/SUMS",
        )
        assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}
    (place.directory / "t/plain").write_bytes(b"spoilt")
    checked = read(place, *paths, algorithm=algorithm, manifest="t/SUMS", check=True)
    assert [path for path in paths if checked[path].code is Code.FAILED] == [b"t/plain"]
    assert finish(place, algorithm=algorithm, manifest="t/SUMS", check=True).code is Code.PROCESSED


def test_a_task_that_runs_again_replaces_its_lines(place: Place) -> None:
    paths = plant(place, b"a", b"b")
    where = {"algorithm": "sha256", "manifest": "t/SUMS"}
    read(place, *paths, **where)
    read(place, *paths, **where)
    finish(place, **where)
    assert (place.directory / "t/SUMS").read_bytes().count(b"\n") == 2


def test_a_retry_adds_to_the_manifest_and_any_other_job_replaces_it(place: Place) -> None:
    paths = plant(place, b"a", b"b")
    where = {"algorithm": "sha256", "manifest": "t/SUMS"}
    for path, state, lines in ((paths[0], "", 1), (paths[1], "goes_on", 2), (paths[1], "", 1)):
        read(place, path, **where)
        context = place.context(Manifest(), [b"t"], **where)
        context.items = [type(context.items[0])(0, b"t", context.items[0].kind, 0, state)]
        (outcome,) = Manifest().run(context)
        assert outcome.code is Code.PROCESSED
        assert (place.directory / "t/SUMS").read_bytes().count(b"\n") == lines


def test_a_lost_run_that_had_made_the_manifest_is_found_done(place: Place) -> None:
    paths = plant(place, b"a")
    where = {"algorithm": "sha256", "manifest": "t/SUMS"}
    read(place, *paths, **where)
    finish(place, **where)
    before = (place.directory / "t/SUMS").read_bytes()
    place.again = True
    assert finish(place, **where).code is Code.ALREADY
    assert (place.directory / "t/SUMS").read_bytes() == before


def test_nothing_is_written_once_the_run_was_lost(place: Place) -> None:
    def lost() -> None:
        raise Stopped

    paths = plant(place, b"a")
    where = {"algorithm": "sha256", "manifest": "t/SUMS"}
    read(place, *paths, **where)
    place.certain = lost
    with pytest.raises(Stopped):
        read(place, *paths, **where)
    with pytest.raises(Stopped):
        finish(place, **where)
    assert not (place.directory / "t/SUMS").exists()
    assert len(left_over(place)) == 1
    assert place.private_files() == []


def test_the_manifest_itself_is_not_in_it(place: Place) -> None:
    paths = plant(place, b"a", b"SUMS")
    outcomes = read(place, *paths, manifest="t/SUMS")
    assert (outcomes[b"t/SUMS"].code, outcomes[b"t/SUMS"].reason) == (Code.SKIPPED, "it is the manifest")


def test_check_tells_what_differs_what_is_not_named_and_what_is_gone(place: Place) -> None:
    paths = plant(place, b"same", b"differs", b"unnamed", b"stub")
    where = {"algorithm": "sha256", "manifest": "t/SUMS", "check": True}
    digests = {name: hashlib.sha256(name).hexdigest() for name in (b"same", b"differs", b"gone", b"stub")}
    lines = [f"{digest}  {name.decode()}\n" for name, digest in digests.items()]
    (place.directory / "t/SUMS").write_text("".join(lines))
    (place.directory / "t/differs").write_bytes(b"other")
    (place.directory / "t/stub").write_bytes(b"content" * 1000)
    place.run_one(Migrate(), b"t/stub")
    outcomes = read(place, *paths, **where)
    assert outcomes[b"t/same"].code is Code.PROCESSED
    assert outcomes[b"t/differs"].code is Code.FAILED
    assert digests[b"differs"] in outcomes[b"t/differs"].reason
    assert outcomes[b"t/unnamed"].reason == "the manifest does not name it"
    assert outcomes[b"t/stub"].code is Code.SKIPPED
    last = finish(place, **where)
    assert last.reason == "1 of 4 paths that the manifest names are not there: 'gone'"


def test_a_manifest_that_changes_between_two_tasks_is_read_anew(place: Place) -> None:
    (path,) = plant(place, b"a")
    step, where = Checksum(), {"algorithm": "sha256", "manifest": "t/SUMS", "check": True}
    (place.directory / "t/SUMS").write_text("00" * 32 + "  a\n")
    assert place.run_one(step, path, **where).code is Code.FAILED
    (place.directory / "t/SUMS").write_text(hashlib.sha256(b"a").hexdigest() + "  a\nmore")
    outcome = place.run_one(step, path, **where)
    assert "expected 64 hexadecimal digits" in outcome.reason
    (place.directory / "t/SUMS").write_text(hashlib.sha256(b"a").hexdigest() + "  a\n")
    assert place.run_one(step, path, **where).code is Code.PROCESSED


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("manifest", ["../SUMS", "/SUMS", ""])
def test_a_manifest_that_cannot_be_is_told(place: Place, manifest: str, check: bool) -> None:
    (path,) = plant(place, b"a")
    for step in (Checksum(), Manifest()):
        outcome = place.run_one(step, path, manifest=manifest, check=check)
        assert outcome.code is Code.FAILED
        assert "manifest: expected" in outcome.reason


def test_a_manifest_that_is_not_there_cannot_be_checked(place: Place) -> None:
    (path,) = plant(place, b"a")
    outcome = read(place, path, manifest="t/SUMS", check=True)[path]
    assert outcome.reason == "manifest: No such file or directory"


@pytest.mark.usefixtures("unprivileged")
def test_lines_that_cannot_be_kept_fail_their_paths(place: Place) -> None:
    (path,) = plant(place, b"a")
    (place.directory / ".towpath").mkdir(mode=0o500)
    outcome = read(place, path, manifest="t/SUMS")[path]
    assert (outcome.code, outcome.error_class) == (Code.FAILED, ErrorClass.NO_PERMISSION)
