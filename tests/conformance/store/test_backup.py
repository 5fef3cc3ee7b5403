"""A backup of either back end fills either, with all that the hub knew; what is damaged fills none."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from tests.fixtures_store import BACK_ENDS
from tests.hub_desk import Hub, Node, Numbers, ended

from towpath.domain.alerts import AlertKind
from towpath.domain.errors import Mistake
from towpath.domain.paths import Code
from towpath.engine import alert_rules, registry
from towpath.engine.alert_rules import RuleChange
from towpath.store import backup
from towpath.store.backup import Head, Reader
from towpath.store.database import Database


def head(form: str) -> Head:
    return Head(backup.FORMAT, "0.4", form, "2026-11-29T00:00:00+00:00", "")


def export(hub: Hub) -> bytes:
    """A backup of all that a hub knows."""
    file = io.BytesIO()
    with hub.database.reading() as conn:
        backup.write(conn, head, file)
    return file.getvalue()


def restore(url: str, content: bytes, *, replace: bool = False) -> None:
    backup.restore(url, Reader(io.BytesIO(content), "b"), replace=replace)


@pytest.fixture(params=BACK_ENDS)
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Another database, empty, of each back end."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'elsewhere.db'}"
    else:
        with request.getfixturevalue("databases").lend() as lent:
            yield lent


@pytest.fixture
def written(hub: Hub, oslo: Node) -> bytes:
    """A backup of a hub with a job that is over, one that has failed paths, and one whose tasks are under way."""
    for code in (Code.PROCESSED, Code.FAILED):
        hub.submit("noop", "a", "b")
        oslo.walk("a", "b")
        oslo.work(code)
    hub.submit("noop", "c")
    oslo.walk("c")
    oslo.claim()
    rule = RuleChange(threshold=87.5)
    hub.tell(lambda tx: alert_rules.change_rule(tx, AlertKind.DISK_HIGH, rule, "ana"))
    oslo.beat()
    return export(hub)


def known(hub: Hub) -> dict[str, list[str]]:
    """All that a hub knows, in whatever order; the numbers that it gives out next are kept in ways of their own."""
    return {table: sorted(map(repr, rows)) for table, rows in hub.rows().items() if table != "ids"}


def test_all_rows_are_there_again_on_either_back_end(
    hub: Hub, written: bytes, elsewhere: str, clock: Numbers
) -> None:
    restore(elsewhere, written)
    other = Database(elsewhere, clock)
    try:
        assert known(Hub(other, clock)) == known(hub)
    finally:
        other.stop()


def test_no_number_is_given_twice_and_nodes_go_on_after_a_restore(
    hub: Hub, written: bytes, elsewhere: str, clock: Numbers, oslo: Node
) -> None:
    restore(elsewhere, written)
    other = Database(elsewhere, clock)
    try:
        restored = Hub(other, clock)
        before = {job: restored.job(job).state for job in (1, 2, 3)}
        assert before == {1: "SUCCESS", 2: "FAILURE", 3: "STARTED"}
        assert restored.submit("noop", "d") == hub.submit("noop", "d") == 4
        oslo.hub = restored
        oslo.hello_again()
        oslo.report(*(ended(one) for one in list(oslo.runs.values())))
        oslo.walk("d")
        while oslo.work():
            pass
        assert {restored.job(job).state for job in (3, 4)} == {"SUCCESS"}
    finally:
        other.stop()


def test_a_database_that_is_used_is_replaced_only_where_that_was_said(
    hub: Hub, written: bytes, database_url: str
) -> None:
    hub.submit("noop", "more")
    kept = hub.rows()
    with pytest.raises(
        Mistake, match="expected an empty one, found one with jobs, sites or users in it; --replace"
    ):
        restore(database_url, written)
    assert hub.rows() == kept
    restore(database_url, written, replace=True)
    assert len(hub.rows()["jobs"]) == len(kept["jobs"]) - 1


def damaged(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The same backup with each kind of damage, and what is said of it."""
    text = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    lines = text.split(b"\n")
    pack = zstandard.ZstdCompressor().compress
    yield "expected its end, found that it was cut off", pack(b"\n".join(lines[:-2]) + b"\n")
    yield "expected the checksum", pack(text.replace(b"2026-11-29", b"2026-11-28", 1))
    yield "expected rows that fit together", pack(text.replace(b'"SUCCESS"', b'"FAILURE"', 1))
    yield "expected the head of a backup", pack(b"{}\n")
    yield "expected format 1, found 2", pack(text.replace(b'"towpath_backup":1', b'"towpath_backup":2', 1))
    yield "expected a form up to", pack(text.replace(b'"form":"00', b'"form":"99', 1))
    yield "damaged, or none", b"no backup at all"
    half = bytearray(content)
    half[len(half) // 2] ^= 0xFF
    yield "backup b: expected ", bytes(half)
    yield "backup b: expected ", content[: len(content) // 2]


def test_a_backup_that_is_damaged_changes_nothing_and_says_what_is_wrong(
    hub: Hub, written: bytes, database_url: str
) -> None:
    kept = hub.rows()
    for said, content in damaged(written):
        with pytest.raises(Mistake, match=said):
            restore(database_url, content, replace=True)
        assert hub.rows() == kept, said


def test_secrets_stay_encrypted_in_a_backup(hub: Hub) -> None:
    secret = {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "hush-hush-hush"}
    hub.tell(
        lambda tx: registry.add_target(
            tx, "cloud", "s3://bucket?endpoint=http://127.0.0.1:1", secret, b"h" * 32
        )
    )
    text = zstandard.ZstdDecompressor().decompressobj().decompress(export(hub))
    assert b"cloud" in text
    assert b"hush" not in text
